"""The split of rows by time: a model is judged on what came after everything it was trained on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mojoline.training.errors import TrainingError

TRAIN, VALID, TEST = "train", "valid", "test"
SHARES = (0.70, 0.85)  # where the first part ends and where the second one ends
MIN_ROWS = 200


def split_by_time(moments: NDArray[Any]) -> NDArray[np.str_]:
    """`train`, `valid` or `test` for each of n moments (sorted ascending): 70 %, 15 % and 15 % of the rows.

    Rows of the same moment stay together, so the parts may be a few rows larger or smaller.

    Raises:
        TrainingError: fewer than 200 rows, or so few different moments that a part would be empty.
    """
    rows = len(moments)
    if rows < MIN_ROWS:
        raise TrainingError(
            f"{rows} rows are too few to train on, {MIN_ROWS} are needed: widen the snapshot's time range"
        )
    ends = [int(np.searchsorted(moments, moments[int(rows * share)], side="left")) for share in SHARES]
    parts = np.repeat(np.array([TRAIN, VALID, TEST]), np.diff([0, *ends, rows]))
    for part in (TRAIN, VALID, TEST):
        if part not in parts:
            raise TrainingError(
                f"no rows are left for the {part} part: {rows} rows share {len(np.unique(moments))} "
                "moment(s) of event time. Check source.event_time of the model spec"
            )
    return parts
