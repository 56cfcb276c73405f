"""Runs a command and ends it when the parent is gone: `jvm_guard.py COMMAND...`, stdin held by the parent.

A process that is killed with SIGKILL cannot tidy up, but the kernel closes its pipes. This program waits for
the end of its stdin, which nobody ever writes to, and then kills the command. It prints the command's pid and
ends with its status. It imports nothing but the standard library: it must be up at once.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.5


def run(command: list[str]) -> int:
    """The status of `command`; it is killed once stdin ends or the parent has changed."""
    parent = os.getppid()
    die_with_guard = _bind_to_guard() if sys.platform == "linux" else None
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, preexec_fn=die_with_guard)
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    while child.poll() is None:
        # the parent's number is looked at too: a fork of the parent may still hold the pipe open
        ended, _, _ = select.select([0], [], [], POLL_SECONDS)
        if ended or os.getppid() != parent:
            child.kill()
            child.wait()
    return child.returncode


def _bind_to_guard() -> Callable[[], None]:
    """What makes the kernel kill the command when this program itself is killed."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    return bind


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # our parent decides when the command ends
    sys.exit(run(sys.argv[1:]))
