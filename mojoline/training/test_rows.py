"""The rows no model of a snapshot was trained on, with their outcomes: what promotion compares on."""

from mojoline.features.snapshot import Snapshot
from mojoline.model_spec import ModelSpec
from mojoline.runtime.evaluation import LabelledRows as TestRows
from mojoline.training.reduction import Reduction
from mojoline.training.snapshot_columns import as_columns, read_table

__all__ = ["TestRows", "read_test_rows"]


def read_test_rows(spec: ModelSpec, snapshot: Snapshot, reduction: Reduction) -> TestRows:
    """The raw features and outcomes of the test part: the last 15 % of the snapshot's rows by time."""
    table = read_table(snapshot).slice(reduction.rows - reduction.test_rows)
    names = [column.name for column in snapshot.columns]
    target = table.column(spec.target.column).to_numpy(zero_copy_only=False)
    return TestRows(as_columns(table, names), target, spec.target.task)
