# mypy: disable-error-code="attr-defined, no-untyped-call"
# pyarrow has no types: names it imports from its extension module are not seen as exported.
"""From the CSV PostgreSQL writes to the Parquet file every later stage reads, block by block."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from mojoline.features.columns import FeatureColumn
from mojoline.model_spec import ModelSpec

BLOCK_BYTES = 8 << 20


def write_parquet(
    source: Path, destination: Path, spec: ModelSpec, columns: Sequence[FeatureColumn]
) -> tuple[int, set[str]]:
    """Write entity key, event time, target and features; the number of rows and the levels of the target."""
    classes = spec.target.task != "regression"
    types = {
        spec.source.entity_key: pa.string(),
        spec.source.event_time: pa.timestamp("us"),
        spec.target.column: pa.string() if classes else pa.float64(),
        **{column.name: pa.float64() if column.type == "numeric" else pa.string() for column in columns},
    }
    levels: set[str] = set()
    rows = 0
    with pq.ParquetWriter(destination, pa.schema(list(types.items())), compression="zstd") as writer:
        if source.stat().st_size == 0:
            return 0, levels
        reader = pa_csv.open_csv(
            source,
            read_options=pa_csv.ReadOptions(column_names=list(types), block_size=BLOCK_BYTES),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=types,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
            if classes:
                levels.update(batch.column(spec.target.column).unique().to_pylist())
    return rows, levels
