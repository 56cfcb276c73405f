# mypy: disable-error-code="attr-defined, no-untyped-call"
# pyarrow has no types: names it imports from other modules are not seen as exported.
"""Golden rows: raw rows of the test part with the live cluster's own predictions.

Some have values taken away, some have levels nobody has seen; the rest is as it was in the table.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mojo_scorer
import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from mojoline.features.snapshot import Snapshot
from mojoline.registry.golden import GoldenRows
from mojoline.training.h2o_frames import download_numbers, upload_table
from mojoline.training.reduction import Reduction, score_components
from mojoline.training.snapshot_columns import (
    Columns,
    Table,
    as_columns,
    categorical_names,
    numeric_names,
    read_table,
)

GOLDEN_FILE = "golden.jsonl"
ROWS = 1000
BLOTTED = 120  # of each kind; at least 100 are promised
UNSEEN_LEVEL = "no-such-level"

Row = dict[str, Any]


class GoldenCounts(BaseModel):
    """How many golden rows there are, with missing values, with unseen levels; how far the scorer was off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    missing_rows: int
    unseen_rows: int
    max_abs_diff: float


@dataclass(frozen=True)
class RawRows:
    """Rows as they are in the source table: column -> value, None for missing."""

    numeric: Sequence[str]
    categorical: Sequence[str]
    rows: Sequence[Row]

    @classmethod
    def of_test_part(cls, snapshot: Snapshot, reduction: Reduction, limit: int = ROWS) -> "RawRows":
        """At most `limit` rows, spread evenly over the test part: the last rows of the snapshot."""
        numeric, categorical = numeric_names(snapshot), categorical_names(snapshot)
        first = reduction.rows - reduction.test_rows
        picked = [first + at for at in spread_evenly(reduction.test_rows, limit)]
        table = read_table(snapshot).select([*numeric, *categorical]).take(picked)
        return cls(numeric, categorical, table.to_pylist())

    def columns(self) -> Columns:
        """The rows by column: float64 with NaN, or objects with None."""
        return as_columns(self._table(), [*self.numeric, *self.categorical])

    def model_rows(self, reduction: Reduction) -> list[Row]:
        """The rows as the main model takes them: components instead of what was reduced."""
        return [dict(row) for row in self.model_table(reduction).to_pylist()]

    def model_table(self, reduction: Reduction) -> Table:
        """The columns the main model takes, null for missing."""
        kept = [name for name in (*self.numeric, *self.categorical) if name not in reduction.inputs]
        table = self._table()
        columns = {name: table.column(name) for name in kept}
        if reduction.mojo is not None:
            components = score_components(reduction.file(reduction.mojo), self.columns(), reduction.impute)
            columns = {**dict(zip(reduction.component_names, components.T, strict=True)), **columns}
        return pa.table(columns)

    def _table(self) -> Table:
        numbers = [(name, pa.float64()) for name in self.numeric]
        levels = [(name, pa.string()) for name in self.categorical]
        return pa.Table.from_pylist(list(self.rows), schema=pa.schema(numbers + levels))


def write_golden(
    directory: Path,
    model: Any,  # noqa: ANN401 - an untyped client
    scorer: mojo_scorer.Model,
    reduction: Reduction,
    raw: RawRows,
    *,
    seed: int,
) -> GoldenCounts:
    """Write golden.jsonl: `raw`, partly blotted, with the predictions of `model` in the live cluster.

    The cluster gets the columns the main model takes: components by the reducer's MOJO after the imputation.
    Unseen levels it gets as they are: for GBM, GLM and XGBoost it treats them as the MOJO does, as missing.
    """
    known = {name: levels for name, levels in scorer.domains.items() if name in raw.categorical}
    blotted = RawRows(raw.numeric, raw.categorical, blot_rows(raw.rows, known, seed))
    table = blotted.model_table(reduction)
    frame = upload_table(table, directory)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the unseen levels, which are meant
        predicted = model.predict(frame)
    expected = download_numbers(predicted, scorer.output_names, directory)
    columns: Columns = as_columns(table, table.column_names)
    scores = scorer.score(scorer.matrix(columns))
    golden = GoldenRows(
        [*raw.numeric, *raw.categorical], scorer.output_names, blotted.rows, expected.tolist()
    )
    golden.write(directory / GOLDEN_FILE)
    return GoldenCounts(
        rows=len(golden),
        missing_rows=golden.missing_rows(),
        unseen_rows=golden.unseen_rows(known),
        max_abs_diff=float(np.abs(scores - expected).max()),
    )


def spread_evenly(count: int, limit: int) -> list[int]:
    """At most `limit` of the positions 0..count-1, spread evenly over all of them."""
    return list(range(count)) if count <= limit else [index * count // limit for index in range(limit)]


def blot_rows(rows: Sequence[Row], domains: Mapping[str, Sequence[str]], seed: int) -> list[Row]:
    """The rows, 120 of them with one to three values taken away and 120 others with an unseen level.

    Args:
        rows: column -> value, None for missing.
        domains: categorical column -> its training levels. Without any, no level can be unseen.
        seed: of the choice of rows and columns.
    """
    rng = np.random.default_rng(seed)
    blotted = [dict(row) for row in rows]
    order = [int(at) for at in rng.permutation(len(blotted))]
    for at in order[:BLOTTED]:
        present = [name for name, value in blotted[at].items() if value is not None]
        for name in rng.permutation(present)[: rng.integers(1, 4)]:
            blotted[at][str(name)] = None
    names = sorted(domains)
    for turn, at in enumerate(order[BLOTTED : 2 * BLOTTED] if names else []):
        name = names[turn % len(names)]
        blotted[at][name] = unseen_level(domains[name])
    return blotted


def unseen_level(levels: Sequence[str]) -> str:
    """A level that is not among `levels`."""
    level = UNSEEN_LEVEL
    while level in levels:
        level += "-"
    return level
