"""One server of the local stack: start it once, adopt it when it runs, replace it when stale, stop it whole.

Each server inherits a locked file from the program that starts it. The kernel keeps the lock as long as any
process of that server lives: no second server starts on the same data even when every pid file was lost.
"""

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from mojoline.stack.errors import StackError
from mojoline.stack.paths import StackPaths
from mojoline.stack.ports import find_port_holder
from mojoline.stack.process_record import ProcessRecord, find_family, find_holders, stop_processes

Progress = Callable[[str, str], None]
"""Called with the service's name and what happens to it."""

RECONNECT_SECONDS = 30.0  # a server that was running may have lost another one and needs to find it again
RELEASE_SECONDS = 5.0
LOG_LIMIT = 10_000_000  # bytes; a longer log is moved aside at the next start


@dataclass(frozen=True)
class Service:
    """How to run one server, and how to see that it works."""

    name: str
    command: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    ready: Callable[[], bool]
    address: str
    ports: Mapping[str, int] = field(default_factory=dict)  # settings name -> port
    version: str = ""  # what else makes a running server stale, e.g. a digest of its code
    user: tuple[int, int] | None = None  # uid and gid to become, only possible as root
    prepare: Callable[[], None] | None = None
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 10.0
    start_seconds: float = 180.0  # long: who ends meanwhile is noticed at once
    restarts: int = 0  # how often it is started again when it ends while starting

    @property
    def fingerprint(self) -> str:
        """Digest of everything that shapes the server; another one means that a running server is stale."""
        parts = [list(self.command), str(self.directory), dict(self.environment), self.version, self.user]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Started:
    """A server that runs and may not be ready yet."""

    service: Service
    record: ProcessRecord
    log_offset: int
    adopted: bool
    restarts: int = 0  # left


def pid_file(paths: StackPaths, name: str) -> Path:
    """The pid file of one server."""
    return paths.run / f"{name}.pid"


def start_service(service: Service, paths: StackPaths, progress: Progress) -> Started:
    """Adopt the running server, or clear away what is left of an earlier one and start it; does not wait.

    Raises:
        StackError: a port is taken, the program cannot be run, or somebody else's process holds the data.
    """
    record = ProcessRecord.read(pid_file(paths, service.name))
    if record and record.find() and record.fingerprint == service.fingerprint:
        return Started(service, record, 0, adopted=True)
    if stop_service(service, paths):
        progress(service.name, "cleared away an earlier one")
    for setting, port in service.ports.items():
        require_port(service.name, setting, port)
    if service.prepare:
        service.prepare()
    progress(service.name, "starting")
    log = _log_file(paths, service.name)
    offset = log.stat().st_size if log.exists() else 0
    with _exclusive(paths.run / f"{service.name}.lock") as lock, log.open("ab") as output:
        try:
            process = subprocess.Popen(
                list(service.command),
                cwd=service.directory,
                env={**os.environ, **service.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[lock],
                start_new_session=True,
                user=service.user[0] if service.user else None,
                group=service.user[1] if service.user else None,
                extra_groups=[] if service.user else None,
            )
        except OSError as error:
            raise StackError(
                f"{service.name}: {service.command[0]} cannot be run: {error.strerror}"
            ) from None
        try:
            record = ProcessRecord.of(process.pid, service.fingerprint, service.address)
        except psutil.NoSuchProcess:
            raise StackError(_failure(service, paths, offset, "ended at once")) from None
        process.returncode = 0  # it outlives us on purpose: Popen must not complain that nobody waited
        record.write(pid_file(paths, service.name))
    return Started(service, record, offset, adopted=False, restarts=service.restarts)


def await_service(started: Started, paths: StackPaths, progress: Progress) -> Started:
    """Wait until the server answers; one that was adopted but does not answer in time is replaced once.

    Raises:
        StackError: it ended or did not answer in time; the message holds the end of its log.
    """
    service = started.service
    deadline = time.monotonic() + service.start_seconds
    if started.adopted:  # what an adopted server has already had of its time counts
        deadline = max(
            deadline - max(time.time() - started.record.started, 0), time.monotonic() + RECONNECT_SECONDS
        )
    problem = f"did not answer within {service.start_seconds:.0f} s"
    while time.monotonic() < deadline:
        if service.ready() and started.record.find():
            progress(service.name, "was running" if started.adopted else "ready")
            return started
        if started.record.find() is None:
            problem = "ended while starting"
            break
        time.sleep(0.05)
    stop_service(service, paths)
    if not started.adopted and not started.restarts:
        raise StackError(_failure(service, paths, started.log_offset, problem))
    again = start_service(service, paths, progress)
    left = started.restarts - 1 if not started.adopted else service.restarts
    return await_service(replace(again, restarts=left), paths, progress)


def stop_service(service: Service, paths: StackPaths) -> bool:
    """Stop a server with everything it started; whether there was anything to stop.

    Raises:
        StackError: a process that we must not signal still holds the server's lock.
    """
    return stop_named(service.name, paths, service.stop_signal, service.stop_seconds)


def stop_named(name: str, paths: StackPaths, stop_signal: int, patience: float) -> bool:
    """As `stop_service`, for a server known by its name only."""
    file, lock = pid_file(paths, name), paths.run / f"{name}.lock"
    record = ProcessRecord.read(file)
    stopped = False
    if record:
        # nobody adopts it from now on: who is killed here leaves one that is ending
        record.model_copy(update={"fingerprint": ""}).write(file)
        family = find_family(record, paths.home)
        stop_processes(family, stop_signal, patience)
        stopped = bool(family)
    if is_locked(lock):  # its pid file was never written, or a child left the session
        holders = find_holders(lock)
        stop_processes(holders, stop_signal, patience)
        stopped = True
        if not _is_released(lock):
            raise StackError(
                f"{name}: {lock} is held by a process that cannot be stopped; end it and try again"
            )
    file.unlink(missing_ok=True)
    if stopped:
        _end_file(paths, name).touch()
    return stopped


def last_stop(paths: StackPaths, name: str) -> float:
    """When we last stopped a server, in seconds since 1970; 0 if we never did."""
    file = _end_file(paths, name)
    return file.stat().st_mtime if file.exists() else 0.0


def require_port(name: str, setting: str, port: int) -> None:
    """StackError naming the holder unless `port` is free."""
    if holder := find_port_holder(port):
        key = "MOJOLINE_" + setting.upper().replace(".", "__")
        raise StackError(
            f"port {port} for {name} is taken by {holder}. Stop it, or choose another port: {key}=..."
        )


@contextmanager
def _exclusive(path: Path) -> Iterator[int]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"{path} is held: another server runs on the same data") from None
        yield lock.fileno()


def is_locked(path: Path) -> bool:
    """Whether a server that was started with this lock, or a child of it, still lives."""
    if not path.exists():
        return False
    try:
        with _exclusive(path):
            return False
    except StackError:
        return True


def _is_released(path: Path) -> bool:
    """Whether the lock is free, or becomes so soon: a process that is dying holds it to the end."""
    deadline = time.monotonic() + RELEASE_SECONDS
    while is_locked(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _end_file(paths: StackPaths, name: str) -> Path:
    return paths.run / f"{name}.stopped"


def _log_file(paths: StackPaths, name: str) -> Path:
    log = paths.logs / f"{name}.log"
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    return log


def _failure(service: Service, paths: StackPaths, offset: int, problem: str) -> str:
    log = _log_file(paths, service.name)
    with log.open("rb") as content:
        content.seek(offset)
        lines = content.read()[-8000:].decode(errors="replace").splitlines()
    told = [
        line for line in lines if line.strip() and not line[0].isspace()
    ]  # without the frames of a traceback
    return f"{service.name} {problem}. The end of {log}:\n" + "\n".join(told[-4:] or ["(empty)"])
