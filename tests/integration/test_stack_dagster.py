"""Dagster on the local stack, by GraphQL: runs, their events, and a code server killed in the middle."""

import contextlib
import os
import select
import shutil
import signal
import socket
import socketserver
import tempfile
import threading
import time
from pathlib import Path

import httpx
import psutil
import pytest

from mojoline.settings import load_settings
from mojoline.stack import dagster_services, local_stack
from mojoline.stack.dagster_client import DagsterClient, RunFailedError
from mojoline.stack.errors import StackError
from mojoline.stack.local_stack import DAGSTER_SERVICES, down, status, up
from mojoline.stack.ports import find_free_ports
from mojoline.stack.process_record import belongs_to, find_process

ONLY = ("postgres", *DAGSTER_SERVICES)
DEFINITIONS = Path(__file__).parents[1] / "data" / "stack_definitions"


@pytest.fixture(scope="module")
def settings():
    home = Path(tempfile.mkdtemp(prefix="mojoline-"))
    with pytest.MonkeyPatch.context() as patch:
        for key in list(os.environ):
            if key.startswith("MOJOLINE_") or key in {"DATABASE_URL", "REDIS_URL", "DAGSTER_HOME"}:
                patch.delenv(key)
        patch.setenv("PYTHONPATH", str(DEFINITIONS))
        patch.setattr(dagster_services, "MODULE", "stack_definitions")
        patch.setattr(dagster_services, "code_version", lambda *_: "of no file that somebody edits meanwhile")
        made = load_settings(home=home, ports={"dagster": find_free_ports(1)[0]})
        up(made, only=ONLY)
        yield made
        down(made)
        left = [process.pid for process in psutil.process_iter() if belongs_to(process, home)]
        shutil.rmtree(home, ignore_errors=True)
        assert left == []


@pytest.fixture
def client(settings):
    with DagsterClient(dagster_services.dagster_url(settings.ports.dagster)) as made:
        yield made


def config(**values: object) -> dict[str, object]:
    return {"ops": {"probe__measured": {"config": values}}}


def test_a_run_is_followed_to_its_end_and_leaves_its_figures(client):
    assert "probe_job" in client.jobs()
    run_id = client.launch("probe_job", config(seconds=0.1), {"asked": "by a test"})
    events = []
    client.wait(run_id, events.append, timeout=120)
    assert client.status(run_id) == "SUCCESS"
    kinds = [event.kind for event in events]
    for kind in (
        "STEP_START",
        "ASSET_MATERIALIZATION",
        "STEP_SUCCESS",
        "ASSET_CHECK_EVALUATION",
        "RUN_SUCCESS",
    ):
        assert kind in kinds
    made = next(event for event in events if event.kind == "ASSET_MATERIALIZATION")
    figures = {"rows": 2**40, "share": 0.5, "names": {"a": [1]}, "word": "x", "good": True}
    assert (made.asset_key, made.step, made.metadata) == ("probe/measured", "probe__measured", figures)
    check = next(event for event in events if event.kind == "ASSET_CHECK_EVALUATION")
    assert check.metadata == {"looked_at": 3, "check": "holds", "passed": True}
    latest = client.latest_materialization("probe/measured")
    assert latest is not None
    assert (latest.run_id, latest.metadata) == (run_id, figures)
    assert client.materializations("probe/never") == {}


def test_a_failure_is_told_with_its_step_and_reason(client):
    run_id = client.launch("probe_job", config(fail=True))
    with pytest.raises(RunFailedError, match=r"(?s)step probe__measured: .*the probe was asked to fail"):
        client.wait(run_id, timeout=120)


class DropsTheFirst(socketserver.ThreadingTCPServer):
    """Stands before Dagster and closes the first connection unanswered."""

    daemon_threads = True
    dropped = False

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        super().__init__(("127.0.0.1", 0), Passing)


class Passing(socketserver.BaseRequestHandler):
    """One connection, passed on."""

    def handle(self) -> None:
        if not self.server.dropped:
            self.server.dropped = True
            return
        with socket.create_connection(self.server.target) as onward:
            while waiting := select.select([self.request, onward], [], [])[0]:
                for one in waiting:
                    content = one.recv(65536)
                    if not content:
                        return
                    (onward if one is self.request else self.request).sendall(content)


def test_a_query_that_is_dropped_is_asked_again(client):
    url = httpx.URL(client.url)
    with DropsTheFirst((url.host, url.port)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with DagsterClient(f"http://127.0.0.1:{server.server_address[1]}") as other:
            assert other.jobs() == client.jobs()
        server.shutdown()
    assert server.dropped


def test_what_dagster_refuses_is_told(client):
    with pytest.raises(StackError, match="no job other; it has"):
        client.launch("other")
    with pytest.raises(StackError, match="bad"):
        client.launch("probe_job", {"ops": {"bad": {}}})
    with pytest.raises(StackError, match="does not know the run"):
        client.status("00000000-0000-0000-0000-000000000000")
    with (
        DagsterClient(f"http://127.0.0.1:{find_free_ports(1)[0]}") as nobody,
        pytest.raises(StackError, match="run `mojoline up`"),
    ):
        nobody.jobs()


def killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("interrupted", [False, True], ids=["one-up", "an-up-that-was-killed-before"])
def test_a_run_that_lost_its_worker_does_not_block_its_model_for_ever(
    settings, client, monkeypatch, interrupted
):
    """Such a run held its model's place and the pool: every later run would wait for ever."""
    lost = client.launch("probe_job", config(seconds=300))
    deadline = time.monotonic() + 120
    while not any(event.kind == "STEP_START" for event in client.events(lost)[0]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    before = {one.name: one.pid for one in status(settings)}
    code = psutil.Process(before["dagster-code"])
    workers = code.children(recursive=True)
    for process in (code, *workers):  # the worker must not live to report that it was stopped
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    if interrupted:  # as soon as the new code server runs
        with monkeypatch.context() as patch:
            patch.setattr(local_stack, "_abandon_runs", killed)
            with pytest.raises(KeyboardInterrupt):
                up(settings, only=ONLY)
    up(settings, only=ONLY)
    after = {one.name: one.pid for one in status(settings)}
    assert after["dagster-webserver"] == before["dagster-webserver"]
    assert after["dagster-code"] != before["dagster-code"]
    assert [worker for worker in workers if find_process(worker.pid) is not None] == []
    assert client.status(lost) == "CANCELED"
    client.wait(client.launch("probe_job", config()), timeout=120)


def test_a_run_whose_worker_lives_is_left_alone(settings, client):
    running = client.launch("probe_job", config(seconds=5))
    deadline = time.monotonic() + 120
    while client.status(running) != "STARTED":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    up(settings, only=ONLY)
    client.wait(running, timeout=120)


def test_a_run_that_finds_no_code_server_waits_for_one(settings, client):
    before = {one.name: one.pid for one in status(settings)}
    queued = client.launch("probe_job", config(seconds=0.1))
    os.kill(before["dagster-code"], signal.SIGKILL)
    deadline = time.monotonic() + 60
    while not any(
        "re-submitting" in event.message or event.kind == "STEP_START"  # the daemon was quicker than we
        for event in client.events(queued)[0]
    ):
        assert time.monotonic() < deadline, client.events(queued)[0]
        time.sleep(0.2)
    up(settings, only=ONLY)
    client.wait(queued, timeout=180)
