"""Extraction on a table that never stands still."""

import asyncio
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import psycopg
import pyarrow.parquet as pq
import pytest

from mojoline.features.columns import SnapshotColumn
from mojoline.features.connection import connect
from mojoline.features.errors import FeatureError
from mojoline.features.fetch import fetch_rows
from mojoline.features.hot import StoredRow, fetch_hot, prepare_query
from mojoline.features.snapshot import Snapshot, extract_snapshot, read_proof
from mojoline.model_spec import ModelSpec

ROWS = 20_000
MOOD = ["good", 'a "quoted", one', "two\nlines", "naïve ☂"]


def make_spec(**features) -> ModelSpec:
    shape = {
        "hot": ["heat", "mood", "open", "price"],
        "cold": {"column": "more", "keys": ["sensor.age", "maker", "on"]},
    }
    return ModelSpec.model_validate(
        {
            "name": "readings",
            "source": {"table": "readings", "entity_key": "id", "event_time": "at", "available_at": "known"},
            "target": {"column": "broke", "task": "binary", "positive": "yes"},
            "features": {**shape, **features},
        }
    )


@pytest.fixture
def table_url(database_url: str) -> str:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "CREATE TABLE readings AS SELECT i::int8 AS id,"
            " timestamp '2020-01-01' + i / 10 * interval '1 minute' AS at,"
            " timestamp '2020-01-01' AS known, 100::float8 AS heat, (%s::text[])[1 + i %% 4] AS mood,"
            " i %% 2 = 0 AS open, i / 7::numeric AS price,"
            " CASE i %% 5 WHEN 0 THEN NULL WHEN 1 THEN 'no' ELSE 'yes' END AS broke,"
            " jsonb_build_object('sensor', jsonb_build_object('age', nullif(i %% 9, 0)),"
            " 'maker', 'm' || i %% 3, 'on', i %% 2 = 1, 'deep', '{\"a\": 1}'::jsonb) AS more"
            " FROM generate_series(1, %s) i",
            (MOOD, ROWS),
        )
        connection.execute("ALTER TABLE readings ADD PRIMARY KEY (id)")
        connection.execute("UPDATE readings SET heat = 'NaN' WHERE id = 1")
        connection.execute("UPDATE readings SET mood = '' WHERE id = 2")
        connection.execute("UPDATE readings SET mood = NULL WHERE id = 3")
    return database_url


def extract(url: str, directory: Path, spec: ModelSpec | None = None, **options) -> Snapshot:
    directory.mkdir(exist_ok=True)
    return extract_snapshot(url, spec or make_spec(), directory, **{"since": None, "until": None, **options})


@contextmanager
def writer(url: str):
    """Moves heat between rows, deletes and inserts, one transaction after the other; yields their number."""
    stop, done = threading.Event(), []

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.is_set():
                give, take = 10 + len(done) % 9000, ROWS - len(done) % 9000
                with connection.transaction():
                    connection.execute("UPDATE readings SET heat = heat - 1 WHERE id = %s", (give,))
                    connection.execute("UPDATE readings SET heat = heat + 1 WHERE id = %s", (take,))
                    connection.execute(
                        "INSERT INTO readings SELECT id + 1000000, at, known, 0, mood, open, price, 'no',"
                        " more FROM readings WHERE id = %s ON CONFLICT DO NOTHING",
                        (give,),
                    )
                    connection.execute("DELETE FROM readings WHERE id = %s", (give + 999_900,))
                done.append(give)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def wait_for(done: list[int], more: int) -> None:
    goal = len(done) + more
    while len(done) < goal:
        time.sleep(0.005)


def test_the_same_snapshot_extracted_twice_has_the_same_digest_with_a_writer_running(table_url, tmp_path):
    with writer(table_url) as done, psycopg.connect(table_url) as holder:
        wait_for(done, 10)
        holder.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        row = holder.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        first = extract(table_url, tmp_path / "1", exported=row[0])
        wait_for(done, 20)
        second = extract(table_url, tmp_path / "2", exported=row[0])
        fresh = extract(table_url, tmp_path / "3")
    assert second.digest == first.digest
    assert second.snapshot_id == first.snapshot_id
    assert pq.read_table(second.file(second.parquet)) == pq.read_table(first.file(first.parquet))
    assert fresh.digest != first.digest  # the writer did change what an extraction sees
    assert fresh.snapshot_id != first.snapshot_id


def test_every_extraction_sees_one_point_in_time(table_url, tmp_path):
    everything = make_spec()
    with psycopg.connect(table_url) as connection:
        connection.execute("UPDATE readings SET broke = 'no' WHERE broke IS NULL")
        connection.execute("UPDATE readings SET heat = 100 WHERE id = 1")
    with writer(table_url) as done:
        for turn in range(5):
            wait_for(done, 5)
            found = extract(table_url, tmp_path / str(turn), everything)
            heat = pq.read_table(found.file(found.parquet), columns=["heat"])["heat"]
            assert sum(heat.to_pylist()) == 100 * ROWS


def test_the_isolation_level_is_what_the_server_says(table_url, tmp_path):
    assert extract(table_url, tmp_path).isolation_level == "repeatable read"
    with connect(table_url) as connection, connection.transaction():
        assert read_proof(connection)["isolation_level"] == "read committed"


def test_rows_are_typed_ordered_and_complete(table_url, tmp_path):
    found = extract(table_url, tmp_path)
    assert found.columns == [
        SnapshotColumn(name="heat", type="numeric"),
        SnapshotColumn(name="mood", type="categorical"),
        SnapshotColumn(name="open", type="numeric"),
        SnapshotColumn(name="price", type="numeric"),
        SnapshotColumn(name="sensor.age", type="numeric"),
        SnapshotColumn(name="maker", type="categorical"),
        SnapshotColumn(name="on", type="numeric"),
    ]
    table = pq.read_table(found.file(found.parquet))
    assert table.column_names == ["id", "at", "broke", *(column.name for column in found.columns)]
    assert (found.rows, table.num_rows) == (ROWS * 4 // 5, ROWS * 4 // 5)
    rows = {row["id"]: row for row in table.to_pylist()}
    assert rows["1"]["heat"] is None  # NaN is missing
    assert rows["2"]["mood"] == ""  # an empty text is not
    assert rows["3"]["mood"] is None
    assert {row["mood"] for row in rows.values()} == {*MOOD, "", None}
    assert rows["7"]["price"] == 1.0
    assert rows["9"]["sensor.age"] is None
    assert (rows["4"]["open"], rows["4"]["on"], rows["4"]["maker"]) == (1.0, 0.0, "m1")
    order = [(row["at"], row["id"]) for row in table.to_pylist()]
    assert order == sorted(order)


def test_the_window_is_half_open(table_url, tmp_path):
    since, until = datetime(2020, 1, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, 2, tzinfo=UTC)
    found = extract(table_url, tmp_path, since=since, until=until)
    at = pq.read_table(found.file(found.parquet))["at"].to_pylist()
    assert min(at) == since.replace(tzinfo=None)
    assert max(at) == until.replace(tzinfo=None, hour=1, minute=59)
    fetched = list(fetch_rows(table_url, make_spec(), since=since, until=until))
    assert len(fetched) == 600
    assert len(list(fetch_rows(table_url, make_spec(), since=since, until=until, limit=7))) == 7


def test_a_table_replaced_during_the_extraction_is_not_read_as_empty(table_url, tmp_path):
    found: list[Snapshot] = []
    with psycopg.connect(table_url) as loader, psycopg.connect(table_url, autocommit=True) as watcher:
        loader.execute("CREATE TABLE fresh AS TABLE readings")
        loader.execute("DROP TABLE readings")
        loader.execute("ALTER TABLE fresh RENAME TO readings")
        reader = threading.Thread(target=lambda: found.append(extract(table_url, tmp_path)))
        reader.start()
        while watcher.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (0,):
            time.sleep(0.01)
        loader.commit()
        reader.join()
    assert found[0].rows == ROWS * 4 // 5


@pytest.mark.parametrize(
    ("features", "told"),
    [
        (
            {"hot": ["heat", "cold_"]},
            r"table readings has no column 'cold_' \(features.hot\); its columns are id, at, .*more",
        ),
        ({"hot": ["known_", "heat"]}, "no column 'known_'"),
        ({"hot": ["more"]}, r"column 'more' \(features.hot\) is jsonb: neither number nor text"),
        (
            {"cold": {"column": "mood", "keys": ["a"]}},
            r"column 'mood' \(features.cold.column\) is text, not jsonb",
        ),
        (
            {"cold": {"column": "more", "keys": ["sensor.aged"]}},
            "'sensor.aged' in column 'more' has a value in no row",
        ),
        (
            {"cold": {"column": "more", "keys": ["deep"]}},
            "'deep' in column 'more' is an object; name a key inside it",
        ),
    ],
)
def test_a_feature_the_table_lacks_is_named_with_what_it_has(table_url, tmp_path, features, told):
    with pytest.raises(FeatureError, match=told):
        extract(table_url, tmp_path, make_spec(**features))


def test_a_missing_table_no_rows_and_odd_levels_are_told(table_url, database_url, tmp_path):
    with pytest.raises(FeatureError, match="no row with a target between 2030-01-01"):
        extract(table_url, tmp_path, since=datetime(2030, 1, 1, tzinfo=UTC))
    with psycopg.connect(table_url) as connection:
        connection.execute("UPDATE readings SET broke = 'maybe' WHERE id = 1")
    with pytest.raises(
        FeatureError, match="levels 'maybe', 'no', 'yes'; task binary needs two, one of them 'yes'"
    ):
        extract(table_url, tmp_path)
    with psycopg.connect(table_url) as connection:
        connection.execute("UPDATE readings SET broke = 'yes' WHERE broke IS NOT NULL")
    with pytest.raises(FeatureError, match="has the one level 'yes'"):
        extract(table_url, tmp_path)
    with psycopg.connect(table_url) as connection:
        connection.execute("DROP TABLE readings")
    with pytest.raises(FeatureError, match="there is no table readings; load it first"):
        extract(table_url, tmp_path)
    assert not list(tmp_path.glob("*.csv"))


KINDS = {
    **dict.fromkeys(("heat", "open", "price", "sensor.age", "on"), "numeric"),
    **dict.fromkeys(("mood", "maker", "what the model reads beside"), "categorical"),
}


def fetch_stored(url: str, keys: list[str], spec: ModelSpec | None = None) -> list[StoredRow | None]:
    async def fetch() -> list[StoredRow | None]:
        connection = await asyncpg.connect(url)
        try:
            query = await prepare_query(connection, spec or make_spec(), KINDS)
            return await fetch_hot(connection, query, keys)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def test_stored_features_come_back_in_the_order_asked(table_url):
    seven, unknown, one, again = fetch_stored(table_url, ["7", "999999999", "1", "07"])
    assert seven.features == {
        "heat": 100.0,
        "mood": MOOD[3],
        "open": 0.0,
        "price": 1.0,
        "sensor.age": 7.0,
        "maker": "m1",
        "on": 1.0,
    }
    assert seven.available_at == datetime(2020, 1, 1, tzinfo=UTC)
    assert unknown is None
    assert one.features["heat"] is None  # NaN is missing
    assert again == seven
    with pytest.raises(asyncpg.DataError):
        fetch_stored(table_url, ["seven"])


def test_of_an_entity_with_several_rows_the_latest_counts(table_url):
    source = {"table": "readings", "entity_key": "mood", "event_time": "at", "available_at": "known"}
    spec = ModelSpec.model_validate(
        {**make_spec(hot=["open", "heat", "price"]).model_dump(exclude_none=True), "source": source}
    )
    with psycopg.connect(table_url) as connection:
        newest = connection.execute("SELECT price FROM readings WHERE mood = 'good' ORDER BY at DESC LIMIT 1")
        price = float(newest.fetchone()[0])
    [stored] = fetch_stored(table_url, ["good"], spec)
    assert stored.features["price"] == price


def test_a_missing_table_of_stored_features_is_named(table_url):
    with psycopg.connect(table_url) as connection:
        connection.execute("DROP TABLE readings")
    with pytest.raises(FeatureError, match="no column id in a table readings"):
        fetch_stored(table_url, ["1"])


def test_fetched_rows_are_what_a_caller_would_send(table_url):
    row = next(iter(fetch_rows(table_url, make_spec(), since=None, until=None)))
    assert row["id"] == 1
    assert {name: row[name] for name in ("open", "sensor.age", "maker", "on")} == {
        "open": False,
        "sensor.age": 1,
        "maker": "m1",
        "on": True,
    }
    assert "broke" not in row
