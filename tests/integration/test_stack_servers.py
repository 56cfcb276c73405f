"""Real Postgres and Redis: cycles, kills at any moment, and never a second server on the same data."""

import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from mojoline.settings import Ports, ServingSettings, load_settings
from mojoline.stack.doctor import examine_ports
from mojoline.stack.errors import StackError
from mojoline.stack.local_stack import down, status, up
from mojoline.stack.paths import stack_paths
from mojoline.stack.ports import find_free_ports
from mojoline.stack.process_record import ProcessRecord, belongs_to, find_process
from mojoline.stack.service import pid_file

DATA = ("postgres", "cache", "reservoir")
ROOT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("no_given_servers")


@pytest.fixture
def place():
    """Not tmp_path: pytest closes its root at each start, and Postgres, not being root, must pass there."""
    made = Path(tempfile.mkdtemp(prefix="mojoline-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def settings(place):
    ports = dict(zip(Ports.model_fields, find_free_ports(len(Ports.model_fields)), strict=True))
    made = load_settings(home=place / "home", ports=ports)
    yield made
    down(made)
    assert servers_of(made) == []


def servers_of(settings) -> list[str]:
    """Names of the leaders that run on this home's data, whatever the pid files say."""
    found = []
    for process in psutil.process_iter():
        try:
            name = process.name()
            parent = process.parent()
            backend = parent is not None and parent.name() == name
            if name in {"postgres", "redis-server"} and not backend and belongs_to(process, settings.home):
                found.append(f"{name} {Path(process.cwd()).name}")
        except psutil.Error:
            continue
    return sorted(found)


ALL = ["postgres pg", "redis-server cache", "redis-server reservoir"]


def pids(settings) -> dict[str, int]:
    return {one.name: one.pid for one in status(settings) if one.pid}


def insert(state, value: int) -> None:
    with psycopg.connect(state.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def kept(state) -> list[int]:
    with psycopg.connect(state.database_url) as connection:
        return [row[0] for row in connection.execute("SELECT value FROM kept ORDER BY value")]


def command(settings, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "mojoline.cli.main", *arguments, "--home", str(settings.home)]


def wait_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while find_process(pid) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_cycle_keeps_the_data_and_a_second_up_starts_nothing(settings):
    state = up(settings, only=DATA)
    insert(state, 1)
    with redis.Redis.from_url(state.reservoir_redis_url) as reservoir:
        reservoir.set("sample", "kept")
        assert reservoir.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert reservoir.config_get("port") == {"port": "0"}
    with redis.Redis.from_url(state.redis_url) as cache:
        assert cache.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
    first = pids(settings)
    said: list[tuple[str, str]] = []
    assert up(settings, only=DATA, progress=lambda *what: said.append(what)) == state
    assert pids(settings) == first
    assert said == [(name, "was running") for name in DATA]
    assert servers_of(settings) == ALL
    assert {one.name: one.state for one in status(settings)} == {
        **dict.fromkeys(DATA, "running"),
        **dict.fromkeys(("dagster-code", "dagster-webserver", "dagster-daemon", "api"), "stopped"),
    }
    listening = [c for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.pid in first.values()]
    assert listening == []
    with psycopg.connect(state.database_url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.info.server_version // 10000 == 18
    token = settings.home / "tokens" / "admin"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    down(settings)
    assert servers_of(settings) == []
    state = up(settings, only=DATA)
    assert kept(state) == [1]
    assert state.admin_token == token.read_text().strip()
    with redis.Redis.from_url(state.reservoir_redis_url) as reservoir:
        assert reservoir.get("sample") == b"kept"


@pytest.mark.parametrize("victims", [("postgres",), DATA])
def test_killed_servers_come_back_with_what_was_committed(settings, victims):
    state = up(settings, only=DATA)
    insert(state, 1)
    with redis.Redis.from_url(state.reservoir_redis_url) as reservoir:
        reservoir.set("sample", "kept")
        reservoir.waitaof(1, 0, 5000)  # it is on disk now; without this the last second may be lost
    for name in victims:
        os.kill(pids(settings)[name], signal.SIGKILL)
    insert(up(settings, only=DATA), 2)
    assert kept(state) == [1, 2]
    assert servers_of(settings) == ALL
    with redis.Redis.from_url(state.reservoir_redis_url) as reservoir:
        assert reservoir.get("sample") == b"kept"


def test_a_kill_amid_a_load_is_recovered_although_its_first_recovery_fails(settings):
    log = stack_paths(settings.home).logs / "postgres.log"
    for turn in range(5):  # seldom the end of the load is recorded after all, and nothing is in the way
        state = up(settings, only=DATA)
        loading = psycopg.connect(state.database_url)
        loading.execute(f"CREATE UNLOGGED TABLE half{turn} (n int PRIMARY KEY)")
        with psycopg.connect(state.database_url) as other:  # its commit takes the other's records to the disk
            other.execute(f"CREATE TABLE whole{turn} AS SELECT 1 AS n")
        record = ProcessRecord.read(pid_file(stack_paths(settings.home), "postgres"))
        os.kill(record.pid, signal.SIGKILL)  # the backends notice, roll back and remove their files
        state = up(settings, only=DATA)
        loading.close()
        with psycopg.connect(state.database_url) as connection:
            assert connection.execute(f"SELECT n FROM whole{turn}").fetchall() == [(1,)]
            assert connection.execute(f"SELECT to_regclass('half{turn}')").fetchone() == (None,)
        if "File exists" in log.read_text():
            return
    pytest.fail("no recovery failed: this test no longer shows what it is for")


def test_lost_pid_files_lead_to_no_second_server(settings):
    state = up(settings, only=DATA)
    insert(state, 1)
    for name in DATA:
        pid_file(stack_paths(settings.home), name).unlink()
    up(settings, only=DATA)
    assert servers_of(settings) == ALL
    assert kept(state) == [1]


def test_an_api_whose_pid_file_is_lost_is_no_stranger_on_its_port(settings):
    up(settings, only=("api",))
    first = pids(settings)["api"]
    pid_file(stack_paths(settings.home), "api").unlink()
    up(settings, only=("api",))
    assert find_process(first) is None
    assert pids(settings)["api"] != first


def test_stale_files_that_name_a_stranger_are_cleaned_and_the_stranger_lives(settings):
    state = up(settings, only=DATA)
    insert(state, 1)
    paths = stack_paths(settings.home)
    lock = paths.postgres_data / "postmaster.pid"
    content = lock.read_text().split("\n", 1)[1]
    pid = pids(settings)["postgres"]
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        lock.write_text(f"{stranger.pid}\n{content}")
        (paths.postgres_socket / ".s.PGSQL.5432.lock").write_text(f"{stranger.pid}\n{content}")
        ProcessRecord(pid=stranger.pid, started=1.0, fingerprint="").write(pid_file(paths, "postgres"))
        assert kept(up(settings, only=DATA)) == [1]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_two_at_once_start_one_stack(settings):
    with ThreadPoolExecutor() as pool:
        runs = list(
            pool.map(
                lambda _: subprocess.run(
                    command(settings, "up", *DATA), cwd=ROOT, capture_output=True, text=True
                ),
                range(2),
            )
        )
    assert [run.returncode for run in runs] == [0, 0], [run.stderr for run in runs]
    assert servers_of(settings) == ALL


@pytest.mark.parametrize("seed", range(3))
def test_an_up_killed_at_any_moment_is_mended_by_the_next(settings, seed):
    pause = random.Random(seed).uniform(0.3, 2.5)
    process = subprocess.Popen(command(settings, "up", *DATA), cwd=ROOT, stdout=subprocess.DEVNULL)
    time.sleep(pause)
    process.kill()
    process.wait()
    state = up(settings, only=DATA)
    insert(state, seed)
    assert servers_of(settings) == ALL
    assert not list(settings.home.glob(".pg-*"))


def test_a_deep_home_gets_its_sockets_elsewhere(place):
    settings = load_settings(home=place / ("deep" * 20) / "home")
    try:
        state = up(settings, only=("postgres", "cache"))
        insert(state, 1)
        assert kept(state) == [1]
    finally:
        down(settings)


def test_given_servers_are_not_started(settings):
    state = up(settings, only=("postgres",))
    given = settings.home.parent / "given"
    other = load_settings(home=given, database_url=state.database_url)
    try:
        assert up(other, only=("postgres", "cache")).database_url == state.database_url
        assert {one.name: one.state for one in status(other)}["postgres"] == "external"
        assert not (given / "pg").exists()
        down(other)
        insert(state, 1)
    finally:
        down(other)


@pytest.mark.parametrize(
    ("name", "owner"),
    [("dagster", "dagster-webserver"), *((name, "api") for name in ("rest", "grpc", "metrics", "admin"))],
)
def test_a_taken_port_is_told_before_anything_starts(settings, name, owner):
    port = getattr(settings.ports, name)
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(StackError, match=rf"port {port} for {owner} is taken by .*pid {os.getpid()}"):
            up(settings)
        assert servers_of(settings) == []
        (told,) = [one for one in examine_ports(settings) if not one.ok]
        assert told.name == f"port {port} ({name})"
        assert f"pid {os.getpid()}" in told.found
        assert f"MOJOLINE_PORTS__{name.upper()}" in told.remedy


def test_the_port_of_grpc_is_nobodys_where_it_is_off(settings):
    off = settings.model_copy(update={"serving": ServingSettings(grpc=False)})
    with socket.create_server(("127.0.0.1", settings.ports.grpc)):
        assert all(one.ok for one in examine_ports(off))


def test_the_ports_of_our_own_api_are_ours_whichever_worker_has_them(settings):
    several = settings.model_copy(update={"serving": ServingSettings(workers=2)})
    up(several, only=("api",))
    deadline = time.monotonic() + 60
    while len(taken := [one for one in examine_ports(several) if one.found == "taken by our api"]) < 4:
        assert time.monotonic() < deadline, list(examine_ports(several))
        time.sleep(0.1)
    assert all(one.ok for one in taken)


def test_a_taken_port_is_told_on_the_command_line(settings):
    with socket.create_server(("127.0.0.1", settings.ports.rest)):
        ports = settings.ports.model_dump()
        environment = os.environ | {
            f"MOJOLINE_PORTS__{key.upper()}": str(port) for key, port in ports.items()
        }
        run = subprocess.run(
            command(settings, "up"), cwd=ROOT, env=environment, capture_output=True, text=True
        )
    assert run.returncode == 1
    assert "MOJOLINE_PORTS__REST" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_command_line_says_what_it_did(settings):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command(settings, *arguments), cwd=ROOT, capture_output=True, text=True)

    assert "postgresql://" in run("up", "postgres").stdout
    shown = run("status")
    assert shown.returncode == 0
    assert "running" in shown.stdout
    assert "stopped" in run("down").stdout
    assert "MOJOLINE_HOME" not in run("config").stderr
    wrong = run("up", "mysql")
    assert (wrong.returncode, "no such service: mysql" in wrong.stderr) == (1, True)
