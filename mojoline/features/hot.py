"""Stored features of single entities, for a server on an event loop: one round trip for many of them.

An entity is a row of the source table; of several rows the latest by event time counts. Names come from a
checked model spec, values are parameters. The driver is the caller's: anything with asyncpg's `fetch`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Literal, Protocol

from mojoline.features.errors import FeatureError
from mojoline.model_spec import ModelSpec

Kind = Literal["numeric", "categorical"]

_BOOLEANS = {"true": 1.0, "false": 0.0}


class Connection(Protocol):
    """What is used of a connection of asyncpg."""

    async def fetch(self, query: str, *args: Any) -> Sequence[Any]:  # noqa: ANN401 - any SQL value
        """The rows of a query."""
        ...


@dataclass(frozen=True)
class StoredRow:
    """The features of one entity as JSON values, and when they were known (UTC)."""

    features: dict[str, float | str | None]
    available_at: datetime


@dataclass(frozen=True)
class HotQuery:
    """The query of one model over its source table; make it with `prepare_query`."""

    text: str
    paths: tuple[list[str], ...]  # of the cold features, the query's parameters after the keys
    columns: tuple[tuple[str, Kind], ...]


async def prepare_query(connection: Connection, spec: ModelSpec, kinds: Mapping[str, Kind]) -> HotQuery:
    """The query for the features in `kinds` (name -> kind) that the spec stores.

    Raises:
        FeatureError: there is no such table, or it has no entity key.
    """
    source, cold = spec.source, spec.features.cold
    table = ".".join(map(_quote, source.table.split(".")))
    found = await connection.fetch(
        "SELECT format_type(atttypid, atttypmod) AS type FROM pg_attribute"
        " WHERE attrelid = to_regclass($1) AND attname = $2 AND NOT attisdropped",
        *(table, source.entity_key),
    )
    if not found:
        raise FeatureError(
            f"there is no column {source.entity_key} in a table {source.table}: load it, or correct source "
            f"in the spec of {spec.name}"
        )
    selected = []
    columns: list[tuple[str, Kind]] = []
    paths: list[list[str]] = []
    for name in spec.features.names:
        if name not in kinds:
            continue
        if name in spec.features.hot:
            value = f"t.{_quote(name)}" + ("::text" if kinds[name] == "categorical" else "")
        else:
            assert cold is not None  # noqa: S101 - names that are not hot are cold
            paths.append(name.split("."))
            value = f"t.{_quote(cold.column)} #>> ${len(paths) + 1}"
        selected.append(f", {value}")
        columns.append((name, kinds[name]))
    text = (
        f"SELECT wanted.place, found.* FROM unnest($1::text[]::{found[0]['type']}[])"  # noqa: S608 - quoted
        f" WITH ORDINALITY AS wanted (key, place) CROSS JOIN LATERAL ("
        f"SELECT t.{_quote(source.available_at)}{''.join(selected)}"
        f" FROM {table} AS t WHERE t.{_quote(source.entity_key)} = wanted.key"
        f" ORDER BY t.{_quote(source.event_time)} DESC LIMIT 1) AS found"
    )
    return HotQuery(text, tuple(paths), tuple(columns))


async def fetch_hot(
    connection: Connection, query: HotQuery, entity_keys: Sequence[str]
) -> list[StoredRow | None]:
    """The stored features of each entity, in the order asked; None for one the table does not have.

    Whatever the driver raises goes through; a key that is no value of the key's type is its `DataError`.

    Raises:
        FeatureError: a stored value of a numeric feature is no number.
    """
    stored: list[StoredRow | None] = [None] * len(entity_keys)
    for place, available_at, *values in await connection.fetch(query.text, list(entity_keys), *query.paths):
        features = {
            name: _number(name, value) if kind == "numeric" else value
            for (name, kind), value in zip(query.columns, values, strict=True)
        }
        stored[place - 1] = StoredRow(features, _moment(available_at))
    return stored


def _number(name: str, value: Any) -> float | None:  # noqa: ANN401 - bool, number, or text of a cold key
    """A number as training read it: true is 1, NaN is missing."""
    if value is None:
        return None
    number = _BOOLEANS.get(value) if isinstance(value, str) else None
    try:
        number = float(value) if number is None else number
    except ValueError:
        raise FeatureError(f"the stored {name} of an entity is {value!r}: a number is needed") from None
    return None if math.isnan(number) else number


def _moment(value: date | datetime) -> datetime:
    """A time as an instant; one without a zone is the wall clock of UTC, as everywhere in the project."""
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _quote(identifier: str) -> str:
    """A name of a spec (letters, digits, underscores) as SQL keeps its case."""
    return f'"{identifier}"'
