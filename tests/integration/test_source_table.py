"""Loading files into PostgreSQL: once, whole or not at all."""

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import yaml

from mojoline.features.errors import FeatureError
from mojoline.features.source_table import load_source
from mojoline.model_spec import ModelSpec, load_spec

SCRIPT = """
CREATE UNLOGGED TABLE typed AS SELECT id, at::timestamp AS at, heat::float8 AS heat, broke FROM raw_readings;
CREATE TABLE readings AS
SELECT id, at, at - interval '1 hour' AS known, heat, broke, jsonb_build_object('half', heat / 2) AS more
FROM typed
WHERE %(until)s::timestamp IS NULL OR at < %(until)s::timestamp;
"""


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    rows = [
        f"r{i},2020-01-{1 + i % 28:02} 12:00,{'NA' if i % 10 == 0 else i / 7},{'yes' if i % 3 else 'no'}"
        for i in range(280)
    ]
    (tmp_path / "readings.csv").write_text("id,at,heat,broke\n" + "\n".join(rows) + "\n")
    (tmp_path / "readings.sql").write_text(SCRIPT)
    document = {
        "name": "readings",
        "source": {
            "table": "readings",
            "entity_key": "id",
            "event_time": "at",
            "available_at": "known",
            "load": {"files": {"readings": "readings.csv"}, "sql": "readings.sql", "null_text": "NA"},
        },
        "target": {"column": "broke", "task": "binary", "positive": "yes"},
        "features": {"hot": ["heat"], "cold": {"column": "more", "keys": ["half"]}},
    }
    (tmp_path / "readings.yaml").write_text(yaml.safe_dump(document))
    return load_spec(tmp_path / "readings.yaml")


def count(database_url: str, query: str = "SELECT count(*) FROM readings") -> object:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]


def test_the_same_load_is_done_once_and_a_different_one_again(database_url, spec, tmp_path):
    until = datetime(2020, 1, 15, tzinfo=UTC)
    first = load_source(database_url, spec, tmp_path, until=until)
    assert (first.rows, first.loaded) == (140, True)
    oid = count(database_url, "SELECT 'readings'::regclass::oid")
    again = load_source(database_url, spec, tmp_path, until=until.replace(tzinfo=None))
    assert (again.rows, again.loaded) == (140, False)
    assert count(database_url, "SELECT 'readings'::regclass::oid") == oid
    assert load_source(database_url, spec, tmp_path, until=None).rows == 280
    assert not load_source(database_url, spec, tmp_path, until=until).loaded  # what it asks for is there
    with (tmp_path / "readings.csv").open("a") as file:
        file.write("new,2020-01-02 12:00,1,no\n")
    assert load_source(database_url, spec, tmp_path, until=None).rows == 281
    (tmp_path / "readings.sql").write_text(SCRIPT + "DELETE FROM readings WHERE id = 'new';")
    assert load_source(database_url, spec, tmp_path, until=None).rows == 280
    assert count(database_url, "SELECT count(*) FROM readings WHERE heat IS NULL") == 28


def test_nothing_but_the_table_and_the_ledger_is_left(database_url, spec, tmp_path):
    load_source(database_url, spec, tmp_path, until=None)
    left = count(
        database_url,
        "SELECT string_agg(relnamespace::regnamespace || '.' || relname, ' ' ORDER BY relname)"
        " FROM pg_class WHERE relkind = 'r' AND relname !~ '^(pg|sql)_'",
    )
    assert left == "public.mojoline_loads public.readings"
    assert count(database_url, "SELECT to_regnamespace('mojoline_build')") is None


def test_a_table_that_was_dropped_is_loaded_again(database_url, spec, tmp_path):
    load_source(database_url, spec, tmp_path, until=None)
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP TABLE readings")
    assert load_source(database_url, spec, tmp_path, until=None).loaded


def test_two_loads_at_once_do_the_work_once(database_url, spec, tmp_path):
    results = []
    loads = [
        threading.Thread(target=lambda: results.append(load_source(database_url, spec, tmp_path, until=None)))
        for _ in range(3)
    ]
    for load in loads:
        load.start()
    for load in loads:
        load.join()
    assert sorted(result.loaded for result in results) == [False, False, True]


def test_a_load_killed_half_way_leaves_the_old_table(database_url, spec, tmp_path):
    until = datetime(2020, 1, 15, tzinfo=UTC)
    load_source(database_url, spec, tmp_path, until=until)
    # the new table is built, and the load stays in its last statement until it is killed
    (tmp_path / "readings.sql").write_text(SCRIPT + "SELECT pg_sleep(600);")
    program = (
        "import sys; from pathlib import Path; from mojoline.features.source_table import load_source;"
        "from mojoline.model_spec import load_spec; models = Path(sys.argv[2]);"
        "load_source(sys.argv[1], load_spec(models / 'readings.yaml'), models, until=None)"
    )
    victim = subprocess.Popen(
        [sys.executable, "-c", program, database_url, str(tmp_path)], cwd=Path(__file__).parents[2]
    )
    sleeping = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    )
    while count(database_url, sleeping) == 0:
        assert victim.poll() is None
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    assert count(database_url) == 140
    (tmp_path / "readings.sql").write_text(SCRIPT)
    assert load_source(database_url, spec, tmp_path, until=None).rows == 280
    assert count(database_url, sleeping) == 0


def test_a_failing_script_keeps_the_old_table_and_tells_why(database_url, spec, tmp_path):
    load_source(database_url, spec, tmp_path, until=None)
    (tmp_path / "readings.sql").write_text(SCRIPT.replace("heat::float8", "broke::float8"))
    with pytest.raises(FeatureError, match=r'invalid input syntax for type double precision: "(no|yes)"'):
        load_source(database_url, spec, tmp_path, until=None)
    assert count(database_url) == 280


def test_a_script_whose_table_lacks_a_column_of_the_spec_is_refused(database_url, spec, tmp_path):
    (tmp_path / "readings.sql").write_text(SCRIPT + "ALTER TABLE readings RENAME heat TO warmth;")
    with pytest.raises(FeatureError, match=r"no column 'heat' \(features.hot\); its columns are .*warmth"):
        load_source(database_url, spec, tmp_path, until=None)
    assert count(database_url, "SELECT to_regclass('readings')") is None


def test_a_file_with_a_broken_line_is_named(database_url, spec, tmp_path):
    with (tmp_path / "readings.csv").open("a") as file:
        file.write("short,line\n")
    with pytest.raises(FeatureError, match=r"readings\.csv: not loaded: missing data for column"):
        load_source(database_url, spec, tmp_path, until=None)


def test_no_server_is_told_with_the_next_step(spec, tmp_path):
    with pytest.raises(FeatureError, match="run `mojoline up` or correct DATABASE_URL"):
        load_source(f"postgresql://nobody@/none?host={tmp_path}", spec, tmp_path, until=None)
