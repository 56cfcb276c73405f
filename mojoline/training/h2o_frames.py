# mypy: disable-error-code="attr-defined, no-untyped-call"
# pyarrow has no types: names it imports from other modules are not seen as exported.
"""Tables into the cluster and predictions out of it, without a bit lost.

H2O's parsers, the one for Parquet too, make a decimal number of a double and miss the last bits of two in
three. So doubles travel as two columns of integers, mantissa and exponent, and are multiplied in the cluster,
which is exact. Text becomes levels whatever it looks like, null stays NA. The way out is CSV with hexadecimal
digits.
"""

import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mojoline.training.errors import TrainingError
from mojoline.training.snapshot_columns import Table

H2OFrame: TypeAlias = Any  # the client is untyped and is imported late

MANTISSA_BITS = 53


def upload_table(table: Table, directory: Path) -> H2OFrame:
    """`table` (n rows; float64 and text columns; null and NaN are missing) as a frame of numbers and levels.

    A column without any value has no type in H2O, which leaves it out of training as it does constants.

    Args:
        table: finite numbers and text.
        directory: where a scratch file may be written; it is removed.

    Raises:
        TrainingError: the cluster did not read what was sent.
    """
    import h2o
    from h2o.expr import ExprNode

    numbers = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    levels = [name for name in table.column_names if name not in numbers]
    parts = [take_apart(table.column(name)) for name in numbers]
    columns = [*(mantissa for mantissa, _ in parts), *(exponent for _, exponent in parts)]
    columns += [table.column(name).combine_chunks() for name in levels]
    kinds = ["numeric"] * (2 * len(numbers)) + ["enum"] * len(levels)
    names = [f"C{index}" for index in range(len(columns))]
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        path = Path(scratch) / "rows.parquet"
        pq.write_table(pa.table(columns, names=names), path, compression="snappy")
        raw = h2o.upload_file(str(path), col_types=dict(zip(names, kinds, strict=True)))
    if raw.nrow != table.num_rows:
        raise TrainingError(f"H2O read {raw.nrow} of {table.num_rows} rows; try again on a fresh cluster")
    frame = raw[:, 2 * len(numbers) :]
    if numbers:
        powers = h2o.H2OFrame._expr(ExprNode("^", 2, raw[:, len(numbers) : 2 * len(numbers)]))
        values = raw[:, : len(numbers)] * powers
        frame = values.cbind(frame) if levels else values
    frame.set_names([*numbers, *levels])
    return frame


def take_apart(column: Any) -> tuple[Any, Any]:  # noqa: ANN401 - Arrow has no types
    """Mantissas (int64, 53 bits) and exponents (int32) with value = mantissa x 2^exponent; null for missing.

    Exact for every normal double; a subnormal one (below 2.3e-308) arrives as zero.
    """
    values = np.asarray(column.to_numpy(), dtype=np.float64)
    missing = np.isnan(values)
    fractions, exponents = np.frexp(np.where(missing, 0.0, values))
    mantissas = np.ldexp(fractions, MANTISSA_BITS).astype(np.int64)
    shifted = np.where(mantissas == 0, 0, exponents - MANTISSA_BITS).astype(np.int32)
    return pa.array(mantissas, mask=missing), pa.array(shifted, mask=missing)


def download_numbers(frame: H2OFrame, names: Sequence[str], directory: Path) -> NDArray[np.float64]:
    """float64[n, k]: the columns `names` of `frame`, each double exactly as in the cluster, NaN for NA."""
    import h2o

    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        path = Path(scratch) / "frame.csv"
        h2o.api(f"GET /3/DownloadDataset?frame_id={frame.frame_id}&hex_string=true", save_to=str(path))
        with path.open(encoding="utf-8", newline="") as file:
            header, *lines = csv.reader(file)
    at = [header.index(name) for name in names]
    return np.array([[_read_number(line[i]) for i in at] for line in lines], dtype=np.float64)


def _read_number(text: str) -> float:
    if not text:
        return float("nan")
    return float.fromhex(text) if "0x" in text else float(text)
