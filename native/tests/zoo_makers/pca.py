"""Principal components."""

from collections.abc import Sequence

from h2o.estimators import H2OPrincipalComponentAnalysisEstimator

from zoo_makers.data import NUMBERS
from zoo_makers.zoo_model import ZooModel, train


def pca(name: str, features: Sequence[str], **options: object) -> ZooModel:
    settings = {"k": 3, "transform": "STANDARDIZE", "impute_missing": True, "seed": 1} | options
    return ZooModel(name, train(H2OPrincipalComponentAnalysisEstimator, None, features, **settings))


MODELS = [
    pca("pca_mixed", [*NUMBERS, "few", "some"]),
    pca("pca_all_levels", [*NUMBERS, "few"], use_all_factor_levels=True, transform="DEMEAN"),
    pca("pca_numbers", NUMBERS, k=2),
]
EMPTY: dict[str, str] = {
    "offset": "components have no target to offset",
    "calibration": "components are no probabilities",
    "binary": "unsupervised",
    "multiclass": "unsupervised",
    "regression": "unsupervised",
}
