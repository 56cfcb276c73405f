"""Redis and Postgres die under a server that is being asked: rows are always answered, entities come back."""

import signal
import threading
import time

import httpx
import pytest

from tests.api.live_server import golden, new_registry, publish, server_process
from tests.api.test_entity_features import SPEC, PostgresProcess, postgres  # noqa: F401 - a fixture
from tests.api.test_prediction_cache import RedisProcess

ROWS = golden("first").rows


class Callers:
    """Threads that ask for rows until they are stopped."""

    def __init__(self, url: str) -> None:
        self.statuses: list[int] = []
        self.states: list[str] = []
        self._url = url
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(i,)) for i in range(2)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _call(self, offset: int) -> None:
        with httpx.Client(base_url=self._url, timeout=30, trust_env=False) as client:
            index = offset
            while not self._stopped.is_set():
                index = (index + 7) % len(ROWS)
                response = client.post("/predict", json={"model": "tiny", "rows": [ROWS[index]]})
                self.statuses.append(response.status_code)
                self.states.append(response.headers["X-Cache"])

    def wait(self, count: int = 60) -> list[str]:
        """The cache states of the next `count` answers."""
        seen, deadline = len(self.states), time.monotonic() + 60
        while len(self.states) < seen + count:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return self.states[seen:]


@pytest.fixture
def cache(short_directory, tmp_path):
    one = RedisProcess(short_directory, tmp_path.name[-30:])
    yield one
    one.kill()


def test_rows_are_answered_and_entities_recover(tmp_path, cache, postgres):  # noqa: F811 - the fixture
    assert isinstance(postgres, PostgresProcess)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny.yaml").write_text(SPEC)
    registry = new_registry(tmp_path)
    publish(registry, "first")
    env = {
        "REDIS_URL": cache.url,
        "DATABASE_URL": postgres.url,
        "MOJOLINE_MODELS_DIR": str(tmp_path / "models"),
        "MOJOLINE_CACHE__MODE": "always",
        "MOJOLINE_FEATURES__TIMEOUT_MS": "2000",
        "MOJOLINE_FEATURES__ACQUIRE_MS": "2000",
    }
    with server_process(registry, **env) as server:
        server.wait_ready()

        def entity() -> httpx.Response:
            return server.api.post("/predict", json={"model": "tiny", "entities": [7]})

        server.wait(lambda: entity().status_code == 200)
        with Callers(server.url) as callers:
            server.wait(lambda: "hit" in callers.wait())
            cache.do("CLIENT", "PAUSE", 2500)
            server.wait(lambda: "bypass" in callers.wait())
            server.wait(lambda: "hit" in callers.wait())
            cache.kill()
            server.wait(lambda: set(callers.wait()) == {"bypass"})
            cache.start()
            server.wait(lambda: "hit" in callers.wait())

            postgres.signal(signal.SIGSTOP)
            try:
                server.wait(lambda: entity().status_code == 503)
                refused = entity()
                assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
                assert server.api.get("/v2/health/ready").status_code == 200
                callers.wait()
            finally:
                postgres.signal(signal.SIGCONT)
            server.wait(lambda: entity().status_code == 200)
            postgres.signal(signal.SIGKILL)
            server.wait(lambda: entity().status_code == 503)
            callers.wait()
            postgres.start()
            server.wait(lambda: entity().status_code == 200)
        assert set(callers.statuses) == {200}
        answer = entity().json()
        assert answer["stale_features"] is True
        assert answer["feature_age_s"] > 0
        page = server.api.get("/metrics").text
        assert 'mojoline_pool_connections{pool="postgres",state="max"} 50.0' in page
        assert 'mojoline_pool_connections{pool="redis",state="max"} 100.0' in page
        assert 'mojoline_breaker_state{dependency="redis"} 0.0' in page
        assert "mojoline_offload_total{place=" in page
