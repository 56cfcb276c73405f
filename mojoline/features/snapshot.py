"""The snapshot: training rows as one REPEATABLE READ, READ ONLY transaction saw them, as Parquet.

Whatever is written meanwhile, every row comes from one point in time. The digest is taken over the rows as
PostgreSQL writes them, in a fixed order: the same rows give the same digest, whatever Parquet's writer does.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from mojoline.features.columns import FeatureColumn, SnapshotColumn, read_feature_columns, table_name
from mojoline.features.connection import connect
from mojoline.features.errors import FeatureError
from mojoline.features.parquet import write_parquet
from mojoline.features.selection import WindowQuery
from mojoline.model_spec import ModelSpec
from mojoline.stage_cache import StageRecord

ROWS_FILE = "rows.parquet"


class Snapshot(StageRecord):
    """Rows a training run sees, and proof of the transaction that read them.

    `parquet` holds the entity key (text), the event time (timestamp, UTC or the table's own wall clock), the
    target (level as text, or float64) and then every column of `columns`: float64 with null for missing, or
    text. Rows without a target are left out; rows are ordered by event time, then entity key.
    """

    rows: int
    digest: str
    isolation_level: str
    snapshot_id: str
    lsn: str
    since: datetime | None
    until: datetime | None
    columns: list[SnapshotColumn]
    parquet: str = ROWS_FILE


def extract_snapshot(
    database_url: str,
    spec: ModelSpec,
    directory: Path,
    *,
    since: datetime | None,
    until: datetime | None,
    exported: str | None = None,
) -> Snapshot:
    """Write the training rows of `spec` with `since` <= event time < `until` into `directory`.

    Args:
        database_url: libpq URL; the user needs no more than SELECT on the table.
        spec: the model.
        directory: where `rows.parquet` is written; it exists.
        since: first event time, in the column's own terms (with a zone: its wall clock in UTC); None for all.
        until: event times are before this one; None for all.
        exported: id of a snapshot another transaction holds open (`pg_export_snapshot`), to read exactly what
            it sees; None takes a new one.

    Raises:
        FeatureError: table or column missing, a column of the wrong type, no rows, or target levels that do
            not fit the task.
    """
    with connect(database_url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            # Locked before the snapshot is taken: a load that replaced the table between the two would leave
            # a snapshot in which the new table has no rows.
            _lock(connection, spec)
            if exported is not None:
                connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(exported)))
            proof = read_proof(connection)
            columns = read_feature_columns(connection, spec)
            scratch = directory / "rows.csv"
            digest = _copy_rows(connection, spec, columns, WindowQuery(spec, since, until), scratch)
    try:
        rows, levels = write_parquet(scratch, directory / ROWS_FILE, spec, columns)
    finally:
        scratch.unlink(missing_ok=True)
    if rows == 0:
        raise FeatureError(
            f"{spec.source.table} has no row with a target between {since or 'its beginning'} and "
            f"{until or 'its end'}; widen the window or load more"
        )
    _check_levels(spec, levels)
    return Snapshot(
        rows=rows,
        digest=digest,
        since=since,
        until=until,
        columns=[column.public for column in columns],
        **proof,
        directory=directory.absolute(),
    )


def _lock(connection: psycopg.Connection, spec: ModelSpec) -> None:
    try:
        connection.execute(
            sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(table_name(spec.source.table))
        )
    except psycopg.errors.UndefinedTable:
        raise FeatureError(
            f"there is no table {spec.source.table}; load it first (stage source_table) or correct "
            "source.table in the model spec"
        ) from None


def read_proof(connection: psycopg.Connection) -> dict[str, str]:
    """Isolation level, snapshot and write-ahead log position, as the server tells them."""
    row = connection.execute(
        "SELECT current_setting('transaction_isolation'), pg_current_snapshot()::text,"
        " (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text"
    ).fetchone()
    assert row is not None  # noqa: S101 (a SELECT without FROM gives one row)
    return dict(zip(("isolation_level", "snapshot_id", "lsn"), map(str, row), strict=True))


def _copy_rows(
    connection: psycopg.Connection,
    spec: ModelSpec,
    columns: Sequence[FeatureColumn],
    window: WindowQuery,
    path: Path,
) -> str:
    """COPY the rows to a CSV file; the sha256 (hex) of their columns and content."""
    header = "\n".join(f"{column.name}\t{column.type}" for column in columns)
    digest = hashlib.sha256(f"{spec.target.column}\t{spec.target.task}\n{header}\n".encode())
    target = sql.Identifier(spec.target.column)
    selected = [
        sql.SQL("{}::text").format(sql.Identifier(spec.source.entity_key)),
        sql.SQL("{}::timestamp").format(sql.Identifier(spec.source.event_time)),
        sql.SQL("{}::{}").format(target, sql.SQL("float8" if spec.target.task == "regression" else "text")),
        *(column.expression for column in columns),
    ]
    query = window.select(selected, where=sql.SQL("{} IS NOT NULL").format(target))
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)
    with connection.cursor() as cursor, path.open("wb") as file, cursor.copy(statement) as copy:
        for chunk in copy:
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _check_levels(spec: ModelSpec, levels: set[str]) -> None:
    """FeatureError if the target's levels do not fit the task."""
    if spec.target.task == "regression":
        return
    shown = ", ".join(repr(level) for level in sorted(levels)[:10])
    column = f"target {spec.target.column!r}"
    if len(levels) < 2:
        raise FeatureError(f"{column} has the one level {shown}: there is nothing to learn; widen the window")
    if spec.target.task == "binary" and (len(levels) != 2 or spec.target.positive not in levels):
        raise FeatureError(
            f"{column} has the levels {shown}; task binary needs two, one of them {spec.target.positive!r}"
        )
