"""Redis and Postgres die, hang and fill up under a server that is being asked.

Rows are answered through all of it, with the right scores and about as fast as before; entities are refused
at once while their database is away, and come back by themselves.
"""

import signal
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from mojoline.registry.integrity import read_manifest
from tests.api.callers import Called, Callers
from tests.api.live_server import golden, new_registry, promote_version, publish, server_process
from tests.api.store_processes import SPEC, DelayingProxy, RedisProcess
from tests.api.test_entity_features import postgres  # noqa: F401 - a fixture

SLOWER = 5.0  # at most so many times as slow as when all is well, in answers of a server that does nothing
WINDOW = 300  # answers in a comparison
THREADS = 2
CONNECTIONS = 2  # to Postgres


class Stand:
    """A server, its stores, and how it answers when all is well."""

    def __init__(self, server, cache, proxy, postgres) -> None:  # noqa: F811 - the fixture's own name
        self.server = server
        self.cache = cache
        self.proxy = proxy
        self.postgres = postgres
        [body] = [server.predict(golden("first").rows).raise_for_status().json()]
        self._scores = [one["probabilities"]["yes"] for one in body["predictions"]]

    def entity(self, key: int = 7) -> httpx.Response:
        return self.server.api.post("/predict", json={"model": "tiny", "entities": [key]})

    def wait_well(self) -> None:
        """Both stores are used again."""
        self.server.wait(lambda: self.entity().status_code == 200)
        rows = golden("first").rows
        self.server.wait(lambda: self.server.predict(rows[:1]).headers["X-Cache"] == "hit")

    def check(self, callers: Callers) -> None:
        """No request failed, and no score is another row's."""
        assert callers.errors == []
        assert [one for one in callers.answers if one.score != self._scores[one.row]] == []


@pytest.fixture(scope="module")
def stand(tmp_path_factory, short_directory, postgres):  # noqa: F811 - the fixture
    root = tmp_path_factory.mktemp("faults")
    (root / "models").mkdir()
    (root / "models" / "tiny.yaml").write_text(SPEC)
    registry = new_registry(root)
    publish(registry, "first")
    cache = RedisProcess(short_directory, root.name)
    proxy = DelayingProxy(cache.socket)
    env = {
        "REDIS_URL": f"redis://127.0.0.1:{proxy.port}",
        "DATABASE_URL": postgres.url,
        "MOJOLINE_MODELS_DIR": str(root / "models"),
        "MOJOLINE_CACHE__MODE": "always",
        "MOJOLINE_CACHE__TIMEOUT_MS": "100",  # the machine that runs the tests may be busy
        "MOJOLINE_FEATURES__TIMEOUT_MS": "2000",
        "MOJOLINE_FEATURES__ACQUIRE_MS": "1000",
        "MOJOLINE_FEATURES__MIN_CONNECTIONS": str(CONNECTIONS),
        "MOJOLINE_FEATURES__MAX_CONNECTIONS": str(CONNECTIONS),
    }
    try:
        with server_process(registry, **env) as server:
            server.wait_ready()
            yield Stand(server, cache, proxy, postgres)
    finally:
        cache.kill()
        proxy.close()


def require_no_slower(faulty: list[Called], well: list[Called]) -> None:
    """Each window is measured by what the machine made of a plain answer in it."""
    for name, share in (("median", 0.5), ("90 %", 0.9)):
        now, before = (
            quantile([one.seconds for one in some], share) / quantile([one.idle for one in some], share)
            for some in (faulty, well)
        )
        assert now <= SLOWER * before, f"{name}: {now:.1f} plain answers, {before:.1f} before"


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * len(values))]


def slow_down(stand: Stand) -> None:
    stand.proxy.delay = 0.5


def hurry(stand: Stand) -> None:
    stand.proxy.delay = 0.0


def freeze(stand: Stand) -> None:
    stand.cache.process.send_signal(signal.SIGSTOP)


def thaw(stand: Stand) -> None:
    stand.cache.process.send_signal(signal.SIGCONT)


def pause(stand: Stand) -> None:
    stand.cache.do("CLIENT", "PAUSE", 5000)


def leave(_: Stand) -> None:
    """It ends by itself."""


def kill(stand: Stand) -> None:
    stand.cache.kill()


def restart(stand: Stand) -> None:
    stand.cache.kill()
    stand.cache.start()


UNANSWERED = {
    "down": (kill, restart),
    "hung": (freeze, thaw),
    "paused": (pause, leave),
    "slow": (slow_down, hurry),
}


@pytest.mark.parametrize("fault", UNANSWERED)
def test_a_redis_that_does_not_answer_costs_a_few_lookups(stand, fault):
    begin, end = UNANSWERED[fault]
    stand.wait_well()
    with Callers(stand.server.url, THREADS) as callers:
        well = callers.take(WINDOW)
        since = len(callers.answers)
        try:
            begin(stand)
            faulty = callers.take(WINDOW)
            bypassed = callers.take(WINDOW)
            until = len(callers.answers)
            assert "bypass" in {one.cache for one in bypassed}
            assert stand.entity().status_code == 200  # they need no cache
            assert stand.server.api.get("/v2/health/ready").status_code == 200
        finally:
            end(stand)
        stand.wait_well()
    stand.check(callers)
    require_no_slower(faulty, well)
    require_no_slower(bypassed, well)
    waited = [one for one in callers.answers[since:until] if one.cache == "error"]
    assert 0 < len(waited) < WINDOW / 10  # until the breaker opens: then nobody waits


def test_a_redis_that_is_started_again_is_used_again(stand):
    stand.wait_well()
    with Callers(stand.server.url, THREADS) as callers:
        well = callers.take(WINDOW)
        restart(stand)
        after = callers.take(WINDOW)
        seen = len(callers.answers)
        stand.server.wait(lambda: "hit" in {one.cache for one in callers.answers[seen:]})
    stand.check(callers)
    require_no_slower(after, well)


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        (
            ("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1"),
            ("CONFIG", "SET", "maxmemory", "0"),
        ),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    ],
    ids=["full", "read-only"],
)
def test_a_redis_that_takes_no_more_still_answers(stand, fault, end):
    stand.wait_well()
    stand.cache.do("FLUSHALL")
    rows = golden("first").rows

    def keys() -> int:
        return int(stand.cache.do("DBSIZE"))

    stand.server.wait(lambda: stand.server.predict(rows[:1]).headers["X-Cache"] == "hit")
    stand.cache.do(*fault)
    try:
        with Callers(stand.server.url, THREADS) as callers:
            faulty = callers.take(WINDOW)
            known = keys()
            stand.server.wait(lambda: stand.server.predict(rows[:1]).headers["X-Cache"] == "hit")
        assert keys() == known
        assert [one.cache for one in faulty].count("error") < WINDOW / 10
    finally:
        stand.cache.do(*end)
    stand.check(callers)
    with Callers(stand.server.url, THREADS) as callers:
        stand.server.wait(lambda: keys() > known)  # it is written to again
        require_no_slower(faulty, callers.take(WINDOW))


@pytest.mark.parametrize("fault", ["hung", "killed"])
def test_a_dead_postgres_is_no_matter_of_rows(stand, fault):
    stand.wait_well()
    with Callers(stand.server.url, THREADS) as callers:
        well = callers.take(WINDOW)
        healthy = [timed(stand.entity) for _ in range(40)]
        stand.postgres.signal(signal.SIGSTOP if fault == "hung" else signal.SIGKILL)
        try:
            faulty = callers.take(WINDOW)
            stand.server.wait(lambda: "is away" in stand.entity().text)  # no request waits from now on
            refused = [timed(stand.entity) for _ in range(40)]
            assert stand.server.api.get("/v2/health/ready").status_code == 200
        finally:
            if fault == "hung":
                stand.postgres.signal(signal.SIGCONT)
            else:
                stand.postgres.start()
        stand.wait_well()
    stand.check(callers)
    require_no_slower(faulty, well)
    assert {(answer.status_code, answer.headers.get("Retry-After")) for _, answer in refused} == {(503, "1")}
    assert statistics.median(s for s, _ in refused) <= SLOWER * statistics.median(s for s, _ in healthy)


def test_entities_wait_for_a_connection_and_rows_do_not(stand):
    stand.wait_well()
    statuses, told = set(), threading.Event()

    def hold() -> None:
        while not told.is_set():
            statuses.add(stand.entity().status_code)

    with (
        psycopg.connect(stand.postgres.url) as lock,
        ThreadPoolExecutor(CONNECTIONS) as pool,
        Callers(stand.server.url, THREADS) as callers,
    ):
        well = callers.take(WINDOW)
        lock.execute("LOCK TABLE flights IN ACCESS EXCLUSIVE MODE")
        for _ in range(CONNECTIONS):
            pool.submit(hold)
        try:
            exhausted = callers.take(WINDOW)
            stand.server.wait(lambda: f"all {CONNECTIONS} connections" in stand.entity().text)
            refused = stand.entity()
        finally:
            told.set()
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        lock.rollback()
        stand.wait_well()
    stand.check(callers)
    require_no_slower(exhausted, well)
    assert 503 in statuses  # Postgres gave their queries up
    assert 'mojoline_pool_waits_timed_out_total{pool="postgres"}' in stand.server.api.get("/metrics").text


def test_rows_need_neither(stand):
    stand.wait_well()
    with Callers(stand.server.url, THREADS) as callers:
        well = callers.take(WINDOW)
        stand.cache.kill()
        stand.postgres.signal(signal.SIGSTOP)
        try:
            faulty = callers.take(WINDOW)
            assert stand.entity().status_code == 503
        finally:
            stand.postgres.signal(signal.SIGCONT)
            stand.cache.start()
        stand.wait_well()
    stand.check(callers)
    require_no_slower(faulty, well)
    page = stand.server.api.get("/metrics").text
    assert f'mojoline_pool_connections{{pool="postgres",state="max"}} {CONNECTIONS}.0' in page
    assert 'mojoline_pool_connections{pool="redis",state="max"} 100.0' in page
    assert 'mojoline_breaker_state{dependency="redis"} 0.0' in page


def test_versions_change_while_redis_comes_and_goes(stand):
    """Neither another version's score from the cache, nor one that was asked for before a fault."""
    stand.wait_well()
    registry, rows = stand.server.registry, golden("first").rows
    first = read_manifest(registry.directory("tiny", registry.aliases("tiny").champion.version))
    versions = (first, publish(registry, "second", promote=False))
    expected = {}
    with Callers(stand.server.url, THREADS) as callers:
        for turn in range(8):
            version = versions[turn % 2].version
            if registry.aliases("tiny").champion.version != version:
                promote_version(registry, versions[turn % 2])
            if turn % 3 == 0:
                stand.cache.kill()
            elif turn % 3 == 1:
                stand.cache.start()
            stand.server.wait(lambda wanted=version: stand.server.status()["version"] == wanted)
            answer = stand.server.predict(rows).raise_for_status().json()
            found = [one["probabilities"]["yes"] for one in answer["predictions"]]
            assert expected.setdefault(answer["model_version"], found) == found
            callers.take(60)
        if stand.cache.process.poll() is not None:
            stand.cache.start()
        promote_version(registry, first)
        stand.server.wait(lambda: stand.server.status()["version"] == first.version)
        stand.wait_well()
    assert callers.errors == []
    assert set(expected) == {version.version for version in versions}
    assert [one for one in callers.answers if one.score != expected[one.version][one.row]] == []


def timed(ask) -> tuple[float, httpx.Response]:
    started = time.perf_counter()
    answer = ask()
    return time.perf_counter() - started, answer
