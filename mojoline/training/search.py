# mypy: disable-error-code="attr-defined, no-untyped-call"
# h2o has no types: names it imports from other modules are not seen as exported.
"""One AutoML run in the cluster this process is connected to, and what it left there."""

import math
import re
import time
import warnings
from collections.abc import Iterable
from typing import Any

from mojoline.training.errors import TrainingError
from mojoline.training.h2o_frames import H2OFrame
from mojoline.training.metric_choice import Metric
from mojoline.training.pruning import MAKE_UP_SECONDS, Search

H2OModel = Any  # the client is untyped and is imported late
FAMILIES = {"gbm": "GBM", "glm": "GLM", "xgboost": "XGBoost"}


def run_search(
    search: Search, metric: Metric, *, features: list[str], target: str, train: H2OFrame, valid: H2OFrame
) -> list[H2OModel]:
    """Every trained model of the search, at least one of each family.

    `valid` stops the training of single models and ranks them all. A family the budget was too short for gets
    one model with ten seconds of its own.

    Raises:
        TrainingError: a family has no model even so; names the budget and the setting to raise.
    """
    started = time.monotonic()
    frames: dict[str, Any] = {"features": features, "target": target, "train": train, "valid": valid}

    def keep(models: Iterable[H2OModel]) -> list[H2OModel]:
        return [model for model in models if is_trained(read_metric(model, metric), read_trees(model)[0])]

    models = keep(_run(search.first_round(), **frames))
    for family in missing_families(search.families, (model.algo for model in models)):
        models += keep([_train_single(family, search, **frames)])
    missing = missing_families(search.families, (model.algo for model in models))
    if missing:
        raise TrainingError(
            f"no {' and no '.join(missing)} was trained in {search.max_runtime_secs} s, nor in "
            f"{MAKE_UP_SECONDS} s of its own, on {train.nrow} rows: raise automl.max_runtime_secs "
            "(MOJOLINE_TRAINING__MAX_RUNTIME_SECS) or drop the family"
        )
    deeper = search.second_round(models=len(models), seconds=time.monotonic() - started)
    return models if deeper is None else models + keep(_run(deeper, **frames))


def missing_families(families: Iterable[str], algorithms: Iterable[str]) -> list[str]:
    """The families without a model; `algorithms` are H2O's names (`gbm`, `glm`, `xgboost`)."""
    present = {FAMILIES.get(algorithm) for algorithm in algorithms}
    return [family for family in families if family not in present]


def is_trained(metric: float, trees: int | None) -> bool:
    """Whether a model with this validation metric and this many trees (None: no tree family) counts.

    AutoML cancels what it is training when the time is up and leaves a model that was never scored, or that
    has no tree.
    """
    return math.isfinite(metric) and trees != 0


def read_metric(model: H2OModel, metric: Metric) -> float:
    """The metric of a model on the validation part; NaN if the model was never scored there."""
    value = getattr(model, metric.name)(valid=True)
    return math.nan if value is None else float(value)


def read_trees(model: H2OModel) -> tuple[int | None, int | None]:
    """Number of trees really built and the depth they were limited to; None and None for no trees."""
    if model.algo == "glm":
        return None, None
    summary = model._model_json["output"]["model_summary"]
    if summary is None:
        return 0, int(model.actual_params["max_depth"])
    trees = summary.cell_values[0][summary.col_header.index("number_of_trees")]
    return int(trees), int(model.actual_params["max_depth"])


def _run(
    search: Search, *, features: list[str], target: str, train: H2OFrame, valid: H2OFrame
) -> list[H2OModel]:
    import h2o
    from h2o.automl import H2OAutoML

    automl = H2OAutoML(**search.arguments())
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # about levels that only later rows have: that is why there is a valid part
        automl.train(
            x=features, y=target, training_frame=train, validation_frame=valid, leaderboard_frame=valid
        )
    names = automl.leaderboard["model_id"].as_data_frame(use_pandas=False, header=False)
    return [h2o.get_model(row[0]) for row in names if re.match(r"(GBM|GLM|XGBoost)_", row[0])]


def _train_single(
    family: str, search: Search, *, features: list[str], target: str, train: H2OFrame, valid: H2OFrame
) -> H2OModel:
    from h2o import estimators

    estimator = {
        "GBM": estimators.H2OGradientBoostingEstimator,
        "GLM": estimators.H2OGeneralizedLinearEstimator,
        "XGBoost": estimators.H2OXGBoostEstimator,
    }[family](**search.single_model(family))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about levels that only later rows have, as above
        estimator.train(x=features, y=target, training_frame=train, validation_frame=valid)
    return estimator
