"""The rows a challenger's training never saw, with their outcomes: where versions are compared."""

import dagster as dg

from mojoline.features.snapshot import Snapshot
from mojoline.model_spec import ModelSpec
from mojoline.runtime.evaluation import LabelledRows
from mojoline.training.reduction import SPLIT, Reduction
from mojoline.training.snapshot_columns import as_columns, read_table
from mojoline.training.time_split import TEST


def read_untouched_rows(spec: ModelSpec, snapshot: Snapshot, reduction: Reduction) -> LabelledRows:
    """The raw rows of the test part of `snapshot`, as the split of `reduction` has it.

    Raises:
        dg.Failure: the two records do not belong together.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = read_table(snapshot)
    split = pq.read_table(reduction.file(reduction.training), columns=[SPLIT]).column(SPLIT)
    if len(split) != table.num_rows:
        raise dg.Failure(
            f"the reduction has {len(split)} rows, the snapshot {table.num_rows}: materialize reduction and "
            "everything after it again"
        )
    rows = table.filter(pc.equal(split, TEST))
    names = [column.name for column in snapshot.columns]
    target = spec.target.column
    return LabelledRows(as_columns(rows, names), as_columns(rows, [target])[target], spec.target.task)
