"""Which columns of what was scored no longer look like training, and whether that is more than chance."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from mojoline.drift.baseline import Baseline, CategoricalBaseline, ColumnBaseline, Counts, NumericBaseline
from mojoline.drift.errors import DriftError
from mojoline.drift.psi import critical_value, psi_by_bin
from mojoline.drift.sample import SampledRow

TOP_BINS = 3
ALPHA = 0.05

Verdict = Literal["stable", "warn", "alert", "insufficient"]
_BY_WEIGHT: list[Verdict] = ["insufficient", "stable", "warn", "alert"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BinShift(_Part):
    """One bin's share of the rows in training and now, and what the difference adds to the PSI."""

    bin: str
    expected: float
    actual: float
    psi: float


class FeatureDrift(_Part):
    """One column: its PSI, what chance alone would reach, and the verdict. Rates are shares of the sample."""

    name: str
    psi: float
    critical: float | None
    n_ref: int
    n_cur: int
    verdict: Verdict
    top_bins: list[BinShift]
    missing_rate: float
    unseen_rate: float | None = None
    out_of_range_rate: float | None = None


class Window(_Part):
    """The event times of the first and the last sampled row."""

    start: datetime | None = None
    end: datetime | None = None


class DriftReport(_Part):
    """Every watched column of one model version, largest PSI first."""

    model: str
    version: str
    variant: str
    window: Window
    created_at: datetime
    rows: int
    warn: float
    alert: float
    min_samples: int
    features: list[FeatureDrift]
    prediction: FeatureDrift | None

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of any feature."""
        return max(
            (feature.verdict for feature in self.features), key=_BY_WEIGHT.index, default="insufficient"
        )

    @property
    def psi(self) -> dict[str, float]:
        """Feature -> PSI."""
        return {feature.name: feature.psi for feature in self.features}


def build_report(
    baseline: Baseline,
    rows: Sequence[SampledRow],
    *,
    warn: float = 0.1,
    alert: float = 0.25,
    min_samples: int = 200,
    exclude: Collection[str] = (),
    model: str = "",
    version: str = "",
    variant: str = "champion",
    rest: Callable[[], None] = lambda: None,
) -> DriftReport:
    """Compare sampled rows with the baseline of the version that scored them.

    Args:
        baseline: the version's own `baseline.json`.
        rows: what `read_reservoir` gave.
        warn: PSI that warns, if it is also above chance.
        alert: PSI that alerts, if it is also above chance.
        min_samples: no verdict below this number of rows.
        exclude: columns that must differ from training by nature, such as the month.
        model: name for the report; taken from the rows where there are any, as are `version` and `variant`.
        version: see `model`.
        variant: see `model`.
        rest: called before each column, for a caller that shares the interpreter with a server.

    Raises:
        DriftError: a value does not fit its column; names the column.
    """
    watched = {name: column for name, column in baseline.columns.items() if name not in exclude}
    gate = _Gate(warn, alert, min_samples, max(len(watched), 1))
    features = []
    for name, column in watched.items():
        rest()
        features.append(gate.judge(name, column, [row.features.get(name) for row in rows]))
    times = [row.event_time for row in rows]
    return DriftReport(
        model=rows[0].model if rows else model,
        version=rows[0].version if rows else version,
        variant=rows[0].variant if rows else variant,
        window=Window(start=min(times, default=None), end=max(times, default=None)),
        created_at=datetime.now(UTC),
        rows=len(rows),
        warn=warn,
        alert=alert,
        min_samples=min_samples,
        features=sorted(features, key=lambda feature: -feature.psi),
        prediction=_judge_prediction(baseline.prediction, rows, _Gate(warn, alert, min_samples, 1)),
    )


class _Gate:
    """Turns two histograms into a verdict: larger than chance *and* large enough to matter."""

    def __init__(self, warn: float, alert: float, min_samples: int, features: int) -> None:
        self.warn, self.alert, self.min_samples, self.features = warn, alert, min_samples, features

    def judge(self, name: str, column: ColumnBaseline, values: Sequence[object]) -> FeatureDrift:
        try:
            actual = column.count(values)
        except DriftError as error:
            raise DriftError(f"column '{name}': {error}") from error
        expected = np.asarray(column.counts, dtype=np.int64)
        n_ref, n_cur = int(expected.sum()), int(actual.sum())
        # a bin that is empty on both sides says nothing, and would only add degrees of freedom
        used = np.flatnonzero(expected + actual)
        parts = psi_by_bin(expected[used], actual[used]) if len(used) else np.zeros(0)
        value = float(parts.sum()) if n_cur else 0.0
        critical = critical_value(len(used), n_ref, n_cur, ALPHA, self.features)
        ranked = used[np.argsort(-parts, kind="stable")][:TOP_BINS] if n_cur else used[:0]
        weight = dict(zip(used.tolist(), parts.tolist(), strict=True))
        return FeatureDrift(
            name=name,
            psi=value,
            critical=critical if np.isfinite(critical) else None,
            n_ref=n_ref,
            n_cur=n_cur,
            verdict=self.decide(value, critical, n_cur),
            top_bins=[
                BinShift(
                    bin=column.labels[index],
                    expected=int(expected[index]) / max(n_ref, 1),
                    actual=int(actual[index]) / max(n_cur, 1),
                    psi=weight[index],
                )
                for index in ranked.tolist()
            ],
            missing_rate=int(actual[-1]) / max(n_cur, 1),
            unseen_rate=_unseen_rate(column, actual),
            out_of_range_rate=_out_of_range_rate(column, values),
        )

    def decide(self, value: float, critical: float, n_cur: int) -> Verdict:
        if n_cur < self.min_samples:
            return "insufficient"
        if value > max(critical, self.alert):
            return "alert"
        return "warn" if value > max(critical, self.warn) else "stable"


def _judge_prediction(
    column: ColumnBaseline | None, rows: Sequence[SampledRow], gate: _Gate
) -> FeatureDrift | None:
    if column is None:
        return None
    if isinstance(column, CategoricalBaseline):
        return gate.judge("prediction", column, [row.label for row in rows])
    return gate.judge("prediction", column, [row.scores[-1] for row in rows])  # as in fit_baseline


def _unseen_rate(column: ColumnBaseline, actual: Counts) -> float | None:
    if isinstance(column, NumericBaseline):
        return None
    return int(actual[-2]) / max(int(actual.sum()), 1)


def _out_of_range_rate(column: ColumnBaseline, values: Sequence[object]) -> float | None:
    if not isinstance(column, NumericBaseline) or column.low is None or column.high is None:
        return None
    low, high = column.low, column.high
    outside = sum(isinstance(value, int | float) and not low <= value <= high for value in values)
    return outside / max(len(values), 1)
