"""The leakage guard: a feature may not change when only what nobody could know yet changes.

The source table is built twice from the same files in one transaction that is rolled back: once as the files
are, once after `alter` rewrote, in the staging tables, outcomes that were unknown at a moment. Features of
every row that was available by that moment must be the same in both; one that is not has seen the future.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import BaseModel, ConfigDict

from mojoline.features.columns import FeatureColumn, read_feature_columns
from mojoline.features.connection import connect
from mojoline.features.errors import LeakageError
from mojoline.features.source_table import (
    BUILD_SCHEMA,
    build_schema,
    read_script,
    require_load,
    run_script,
    stage_files,
)
from mojoline.features.staging import locate_files
from mojoline.model_spec import ModelSpec

Alter = Callable[[psycopg.Connection], None]

BEFORE = "mojoline_before"
AFTER = "mojoline_after"
EXISTENCE = "(whether the row exists)"


class Leak(BaseModel):
    """One feature that changed with the future: in how many rows, and one of them."""

    model_config = ConfigDict(frozen=True)

    feature: str
    rows: int
    entity_key: str


def find_leaks(
    database_url: str,
    spec: ModelSpec,
    models_dir: Path,
    *,
    at: datetime,
    alter: Alter,
    until: datetime | None = None,
) -> list[Leak]:
    """Features of rows available by `at` that change when `alter` has rewritten what was unknown at `at`.

    Args:
        database_url: libpq URL; nothing in the database is changed.
        spec: a model with `source.load`.
        models_dir: directory of the spec.
        at: a moment in the terms of `source.available_at`.
        alter: gets the connection, with the staging tables `raw_<name>` in its search path.
        until: as in `load_source`.

    Raises:
        LeakageError: `alter` changed nothing in the built table's target, so nothing was put to the test.
        FeatureError: as in `load_source`.
    """
    load = require_load(spec)
    files = locate_files(load, models_dir)
    script = read_script(load, models_dir)
    bare = spec.model_copy(
        update={"source": spec.source.model_copy(update={"table": spec.source.table.split(".")[-1]})}
    )
    with (
        connect(database_url) as connection,
        connection.transaction(force_rollback=True),
        build_schema(connection),
    ):
        stage_files(connection, load, files, lambda _line: None)
        with build_schema(connection, BEFORE, BUILD_SCHEMA):
            run_script(connection, bare, script, until)
            columns = read_feature_columns(connection, bare)
            alter(connection)
            with build_schema(connection, AFTER, BUILD_SCHEMA):
                run_script(connection, bare, script, until)
                return _compare(connection, bare, columns, at)


def check_leaks(leaks: list[Leak]) -> None:
    """LeakageError naming every leaking feature, if there is one."""
    if leaks:
        told = "; ".join(f"{leak.feature} in {leak.rows} rows (for one, {leak.entity_key})" for leak in leaks)
        raise LeakageError(
            f"features changed with outcomes that were unknown when they were available: {told}. "
            "Let the script use only what was known by then, or take them out of the model spec"
        )


def _compare(
    connection: psycopg.Connection, spec: ModelSpec, columns: Sequence[FeatureColumn], at: datetime
) -> list[Leak]:
    """What differs between the two builds, in rows available by `at`."""
    both = sql.SQL("a.key IS NOT NULL AND b.key IS NOT NULL AND a.{0} IS DISTINCT FROM b.{0}")
    differences = {EXISTENCE: sql.Composed([sql.SQL("(a.key IS NULL OR b.key IS NULL)")])}
    differences |= {column.name: both.format(sql.Identifier(column.name)) for column in columns}
    counted = sql.SQL(", ").join(
        sql.SQL("count(*) FILTER (WHERE {0}), min(coalesce(a.key, b.key)) FILTER (WHERE {0})").format(
            sql.SQL("coalesce(a.available, b.available) <= {} AND {}").format(sql.Literal(at), difference)
        )
        for difference in differences.values()
    )
    row = connection.execute(
        sql.SQL(
            "SELECT count(*) FILTER (WHERE a.target IS DISTINCT FROM b.target), {}"
            " FROM ({}) a FULL JOIN ({}) b ON a.key = b.key"
        ).format(counted, _rows(spec, columns, BEFORE), _rows(spec, columns, AFTER))
    ).fetchone()
    altered, *found = row or (0,)
    if not altered:
        raise LeakageError("the altered outcomes changed no target: the guard has tested nothing")
    return [
        Leak(feature=name, rows=rows, entity_key=key)
        for name, rows, key in zip(differences, found[::2], found[1::2], strict=True)
        if rows
    ]


def _rows(spec: ModelSpec, columns: Sequence[FeatureColumn], schema: str) -> sql.Composed:
    return sql.SQL("SELECT {}::text AS key, {} AS available, {}::text AS target, {} FROM {}").format(
        sql.Identifier(spec.source.entity_key),
        sql.Identifier(spec.source.available_at),
        sql.Identifier(spec.target.column),
        sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(column.expression, sql.Identifier(column.name)) for column in columns
        ),
        sql.Identifier(schema, spec.source.table),
    )
