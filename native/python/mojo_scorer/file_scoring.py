"""Score whole files in pieces: `python -m mojo_scorer score FILE INPUT OUTPUT`."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from mojo_scorer._core import Model, RowError

if TYPE_CHECKING:
    from mojo_scorer._core import Columns, Records, Unseen

MISSING = frozenset({"", "NA", "N/A", "-"})  # what H2O's own CSV tool takes for a missing cell
CHUNK = 20_000  # rows


@dataclass
class Progress:
    """How far a run is. `share` is the part of the input read so far, from 0 to 1."""

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


def read_csv(path: Path) -> Iterator[tuple[Columns, float]]:
    """Yield columns of text with the share of the file that is read; a header line names them."""
    size = max(path.stat().st_size, 1)
    with path.open("rb") as raw:
        lines = csv.reader((line.decode() for line in raw), strict=True)
        header = next(lines, None)
        if header is None:
            raise ValueError(f"{path} is empty: a header line with the column names is needed")
        while rows := list(islice(lines, CHUNK)):
            for at, row in enumerate(rows):
                if len(row) != len(header):
                    line = lines.line_num - len(rows) + 1 + at
                    raise ValueError(f"{path}, line {line}: {len(row)} cells for {len(header)} columns")
            cells = zip(*rows, strict=True)
            columns = {
                name: [None if cell in MISSING else cell for cell in column]
                for name, column in zip(header, cells, strict=True)
            }
            yield columns, raw.tell() / size


def read_parquet(path: Path) -> Iterator[tuple[Records, float]]:
    """Yield batches with the share of the rows that is read. Needs pyarrow."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ValueError("reading Parquet needs pyarrow: pip install pyarrow") from error
    with parquet.ParquetFile(path) as file:  # type: ignore[no-untyped-call]
        total, read = max(file.metadata.num_rows, 1), 0
        for batch in file.iter_batches(CHUNK):
            read += batch.num_rows
            yield batch, read / total


def score_file(
    model: Model,
    source: Path,
    output: Path,
    *,
    unseen: Unseen = "na",
    report: Callable[[Progress], None] | None = None,
) -> Progress:
    """Score a CSV or Parquet file into a CSV file: labels or values, then each output.

    Args:
        model: The model.
        source: A CSV file with a header, or a file whose name ends in .parquet.
        output: The CSV file to write; its rows are in the order of the input.
        unseen: As for Model.matrix().
        report: Called after each piece of 20,000 rows.

    Returns:
        The final state of the run, with the counts of missing values and unseen levels per column.

    Raises:
        RowError: A value does not fit the model.
        ValueError: The input is no table.
    """
    pieces = read_parquet(source) if source.suffix == ".parquet" else read_csv(source)
    progress = Progress()
    part = output.with_name(f"{output.name}.part")  # a run that fails leaves no file that looks whole
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for piece, share in pieces:
            try:
                matrix, counts = model.matrix_and_counts(piece, unseen=unseen)
                # A matrix has no room for the offset: then the piece itself is read a second time.
                predictions = model.predict(piece if model.offset_column else matrix)
            except RowError as error:
                raise RowError(
                    f"behind row {progress.rows}: {error}" if progress.rows else str(error)
                ) from None
            columns = [c if isinstance(c, list) else c.tolist() for c in predictions.values()]
            if progress.rows == 0:
                writer.writerow(predictions)
            writer.writerows(zip(*columns, strict=True))
            progress.rows += len(columns[0])
            progress.share = share
            progress.missing.update(counts["missing"])
            progress.unseen.update(counts["unseen"])
            if report:
                report(progress)
    part.replace(output)
    return progress
