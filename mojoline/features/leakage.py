"""The leakage guard: a feature may not change when only what nobody could know yet changes.

The source table is built twice from the same files in one transaction that is rolled back: once as the files
are, once after what was unknown at a moment was rewritten in the staging tables. Features of every row that
was available by that moment must be the same in both; one that is not has seen the future.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import BaseModel, ConfigDict

from mojoline.features.columns import FeatureColumn, read_feature_columns
from mojoline.features.connection import connect
from mojoline.features.errors import FeatureError, LeakageError
from mojoline.features.source_table import (
    BUILD_SCHEMA,
    build_schema,
    execute_script,
    read_script,
    require_load,
    run_script,
    stage_files,
)
from mojoline.features.staging import locate_files
from mojoline.model_spec import ModelSpec
from mojoline.stage_cache import StageRecord

Alter = Callable[[psycopg.Connection, datetime], None]

BEFORE = "mojoline_before"
AFTER = "mojoline_after"
EXISTENCE = "(whether the row exists)"


class Leak(BaseModel):
    """One feature that changed with the future: in how many rows, and one of them."""

    model_config = ConfigDict(frozen=True)

    feature: str
    rows: int
    entity_key: str


class LeakReport(StageRecord):
    """What came of one test: rows available by `moment`, targets altered, features that leak."""

    moment: datetime
    rows: int
    altered: int
    leaks: list[Leak]

    def describe(self) -> str:
        """The outcome in a sentence; of leaks, every feature and the next step."""
        if not self.leaks:
            return (
                f"{self.rows} rows: no feature changed with {self.altered} outcomes unknown at {self.moment}"
            )
        told = "; ".join(
            f"{leak.feature} in {leak.rows} rows (for one, {leak.entity_key})" for leak in self.leaks
        )
        return (
            f"features changed with outcomes that were unknown when they were available: {told}. "
            "Let the script use only what was known by then, or take them out of the model spec"
        )

    def require_none(self) -> None:
        """LeakageError naming every leaking feature, if there is one."""
        if self.leaks:
            raise LeakageError(self.describe())


def find_leaks(
    database_url: str,
    spec: ModelSpec,
    models_dir: Path,
    *,
    at: datetime | None = None,
    alter: Alter | None = None,
    lines: int | None = None,
) -> LeakReport:
    """Features of rows available by `at` that change when what was unknown at `at` is rewritten.

    Args:
        database_url: libpq URL; nothing in the database is changed.
        spec: a model with `source.load`.
        models_dir: directory of the spec.
        at: a moment in the terms of `source.available_at`; None takes the median of the rows.
        alter: gets the connection, with the staging tables `raw_<name>` in its search path, and `at`; None
            runs the script `source.load.future`.
        lines: how many lines of each file are looked at, the first ones; None for all.

    Raises:
        LeakageError: the target of no row was altered, so nothing was put to the test.
        FeatureError: no `source.load`, no script to alter by, or as in `load_source`.
    """
    load = require_load(spec)
    files = locate_files(load, models_dir)
    script = read_script(models_dir, load.sql)
    alter = alter or _future_script(spec, models_dir)
    bare = spec.model_copy(
        update={"source": spec.source.model_copy(update={"table": spec.source.table.split(".")[-1]})}
    )
    with (
        connect(database_url) as connection,
        connection.transaction(force_rollback=True),
        build_schema(connection),
    ):
        stage_files(connection, load, files, lambda _line: None, lines)
        with build_schema(connection, BEFORE, BUILD_SCHEMA):
            run_script(connection, bare, script, None)
            columns = read_feature_columns(connection, bare)
            moment = at or _median_moment(connection, bare)
            alter(connection, moment)
            with build_schema(connection, AFTER, BUILD_SCHEMA):
                run_script(connection, bare, script, None)
                return _compare(connection, bare, columns, moment)


def _future_script(spec: ModelSpec, models_dir: Path) -> Alter:
    name = require_load(spec).future
    if name is None:
        raise FeatureError(
            f"model {spec.name} has no source.load.future: name a script that rewrites what nobody knew "
            "at %(at)s"
        )
    script = read_script(models_dir, name)
    return lambda connection, at: execute_script(connection, script, "source.load.future", at=at)


def _median_moment(connection: psycopg.Connection, spec: ModelSpec) -> datetime:
    row = connection.execute(
        sql.SQL("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY {}::timestamp) FROM {}").format(
            sql.Identifier(spec.source.available_at), sql.Identifier(spec.source.table)
        )
    ).fetchone()
    if row is None or row[0] is None:
        raise LeakageError(f"{spec.source.table} has no row with {spec.source.available_at}: nothing to test")
    return datetime.fromisoformat(str(row[0]))


def _compare(
    connection: psycopg.Connection, spec: ModelSpec, columns: Sequence[FeatureColumn], at: datetime
) -> LeakReport:
    """What differs between the two builds, in rows available by `at`."""
    both = sql.SQL("a.key IS NOT NULL AND b.key IS NOT NULL AND a.{0} IS DISTINCT FROM b.{0}")
    differences = {EXISTENCE: sql.Composed([sql.SQL("(a.key IS NULL OR b.key IS NULL)")])}
    differences |= {column.name: both.format(sql.Identifier(column.name)) for column in columns}
    available = sql.SQL("coalesce(a.available, b.available) <= {}").format(sql.Literal(at))
    counted = sql.SQL(", ").join(
        sql.SQL("count(*) FILTER (WHERE {0}), min(coalesce(a.key, b.key)) FILTER (WHERE {0})").format(
            sql.SQL("{} AND {}").format(available, difference)
        )
        for difference in differences.values()
    )
    row = connection.execute(
        sql.SQL(
            "SELECT count(*) FILTER (WHERE {}),"
            " count(*) FILTER (WHERE a.target IS DISTINCT FROM b.target), {}"
            " FROM ({}) a FULL JOIN ({}) b ON a.key = b.key"
        ).format(available, counted, _rows(spec, columns, BEFORE), _rows(spec, columns, AFTER))
    ).fetchone()
    rows, altered, *found = row or (0, 0)
    if not rows or not altered:
        raise LeakageError(
            f"of the rows around {at}, {rows} were available by then and {altered} targets were altered: the "
            "guard has tested nothing. Give it more lines, or let the script alter what was unknown then"
        )
    leaks = [
        Leak(feature=name, rows=rows, entity_key=key)
        for name, rows, key in zip(differences, found[::2], found[1::2], strict=True)
        if rows
    ]
    return LeakReport(moment=at, rows=rows, altered=altered, leaks=leaks)


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
