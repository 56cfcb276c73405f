"""Is a loopback port free, and if not, who holds it."""

import socket
from contextlib import ExitStack
from dataclasses import dataclass

import psutil

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class PortHolder:
    """A process that listens on a port; `pid` is None when its owner is somebody else."""

    port: int
    pid: int | None
    command: str
    user: str

    def __str__(self) -> str:
        if self.pid is None:
            return "a process of another user"
        return f"{self.command} (pid {self.pid}, user {self.user})"


def port_is_free(port: int) -> bool:
    """Whether a server could listen on `port` of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # a closed connection in TIME_WAIT is no holder
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def find_free_ports(count: int) -> list[int]:
    """Different ports that were free a moment ago."""
    ports = []
    with ExitStack() as held:  # until all are found, so that none comes twice
        for _ in range(count):
            probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            probe.bind((LOOPBACK, 0))
            ports.append(int(probe.getsockname()[1]))
    return ports


def find_port_holder(port: int) -> PortHolder | None:
    """Who listens on `port`, or None when nobody does."""
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status != psutil.CONN_LISTEN or not connection.laddr or connection.laddr.port != port:
            continue
        if connection.pid is None:
            break
        try:
            process = psutil.Process(connection.pid)
            command = " ".join(process.cmdline()) or process.name()
            return PortHolder(port, process.pid, shorten(command), process.username())
        except psutil.Error:
            break
    return None if port_is_free(port) else PortHolder(port, None, "", "")


def shorten(text: str, limit: int = 100) -> str:
    """`text` in at most `limit` characters."""
    return text if len(text) <= limit else text[: limit - 3] + "..."
