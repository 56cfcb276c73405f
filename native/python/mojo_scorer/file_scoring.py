"""Score whole files in pieces: `python -m mojo_scorer score FILE INPUT OUTPUT`."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mojo_scorer._core import Model, RowError
from mojo_scorer.input_table import open_table
from mojo_scorer.output_file import open_whole

if TYPE_CHECKING:
    from mojo_scorer._core import Unseen


@dataclass
class Progress:
    """How far a run is.

    `absent` are the features that the input has no column of, `share` is the part of it that is read, from
    0 to 1 (0 of a pipe).
    """

    absent: list[str] = field(default_factory=list)
    rows: int = 0
    share: float = 0.0
    started: float = field(default_factory=time.perf_counter)
    missing: Counter[str] = field(default_factory=Counter)
    unseen: Counter[str] = field(default_factory=Counter)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    @property
    def rows_per_second(self) -> float:
        """Rows per second since the start, reading and writing included."""
        return self.rows / max(self.seconds, 1e-9)


def check_columns(model: Model, names: list[str], source: Path) -> list[str]:
    """Return the model's features that a table does not have; refuse one that has none of its columns."""
    features, given = model.feature_names, set(names)
    if given.isdisjoint([*features, model.offset_column]):
        told = f"{source} has no column of the model: it has {quote(names)}, the model {quote(features)}"
        for mark, name in {";": "semicolons", "\t": "tabs"}.items():
            if len(names) == 1 and mark in names[0]:
                told += f". Its cells seem to be separated by {name}: separate them by commas"
        raise ValueError(told)
    return [name for name in features if name not in given]


def quote(names: list[str]) -> str:
    """Show the first few of some names, each not too long."""
    return ", ".join(repr(name if len(name) <= 40 else name[:40] + "...") for name in names[:4]) + (
        ", ..." if len(names) > 4 else ""
    )


def score_file(
    model: Model,
    source: Path,
    output: Path,
    *,
    calibrated: bool = False,
    unseen: Unseen = "na",
    report: Callable[[Progress], None] | None = None,
) -> Progress:
    """Score a CSV or Parquet file into a CSV file: labels or values, then each output.

    Args:
        model: The model.
        source: A CSV file with a header, or a file whose name ends in .parquet.
        output: The CSV file to write; its rows are in the order of the input. See open_whole().
        calibrated: As for Model.predict().
        unseen: As for Model.matrix().
        report: Called after each piece of 20,000 rows.

    Returns:
        The final state of the run, with the counts of missing values and unseen levels per column.

    Raises:
        RowError: A value does not fit the model.
        UnsupportedError: As for Model.predict().
        ValueError: The input is no table, or has no column of the model.
    """
    with open_table(source) as table:
        progress = Progress(absent=check_columns(model, table.names, source))
        with open_whole(output) as file:
            writer = csv.writer(file, lineterminator="\n")
            header_is_due = True
            for piece, share in table.pieces:
                try:
                    matrix, counts = model.matrix_and_counts(piece, unseen=unseen)
                    # A matrix has no room for the offset: then the piece itself is read a second time.
                    predictions = model.predict(
                        piece if model.offset_column else matrix, calibrated=calibrated
                    )
                except RowError as error:
                    raise RowError(
                        f"behind row {progress.rows}: {error}" if progress.rows else str(error)
                    ) from None
                columns = [c if isinstance(c, list) else c.tolist() for c in predictions.values()]
                if header_is_due:
                    writer.writerow(predictions)
                    header_is_due = False
                writer.writerows(zip(*columns, strict=True))
                progress.rows += len(columns[0])
                progress.share = share
                progress.missing.update(counts["missing"])
                progress.unseen.update(counts["unseen"])
                if report:
                    report(progress)
    return progress
