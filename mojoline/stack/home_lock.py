"""One `up`, `down` or `demo` at a time on one home.

The lock is the kernel's: it is freed when its holder ends, however it ends.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from mojoline.stack.errors import StackError
from mojoline.stack.paths import StackPaths
from mojoline.stack.service import Progress

BRIEF = ("mojoline up", "mojoline down")  # tasks that end soon: the next one waits for them
_held: set[tuple[str, int]] = set()  # (lock file, thread): a demo calls `up` and `down` itself


@contextmanager
def hold_home(paths: StackPaths, task: str, progress: Progress) -> Iterator[None]:
    """Keep other tasks off the home until the block ends; the thread that holds it may enter again.

    Waits for an `up` or a `down`. Servers that are started inside do not inherit the lock.

    Args:
        paths: of the home; its directories are made.
        task: what the others read, e.g. "mojoline demo".
        progress: told when there is something to wait for.

    Raises:
        StackError: a longer task works on this home; names its pid.
    """
    paths.create()
    file = paths.run / "task.lock"
    key = (str(file), threading.get_ident())
    if key in _held:
        yield
        return
    with file.open("a+", encoding="utf-8") as lock:
        _acquire(lock, paths, progress)
        lock.truncate(0)
        lock.write(f"{os.getpid()} {task}")
        lock.flush()
        _held.add(key)
        try:
            yield
        finally:
            _held.discard(key)
            lock.truncate(0)


def _acquire(lock: TextIO, paths: StackPaths, progress: Progress) -> None:
    told = ""
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid, _, task = lock.read().partition(" ")
        if task and task not in BRIEF:
            raise StackError(
                f"`{task}` (pid {pid}) works on {paths.home}: wait, end it with `kill {pid}`, "
                "or set MOJOLINE_HOME and the ports for a second stack"
            )
        if task and pid != told:
            progress("stack", f"waiting for `{task}` (pid {pid})")
            told = pid
        time.sleep(0.05)
