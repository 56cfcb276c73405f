"""Snapshots of tables that a test has made up."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mojoline.features.columns import SnapshotColumn
from mojoline.features.hot import Kind
from mojoline.features.snapshot import Snapshot


def write_snapshot(rows: pa.Table, kinds: Mapping[str, Kind], directory: Path) -> Snapshot:
    """The snapshot in `directory` that holds `rows`; `kinds` are those of the features, in their order."""
    pq.write_table(rows, directory / "rows.parquet")
    return Snapshot(
        rows=rows.num_rows,
        digest="0" * 64,
        isolation_level="repeatable read",
        snapshot_id="1:1:",
        lsn="0/1",
        since=None,
        until=None,
        columns=[SnapshotColumn(name=name, type=kind) for name, kind in kinds.items()],
        directory=directory,
    )
