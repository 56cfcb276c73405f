"""Isolation forests."""

from h2o.estimators import H2OIsolationForestEstimator

from zoo_makers.data import LIGHT
from zoo_makers.zoo_model import ZooModel, train


def forest(name: str, features: list[str], **options: object) -> ZooModel:
    settings = {"ntrees": 6, "max_depth": 6, "sample_size": 128, "seed": 1} | options
    return ZooModel(
        name, train(H2OIsolationForestEstimator, None, features, **settings), answers="raw", keeps=["leaves"]
    )


MODELS = [
    forest("isolation_forest", LIGHT),
    forest("isolation_forest_flags", [*LIGHT, "huge"], contamination=0.1),
]
EMPTY: dict[str, str] = {
    "binary": "unsupervised",
    "multiclass": "unsupervised",
    "regression": "unsupervised",
    "offset": "there is no target to offset",
    "weights": "H2O trains isolation forests without weights",
    "calibration": "scores are no probabilities",
}
