"""Proof that a process is the one that we started: its pid together with the moment it started.

A pid alone proves nothing: after a crash or a reboot it may belong to anybody, and must never be signalled.
"""

import contextlib
import os
import time
from pathlib import Path

import psutil
from pydantic import BaseModel, ValidationError

CLOCK_TOLERANCE = 2.0  # seconds: start times are counted from a boot time that moves when the clock is set


class ProcessRecord(BaseModel):
    """Content of a pid file: the process, and what it was started with."""

    pid: int
    started: float
    fingerprint: str
    address: str = ""

    def write(self, path: Path) -> None:
        """Replace the pid file at once: a reader sees the old one or the new one."""
        scratch = path.with_suffix(".tmp")
        scratch.write_text(self.model_dump_json(), encoding="utf-8")
        scratch.replace(path)

    @classmethod
    def read(cls, path: Path) -> "ProcessRecord | None":
        """The record in `path`, or None if there is none that makes sense."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    @classmethod
    def of(cls, pid: int, fingerprint: str, address: str = "") -> "ProcessRecord":
        """The record of the running process `pid`; psutil.NoSuchProcess if it ended already."""
        return cls(
            pid=pid, started=psutil.Process(pid).create_time(), fingerprint=fingerprint, address=address
        )

    def find(self) -> psutil.Process | None:
        """The recorded process if it still runs, else None (also when its pid belongs to another one now)."""
        process = find_process(self.pid)
        if process is None:
            return None
        try:
            return process if abs(process.create_time() - self.started) <= CLOCK_TOLERANCE else None
        except psutil.NoSuchProcess:
            return None


def find_process(pid: int) -> psutil.Process | None:
    """The process `pid` unless it has ended; a child of ours that ended is reaped."""
    try:
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return process
    except psutil.NoSuchProcess:
        return None
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return None


def find_family(record: ProcessRecord, home: Path) -> list[psutil.Process]:
    """The recorded process and everything it started that still runs, leader first.

    Every server leads a session of its own, so its children are found after it was killed, too. The kernel
    gives no pid away while a session bears it: a stranger under the leader's pid means that nobody is left.
    """
    leader = record.find()
    if leader is None and psutil.pid_exists(record.pid) and find_process(record.pid) is not None:
        return []
    family = {} if leader is None else {leader.pid: leader}
    if leader is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            family.update({child.pid: child for child in leader.children(recursive=True)})
    for process in psutil.process_iter():
        if process.pid in family or _session(process.pid) != record.pid:
            continue
        if leader is not None or belongs_to(process, home):
            family[process.pid] = process
    family.pop(os.getpid(), None)
    return [process for process in family.values() if find_process(process.pid) is not None]


def belongs_to(process: psutil.Process, home: Path) -> bool:
    """Whether a process works in `home` or was started with MOJOLINE_HOME set to it."""
    try:
        if Path(process.cwd()).is_relative_to(
            home
        ):  # servers that overwrite their environment live in their data
            return True
        return process.environ().get("MOJOLINE_HOME") == str(home)
    except psutil.Error:
        return False


def find_holders(path: Path) -> list[psutil.Process]:
    """The processes that have `path` open, oldest first, of those that we may look into."""
    holders = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and any(
                opened.path == str(path) for opened in process.open_files()
            ):
                holders.append(process)
    return sorted(holders, key=lambda process: process.create_time())


def stop_processes(processes: list[psutil.Process], first_signal: int, patience: float) -> None:
    """Ask the leader (the first) with `first_signal`; who still runs after `patience` seconds is killed."""
    if not processes:
        return
    leader, *others = processes
    with contextlib.suppress(psutil.NoSuchProcess):
        leader.send_signal(first_signal)
    alive = _wait_gone([leader], patience)
    for process in others:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    alive += _wait_gone(others, 3)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _wait_gone(alive, 5)


def _wait_gone(processes: list[psutil.Process], patience: float) -> list[psutil.Process]:
    """Those that still run after `patience` seconds; a zombie counts as gone."""
    deadline = time.monotonic() + patience
    alive = processes
    while alive := [one for one in alive if find_process(one.pid) is not None and one.is_running()]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return alive


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None
