"""XGBoost with each booster."""

from collections.abc import Sequence

from h2o.estimators import H2OXGBoostEstimator

from zoo_makers.data import LIGHT, MULTICLASS, NUMBERS
from zoo_makers.gbm import calibrated
from zoo_makers.zoo_model import ZooModel, train


def xgboost(name: str, target: str, features: Sequence[str] = LIGHT, **options: object) -> ZooModel:
    settings = {"ntrees": 8, "max_depth": 5, "seed": 1} | options
    # genmodel has no contributions for more than two classes.
    single = [] if target in MULTICLASS else ["contributions"]
    maker = train(H2OXGBoostEstimator, target, features, **settings)
    trees = [] if options.get("booster") == "gblinear" else [*single, "leaves"]
    return ZooModel(name, maker, keeps=["margins", *trees])


MODELS = [
    xgboost("xgboost_binomial", "flag"),
    xgboost("xgboost_multinomial", "kind", ntrees=3),
    xgboost("xgboost_regression", "amount"),
    xgboost("xgboost_poisson", "count", distribution="poisson", ntrees=4),
    xgboost("xgboost_sparse", "flag", dmatrix_type="sparse", ntrees=4),
    xgboost("xgboost_dart", "flag", booster="dart", rate_drop=0.4, ntrees=6),
    xgboost("xgboost_dart_multinomial", "kind", booster="dart", rate_drop=0.4, ntrees=3),
    xgboost("xgboost_offset", "flag", offset_column="shift", weights_column="weight", ntrees=4),
    xgboost("xgboost_offset_regression", "amount", offset_column="shift", ntrees=4),
    xgboost("xgboost_gamma", "weight", distribution="gamma", ntrees=3),
    xgboost("xgboost_tweedie", "count", distribution="tweedie", ntrees=3),
    xgboost("xgboost_huge", "flag", ["alpha", "huge"], ntrees=3),
    xgboost("xgboost_categories", "flag", ["few", "some"], ntrees=3),
    xgboost("xgboost_linear", "flag", booster="gblinear", ntrees=5),
    xgboost("xgboost_linear_multinomial", "kind", booster="gblinear", ntrees=3),
    xgboost("xgboost_linear_sparse", "amount", booster="gblinear", dmatrix_type="sparse", ntrees=5),
    ZooModel("xgboost_platt", calibrated(H2OXGBoostEstimator, "PlattScaling", ntrees=3, max_depth=3)),
    ZooModel(
        "xgboost_isotonic", calibrated(H2OXGBoostEstimator, "IsotonicRegression", ntrees=3, max_depth=3)
    ),
    xgboost("xgboost_numbers", "flag", NUMBERS, ntrees=4),
]
EMPTY: dict[str, str] = {}
