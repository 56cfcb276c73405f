"""How good a model is on rows whose outcome is known: one function for training, promotion and gates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mojoline.runtime.errors import RuntimeModelError
from mojoline.runtime.scoring_model import ScoringModel

Task: TypeAlias = Literal["binary", "multiclass", "regression"]
Scores: TypeAlias = NDArray[np.float64]
SMALLEST = 1e-15  # as H2O: a probability of zero would make the logloss infinite

LOWER_IS_BETTER = {
    "logloss": True,
    "auc": False,
    "accuracy": False,
    "mean_per_class_error": True,
    "rmse": True,
    "mse": True,
    "mae": True,
    "r2": False,
}
METRICS: dict[Task, tuple[str, ...]] = {
    "binary": ("logloss", "auc", "accuracy", "mean_per_class_error"),
    "multiclass": ("logloss", "accuracy", "mean_per_class_error"),
    "regression": ("rmse", "mse", "mae", "r2"),
}


@dataclass(frozen=True)
class LabelledRows:
    """Raw rows by column (None and NaN are missing) and their outcomes (labels or numbers)."""

    columns: Mapping[str, Sequence[object] | NDArray[Any]]
    target: Sequence[Any] | NDArray[Any]
    task: Task

    def __len__(self) -> int:
        return len(self.target)


class Scorer(Protocol):
    """What is needed of a model: a `ScoringModel`, or anything that scores columns."""

    output_names: list[str]

    def score(self, data: Mapping[str, Sequence[object] | NDArray[Any]], /) -> Scores:
        """Scores float64[n, m], one column per output."""
        ...


class ManifestLike(Protocol):
    """What is needed of a manifest."""

    @property
    def reduction(self) -> Any:  # noqa: ANN401 - its `impute` only
        """The reduction, with the values that fill missing inputs."""

    @property
    def metric_name(self) -> str:
        """The metric the version was chosen by."""


def evaluate(model: Scorer, rows: LabelledRows) -> dict[str, float]:
    """All metrics of the task (see METRICS) for a model on labelled rows.

    `auc` is left out where the rows have one class only, `r2` where all outcomes are equal.

    Raises:
        RuntimeModelError: there are no rows, or an outcome is a class the model does not know.
    """
    if len(rows) == 0:
        raise RuntimeModelError("there are no rows to evaluate on: widen the time range of the snapshot")
    return measure(rows.task, model.score(rows.columns), rows.target, model.output_names)


def evaluate_version(directory: Path, manifest: ManifestLike, rows: LabelledRows) -> float:
    """The metric `manifest.metric_name` of a published version on labelled rows."""
    model = ScoringModel.load(directory / "mojo.zip", manifest.reduction.impute)
    metrics = evaluate(model, rows)
    if manifest.metric_name not in metrics:
        raise RuntimeModelError(
            f"the version was chosen by {manifest.metric_name}, which is not among {', '.join(metrics)}"
        )
    return metrics[manifest.metric_name]


def measure(
    task: Task, scores: Scores, target: Sequence[Any] | NDArray[Any], labels: Sequence[str]
) -> dict[str, float]:
    """All metrics of `task` from scores float64[n, m] and n outcomes; `labels` names the m class columns."""
    if task == "regression":
        return _measure_values(scores[:, 0], np.asarray(target, dtype=np.float64))
    positions = {label: index for index, label in enumerate(labels)}
    unknown = sorted({str(value) for value in target if str(value) not in positions})
    if unknown:
        raise RuntimeModelError(f"outcome {unknown[0]!r} is no class of the model: {', '.join(labels)}")
    truth = np.array([positions[str(value)] for value in target], dtype=np.int64)
    metrics = _measure_classes(scores, truth)
    if task == "binary" and len(np.unique(truth)) == 2:
        metrics["auc"] = area_under_curve(scores[:, 1], truth == 1)
    return metrics


def area_under_curve(scores: Scores, positive: NDArray[np.bool_]) -> float:
    """The share of (positive, negative) pairs that n scores put in order; a tie counts half."""
    _, group, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[group]  # ties share their mean rank
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return float("nan")
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _measure_classes(scores: Scores, truth: NDArray[np.int64]) -> dict[str, float]:
    given = np.clip(scores[np.arange(len(truth)), truth], SMALLEST, 1 - SMALLEST)
    hit = scores.argmax(axis=1) == truth
    errors = [1 - float(hit[truth == label].mean()) for label in np.unique(truth)]
    return {
        "logloss": float(-np.log(given).mean()),
        "accuracy": float(hit.mean()),
        "mean_per_class_error": float(np.mean(errors)),
    }


def _measure_values(predicted: Scores, truth: Scores) -> dict[str, float]:
    squared = float(((predicted - truth) ** 2).mean())
    spread = float(((truth - truth.mean()) ** 2).mean())
    errors = {"rmse": squared**0.5, "mse": squared, "mae": float(np.abs(predicted - truth).mean())}
    return {**errors, "r2": 1 - squared / spread} if spread else errors
