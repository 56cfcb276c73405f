"""Who is let in over REST: API keys with a rate, deadlines, requests in flight."""

import threading

import pytest

from tests.api.live_server import golden, new_registry, publish, server_thread

KEYS = {"somebody": "a-key-of-the-tests", "other": "another-key-of-the-tests"}


@pytest.fixture
def registry(tmp_path):
    registry = new_registry(tmp_path)
    publish(registry, "first")
    return registry


def test_a_key_is_needed_and_has_a_rate(registry):
    keys = ",".join(f"{name}:{key}" for name, key in KEYS.items())
    with server_thread(registry, serving={"rate_per_key": 1}, api_keys=keys) as server:
        server.wait_ready()  # health needs no key
        for wrong in ({}, {"X-Api-Key": "a-key-of-nobody-at-all"}, {"Authorization": "Basic abc"}):
            refused = server.predict([{}], **wrong)
            assert (refused.status_code, list(refused.json())) == (401, ["error"])
            assert server.api.get("/v2/models", headers=wrong).status_code == 401
        assert server.predict([{}], **{"X-Api-Key": KEYS["somebody"]}).status_code == 200
        refused = server.predict([{}], Authorization=f"Bearer {KEYS['somebody']}")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert list(refused.json()) == ["error"]
        assert server.predict([{}], **{"X-Api-Key": KEYS["other"]}).status_code == 200  # a rate of its own


def test_a_deadline_that_passes_is_504(registry):
    rows = golden("first").rows * 3
    with server_thread(registry, serving={"offload": "always"}) as server:
        server.wait_ready()
        refusals = []
        server.wait(
            lambda: refusals.append(server.predict(rows, **{"X-Timeout-Ms": "1"})) or is_late(refusals)
        )
        late = refusals[-1]
        assert list(late.json()) == ["error"]
        assert "X-Timeout-Ms" in late.json()["error"]
        assert server.predict(rows, **{"X-Timeout-Ms": "30000"}).status_code == 200
        for wrong in ("soon", "-1", "0", "1.5"):
            refused = server.predict(rows, **{"X-Timeout-Ms": wrong})
            assert refused.status_code == 400
            assert wrong in refused.json()["error"]


def is_late(answers):
    return answers[-1].status_code == 504


def test_more_than_can_be_in_flight_are_turned_away_at_once(registry):
    rows = golden("first").rows * 3
    statuses, retries = [], []
    with server_thread(registry, serving={"offload": "always", "max_inflight": 1}) as server:
        server.wait_ready()

        def press():
            for _ in range(30):
                answer = server.predict(rows)
                statuses.append(answer.status_code)
                retries.append(answer.headers.get("Retry-After"))

        pressing = [threading.Thread(target=press) for _ in range(4)]
        for thread in pressing:
            thread.start()
        for thread in pressing:
            thread.join()
    assert set(statuses) == {200, 503}
    assert {retry for status, retry in zip(statuses, retries, strict=True) if status == 503} == {"1"}
