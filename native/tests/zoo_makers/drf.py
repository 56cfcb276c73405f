"""Random forests, extremely randomized ones too."""

from collections.abc import Sequence

from h2o.estimators import H2ORandomForestEstimator

from zoo_makers.data import FEATURES, LIGHT, MULTICLASS
from zoo_makers.gbm import calibrated
from zoo_makers.zoo_model import ZooModel, train


def drf(name: str, target: str, features: Sequence[str] = FEATURES, **options: object) -> ZooModel:
    settings = {"ntrees": 4, "max_depth": 6, "seed": 1, "nbins_cats": 512, "min_rows": 8} | options
    # genmodel has no contributions for more than two classes, nor for two trees per group.
    several = target in MULTICLASS or "binomial_double_trees" in options
    explained = [] if several else ["contributions"]
    maker = train(H2ORandomForestEstimator, target, features, **settings)
    return ZooModel(name, maker, keeps=["margins", *explained, "leaves", "staged"])


MODELS = [
    drf("drf_binomial", "flag"),
    drf("drf_double_trees", "flag", LIGHT, binomial_double_trees=True),
    drf("drf_multinomial", "kind", LIGHT, ntrees=2),
    drf("drf_multinomial_ties", "even", LIGHT, ntrees=1, max_depth=2),
    drf("drf_regression", "amount"),
    drf("drf_balanced", "flag", LIGHT, balance_classes=True, class_sampling_factors=[0.5, 1.5]),
    drf("drf_balanced_multinomial", "kind", LIGHT, balance_classes=True, ntrees=2),
    drf("drf_weights", "flag", LIGHT, weights_column="weight"),
    drf("drf_xrt", "flag", LIGHT, histogram_type="Random"),
    drf("drf_huge", "flag", ["alpha", "huge", "some"], nbins_cats=2048, ntrees=2),
    drf("drf_flat", "amount", ["alpha", "few", "flat", "void"], ignore_const_cols=False),
    drf("drf_one_hot", "flag", LIGHT, categorical_encoding="OneHotExplicit", ntrees=3),
    ZooModel("drf_platt", calibrated(H2ORandomForestEstimator, "PlattScaling", ntrees=4, max_depth=4)),
]
EMPTY: dict[str, str] = {"offset": "H2O ignores the offset of a random forest"}
