"""Writing so that a crash or a power cut leaves the old bytes or the new ones, never a part of either."""

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mojoline.registry.errors import RegistryError

CHUNK = 1 << 20
_LOCK_SECONDS = 60.0

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


def copy_file(source: Path, target: Path) -> tuple[str, int]:
    """Copy `source` to the new file `target` and flush it; the sha256 and size of what was written."""
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reader, _new_file(target, 0o444) as writer:
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            _write_all(writer, chunk)
    return digest.hexdigest(), size


def write_new_file(target: Path, content: bytes) -> None:
    """Write `content` to the new file `target` and flush it to the disk."""
    with _new_file(target, 0o444) as writer:
        _write_all(writer, content)


def replace_file(target: Path, content: bytes) -> None:
    """Give `target` a new content in one step; the caller holds the lock that keeps other writers away."""
    scratch = target.with_name(f".{target.name}.tmp")
    scratch.unlink(missing_ok=True)  # of a writer that was killed
    with _new_file(scratch, 0o644) as writer:
        _write_all(writer, content)
    scratch.replace(target)
    flush_directory(target.parent)


def flush_directory(directory: Path) -> None:
    """Flush the names in `directory` to the disk: without it a rename may be forgotten by a power cut."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_directories(directory: Path) -> None:
    """Make `directory` and its parents, each flushed into its own parent."""
    missing = []
    while not directory.is_dir():
        missing.append(directory)
        directory = directory.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        flush_directory(path.parent)


@contextmanager
def exclusive_lock(path: Path, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock file `path`; the kernel releases it when its holder dies.

    Raises:
        RegistryError: somebody else held it for `seconds`.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + seconds
        while not _try_lock(handle):
            if time.monotonic() > deadline:
                raise RegistryError(
                    f"{path} has been held by another process for {seconds:g} s: "
                    f"wait for the publisher that runs, or end it (`fuser {path}` names it)"
                )
            time.sleep(0.002)
        yield
    finally:
        os.close(handle)


@contextmanager
def explained(action: str, path: Path) -> Iterator[None]:
    """Turn an OSError of the body into a RegistryError that says what to do about it."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        if error.errno in _NO_SPACE:
            step = "free space there, or set MOJOLINE_REGISTRY_URL to another place"
        elif error.errno in _NOT_ALLOWED:
            step = f"let user {os.geteuid()} write there, or set MOJOLINE_REGISTRY_URL to another place"
        else:
            step = "check the path and MOJOLINE_REGISTRY_URL"
        raise RegistryError(f"{action} failed at {where}: {error.strerror}; {step}") from error


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _new_file(path: Path, mode: int) -> Iterator[int]:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        yield handle
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_all(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]
