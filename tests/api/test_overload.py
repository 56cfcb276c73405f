"""More than can be answered in time: turned away at once, while what is in flight goes on."""

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.api.live_server import golden, new_registry, publish, server_thread
from tests.api.raw_http import RawConnection, head
from tests.api.store_processes import RedisProcess

ROWS = golden("first").rows
PLACES = 3
SHED = 'mojoline_shed_total{reason="inflight"}'


@pytest.fixture
def redis(tmp_path, short_directory):
    process = RedisProcess(short_directory, tmp_path.name[-30:])
    yield process
    process.kill()


@pytest.fixture
def server(tmp_path, redis):
    """A server whose predictions wait until the test lets its Redis go on."""
    registry = new_registry(tmp_path)
    publish(registry, "first")
    with server_thread(
        registry,
        serving={"max_inflight": PLACES},
        redis_url=redis.url,
        cache={"mode": "always", "timeout_ms": 60_000},
    ) as live:
        live.wait_ready()
        redis.process.send_signal(signal.SIGSTOP)
        yield live
        resume(redis)


def resume(redis: RedisProcess) -> None:
    redis.process.send_signal(signal.SIGCONT)


def inflight(server) -> int:
    return sample(server, "mojoline_inflight ")


def sample(server, start: str) -> int:
    """The value of the sample that begins with `start`; 0 if there is none yet."""
    lines = [line for line in server.api.get("/metrics").text.splitlines() if line.startswith(start)]
    return round(float(lines[0].split()[-1])) if lines else 0


def test_who_finds_no_place_is_told_before_the_others_are_answered(server, redis):
    shed = sample(server, SHED)
    with ThreadPoolExecutor(PLACES) as pool:
        inside = [pool.submit(server.predict, [ROWS[i]]) for i in range(PLACES)]
        server.wait(lambda: inflight(server) == PLACES)
        refused = server.predict([ROWS[9]])
        still_waiting = [not one.done() for one in inside]
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert f"{PLACES} requests are in flight" in refused.json()["error"]
        assert all(still_waiting)
        resume(redis)
        assert [one.result().status_code for one in inside] == [200] * PLACES
    assert server.predict([ROWS[9]]).status_code == 200
    assert sample(server, SHED) > shed


def test_bodies_that_arrive_slowly_do_not_fill_the_memory(tmp_path):
    """64 of the largest size may be on their way at once; what is over is told so before it is sent."""
    registry = new_registry(tmp_path)
    publish(registry, "first")
    size = 200_000
    with server_thread(registry, serving={"max_body_bytes": size}) as live, ExitStack() as stack:
        live.wait_ready()
        slow = [stack.enter_context(RawConnection(live.ports[0])) for _ in range(120)]
        shed = sample(live, SHED)
        for one in slow:
            one.send(head(f"Content-Length: {size}") + b" " * (size - 1))
        live.wait(lambda: sample(live, SHED) > shed)
        assert live.predict([ROWS[0]]).status_code == 200  # small ones are no burden
        for one in slow:
            one.send(b" ")
        statuses = [one.refusal() for one in slow]
        assert set(statuses) == {400, 503}  # spaces are no JSON
        assert statuses.count(400) >= 64
        large = b'{"rows": [{}]}' + b" " * (size - 14)
        assert live.api.post("/predict", content=large).status_code == 200


def test_a_deadline_ends_the_wait(server, redis):
    with ThreadPoolExecutor(1) as pool:
        patient = pool.submit(server.predict, [ROWS[0]])
        server.wait(lambda: inflight(server) == 1)
        late = server.predict([ROWS[1]], **{"X-Timeout-Ms": "50"})
        assert not patient.done()
        assert late.status_code == 504
        assert "X-Timeout-Ms" in late.json()["error"]
        follower = server.predict([ROWS[0]], **{"X-Timeout-Ms": "50"})  # of the same row
        assert follower.status_code == 504
        resume(redis)
        assert patient.result().status_code == 200  # nobody took it along
    assert inflight(server) == 0
