"""Generalized linear models."""

from collections.abc import Sequence
from dataclasses import replace

from h2o.estimators import H2OGeneralizedLinearEstimator

from zoo_makers.data import LIGHT, MULTICLASS, NUMBERS
from zoo_makers.zoo_model import ZooModel, train


def glm(name: str, target: str, features: Sequence[str] = LIGHT, **options: object) -> ZooModel:
    settings = {"lambda_": 0.001, "alpha": 0.5, "seed": 1} | options
    keeps = [] if target in MULTICLASS else ["margins"]
    return ZooModel(name, train(H2OGeneralizedLinearEstimator, target, features, **settings), keeps=keeps)


ORDINAL = {"family": "ordinal", "lambda_": 0.0, "solver": "GRADIENT_DESCENT_LH"}
TWEEDIE = {"family": "tweedie", "tweedie_variance_power": 1.5, "tweedie_link_power": 0.5}

MODELS = [
    glm("glm_binomial", "flag", family="binomial"),
    glm("glm_gaussian", "amount", family="gaussian"),
    glm("glm_multinomial", "kind", family="multinomial"),
    glm("glm_ordinal", "grade", [*NUMBERS, "few"], **ORDINAL),
    glm("glm_poisson", "count", family="poisson"),
    glm("glm_tweedie", "count", **TWEEDIE),
    glm("glm_offset", "flag", family="binomial", offset_column="shift", weights_column="weight"),
    glm("glm_offset_poisson", "count", family="poisson", offset_column="shift"),
    # Refuses every row with a missing level; only the raw answers go on after the first.
    replace(
        glm("glm_skip", "flag", family="binomial", missing_values_handling="Skip"), answers="raw", keeps=()
    ),
]
EMPTY: dict[str, str] = {}
