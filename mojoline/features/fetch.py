"""Rows as a caller of the prediction API would send them."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from mojoline.features.columns import check_columns, cold_path, read_source_columns
from mojoline.features.connection import connect
from mojoline.features.selection import WindowQuery
from mojoline.model_spec import ModelSpec

FETCH_BLOCK = 2000


def fetch_rows(
    database_url: str,
    spec: ModelSpec,
    *,
    since: datetime | None,
    until: datetime | None,
    limit: int | None = None,
) -> Iterator[dict[str, object]]:
    """Rows with `since` <= event time < `until`, oldest first: entity key, event time, every feature.

    The event time is a datetime; features are JSON values under their names in the spec (cold ones by key
    path), missing ones None. Rows are streamed in blocks; the target is not among them.
    """
    with connect(database_url) as connection, connection.transaction():
        check_columns(spec, read_source_columns(connection, spec.source.table))
        selected: list[sql.Composable] = [
            sql.Identifier(name)
            for name in (spec.source.entity_key, spec.source.event_time, *spec.features.hot)
        ]
        if spec.features.cold:
            selected += [
                sql.SQL("{} AS {}").format(cold_path(spec.features.cold, key), sql.Identifier(key))
                for key in spec.features.cold.keys
            ]
        query = WindowQuery(spec, since, until).select(selected, limit=limit)
        with psycopg.ServerCursor(connection, "rows", row_factory=dict_row) as cursor:
            cursor.itersize = FETCH_BLOCK
            for row in cursor.execute(query):
                yield _plain(row)


def _plain(row: dict[str, object]) -> dict[str, object]:
    """The row with JSON values: `numeric` as float, NaN as missing."""
    return {
        name: float(value) if isinstance(value, Decimal) else None if value != value else value
        for name, value in row.items()
    }
