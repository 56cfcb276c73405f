"""Which rows of a source table are read, and in which order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from mojoline.features.columns import table_name
from mojoline.model_spec import ModelSpec


@dataclass(frozen=True)
class WindowQuery:
    """Rows with `since` <= event time < `until`, in order of event time and entity key."""

    spec: ModelSpec
    since: datetime | None
    until: datetime | None

    def select(
        self,
        selected: Sequence[sql.Composable],
        *,
        where: sql.Composable | None = None,
        limit: int | None = None,
    ) -> sql.Composed:
        """The SELECT of those expressions; values are written into it, so that COPY can take it."""
        time = sql.Identifier(self.spec.source.event_time)
        conditions: list[sql.Composable] = [where] if where is not None else []
        if self.since is not None:
            conditions.append(sql.SQL("{} >= {}").format(time, sql.Literal(self.since)))
        if self.until is not None:
            conditions.append(sql.SQL("{} < {}").format(time, sql.Literal(self.until)))
        return sql.SQL("SELECT {} FROM {}{} ORDER BY {}, {}::text COLLATE {}{}").format(
            sql.SQL(", ").join(selected),
            table_name(self.spec.source.table),
            sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(conditions)) if conditions else sql.SQL(""),
            time,
            sql.Identifier(self.spec.source.entity_key),
            sql.Identifier("C"),
            sql.SQL(" LIMIT {}").format(sql.Literal(limit)) if limit is not None else sql.SQL(""),
        )
