"""The training data as histograms, frozen when a version is packaged: no later row can move the yardstick.

Numeric columns: one bin of its own for every value that holds 10 % of the mass or more (zeros, defaults), the
rest in quantile bins of about 10 % each with open outer bins, and a bin for missing values. Categorical
columns: the top 20 levels, the other training levels together, levels never seen in training, and missing
values.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from mojoline.drift.errors import DriftError

QUANTILE_BINS = 10
HEAVY_SHARE = 0.1
TOP_LEVELS = 20

OTHER = "__other__"
UNSEEN = "__unseen__"
MISSING = "NA"

Counts: TypeAlias = NDArray[np.int64]
Values: TypeAlias = NDArray[Any] | Sequence[Any]
Kind: TypeAlias = Literal["numeric", "categorical"]


class NumericBaseline(BaseModel):
    """Bins of one numeric column: `len(edges) + 1` intervals, then `heavy` values, then missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["numeric"] = "numeric"
    edges: list[float] = Field(
        description="inner edges; a value equal to an edge belongs to the bin below it"
    )
    heavy: list[float] = Field(description="values with a bin of their own")
    low: float | None = Field(description="smallest training value")
    high: float | None = Field(description="largest training value")
    counts: list[int]

    @property
    def labels(self) -> list[str]:
        """One name per bin, in the order of `counts`."""
        bounds = ["-inf", *(f"{edge:g}" for edge in self.edges), "inf"]
        intervals = [f"({low}, {high}]" for low, high in pairwise(bounds)]
        return [*intervals, *(f"={value:g}" for value in self.heavy), MISSING]

    def count(self, values: Values) -> Counts:
        """Rows per bin for numbers (array or list; None and NaN are missing)."""
        numbers = _as_numbers(values)
        present = numbers[~np.isnan(numbers)]
        counts = np.zeros(len(self.edges) + len(self.heavy) + 2, dtype=np.int64)
        counts[-1] = len(numbers) - len(present)
        for position, value in enumerate(self.heavy):
            same = present == value
            counts[len(self.edges) + 1 + position] = int(np.count_nonzero(same))
            present = present[~same]
        inside = np.searchsorted(np.asarray(self.edges, dtype=np.float64), present, side="left")
        counts[: len(self.edges) + 1] = np.bincount(inside, minlength=len(self.edges) + 1)
        return counts


class CategoricalBaseline(BaseModel):
    """Bins of one categorical column: `levels`, then the `other` training levels, unseen ones, missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["categorical"] = "categorical"
    levels: list[str]
    other: list[str]
    counts: list[int]

    @property
    def labels(self) -> list[str]:
        """One name per bin, in the order of `counts`."""
        return [*self.levels, OTHER, UNSEEN, MISSING]

    def count(self, values: Values) -> Counts:
        """Rows per bin for levels (array or list; None and NaN are missing)."""
        positions = {level: position for position, level in enumerate(self.levels)}
        positions.update(dict.fromkeys(self.other, len(self.levels)))
        counts = np.zeros(len(self.levels) + 3, dtype=np.int64)
        for level, rows in Counter(_as_levels(values)).items():
            position = len(self.levels) + 2 if level is None else positions.get(level, len(self.levels) + 1)
            counts[position] += rows
        return counts


ColumnBaseline: TypeAlias = Annotated[NumericBaseline | CategoricalBaseline, Field(discriminator="type")]


class Baseline(BaseModel):
    """What `baseline.json` holds: one histogram per feature, and one of the prediction where it was known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    rows: int
    columns: dict[str, ColumnBaseline]
    prediction: ColumnBaseline | None = None


def fit_baseline(
    columns: Mapping[str, Values], *, types: Mapping[str, Kind], prediction: Values | None = None
) -> Baseline:
    """Histograms of training columns.

    Args:
        columns: name -> n values each (array or list; None and NaN are missing).
        types: name -> "numeric" or "categorical", for every column.
        prediction: the model's own n outputs on the same rows: its last output column (the second class's
            probability, or the value of a regression), or with more than two classes the labels.

    Raises:
        DriftError: a column without a type, a type without a column, columns of unequal length, or a
            value of the wrong kind.
    """
    if set(columns) != set(types):
        odd = ", ".join(sorted(set(columns) ^ set(types)))
        raise DriftError(f"columns and types must name the same columns; only one of them has: {odd}")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DriftError(f"columns of one baseline have equal lengths; got {lengths}")
    fitted = {name: _fit_column(name, values, types[name]) for name, values in columns.items()}
    outputs = None
    if prediction is not None:
        kind: Kind = "categorical" if _holds_text(prediction) else "numeric"
        outputs = _fit_column("prediction", prediction, kind)
    return Baseline(rows=next(iter(lengths.values()), 0), columns=fitted, prediction=outputs)


def count_bins(column: ColumnBaseline, values: Values) -> Counts:
    """Rows per bin (int64, in the order of `column.labels`) for n values; DriftError on a wrong kind."""
    return column.count(values)


def _fit_column(name: str, values: Values, kind: Kind) -> ColumnBaseline:
    try:
        return _fit_numeric(values) if kind == "numeric" else _fit_categorical(values)
    except DriftError as error:
        raise DriftError(f"column '{name}': {error}") from error


def _fit_numeric(values: Values) -> NumericBaseline:
    numbers = _as_numbers(values)
    finite = numbers[np.isfinite(numbers)]
    distinct, rows = np.unique(finite, return_counts=True)
    is_heavy = rows >= max(HEAVY_SHARE * len(finite), 1.0)
    heavy = [float(value) for value in distinct[is_heavy]]
    rest = finite[~np.isin(finite, distinct[is_heavy])]
    bins = max(1, math.ceil(QUANTILE_BINS * len(rest) / len(finite))) if len(finite) else 1
    edges: list[float] = []
    if len(rest):
        cuts = np.quantile(rest, np.arange(1, bins) / bins, method="inverted_cdf")
        # an edge at the largest value would leave the bin above it empty
        edges = [float(edge) for edge in np.unique(cuts) if edge < rest.max()]
    empty = NumericBaseline(
        edges=edges,
        heavy=heavy,
        low=float(finite.min()) if len(finite) else None,
        high=float(finite.max()) if len(finite) else None,
        counts=[],
    )
    return empty.model_copy(update={"counts": empty.count(numbers).tolist()})


def _fit_categorical(values: Values) -> CategoricalBaseline:
    found = Counter(level for level in _as_levels(values) if level is not None)
    ranked = sorted(found, key=lambda level: (-found[level], level))
    empty = CategoricalBaseline(levels=ranked[:TOP_LEVELS], other=sorted(ranked[TOP_LEVELS:]), counts=[])
    return empty.model_copy(update={"counts": empty.count(values).tolist()})


def _as_numbers(values: Values) -> NDArray[np.float64]:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return np.asarray(values, dtype=np.float64)
    numbers = np.empty(len(values), dtype=np.float64)
    for index, value in enumerate(values):
        if value is None:
            numbers[index] = np.nan
        elif isinstance(value, (bool, int, float, np.number, np.bool_)):
            numbers[index] = float(value)
        else:
            raise DriftError(f"row {index} holds {value!r}; a numeric column takes numbers and None")
    return numbers


def _as_levels(values: Values) -> Iterator[str | None]:
    for value in values:
        if value is None or (isinstance(value, float) and math.isnan(value)):
            yield None
        else:
            yield str(value)


def _holds_text(values: Values) -> bool:
    return any(isinstance(value, str) for value in values)
