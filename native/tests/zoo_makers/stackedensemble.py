"""Stacked ensembles."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from h2o.estimators import (
    H2ODeepLearningEstimator,
    H2OGeneralizedLinearEstimator,
    H2OGradientBoostingEstimator,
    H2ORandomForestEstimator,
    H2OStackedEnsembleEstimator,
    H2OXGBoostEstimator,
)

from zoo_makers.edit import edited, set_keys, slim
from zoo_makers.pipeline import build_pipeline, components
from zoo_makers.zoo_model import Workbench, ZooModel

FAMILIES = {"flag": "binomial", "kind": "multinomial", "amount": "gaussian"}
FOLDS = {"nfolds": 3, "fold_assignment": "Modulo", "keep_cross_validation_predictions": True, "seed": 1}
BASES = {
    "gbm": (H2OGradientBoostingEstimator, {"ntrees": 3, "max_depth": 3, "min_rows": 5}),
    "drf": (H2ORandomForestEstimator, {"ntrees": 3, "max_depth": 4}),
    "xgboost": (H2OXGBoostEstimator, {"ntrees": 3, "max_depth": 3}),
    "glm": (H2OGeneralizedLinearEstimator, {"lambda_": 0.001}),
    "deeplearning": (H2ODeepLearningEstimator, {"hidden": [4], "epochs": 1, "reproducible": True}),
}
FEW_COLUMNS = ["alpha", "gamma", "few"]


def train_bases(
    bench: Workbench, target: str, kinds: Sequence[str], features: Sequence[str], **options: object
) -> list[object]:
    models = []
    for kind in kinds:
        estimator, settings = BASES[kind]
        family = {"family": FAMILIES[target]} if kind == "glm" else {}
        model = estimator(**settings, **family, **FOLDS, **options)
        model.train(x=list(features), y=target, training_frame=bench.frame)
        models.append(model)
    return models


def ensemble(
    name: str,
    target: str,
    kinds: Sequence[str],
    features: Sequence[str] = FEW_COLUMNS,
    *,
    of_bases: dict[str, object] | None = None,
    answers: str = "predict",
    **options: object,
) -> ZooModel:
    def make(bench: Workbench, output: Path) -> None:
        bases = train_bases(bench, target, kinds, features, **(of_bases or {}))
        model = H2OStackedEnsembleEstimator(base_models=bases, seed=1, **options)
        model.train(x=list(features), y=target, training_frame=bench.frame)
        model.download_mojo(str(output))

    return ZooModel(name, slim(make), answers=answers)


def in_pipeline(bench: Workbench, output: Path) -> None:
    """The deepest nest that genmodel reads: H2O writes an ensemble inside an ensemble without its models."""
    columns = ["PC1", "PC2", "few"]
    with tempfile.TemporaryDirectory() as scratch:
        reducer, main = Path(scratch) / "pca.zip", Path(scratch) / "main.zip"
        reduced = Workbench(components(bench, reducer))
        bases = train_bases(reduced, "kind", ["glm", "xgboost"], columns)
        model = H2OStackedEnsembleEstimator(base_models=bases, seed=1)
        model.train(x=columns, y="kind", training_frame=reduced.frame)
        model.download_mojo(str(main))
        build_pipeline(reducer, main, {"PC1": "reducer:0", "PC2": "reducer:1"}, output)


SMALL_TREES = {"ntrees": 3, "max_depth": 3}
SPARSE = {"alpha": [1.0], "lambda": [0.8], "non_negative": True, "standardize": True}
REGRESSION = ensemble("stackedensemble_regression", "amount", ["gbm", "glm", "xgboost"])

MODELS = [
    ensemble("stackedensemble_binomial", "flag", ["gbm", "glm", "xgboost"]),
    ensemble("stackedensemble_logit", "flag", ["gbm", "glm", "xgboost"], metalearner_transform="Logit"),
    ensemble("stackedensemble_multinomial", "kind", ["gbm", "glm", "xgboost"]),
    ensemble(
        "stackedensemble_multinomial_logit",
        "kind",
        ["glm", "xgboost"],
        metalearner_transform="Logit",
        metalearner_algorithm="gbm",
        metalearner_params=SMALL_TREES,
    ),
    REGRESSION,
    # As before mojo_version 1.01, when there was no transform.
    ZooModel(
        "stackedensemble_old",
        edited(REGRESSION.make, set_keys(mojo_version="1.00", metalearner_transform=None)),
    ),
    ensemble(
        "stackedensemble_by_gbm",
        "flag",
        ["gbm", "glm"],
        metalearner_algorithm="gbm",
        metalearner_params=SMALL_TREES,
    ),
    ensemble(
        "stackedensemble_by_drf",
        "kind",
        ["drf", "xgboost"],
        metalearner_algorithm="drf",
        metalearner_params=SMALL_TREES,
    ),
    ensemble(
        "stackedensemble_by_xgboost",
        "amount",
        ["gbm", "glm"],
        metalearner_algorithm="xgboost",
        metalearner_params=SMALL_TREES,
    ),
    ensemble(
        "stackedensemble_deeplearning",
        "flag",
        ["deeplearning", "glm"],
        answers="raw",
        metalearner_algorithm="deeplearning",
        metalearner_params={"hidden": [3], "epochs": 2, "reproducible": True},
    ),
    ensemble(
        "stackedensemble_unused_base",
        "amount",
        ["gbm", "glm", "xgboost"],
        metalearner_algorithm="glm",
        metalearner_params=SPARSE,
    ),
    ensemble(
        "stackedensemble_weights",
        "flag",
        ["gbm", "glm"],
        of_bases={"weights_column": "weight"},
        weights_column="weight",
    ),
    ensemble("stackedensemble_huge", "flag", ["xgboost", "gbm"], ["huge", "alpha"]),
    ZooModel("stackedensemble_pipeline", slim(in_pipeline)),
]
EMPTY: dict[str, str] = {
    "offset": "an ensemble passes no offset on; any but 0 is an error in genmodel",
    "calibration": "H2O calibrates trees only",
}
