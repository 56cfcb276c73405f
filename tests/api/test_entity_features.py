"""Entities against a real PostgreSQL that dies, hangs and comes back."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from mojoline.model_spec import load_spec
from mojoline.registry.filesystem_registry import open_registry
from mojoline.settings import FeatureSettings, SettingsError, load_settings
from serving.connection_budget import check_connection_budget
from serving.entity_features import EntityFeatures
from serving.entity_pool import EntityPool, PoolSize
from serving.errors import ApiError
from serving.version_loading import load_version
from tests.api.store_processes import SPEC, PostgresProcess
from tests.api.test_server_process import start
from tests.api.waiting import until
from tests.data.tiny_versions import tiny_draft, tiny_facts

KNOWN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def postgres():
    place = Path(tempfile.mkdtemp(prefix="mojoline-"))
    with pytest.MonkeyPatch.context() as environment:
        for key in [key for key in os.environ if key.startswith("MOJOLINE_")]:
            environment.delenv(key)
        server = PostgresProcess(place / "home")
        yield server
        server.stop()
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("models")
    (directory / "tiny.yaml").write_text(SPEC)
    return directory


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    root = tmp_path_factory.mktemp("version")
    registry = open_registry(f"file://{root}/registry")
    made = registry.publish("tiny", tiny_draft("first", root / "draft"), tiny_facts("first"))
    moved = registry.move_champion("tiny", made.version, expected_generation=0, by="test", reason="a test")
    return load_version(registry, "tiny", moved.champion)


def run(url, models_dir, work, smallest=2, largest=4, **settings):
    """`await work(entities, pool)` with a pool that is connected."""

    async def main():
        options = FeatureSettings(**{"timeout_ms": 20_000, "acquire_ms": 10_000, **settings})
        pool = EntityPool(url, PoolSize(smallest, largest), options)
        pool.start()
        try:
            await until(lambda: pool.last_error is None)
            return await work(EntityFeatures(pool, models_dir), pool)
        finally:
            await pool.close()

    return asyncio.run(main())


async def refusal(call) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await call
    return caught.value


def test_entities_come_as_the_rows_a_caller_would_send(postgres, models_dir, served):
    async def work(entities, _):
        found = await entities.fetch(served, ["7", "3", "7"], KNOWN.replace(hour=5))
        assert found.rows[0] == {
            "distance": 507.0,
            "temp": 60.0,
            "carrier": "UA",
            "origin": "JFK",
            "wind": 0.0,
        }
        assert found.rows[1]["distance"] == 503.0
        assert found.rows[2] == found.rows[0]
        assert (found.age, found.stale) == (5 * 3600, False)
        late = await entities.fetch(served, ["7"], KNOWN.replace(hour=7))
        assert (late.age, late.stale) == (7 * 3600, True)
        assert (await entities.fetch(served, ["7"])).stale  # now
        return found.rows

    rows = run(postgres.url, models_dir, work)
    assert served.scoring.score(rows).shape == (3, 2)


def test_callers_that_come_at_once_read_the_spec_once(postgres, models_dir, served, monkeypatch):
    """After a swap all of them find a version nobody has asked for yet."""
    reads = []

    def read(path):
        reads.append(path)
        return load_spec(path)

    monkeypatch.setattr("serving.entity_features.load_spec", read)

    async def work(entities, _):
        found = await asyncio.gather(*(entities.fetch(served, [str(number)]) for number in range(1, 9)))
        assert [one.rows[0]["distance"] for one in found] == [500.0 + number for number in range(1, 9)]
        await entities.warm(served)

    run(postgres.url, models_dir, work)
    assert reads == [models_dir / "tiny.yaml"]


def test_what_is_no_entity_is_refused(postgres, models_dir, served):
    async def work(entities, _):
        unknown = await refusal(entities.fetch(served, ["1", "999999", "-4"]))
        assert (unknown.status, "999999" in unknown.message, "-4" in unknown.message) == (404, True, True)
        assert '"1"' not in unknown.message
        for bad in ("seven", "1; DROP TABLE flights", "", "9" * 30):
            assert (await refusal(entities.fetch(served, [bad]))).status == 400
        assert len((await entities.fetch(served, ["1"])).rows) == 1  # the connection is still good

    run(postgres.url, models_dir, work)


def test_where_nothing_is_stored_rows_are_asked_for(postgres, tmp_path, served):
    async def work(entities, _):
        error = await refusal(entities.fetch(served, ["1"]))
        assert (error.status, error.message) == (501, "nothing is stored for tiny: send rows")

    run(postgres.url, tmp_path, work)


def test_exhaustion_is_told_and_passes(postgres, models_dir, served):
    async def work(entities, pool):
        await entities.fetch(served, ["1"])
        free = asyncio.Event()

        async def hold(_):
            await free.wait()

        holders = [asyncio.create_task(pool.use(hold)) for _ in range(4)]
        await until(lambda: pool._pool.get_idle_size() == 0 and pool._pool.get_size() == 4)
        error = await refusal(entities.fetch(served, ["1"]))
        assert (error.status, error.headers["Retry-After"]) == (503, "1")
        assert "4 connections" in error.message
        assert not pool.breaker.is_open  # the database is well
        free.set()
        await asyncio.gather(*holders)
        assert len((await entities.fetch(served, ["1"])).rows) == 1

    run(postgres.url, models_dir, work, smallest=4, acquire_ms=100)


def test_the_pool_is_warm_and_a_caller_who_goes_away_costs_one_connection(postgres, models_dir, served):
    async def work(entities, pool):
        assert pool._pool.get_size() == 3
        await entities.fetch(served, ["1"])

        async def sleep(connection):
            await connection.execute("SELECT pg_sleep(30)")

        task = asyncio.create_task(pool.use(sleep))
        await until(lambda: pool._pool.get_idle_size() == 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: pool._pool.get_idle_size() == 3)  # the watcher has filled it up again

    run(postgres.url, models_dir, work, smallest=3, timeout_ms=60_000)


@pytest.mark.parametrize("fault", ["killed", "hung", "shut down"])
def test_a_dead_database_is_told_at_once_and_comes_back_alone(postgres, models_dir, served, fault):
    async def work(entities, pool):
        assert len((await entities.fetch(served, ["1"])).rows) == 1
        if fault == "hung":
            postgres.signal(signal.SIGSTOP)
        elif fault == "killed":
            postgres.signal(signal.SIGKILL)
        else:
            await asyncio.to_thread(postgres.stop)
        try:
            for _ in range(8):
                error = await refusal(entities.fetch(served, ["1"]))
                assert (error.status, error.headers["Retry-After"]) == (503, "1")
            await until(lambda: pool.breaker.is_open)
            started = time.thread_time(), time.monotonic()
            for _ in range(100):
                assert (await refusal(entities.fetch(served, ["1"]))).status == 503
            assert time.monotonic() - started[1] < 5  # nobody waits for it
        finally:
            if fault == "hung":
                postgres.signal(signal.SIGCONT)
            else:
                await asyncio.to_thread(postgres.start)
        await until(lambda: not pool.breaker.is_open)
        assert len((await entities.fetch(served, ["1"])).rows) == 1
        await until(lambda: pool._pool.get_size() >= 2)

    run(postgres.url, models_dir, work, timeout_ms=1000, acquire_ms=500)


def test_a_pool_without_a_database_waits_for_it(postgres, models_dir, served):
    async def main():
        await asyncio.to_thread(postgres.stop)
        pool = EntityPool(postgres.url, PoolSize(1, 2), FeatureSettings(timeout_ms=20_000, acquire_ms=10_000))
        entities = EntityFeatures(pool, models_dir)
        pool.start()
        try:
            assert (await refusal(entities.fetch(served, ["1"]))).status == 503
            await asyncio.to_thread(postgres.start)
            await until(lambda: pool.last_error is None)
            assert len((await entities.fetch(served, ["1"])).rows) == 1
        finally:
            await pool.close()

    asyncio.run(main())


def test_a_password_or_a_database_that_is_missing_is_waited_for(postgres, models_dir, served):
    """Not being let in is a state that passes, as being away is."""
    address = postgres.url.replace("/postgres?", "/nowhere_yet?")
    assert address != postgres.url

    async def main():
        pool = EntityPool(address, PoolSize(1, 2), FeatureSettings(timeout_ms=2000, acquire_ms=2000))
        pool.start()
        try:
            await until(lambda: "nowhere_yet" in (pool.last_error or ""))
            assert (await refusal(EntityFeatures(pool, models_dir).fetch(served, ["1"]))).status == 503
            with psycopg.connect(postgres.url, autocommit=True) as connection:
                connection.execute("CREATE DATABASE nowhere_yet TEMPLATE template0")
            await until(lambda: pool.last_error is None)
        finally:
            await pool.close()
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("DROP DATABASE nowhere_yet WITH (FORCE)")

    asyncio.run(main())


def test_a_locked_table_holds_no_connections_of_postgres(postgres, models_dir, served):
    """Postgres does not notice that whoever waits for a lock has gone: it ends the query by itself."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mojoline' AND state = 'active'"

    async def work(entities, pool):
        await entities.fetch(served, ["1"])
        with psycopg.connect(postgres.url) as lock, psycopg.connect(postgres.url, autocommit=True) as watch:
            lock.execute("LOCK TABLE flights IN ACCESS EXCLUSIVE MODE")
            for _ in range(3):
                assert (await refusal(entities.fetch(served, ["1"]))).status == 503
            await until(lambda: watch.execute(waiting).fetchone() == (0,))
            lock.rollback()
        await until(lambda: not pool.breaker.is_open)
        assert len((await entities.fetch(served, ["1"])).rows) == 1

    run(postgres.url, models_dir, work, timeout_ms=500)


def test_every_open_connection_plans_the_query_before_a_request_needs_it(postgres, models_dir, served):
    async def work(entities, pool):
        kept = type(served)(served.manifest, served.manifest_sha256, served.scoring)
        kept.entity_key = "flight_id"
        await entities.warm(kept)
        plans = []

        async def count(connection):
            plans.append(await connection.fetchval("SELECT count(*) FROM pg_prepared_statements"))

        await until(lambda: pool._pool.get_idle_size() == 3)  # the watcher may just use one
        await pool.use_each(count)
        assert len(plans) == 3
        assert min(plans) >= 2  # the query of the entities, and the one that counts
        await entities.warm(kept)  # once is enough

    run(postgres.url, models_dir, work, smallest=3)


def test_more_connections_than_postgres_has_are_refused_with_the_arithmetic(postgres):
    def check(**settings):
        asyncio.run(check_connection_budget(load_settings(database_url=postgres.url, **settings)))

    check()
    check(serving={"workers": 5})  # they share the 50
    check(features={"max_connections": 1000, "pgbouncer": True})
    with pytest.raises(
        SettingsError, match=r"2 worker\(s\) x 100 connections = 200, but Postgres allows 100"
    ):
        check(serving={"workers": 2}, features={"max_connections": 200})
    asyncio.run(check_connection_budget(load_settings(database_url="postgresql://nobody@127.0.0.1:1/none")))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_such_a_server_does_not_start(postgres, tmp_path, workers):
    ended = start(
        MOJOLINE_HOME=str(tmp_path),
        DATABASE_URL=postgres.url,
        MOJOLINE_SERVING__WORKERS=workers,
        MOJOLINE_FEATURES__MAX_CONNECTIONS="200",
    )
    assert ended.returncode == 78
    assert f"{workers} worker(s) x {200 // int(workers)} connections = 200" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("workers", "size"),
    [(1, PoolSize(10, 50)), (2, PoolSize(5, 25)), (3, PoolSize(3, 16)), (80, PoolSize(1, 1))],
)
def test_workers_share_the_connections_of_the_server(workers, size):
    assert PoolSize.of_worker(FeatureSettings(), workers) == size
