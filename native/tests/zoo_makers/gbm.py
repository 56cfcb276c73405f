"""Gradient boosting machines."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from h2o.estimators import H2OGradientBoostingEstimator

from zoo_makers.data import FEATURES, LIGHT, MULTICLASS, NUMBERS, training
from zoo_makers.zoo_model import Maker, Workbench, ZooModel, train


def gbm(name: str, target: str, features: Sequence[str] = FEATURES, **options: object) -> ZooModel:
    settings = {"ntrees": 6, "max_depth": 5, "seed": 1, "nbins_cats": 512, "min_rows": 5} | options
    # genmodel has no contributions for more than two classes.
    single = [] if target in MULTICLASS else ["contributions"]
    maker = train(H2OGradientBoostingEstimator, target, features, **settings)
    return ZooModel(name, maker, keeps=["margins", *single, "leaves", "staged"])


def encoded(name: str, encoding: str, **options: object) -> ZooModel:
    return gbm(name, "flag", [*NUMBERS, "few", "some"], categorical_encoding=encoding, ntrees=4, **options)


def without_a_class(bench: Workbench, output: Path) -> None:
    """Train on rows without one level of the response: that class has no trees."""
    frame = bench.frame[bench.frame["kind"] != "k3"]
    model = H2OGradientBoostingEstimator(ntrees=2, max_depth=3, seed=1, min_rows=5)
    model.train(x=LIGHT, y="kind", training_frame=frame)
    model.download_mojo(str(output))


def zeros_and_ones(bench: Workbench, output: Path) -> None:
    """Train quasibinomial: the response is a number, so its levels are not in the file."""
    columns = training()
    flags = [float(level == "yes") for level in columns["flag"]]
    frame = bench.upload({name: columns[name] for name in LIGHT} | {"flag": flags}, [*NUMBERS, "flag"])
    model = H2OGradientBoostingEstimator(ntrees=3, max_depth=4, seed=1, distribution="quasibinomial")
    model.train(x=LIGHT, y="flag", training_frame=frame)
    model.download_mojo(str(output))


def calibrated(estimator: type, method: str, **options: object) -> Maker:
    """Train on most rows and calibrate on the rest."""

    def make(bench: Workbench, output: Path) -> None:
        part, rest = bench.frame[:1300, :], bench.frame[1300:, :]
        model = estimator(
            calibrate_model=True, calibration_frame=rest, calibration_method=method, seed=1, **options
        )
        model.train(x=LIGHT, y="flag", training_frame=part)
        model.download_mojo(str(output))

    return make


SMALL = {"ntrees": 4, "max_depth": 3}
MODELS = [
    gbm("gbm_binomial", "flag"),
    gbm("gbm_binomial_balanced", "flag", balance_classes=True, class_sampling_factors=[0.5, 1.5]),
    gbm("gbm_multinomial", "kind", ntrees=3, max_depth=4),
    gbm("gbm_multinomial_ties", "even", LIGHT, ntrees=2, min_split_improvement=1e9),
    gbm("gbm_regression", "amount"),
    gbm("gbm_poisson", "count", LIGHT, distribution="poisson"),
    gbm("gbm_offset", "flag", offset_column="shift", weights_column="weight"),
    gbm("gbm_offset_poisson", "count", LIGHT, distribution="poisson", offset_column="shift", ntrees=3),
    gbm("gbm_gamma", "count", LIGHT, distribution="gamma", ntrees=3),
    gbm("gbm_huber", "amount", LIGHT, distribution="huber", ntrees=3),
    gbm("gbm_quantile", "amount", LIGHT, distribution="quantile", quantile_alpha=0.8, ntrees=3),
    ZooModel("gbm_quasibinomial", zeros_and_ones),
    ZooModel("gbm_without_a_class", without_a_class, keeps=["staged"]),
    gbm("gbm_one_leaf", "amount", LIGHT, ntrees=2, min_split_improvement=1e9),
    gbm("gbm_huge", "flag", ["alpha", "huge", "some"], nbins_cats=2048, ntrees=3),
    gbm("gbm_flat", "flag", ["alpha", "few", "flat", "void"], ignore_const_cols=False, ntrees=3),
    ZooModel("gbm_platt", calibrated(H2OGradientBoostingEstimator, "PlattScaling", **SMALL)),
    ZooModel("gbm_isotonic", calibrated(H2OGradientBoostingEstimator, "IsotonicRegression", **SMALL)),
    encoded("gbm_one_hot", "OneHotExplicit"),
    replace(
        encoded("gbm_one_hot_weights", "OneHotExplicit", weights_column="weight"), answers="raw", keeps=[]
    ),
    encoded("gbm_binary", "Binary"),
    encoded("gbm_eigen", "Eigen"),
    encoded("gbm_label", "LabelEncoder"),
    encoded("gbm_enum_limited", "EnumLimited"),
    encoded("gbm_sort_by_response", "SortByResponse"),
    gbm("gbm_laplace", "amount", LIGHT, distribution="laplace", ntrees=3),
    gbm("gbm_tweedie", "count", LIGHT, distribution="tweedie", ntrees=3),
]
EMPTY: dict[str, str] = {}
