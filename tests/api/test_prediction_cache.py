"""The prediction cache against a real Redis: never a wrong answer or an error, whatever happens to it."""

import asyncio
import signal
import time

import numpy as np
import pytest
import redis
from redis.crc import key_slot

from mojoline.registry.filesystem_registry import open_registry
from mojoline.registry.golden import GoldenRows
from mojoline.registry.manifest import GOLDEN
from mojoline.runtime.errors import RowRefusedError
from mojoline.settings import load_settings
from serving.metrics import POOL_TIMED_OUT
from serving.offload import Offload
from serving.plain_models import PlainModels
from serving.prediction_cache import PredictionCache, prediction_keys
from serving.prediction_cache_costs import FIRST_LOOKUPS, CacheCosts
from serving.redis_pool import RedisPool, open_redis_pool
from serving.version_loading import load_version
from tests.api.live_server import ROOT, new_registry, publish, server_thread
from tests.api.store_processes import RedisProcess
from tests.api.waiting import until
from tests.data.tiny_versions import TINY_MODELS, tiny_draft, tiny_facts

ROWS = GoldenRows.read(TINY_MODELS / "first" / GOLDEN).rows
TIMEOUT = 10.0  # generous: the machine that runs the tests may be busy


@pytest.fixture
def server(short_directory, tmp_path):
    one = RedisProcess(short_directory, tmp_path.name[-30:])
    yield one
    one.kill()


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    root = tmp_path_factory.mktemp("versions")
    registry = open_registry(f"file://{root}/registry")
    served = []
    for generation, which in enumerate(("first", "second")):
        made = registry.publish("tiny", tiny_draft(which, root / which), tiny_facts(which))
        moved = registry.move_champion(
            "tiny", made.version, expected_generation=generation, by="test", reason="a test"
        )
        served.append(load_version(registry, "tiny", moved.champion))
    return served


def run(server, work, mode="always", **pool):
    """`await work(cache, pool)` with a cache on `server`."""

    async def main():
        redis_pool = RedisPool(server.url, **{"timeout": TIMEOUT, "max_connections": 20, **pool})
        offload = Offload("never")
        cache = PredictionCache(offload, redis_pool, mode=mode, ttl_seconds=100)
        redis_pool.start()
        cache.start()
        try:
            return await work(cache, redis_pool)
        finally:
            await cache.close()
            await redis_pool.close()
            offload.close()

    return asyncio.run(main())


def keys_of(server) -> list[str]:
    with redis.Redis.from_url(server.url) as client:
        return [key.decode() for key in client.scan_iter("*")]


def test_a_second_request_is_answered_from_redis(server, versions):
    [served, _] = versions

    async def work(cache, _):
        fresh, state = await cache.score(served, ROWS[:5], 5)
        assert state == "miss"
        await until(lambda: len(keys_of(server)) == 5)
        again, state = await cache.score(served, ROWS[:5], 5)
        assert state == "hit"
        part, state = await cache.score(served, ROWS[4:6], 2)
        assert state == "miss"  # one of the two
        return fresh, again, part

    fresh, again, part = run(server, work)
    expected = served.scoring.score(ROWS[:6])
    assert np.array_equal(fresh, expected[:5])
    assert np.array_equal(again, expected[:5])
    assert np.array_equal(part, expected[4:6])
    start = f"mojoline:{{tiny}}:v{served.version}:pred:"
    ttls = {server.do("PTTL", key) for key in keys_of(server) if key.startswith(start)}
    assert len(ttls) > 3  # with jitter
    assert all(80_000 < ttl <= 110_000 for ttl in ttls)


def test_a_row_that_is_refused_is_named_by_its_place_in_the_request(server):
    """Although the rows before it are known, and not scored again."""
    models = PlainModels({"skipping": ROOT / "native" / "tests" / "zoo" / "glm_skip.zip"})
    served = load_version(models, "skipping", models.aliases("skipping").champion)
    domains = served.scoring.domains
    complete = {name: domains.get(name, [0.5])[0] for name in served.scoring.feature_names}

    async def work(cache, _):
        await cache.score(served, [complete], 1)
        await until(lambda: len(keys_of(server)) == 1)
        with pytest.raises(RowRefusedError, match="row 1:"):
            await cache.score(served, [complete, {}], 2)

    run(server, work)


def test_the_scores_are_redis_own(server, versions):
    """What is in Redis is what is answered: else a hit would only look like one."""
    [served, _] = versions
    [key] = prediction_keys(served, served.scoring.matrix(ROWS[:1]))
    planted = np.array([0.25, 0.75])
    server.do("SET", key, planted.tobytes())

    async def work(cache, _):
        return await cache.score(served, ROWS[:1], 1)

    scores, state = run(server, work)
    assert (scores.tolist(), state) == ([[0.25, 0.75]], "hit")
    server.do("SET", key, b"of another length")
    scores, state = run(server, work)
    assert (scores.tolist(), state) == (served.scoring.score(ROWS[:1]).tolist(), "miss")


def test_a_new_version_has_other_keys(server, versions):
    first, second = versions

    async def work(cache, _):
        await cache.score(first, ROWS[:20], 20)
        await until(lambda: len(keys_of(server)) == 20)
        scores, state = await cache.score(second, ROWS[:20], 20)
        assert state == "miss"
        assert np.array_equal(scores, second.scoring.score(ROWS[:20]))
        assert (await cache.score(first, ROWS[:20], 20))[1] == "hit"  # a rollback finds its answers again

    run(server, work)


def test_equal_rows_have_one_key_and_options_another(versions):
    [served, _] = versions
    names = served.scoring.feature_names
    numeric = [i for i, name in enumerate(names) if name not in served.scoring.domains]
    row = np.zeros((1, len(names)))
    negative, missing, other_nan = row.copy(), row.copy(), row.copy()
    negative[0, numeric[0]] = -0.0
    missing[0, numeric[0]] = np.nan
    other_nan[0, numeric[0]] = np.frombuffer(b"\x01\x00\x00\x00\x00\x00\xf8\xff", "<f8")[0]
    assert prediction_keys(served, row) == prediction_keys(served, negative)
    assert prediction_keys(served, missing) == prediction_keys(served, other_nan)
    assert prediction_keys(served, row) != prediction_keys(served, missing)
    assert prediction_keys(served, row) != prediction_keys(served, row, "contributions")


def test_the_keys_of_a_model_lie_in_one_slot_of_a_cluster(versions):
    """Else a cluster refuses to answer for several rows at once."""
    keys = [key for served in versions for key in prediction_keys(served, served.scoring.matrix(ROWS[:50]))]
    assert len(set(keys)) == 100
    assert {key_slot(key.encode()) for key in keys} == {key_slot(b"tiny")}


def test_foreign_keys_survive(server, versions):
    first, second = versions
    server.do("SET", "somebody:else", "stays")

    async def work(cache, _):
        for served in (first, second):
            await cache.score(served, ROWS[:20], 20)
        await until(lambda: len(keys_of(server)) == 41)

    run(server, work)
    assert server.do("GET", "somebody:else") == b"stays"
    assert server.do("PTTL", "somebody:else") == -1


def test_one_row_is_scored_once_however_many_ask(server, versions):
    [served, _] = versions
    calls = []

    class Counting:
        def __getattr__(self, name):
            return getattr(served.scoring, name)

        def score_matrix(self, matrix):
            calls.append(len(matrix))
            return served.scoring.score_matrix(matrix)

    counted = type(served)(served.manifest, served.manifest_sha256, Counting())

    async def work(cache, _):
        answers = await asyncio.gather(*(cache.score(counted, ROWS[:1] * 3, 3) for _ in range(30)))
        assert {state for _, state in answers} == {"miss"}  # who waited has nothing from Redis either
        joined = cache.joined
        await until(lambda: len(keys_of(server)) == 1)
        later = await asyncio.gather(*(cache.score(counted, ROWS[:1], 1) for _ in range(30)))
        assert {state for _, state in later} == {"hit"}
        return answers, joined

    answers, joined = run(server, work)
    assert (calls, joined) == ([1], 29)
    expected = served.scoring.score(ROWS[:1])[0]
    assert all(np.array_equal(scores, [expected] * 3) for scores, _ in answers)


def test_a_caller_that_goes_away_takes_nobody_with_it(server, versions):
    [served, _] = versions

    async def work(cache, _):
        server.process.send_signal(signal.SIGSTOP)
        leader = asyncio.create_task(cache.score(served, ROWS[:1], 1))
        await asyncio.sleep(0.01)
        followers = [asyncio.create_task(cache.score(served, ROWS[:1], 1)) for _ in range(5)]
        await asyncio.sleep(0.01)
        leader.cancel()
        followers[0].cancel()
        server.process.send_signal(signal.SIGCONT)
        ended = await asyncio.gather(leader, *followers, return_exceptions=True)
        assert [isinstance(one, asyncio.CancelledError) for one in ended] == [True, True] + [False] * 4
        expected = served.scoring.score(ROWS[:1])
        assert all(np.array_equal(one[0], expected) for one in ended[2:])

    run(server, work)


@pytest.mark.parametrize("fault", ["killed", "hung", "full", "read-only"])
def test_no_fault_of_redis_reaches_a_caller(server, versions, fault):
    [served, _] = versions
    expected = served.scoring.score(ROWS)

    async def ask(cache, rows) -> set[str]:
        states = set()
        for row in rows:
            scores, state = await cache.score(served, [ROWS[row]], 1)
            assert np.array_equal(scores[0], expected[row])
            states.add(state)
        return states

    async def work(cache, pool):
        for _ in range(500):
            await ask(cache, range(20))
            await asyncio.sleep(0.02)
            if len(keys_of(server)) == 20:  # what Redis was too slow for is not written
                break
        if fault == "killed":
            server.kill()
        elif fault == "hung":
            server.process.send_signal(signal.SIGSTOP)
        elif fault == "full":
            server.do("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1")
        else:
            server.do("REPLICAOF", "127.0.0.1", "1")
        states = await ask(cache, range(20, 60))
        if fault in ("killed", "hung"):
            assert states == {"error", "bypass"}
            assert pool.breaker.is_open
        else:  # reading goes on
            assert states == {"miss"}
            assert await ask(cache, range(10)) == {"hit"}
            assert not pool.breaker.is_open
        if fault == "killed":
            server.start()
        elif fault == "hung":
            server.process.send_signal(signal.SIGCONT)
        elif fault == "full":
            server.do("CONFIG", "SET", "maxmemory", "0")
        elif fault == "read-only":
            server.do("REPLICAOF", "NO", "ONE")
        await until(lambda: not pool.breaker.is_open)
        before = len(keys_of(server))
        for row in range(60, 120):  # it comes back by itself, writing included
            await ask(cache, [row])
            await asyncio.sleep(0.05)
            if len(keys_of(server)) > before:
                return
        raise AssertionError("nothing is written any more")

    run(server, work, timeout=0.1 if fault == "hung" else TIMEOUT)


def test_a_pool_in_use_is_waited_for_only_briefly(server, versions):
    [served, _] = versions

    async def work(cache, pool):
        held = [await pool._pool.get_connection() for _ in range(2)]
        before = POOL_TIMED_OUT.labels("redis")._value.get()
        for _ in range(5):  # the wait for a connection and the one for an answer may end together
            started = time.monotonic()
            scores, state = await cache.score(served, ROWS[:1], 1)
            waited = time.monotonic() - started
            if POOL_TIMED_OUT.labels("redis")._value.get() > before:
                break
        assert POOL_TIMED_OUT.labels("redis")._value.get() > before
        for connection in held:
            await pool._pool.release(connection)
        assert (len(scores), state) == (1, "error")
        assert waited < 5
        assert (await cache.score(served, ROWS[:1], 1))[1] == "miss"

    run(server, work, max_connections=2, timeout=0.5)


def test_auto_prefers_what_is_measured_to_be_cheaper():
    costs = CacheCosts()

    def asked(lookup: float, scoring: float) -> bool:
        for _ in range(FIRST_LOOKUPS):
            assert costs.prefer_lookup("m", 1)
        for _ in range(63):
            costs.note_lookup("m", 1, lookup)
            costs.note_scoring("m", 1, scoring)
        return costs.prefer_lookup("m", 1)

    assert not asked(0.001, 0.0001)
    assert costs.prefer_lookup("m", 1000)  # another size, not known yet
    costs = CacheCosts()
    assert asked(0.001, 0.01)


def test_auto_leaves_redis_alone_for_a_small_model(server, versions):
    [served, _] = versions

    async def work(cache, _):
        return [(await cache.score(served, [ROWS[i % len(ROWS)]], 1))[1] for i in range(100)]

    states = run(server, work, mode="auto")
    assert states[0] == "miss"
    assert states[FIRST_LOOKUPS:] == ["bypass"] * (100 - FIRST_LOOKUPS)


def test_without_redis_everything_is_scored(versions):
    [served, _] = versions
    settings = load_settings(redis_url="unix:///nowhere.sock", cache={"mode": "off"})
    assert open_redis_pool(settings) is None

    async def main():
        offload = Offload()
        cache = PredictionCache(offload, None, mode="always", ttl_seconds=1)
        scores, state = await cache.score(served, ROWS[:3], 3)
        offload.close()
        return scores, state

    scores, state = asyncio.run(main())
    assert (len(scores), state) == (3, "bypass")


def test_models_of_one_server_have_caches_of_their_own(server, tmp_path):
    registry = new_registry(tmp_path)
    for name, which in (("one", "first"), ("two", "second")):
        publish(registry, which, name)
    rows = ROWS[:3]
    cache = {"mode": "always", "timeout_ms": 1000 * TIMEOUT}
    with server_thread(registry, redis_url=server.url, cache=cache) as api:
        api.wait_ready()

        def ask(name: str) -> tuple[list[dict], str]:
            answer = api.predict(rows, name).raise_for_status()
            return answer.json()["predictions"], answer.headers["X-Cache"]

        fresh = {name: ask(name) for name in ("one", "two")}
        assert {state for _, state in fresh.values()} == {"miss"}
        assert fresh["one"][0] != fresh["two"][0]
        asyncio.run(until(lambda: len(keys_of(server)) == 2 * len(rows)))
        for name, (predictions, _) in fresh.items():
            assert ask(name) == (predictions, "hit")
