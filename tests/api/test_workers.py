"""Several processes on one port: all of them follow a push at once, and each says what it serves."""

import os
import re
import signal
import time

import httpx
import psutil
import pytest

from mojoline.stack.process_record import find_process
from serving.admin_plane import CONVERGENCE_SECONDS
from tests.api.live_server import golden, new_registry, promote_version, publish, server_process

ROWS = golden("first").rows
NO_POLLING = {"MOJOLINE_SERVING__POLL_SECONDS": "3600"}
TWO = {"MOJOLINE_SERVING__WORKERS": "2", **NO_POLLING}


@pytest.fixture
def registry(tmp_path):
    return new_registry(tmp_path)


def wait_for_both(server) -> None:
    server.wait(lambda: workers(server) == {"0", "1"} and server.status()["generation"] is not None)


def children(server) -> list[int]:
    """The processes below it, oldest first."""
    return [child.pid for child in psutil.Process(server.process.pid).children()]


def workers(server) -> set[str]:
    """Those that have read the registry."""
    return set(server.admin.get("/admin/status").json()["models"].get("tiny", {"workers": ()})["workers"])


def both(value: dict) -> dict[str, dict]:
    return {"0": value, "1": value}


def answers(server, count: int = 40) -> set[str]:
    """The versions that answer on new connections, which the kernel spreads over the workers."""
    seen = set()
    for _ in range(count):
        with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
            answer = client.post("/predict", json={"model": "tiny", "rows": ROWS[:1]}).raise_for_status()
            seen.add(answer.json()["model_version"])
    return seen


def gauges(server, name: str) -> dict[str, dict[str, float]]:
    """Worker -> version (or model) -> value."""
    found: dict[str, dict[str, float]] = {}
    for line in server.api.get("/metrics").text.splitlines():
        if line.startswith(f"{name}{{"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            key = labels.get("model_version", labels["model_name"])
            found.setdefault(labels["worker"], {})[key] = float(line.rsplit(" ", 1)[1])
    return found


def test_a_push_reaches_every_worker_and_a_rollback_is_everywhere_when_it_is_answered(registry):
    first = publish(registry, "first")
    with server_process(registry, **TWO) as server:
        server.wait_ready()
        wait_for_both(server)
        second = publish(registry, "second")
        generation = registry.aliases("tiny").generation
        server.admin.post("/admin/models/tiny/sync", json={"generation": generation}).raise_for_status()
        server.wait(lambda: server.status()["generation"] == generation)
        assert {one["version"] for one in server.status()["workers"].values()} == {second.version}
        assert answers(server) == {second.version}

        started = time.monotonic()
        rolled = server.admin.post("/admin/models/tiny/rollback").raise_for_status().json()
        assert time.monotonic() - started < 10  # far from the next look at the aliases by themselves
        if time.monotonic() - started < CONVERGENCE_SECONDS:  # for no longer does the answer wait
            assert {one["generation"] for one in rolled["workers"].values()} == {generation + 1}
        server.wait(lambda: server.status()["generation"] == generation + 1)
        assert answers(server) == {first.version}


def test_a_hang_up_signal_lets_all_read_the_aliases_again(registry):
    publish(registry, "first")
    with server_process(registry, **TWO) as server:
        server.wait_ready()
        wait_for_both(server)
        second = publish(registry, "second")
        server.process.send_signal(signal.SIGHUP)
        server.wait(lambda: server.status()["generation"] == registry.aliases("tiny").generation)
        assert answers(server) == {second.version}
        assert server.stop() == 0


def test_every_worker_says_what_it_serves_and_what_goes_is_shown_no_more(registry):
    first = publish(registry, "first")
    with server_process(registry, **TWO) as server:
        server.wait_ready()
        wait_for_both(server)
        assert gauges(server, "mojoline_model_info") == both({first.version: 1})
        for which in ("second", "regression"):  # the first is then neither champion nor previous
            last = publish(registry, which)
            server.process.send_signal(signal.SIGHUP)
            server.wait(lambda: server.status()["generation"] == registry.aliases("tiny").generation)
        loaded = gauges(server, "mojoline_model_loaded_bytes")
        assert {worker: len(versions) for worker, versions in loaded.items()} == {"0": 2, "1": 2}
        assert all(first.version not in versions for versions in loaded.values())
        assert all(size > 1000 for versions in loaded.values() for size in versions.values())
        assert gauges(server, "mojoline_model_generation") == both({"tiny": 3})
        assert gauges(server, "mojoline_model_follow_failed") == both({"tiny": 0})
        index = {entry["version"]: entry for entry in server.api.post("/v2/repository/index").json()}
        assert first.version not in index
        assert (index[last.version]["alias"], index[last.version]["state"]) == ("champion", "READY")
        page = server.api.get("/metrics").text
        assert f'alias="champion",digest="{registry.aliases("tiny").champion.manifest_sha256}"' in page
        assert 'mojoline_swap_total{model_name="tiny",result="done"} 6.0' in page
        for phase in ("verify", "parse", "prove", "warm", "flip"):
            assert f'mojoline_swap_duration_seconds_count{{model_name="tiny",phase="{phase}"}} 6.0' in page


def test_a_failed_load_is_an_alert_that_ends_when_the_aliases_can_be_followed(registry):
    publish(registry, "first")
    with server_process(registry, **TWO) as server:
        server.wait_ready()
        wait_for_both(server)
        aliases = registry.home("tiny") / "aliases.json"
        broken = registry._entry("tiny", registry.versions("tiny")[0]).manifest_sha256
        content = aliases.read_text()
        damaged = content.replace(broken, "0" * 64).replace('"generation": 1', '"generation": 2')
        aliases.write_text(damaged)
        server.process.send_signal(signal.SIGHUP)
        failed = "mojoline_model_follow_failed"
        server.wait(lambda: gauges(server, failed) == both({"tiny": 1}))
        assert 'mojoline_swap_total{model_name="tiny",result="failed"} 2.0' in server.api.get("/metrics").text
        assert server.predict(ROWS[:1]).status_code == 200
        assert server.status()["last_error"]
        aliases.write_text(content.replace('"generation": 1', '"generation": 3'))
        server.process.send_signal(signal.SIGHUP)
        server.wait(lambda: gauges(server, failed) == both({"tiny": 0}))


def test_replicas_hear_of_a_push_by_redis(registry, redis_server_url):
    first = publish(registry, "first")
    env = {**NO_POLLING, "REDIS_URL": redis_server_url}
    with server_process(registry, **env) as told, server_process(registry, **env) as other:
        for server in (told, other):
            server.wait_ready()
        second = publish(registry, "second")
        generation = registry.aliases("tiny").generation
        told.admin.post("/admin/models/tiny/sync", json={"generation": generation}).raise_for_status()
        other.wait(lambda: other.status()["version"] == second.version)
        other.admin.post("/admin/models/tiny/rollback").raise_for_status()
        told.wait(lambda: told.status()["version"] == first.version)


def test_connections_are_spread_over_the_workers(registry):
    publish(registry, "first")
    with server_process(registry, **TWO) as server:
        server.wait_ready()
        wait_for_both(server)
        clients = [httpx.Client(base_url=server.url, trust_env=False, timeout=30) for _ in range(100)]
        try:
            for client in clients:
                client.get("/v2/health/live").raise_for_status()
            held = [
                sum(
                    one.status == psutil.CONN_ESTABLISHED and one.laddr.port == server.ports[0]
                    for one in worker.net_connections("tcp")
                )
                for worker in psutil.Process(server.process.pid).children()
            ]
        finally:
            for client in clients:
                client.close()
        assert sum(held) >= 100
        assert min(held) > 25  # five standard deviations from the half


def test_a_worker_that_dies_is_replaced_and_follows(registry):
    first = publish(registry, "first")
    with server_process(registry, **TWO) as server:
        server.wait_ready()
        wait_for_both(server)
        before = children(server)
        assert len(before) == 2
        os.kill(before[1], signal.SIGKILL)
        server.wait(lambda: len(now := children(server)) == 2 and before[1] not in now)
        wait_for_both(server)
        assert server.status()["generation"] == 1
        promote_version(registry, publish(registry, "second", promote=False))
        server.admin.post("/admin/models/tiny/rollback").raise_for_status()
        assert answers(server) == {first.version}


@pytest.mark.parametrize("early", [False, True], ids=["serving", "still-starting"])
def test_workers_do_not_outlive_the_process_above_them(registry, early):
    publish(registry, "first")
    with server_process(registry, **TWO) as server:
        server.wait(lambda: len(children(server)) == 2)
        started = children(server)
        if not early:
            server.wait_ready()
            wait_for_both(server)
        server.process.kill()
        server.process.wait()
        deadline = time.monotonic() + 60
        while left := [pid for pid in started if find_process(pid) is not None]:
            assert time.monotonic() < deadline, f"workers {left} keep the port"
            time.sleep(0.1)


def test_the_guard_decides_on_what_all_workers_saw_and_one_of_them_writes(registry):
    publish(registry, "first")
    worse = publish(registry, "regression", promote=False)  # refuses the rows that the champion answers
    with server_process(registry, **TWO) as server:
        server.wait_ready()
        wait_for_both(server)
        variants = [
            {"name": "a", "model": "champion", "weight": 5000},
            {"name": "b", "model": worse.version, "weight": 5000},
        ]
        guard = {"error_rate": 0.05, "min_requests": 60}
        body = {"experiment": {"id": "e1", "variants": variants, "guard": guard}}
        server.admin.put("/admin/models/tiny/experiment", json=body).raise_for_status()
        asked = 0
        for number in range(100):  # on new connections, which the kernel spreads
            with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
                rows = [{**ROWS[0], "flight_id": f"F{number}"}]
                asked += client.post("/predict", json={"model": "tiny", "rows": rows}).is_error
        server.wait(lambda: server.status()["experiment"]["variants"]["b"]["requests"] == asked)
        assert registry.aliases("tiny").generation == 2  # these keys are fewer than 60 of b
        for number in range(100, 200):
            with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
                rows = [{**ROWS[0], "flight_id": f"F{number}"}]
                client.post("/predict", json={"model": "tiny", "rows": rows})
        server.wait(lambda: server.status()["generation"] == 3)
        assert registry.aliases("tiny").updated_by == "canary guard"
        page = server.api.get("/metrics").text
        assert (
            'mojoline_variant_requests_total{experiment="e1",model_name="tiny",result="failed",variant="b"}'
            in page
        )
