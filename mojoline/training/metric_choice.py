"""Which metric a search is steered and judged by."""

from dataclasses import dataclass

from mojoline.model_spec import ModelSpec
from mojoline.runtime.evaluation import LOWER_IS_BETTER, Task
from mojoline.training.errors import TrainingError

DEFAULTS: dict[Task, str] = {"binary": "logloss", "multiclass": "logloss", "regression": "rmse"}
ALLOWED: dict[Task, tuple[str, ...]] = {
    "binary": ("logloss", "auc"),
    "multiclass": ("logloss", "mean_per_class_error"),
    "regression": ("rmse", "mse", "mae"),
}
ALIASES = {"deviance": "mse"}  # of a Gaussian


@dataclass(frozen=True)
class Metric:
    """A metric by its name in H2O's leaderboard and in our evaluation."""

    name: str
    lower_is_better: bool


def choose_metric(spec: ModelSpec) -> Metric:
    """The metric of `automl.stopping_metric`; AUTO is logloss for classes and rmse for numbers.

    Raises:
        TrainingError: a metric that does not fit the task.
    """
    task, asked = spec.target.task, spec.automl.stopping_metric.lower()
    name = DEFAULTS[task] if asked == "auto" else ALIASES.get(asked, asked)
    if name not in ALLOWED[task]:
        raise TrainingError(
            f"automl.stopping_metric {spec.automl.stopping_metric!r} does not fit a {task} target: "
            f"use AUTO, {' or '.join(ALLOWED[task])}"
        )
    return Metric(name, LOWER_IS_BETTER[name])
