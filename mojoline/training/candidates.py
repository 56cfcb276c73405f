"""What the search found, measured in the scorer that will serve it, and which candidate wins."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import mojo_scorer
import numpy as np
from pydantic import BaseModel, ConfigDict

from mojoline.model_spec import BudgetSpec
from mojoline.runtime.imputation import impute
from mojoline.training.errors import NoWinnerError

WARM_UP_ROWS = 50
TIMED_ROWS = 500


class Candidate(BaseModel):
    """One trained model: its metric on the validation part, its size (bytes), its time for one row.

    Times are microseconds and contain the reducer before the model. `trees` and `depth` are None for a model
    without trees.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_id: str
    algorithm: str
    metric: float
    metric_name: str
    trees: int | None
    depth: int | None
    score_us_p50: float
    score_us_p99: float
    bytes: int
    inside_budget: bool


def time_single_rows(
    rows: Sequence[Mapping[str, Any]], model: mojo_scorer.Model, fill: Mapping[str, float] | None = None
) -> list[float]:
    """Microseconds of scoring 500 single rows, from dict to scores; `fill` imputes missing values first."""
    times = []
    names = model.feature_names
    for index in range(WARM_UP_ROWS + TIMED_ROWS):
        row = [rows[index % len(rows)]]
        started = time.perf_counter_ns()
        matrix = model.matrix(row)
        model.score(matrix if fill is None else impute(matrix, names, fill))
        times.append((time.perf_counter_ns() - started) / 1000)
    return times[WARM_UP_ROWS:]


def percentiles(reducer: Sequence[float], model: Sequence[float]) -> tuple[float, float]:
    """p50 and p99 (microseconds) of reducer and model together; `reducer` is empty without a reduction."""
    total = np.asarray(model) + np.asarray(reducer) if reducer else np.asarray(model)
    p50, p99 = np.percentile(total, [50, 99])
    return round(float(p50), 2), round(float(p99), 2)


def fits_budget(budget: BudgetSpec, *, p99_us: float, size: int) -> bool:
    """Whether a candidate may win: p99 of one row and bytes of its file within the serving budget."""
    return p99_us <= budget.p99_ms * 1000 and size < budget.bytes


def choose_winner(
    leaderboard: Sequence[Candidate], budget: BudgetSpec, *, lower_is_better: bool
) -> Candidate:
    """The best candidate inside the serving budget; of equals, the faster one.

    Raises:
        NoWinnerError: none is inside; names the closest and by how much it is over.
    """
    sign = 1 if lower_is_better else -1
    inside = [candidate for candidate in leaderboard if candidate.inside_budget]
    if inside:
        return min(inside, key=lambda candidate: (sign * candidate.metric, candidate.score_us_p50))
    closest = min(
        leaderboard,
        key=lambda c: max(c.score_us_p99 / (budget.p99_ms * 1000), c.bytes / budget.bytes),
        default=None,
    )
    if closest is None:
        raise NoWinnerError("no model was trained: raise automl.max_runtime_secs")
    raise NoWinnerError(
        f"none of {len(leaderboard)} candidates is inside the budget of {budget.p99_ms:g} ms and "
        f"{budget.bytes:,} bytes. Closest is {closest.model_id}, {closest.score_us_p99 / 1000:.3g} ms and "
        f"{closest.bytes:,} bytes: lower automl.ntrees or automl.max_depth, or raise the budget"
    )
