"""Dagster's tables are all there or none: also where who makes them is killed half way."""

import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from mojoline.stack.dagster_storage import ensure_storage
from mojoline.stack.errors import StackError

MAKE = "import sys; from mojoline.stack.dagster_storage import ensure_storage; ensure_storage(sys.argv[1])"
TABLES = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname LIKE 'dagster%'"


def tables(url: str) -> set[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        return set(connection.execute(TABLES).fetchall())


def test_a_second_time_changes_nothing(database_url):
    ensure_storage(database_url)
    made = tables(database_url)
    assert {("dagster", name) for name in ("runs", "event_logs", "jobs", "alembic_version")} <= made
    ensure_storage(database_url)
    assert tables(database_url) == made


@pytest.mark.parametrize("table", ["runs", "event_logs"])
def test_what_a_killed_process_left_is_not_taken_for_the_whole(database_url, table):
    """Dagster looks for one table of each kind; the others would be missing for ever."""
    ensure_storage(database_url)
    whole = tables(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        for _ in range(10):  # where the machine stands still, it may be too late
            connection.execute("DROP SCHEMA dagster CASCADE")
            maker = subprocess.Popen([sys.executable, "-c", MAKE, database_url], start_new_session=True)
            while table not in {name for _, name in connection.execute(TABLES)} and maker.poll() is None:
                time.sleep(0.001)
            os.killpg(maker.pid, signal.SIGKILL)
            maker.wait()
            begun = tables(database_url)
            ensure_storage(database_url)
            assert tables(database_url) == whole
            if "dagster" not in {schema for schema, _ in begun}:
                return
    pytest.fail("it was never killed half way")


def test_several_at_once_make_them_once(database_url):
    makers = [subprocess.Popen([sys.executable, "-c", MAKE, database_url]) for _ in range(3)]
    assert [maker.wait(120) for maker in makers] == [0, 0, 0]
    assert {schema for schema, _ in tables(database_url)} == {"dagster"}


def test_a_schema_with_something_else_in_it_is_refused_and_kept(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA dagster")
        connection.execute("CREATE TABLE dagster.runs (of_somebody int)")
    with pytest.raises(StackError, match="holds something that is not Dagster's"):
        ensure_storage(database_url)
    assert ("dagster", "runs") in tables(database_url)
