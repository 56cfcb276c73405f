"""Gradient boosting machines."""

from collections.abc import Sequence

from h2o.estimators import H2OGradientBoostingEstimator

from zoo_makers.data import FEATURES, LIGHT, MULTICLASS
from zoo_makers.zoo_model import ZooModel, train


def gbm(name: str, target: str, features: Sequence[str] = FEATURES, **options: object) -> ZooModel:
    settings = {"ntrees": 6, "max_depth": 5, "seed": 1, "nbins_cats": 512, "min_rows": 5} | options
    # genmodel has no contributions for more than two classes.
    single = [] if target in MULTICLASS else ["margins", "contributions"]
    maker = train(H2OGradientBoostingEstimator, target, features, **settings)
    return ZooModel(name, maker, keeps=[*single, "leaves", "staged"])


MODELS = [
    gbm("gbm_binomial", "flag"),
    gbm("gbm_binomial_balanced", "flag", balance_classes=True, class_sampling_factors=[0.5, 1.5]),
    gbm("gbm_multinomial", "kind", ntrees=3, max_depth=4),
    gbm("gbm_multinomial_ties", "even", LIGHT, ntrees=2, min_split_improvement=1e9),
    gbm("gbm_regression", "amount"),
    gbm("gbm_poisson", "count", LIGHT, distribution="poisson"),
    gbm("gbm_offset", "flag", offset_column="shift", weights_column="weight"),
    gbm("gbm_offset_poisson", "count", LIGHT, distribution="poisson", offset_column="shift", ntrees=3),
    gbm("gbm_laplace", "amount", LIGHT, distribution="laplace", ntrees=3),
    gbm("gbm_tweedie", "count", LIGHT, distribution="tweedie", ntrees=3),
]
EMPTY: dict[str, str] = {}
