"""Neural networks and autoencoders."""

from collections.abc import Sequence

from h2o.estimators import H2OAutoEncoderEstimator, H2ODeepLearningEstimator

from zoo_makers.data import LIGHT, NUMBERS
from zoo_makers.edit import edited, set_keys, slim
from zoo_makers.zoo_model import ZooModel, train

REPEATABLE = {"epochs": 2, "reproducible": True, "seed": 1}


def network(name: str, target: str, features: Sequence[str] = LIGHT, **options: object) -> ZooModel:
    settings = REPEATABLE | {"hidden": [5, 3], "activation": "Rectifier"} | options
    # Raw, since PredictCsv stops at the first row whose prediction is NaN, as infinite inputs make it.
    return ZooModel(name, slim(train(H2ODeepLearningEstimator, target, features, **settings)), answers="raw")


def autoencoder(name: str, features: Sequence[str], **options: object) -> ZooModel:
    settings = REPEATABLE | {"hidden": [4], "activation": "Tanh"} | options
    return ZooModel(name, slim(train(H2OAutoEncoderEstimator, None, features, **settings)), answers="raw")


def exp_rectifier(name: str, like: ZooModel, activation: str) -> ZooModel:
    """The activation that H2O's API does not offer, in a model trained with another."""
    return ZooModel(name, edited(like.make, set_keys(activation=activation)), answers="raw")


DROPOUT = {"hidden_dropout_ratios": [0.2, 0.0], "input_dropout_ratio": 0.1}
RECTIFIER = network("deeplearning_binomial", "flag")
RECTIFIER_DROPOUT = network("deeplearning_dropout", "flag", activation="RectifierWithDropout", **DROPOUT)

MODELS = [
    RECTIFIER,
    RECTIFIER_DROPOUT,
    network("deeplearning_multinomial", "kind", activation="Tanh"),
    network("deeplearning_regression", "amount", activation="Maxout"),
    network("deeplearning_tanh_dropout", "amount", activation="TanhWithDropout"),
    network(
        "deeplearning_maxout_dropout",
        "kind",
        activation="MaxoutWithDropout",
        hidden=[9, 4],
        hidden_dropout_ratios=[0.1, 0.3],
    ),
    exp_rectifier("deeplearning_exp_rectifier", RECTIFIER, "ExpRectifier"),
    exp_rectifier("deeplearning_exp_dropout", RECTIFIER_DROPOUT, "ExpRectifierWithDropout"),
    network("deeplearning_poisson", "count", distribution="poisson"),
    network("deeplearning_tweedie", "count", distribution="tweedie"),
    network("deeplearning_laplace", "amount", distribution="laplace"),
    network("deeplearning_huber", "amount", distribution="huber", activation="Tanh"),
    network("deeplearning_quantile", "amount", distribution="quantile"),
    network("deeplearning_unscaled", "amount", [*NUMBERS, "few"], standardize=False),
    network("deeplearning_base_level", "flag", use_all_factor_levels=False),
    network("deeplearning_balanced", "kind", balance_classes=True),
    network("deeplearning_weights", "flag", weights_column="weight"),
    network("deeplearning_offset", "amount", offset_column="shift"),
    network("deeplearning_numbers", "flag", NUMBERS, hidden=[17]),
    network("deeplearning_levels", "flag", ["few", "some"]),
    network("deeplearning_huge", "flag", ["huge", "alpha"], hidden=[2]),
    network("deeplearning_skip", "amount", missing_values_handling="Skip"),
    network("deeplearning_sorted_levels", "flag", categorical_encoding="SortByResponse"),
    network("deeplearning_one_hot", "flag", categorical_encoding="OneHotInternal"),
    network("deeplearning_binary", "flag", categorical_encoding="Binary"),
    network("deeplearning_eigen", "flag", categorical_encoding="Eigen"),
    network("deeplearning_label", "kind", categorical_encoding="LabelEncoder"),
    autoencoder("autoencoder", LIGHT),
    autoencoder("autoencoder_numbers", NUMBERS),
    autoencoder("autoencoder_unscaled", [*NUMBERS, "few"], standardize=False),
    autoencoder("autoencoder_deep", ["few", "alpha"], hidden=[3, 2, 3], activation="Rectifier"),
]
EMPTY: dict[str, str] = {"calibration": "H2O calibrates trees only"}
