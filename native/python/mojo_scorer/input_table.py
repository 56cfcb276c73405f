"""The tables that files hold, read in pieces: CSV, and Parquet with pyarrow."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Generic, TypeVar

if TYPE_CHECKING:
    from _csv import Reader

    from mojo_scorer._core import ArrowTable, Columns

Piece = TypeVar("Piece", covariant=True)

MISSING = frozenset({"", "NA", "N/A", "-"})  # what H2O's own CSV tool takes for a missing cell
CHUNK = 20_000  # rows


@dataclass(frozen=True)
class Table(Generic[Piece]):
    """An open file: its column names, and its pieces with the share of it that is read, from 0 to 1.

    The share of a pipe stays 0: its size is not known. There is at least one piece; a table without rows is
    one piece without rows.
    """

    names: list[str]
    pieces: Iterator[tuple[Piece, float]]


def open_table(path: Path) -> AbstractContextManager[Table[Columns | ArrowTable]]:
    """Open a file by its name: Parquet where it ends in .parquet, else CSV.

    Raises:
        ValueError: The file is no table, then or while its pieces are read.
    """
    return open_parquet(path) if path.suffix.lower() == ".parquet" else open_csv(path)


@contextmanager
def open_csv(path: Path) -> Iterator[Table[Columns]]:
    """Open a CSV file in UTF-8 as columns of text; a header line names them."""
    size = path.stat().st_size or math.inf
    with path.open("rb") as raw:
        decoded = DecodedLines(raw)
        lines = csv.reader(decoded, strict=True)
        try:
            header = next(lines, None)
            if not header:
                raise ValueError(f"{path} is empty: a header line with the column names is needed")
            rows = read_rows(path, lines, len(header))
            yield Table(header, ((name_cells(header, piece), decoded.nbytes / size) for piece in rows))
        except UnicodeDecodeError as error:
            # The object is what was decoded of the line that was read last.
            byte = decoded.nbytes - len(error.object) + error.start
            found = error.object[error.start]
            raise ValueError(f"{path}, byte {byte}: 0x{found:02x} is not UTF-8: save it as UTF-8") from None
        except csv.Error as error:
            raise ValueError(f"{path}, line {lines.line_num}: {error}") from None


class DecodedLines:
    """The lines of a file in UTF-8, without the byte order mark that Excel writes before the first.

    `nbytes` is how much of the file they were so far: a pipe cannot say where it stands.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self.raw = raw
        self.nbytes = 0

    def __iter__(self) -> Iterator[str]:
        encoding = "utf-8-sig"
        for line in self.raw:
            self.nbytes += len(line)
            yield line.decode(encoding)
            encoding = "utf-8"


def read_rows(path: Path, lines: Reader, width: int) -> Iterator[list[list[str]]]:
    """Yield up to CHUNK rows at a time, each of so many cells; the last piece may have none."""
    while True:
        rows: list[list[str]] = []
        start = lines.line_num + 1  # of the row: a cell may hold line breaks
        for row in islice(lines, CHUNK):
            if len(row) != width:
                if not row and next(lines, None) is None:
                    break  # one blank line at the end is no row
                raise ValueError(f"{path}, line {start}: {len(row)} cells for {width} columns")
            rows.append(row)
            start = lines.line_num + 1
        yield rows
        if len(rows) < CHUNK:
            return


def name_cells(header: list[str], rows: list[list[str]]) -> Columns:
    """Turn rows into columns, with None for missing cells."""
    cells = zip(*rows, strict=True) if rows else ((),) * len(header)
    return {
        name: [None if cell in MISSING else cell for cell in column]
        for name, column in zip(header, cells, strict=True)
    }


@contextmanager
def open_parquet(path: Path) -> Iterator[Table[ArrowTable]]:
    """Open a Parquet file as Arrow batches. Needs pyarrow."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ValueError("reading Parquet needs pyarrow: pip install pyarrow") from error

    def read_batches() -> Iterator[tuple[ArrowTable, float]]:
        total, read = file.metadata.num_rows, 0
        if total == 0:
            yield file.schema_arrow.empty_table(), 1.0
        for batch in file.iter_batches(CHUNK):
            read += batch.num_rows
            yield batch, read / total

    with parquet.ParquetFile(path) as file:  # type: ignore[no-untyped-call]
        yield Table(file.schema_arrow.names, read_batches())
