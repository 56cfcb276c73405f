"""The rate of an API key is the server's: two workers allow no more, one connection is allowed no less."""

import time

import httpx
import psutil
import pytest

from serving.rate_limit import RateLimit
from tests.api.live_server import new_registry, publish, server_process

KEYS = [f"a-key-of-the-tests-{number}" for number in range(2)]
RATE = 5


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Two workers."""
    registry = new_registry(tmp_path_factory.mktemp("rates"))
    publish(registry, "first")
    env = {
        "MOJOLINE_SERVING__WORKERS": "2",
        "MOJOLINE_API_KEYS": ",".join(f"somebody:{key}" for key in KEYS),
        "MOJOLINE_SERVING__RATE_PER_KEY": str(RATE),
    }
    with server_process(registry, **env) as live:
        live.wait(lambda: live.api.get("/readyz").status_code == 200)
        live.wait(lambda: len(live.admin.get("/admin/status").json()["models"]["tiny"]["workers"]) == 2)
        yield live


def ask(client: httpx.Client, key: str) -> int:
    return client.post("/predict", json={"rows": [{}]}, headers={"X-Api-Key": key}).status_code


def test_a_key_asks_no_more_of_two_workers_than_of_one(server):
    clients = [httpx.Client(base_url=server.url, trust_env=False, timeout=30) for _ in range(60)]
    try:
        for client in clients:
            client.get("/livez").raise_for_status()  # connects, and is not counted
        held = [
            sum(bool(one.raddr) and one.laddr.port == server.ports[0] for one in worker.net_connections())
            for worker in psutil.Process(server.process.pid).children()
        ]
        assert min(held) > 10
        started = time.monotonic()
        codes = [ask(client, KEYS[0]) for client in clients]
        seconds = time.monotonic() - started
    finally:
        for client in clients:
            client.close()
    assert set(codes) <= {200, 429}
    assert RATE <= codes.count(200) <= RATE + RATE * seconds


def test_one_connection_is_allowed_the_whole_rate(server):
    time.sleep(1.0)  # by then everybody may ask a second's worth again
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        assert [ask(client, KEYS[1]) for _ in range(RATE)] == [200] * RATE


def test_a_rate_in_numbers():
    limit = RateLimit(2, 4)
    assert [limit.take(0, 1000.0) for _ in range(5)] == [0.0, 0.0, 0.0, 0.0, 0.25]
    assert limit.take(1, 1000.0) == 0.0  # another's
    assert [limit.take(0, 1000.25) for _ in range(2)] == [0.0, 0.25]
    assert [limit.take(0, 2000.0) for _ in range(5)] == [0.0, 0.0, 0.0, 0.0, 0.25]  # nothing is saved up
    seldom = RateLimit(1, 0.125)
    assert [seldom.take(0, 1000.0) for _ in range(2)] == [0.0, 8.0]


def test_who_shares_a_directory_counts_together_and_may_come_again(tmp_path):
    one, other = RateLimit(2, 0.5, tmp_path), RateLimit(2, 0.5, tmp_path)
    assert one.take(1, 1000.0) == 0.0
    assert other.take(1, 1000.0) == 2.0
    assert RateLimit(1, 0.5, tmp_path).take(0, 1000.0) == 0.0  # a worker that came back with one key less
    assert one.take(0, 1001.0) == 1.0
    assert other.take(1, 1001.0) == 1.0
