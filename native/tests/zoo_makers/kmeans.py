"""K-means."""

from collections.abc import Sequence

from h2o.estimators import H2OKMeansEstimator

from zoo_makers.data import LEVELS, LIGHT, NUMBERS
from zoo_makers.zoo_model import ZooModel, train


def kmeans(name: str, features: Sequence[str], **options: object) -> ZooModel:
    settings = {"k": 4, "seed": 1, "max_iterations": 20} | options
    return ZooModel(name, train(H2OKMeansEstimator, None, features, **settings))


MODELS = [
    kmeans("kmeans_mixed", LIGHT),
    kmeans("kmeans_numbers", NUMBERS, k=7),
    kmeans("kmeans_levels", list(LEVELS), k=3),
    kmeans("kmeans_plain", [*NUMBERS, "few"], standardize=False),
    kmeans("kmeans_huge", [*NUMBERS, "huge", "flat"], k=3),
]
EMPTY: dict[str, str] = {
    "offset": "clusters have no target to offset",
    "weights": "H2O's K-means takes none",
    "calibration": "a cluster is no probability",
    "binary": "unsupervised",
    "multiclass": "unsupervised",
    "regression": "unsupervised",
}
