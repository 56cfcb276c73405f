"""Principal components: every transform and method."""

from collections.abc import Sequence

from h2o.estimators import H2OPrincipalComponentAnalysisEstimator

from zoo_makers.data import LEVELS, NUMBERS
from zoo_makers.zoo_model import ZooModel, train


def pca(name: str, features: Sequence[str], **options: object) -> ZooModel:
    settings = {"k": 3, "transform": "STANDARDIZE", "impute_missing": True, "seed": 1} | options
    return ZooModel(name, train(H2OPrincipalComponentAnalysisEstimator, None, features, **settings))


MODELS = [
    pca("pca_mixed", [*NUMBERS, "few", "some"]),
    pca("pca_all_levels", [*NUMBERS, "few"], use_all_factor_levels=True, transform="DEMEAN"),
    pca("pca_numbers", NUMBERS, k=2),
    pca("pca_levels", list(LEVELS), transform="NONE"),
    pca("pca_normalize", ["few", *NUMBERS], transform="NORMALIZE", pca_method="Power"),
    pca("pca_descale", ["alpha", "few", "beta"], transform="DESCALE", pca_method="Randomized"),
    pca("pca_glrm", [*NUMBERS, "few"], pca_method="GLRM", use_all_factor_levels=True),
    pca("pca_huge", ["alpha", "huge", "beta"], k=2, pca_method="Randomized"),
]
EMPTY: dict[str, str] = {
    "offset": "components have no target to offset",
    "weights": "H2O's PCA takes none",
    "calibration": "components are no probabilities",
    "binary": "unsupervised",
    "multiclass": "unsupervised",
    "regression": "unsupervised",
}
