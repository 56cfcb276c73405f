"""Which columns of the source table a model reads, and how each is read in SQL."""

from dataclasses import dataclass
from typing import Literal

import psycopg
from psycopg import sql
from pydantic import BaseModel, ConfigDict

from mojoline.features.errors import FeatureError
from mojoline.model_spec import ColdSpec, ModelSpec

NUMERIC_TYPES = frozenset({"int2", "int4", "int8", "float4", "float8", "numeric", "bool"})
TEXT_TYPES = frozenset({"text", "varchar", "bpchar", "name", "uuid", "enum"})
TIME_TYPES = frozenset({"timestamp", "timestamptz", "date"})

ColumnType = Literal["numeric", "categorical"]


class SnapshotColumn(BaseModel):
    """One feature: its name in every later stage, and how it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: ColumnType


@dataclass(frozen=True)
class FeatureColumn:
    """One feature while it is read: name, type, and the SQL that gives float8 or text."""

    name: str
    type: ColumnType
    expression: sql.Composed

    @property
    def public(self) -> SnapshotColumn:
        """What later stages know of it."""
        return SnapshotColumn(name=self.name, type=self.type)


@dataclass(frozen=True)
class SourceColumns:
    """The columns of a source table and their types (`pg_type.typname`; enums as `enum`)."""

    table: str
    types: dict[str, str]

    def require(self, name: str, role: str) -> str:
        """The type of column `name`; FeatureError naming it and what the table has instead."""
        if name not in self.types:
            raise FeatureError(
                f"table {self.table} has no column {name!r} ({role}); its columns are "
                f"{', '.join(self.types)}. Correct the name in the model spec or add the column"
            )
        return self.types[name]


def table_name(name: str) -> sql.Identifier:
    """`schema.table` or `table` as an identifier."""
    return sql.Identifier(*name.split("."))


def read_source_columns(connection: psycopg.Connection, table: str) -> SourceColumns:
    """The columns of `table`; FeatureError if there is no such table."""
    rows = connection.execute(
        "SELECT a.attname, CASE t.typtype WHEN 'e' THEN 'enum' ELSE t.typname END"
        " FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
        " WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        (table_name(table).as_string(connection),),
    ).fetchall()
    if not rows:
        raise FeatureError(
            f"there is no table {table}; load it first (stage source_table) or correct source.table in the "
            "model spec"
        )
    return SourceColumns(table, dict(rows))


def check_columns(spec: ModelSpec, columns: SourceColumns) -> None:
    """FeatureError for the first column the spec names that is missing or of a type it cannot have."""
    columns.require(spec.source.entity_key, "source.entity_key")
    columns.require(spec.target.column, "target.column")
    for name, role in ((spec.source.event_time, "event_time"), (spec.source.available_at, "available_at")):
        kind = columns.require(name, f"source.{role}")
        if kind not in TIME_TYPES:
            raise FeatureError(f"column {name!r} (source.{role}) is {kind}; it must be a timestamp or a date")
    for name in spec.features.hot:
        _hot_column(columns, name)
    if spec.features.cold:
        kind = columns.require(spec.features.cold.column, "features.cold.column")
        if kind != "jsonb":
            raise FeatureError(
                f"column {spec.features.cold.column!r} (features.cold.column) is {kind}, not jsonb"
            )


def read_feature_columns(connection: psycopg.Connection, spec: ModelSpec) -> list[FeatureColumn]:
    """The features in the order of the spec, each with its type and its SQL.

    Hot ones have the type of their column. A cold key is numeric if every value in the table is a number or a
    boolean, categorical if any is text; FeatureError if it is nowhere, or an object or array somewhere.
    """
    columns = read_source_columns(connection, spec.source.table)
    check_columns(spec, columns)
    features = [_hot_column(columns, name) for name in spec.features.hot]
    if spec.features.cold:
        cold = spec.features.cold
        types = sql.SQL(", ").join(
            sql.SQL("array_agg(DISTINCT jsonb_typeof({}))").format(cold_path(cold, key)) for key in cold.keys
        )
        query = sql.SQL("SELECT {} FROM {}").format(types, table_name(spec.source.table))
        found = connection.execute(query).fetchone() or ()
        features += [
            _cold_column(cold, key, set(kinds or ()), spec.source.table)
            for key, kinds in zip(cold.keys, found, strict=True)
        ]
    return features


def _hot_column(columns: SourceColumns, name: str) -> FeatureColumn:
    kind = columns.require(name, "features.hot")
    value = sql.SQL("{}").format(sql.Identifier(name))
    if kind in NUMERIC_TYPES:
        return FeatureColumn(name, "numeric", _number(value, boolean=kind == "bool"))
    if kind in TEXT_TYPES:
        return FeatureColumn(name, "categorical", sql.SQL("{}::text").format(value))
    raise FeatureError(
        f"column {name!r} (features.hot) is {kind}: neither number nor text; derive one in the table, for "
        "instance minutes from a timestamp"
    )


def _cold_column(cold: ColdSpec, key: str, kinds: set[str | None], table: str) -> FeatureColumn:
    present = {kind for kind in kinds if kind not in (None, "null")}
    where = f"features.cold.keys: {key!r} in column {cold.column!r}"
    if not present:
        raise FeatureError(f"{where} has a value in no row of {table}; correct the path or remove the key")
    if present & {"object", "array"}:
        raise FeatureError(f"{where} is an {' or '.join(sorted(map(str, present)))}; name a key inside it")
    value = sql.SQL("({} #>> {})").format(sql.Identifier(cold.column), sql.Literal(key.split(".")))
    if "string" in present:
        return FeatureColumn(key, "categorical", value)
    return FeatureColumn(key, "numeric", _number(value, boolean="boolean" in present))


def cold_path(cold: ColdSpec, key: str) -> sql.Composed:
    """SQL of one cold key as jsonb."""
    return sql.SQL("({} #> {})").format(sql.Identifier(cold.column), sql.Literal(key.split(".")))


def _number(value: sql.Composed, *, boolean: bool) -> sql.Composed:
    """`value` as float8, NaN as NULL; where booleans occur, true is 1."""
    if boolean:
        true_is_one = "(CASE {0}::text WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE {0}::text::float8 END)"
        value = sql.SQL(true_is_one).format(value)
    return sql.SQL("nullif({}::float8, 'NaN')").format(value)
