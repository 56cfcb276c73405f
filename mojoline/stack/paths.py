"""Where the local stack keeps its files below `home`, and where its Unix sockets fit.

A socket's path is limited to 107 bytes by the kernel, a checkout's path is not: a home that is too deep gets
its sockets in a private directory below the system's temporary directory.
"""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mojoline.stack.errors import StackError

LONGEST_SOCKET_PATH = 100  # the kernel's limit is 107 with the final zero
LONGEST_SOCKET_NAME = "pg/.s.PGSQL.5432.lock"


@dataclass(frozen=True)
class StackPaths:
    """The directories of one local stack, all below one `home`, and its sockets."""

    home: Path
    sockets: Path

    @property
    def run(self) -> Path:
        """Pid files and locks."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """One log per server."""
        return self.home / "logs"

    @property
    def postgres_data(self) -> Path:
        """The database cluster."""
        return self.home / "pg"

    @property
    def postgres_socket(self) -> Path:
        """The directory of the Postgres socket: only its server and we may enter it."""
        return self.sockets / "pg"

    @property
    def dagster_home(self) -> Path:
        """The Dagster instance."""
        return self.home / "dagster"

    @property
    def token(self) -> Path:
        """The bearer token of the control plane."""
        return self.home / "tokens" / "admin"

    def redis_data(self, name: str) -> Path:
        """The directory of one Redis server."""
        return self.home / "redis" / name

    def redis_socket(self, name: str) -> Path:
        """The socket of one Redis server."""
        return self.sockets / f"{name}.sock"

    @property
    def code_socket(self) -> Path:
        """The gRPC socket of Dagster's code server."""
        return self.sockets / "code.sock"

    def create(self) -> None:
        """Make the directories; StackError if that is not possible."""
        try:
            for directory in (self.home, self.run, self.logs, self.sockets):
                directory.mkdir(parents=True, exist_ok=True)
            self.token.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"{error.filename} cannot be made ({error.strerror}): set MOJOLINE_HOME to another place"
            ) from None
        if not self.sockets.is_relative_to(self.home):
            refuse_foreign_directory(self.sockets)


def stack_paths(home: Path) -> StackPaths:
    """The paths of the stack whose state lives in `home` (absolute)."""
    inside = home / "run"
    if len(os.fsencode(inside / LONGEST_SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
        return StackPaths(home, inside)
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:10]
    return StackPaths(home, Path(tempfile.gettempdir()) / f"mojoline-{os.getuid()}-{digest}")


def refuse_foreign_directory(directory: Path) -> None:
    """Make a directory in a shared place private; StackError if somebody else planted it."""
    facts = directory.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
        raise StackError(
            f"{directory} belongs to uid {facts.st_uid}, not to {os.getuid()}: remove it, "
            "or set MOJOLINE_HOME to a shorter path"
        )
    directory.chmod(0o711)  # others may pass to a socket they were given, never list
