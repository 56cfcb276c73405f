# mypy: disable-error-code="attr-defined, no-untyped-call"
# pyarrow has no types: names it imports from other modules are not seen as exported.
"""The columns of a snapshot as arrays, as the scorer takes them."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mojoline.features.snapshot import Snapshot
from mojoline.training.errors import TrainingError

Table: TypeAlias = Any  # pyarrow has no types
Columns: TypeAlias = dict[str, NDArray[Any]]


def read_table(snapshot: Snapshot) -> Table:
    """All rows of a snapshot, ordered by event time and entity key."""
    return pq.read_table(snapshot.file(snapshot.parquet))


def numeric_names(snapshot: Snapshot) -> list[str]:
    """The numeric features, in the order of the spec."""
    return [column.name for column in snapshot.columns if column.type == "numeric"]


def categorical_names(snapshot: Snapshot) -> list[str]:
    """The categorical features, in the order of the spec."""
    return [column.name for column in snapshot.columns if column.type == "categorical"]


def as_columns(table: Table, names: Sequence[str]) -> Columns:
    """Name -> n values: float64 with NaN for missing, or objects (text, None for missing)."""
    return {name: _as_array(table.column(name)) for name in names}


def stack(columns: Columns, names: Sequence[str]) -> NDArray[np.float64]:
    """float64[n, k] of k numeric columns."""
    return np.column_stack([columns[name] for name in names]).astype(np.float64, copy=False)


def require_values(columns: Columns, names: Sequence[str]) -> None:
    """TrainingError naming the numeric columns that have no value, or one that is not finite."""
    empty = [name for name in names if np.isnan(columns[name]).all()]
    if empty:
        raise TrainingError(
            f"{', '.join(empty)}: no value in any of {len(columns[empty[0]])} rows. Fill the column in the "
            "source table or take it out of the features of the model spec"
        )
    infinite = [name for name in names if np.isinf(columns[name]).any()]
    if infinite:
        raise TrainingError(
            f"{', '.join(infinite)}: an infinite value, which no mean and no model can take. Write NULL or a "
            "finite number in the source table"
        )


def _as_array(column: Any) -> NDArray[Any]:  # noqa: ANN401 - a column of a Table
    if pa.types.is_floating(column.type):
        return np.asarray(column.to_numpy(), dtype=np.float64)
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=object)
