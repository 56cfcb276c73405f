"""Generalized linear models."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from h2o.estimators import H2OGeneralizedLinearEstimator

from zoo_makers.data import LIGHT, NUMBERS, NUMERIC, training
from zoo_makers.zoo_model import Maker, Workbench, ZooModel, train


def settings(options: dict[str, object]) -> dict[str, object]:
    return {"lambda_": 0.001, "alpha": 0.5, "seed": 1} | options


def glm(name: str, target: str, features: Sequence[str] = LIGHT, **options: object) -> ZooModel:
    keeps = [] if options.get("family") == "ordinal" else ["margins"]
    maker = train(H2OGeneralizedLinearEstimator, target, features, **settings(options))
    return ZooModel(name, maker, keeps=keeps)


def train_shaped(target: str, features: Sequence[str], **options: object) -> Maker:
    """Targets that some families want: zeros and ones as numbers, shares, positive amounts."""

    def make(bench: Workbench, output: Path) -> None:
        columns = training()
        columns["bit"] = [float(v == "yes") for v in columns["flag"]]
        columns["share"] = [0.25 * (v + 1) for v in columns["bit"]]
        columns["positive"] = [1 + abs(v) for v in columns["amount"]]
        frame = bench.upload(columns, [*NUMERIC, "bit", "share", "positive"])
        chosen = settings(options)
        if chosen.get("missing_values_handling") == "plug_values":
            plugs = {"alpha": [1.5], "beta": [50.0], "gamma": [-1.0], "few": ["blue"], "some": ["s07"]}
            chosen["plug_values"] = bench.upload(plugs, NUMBERS)
        model = H2OGeneralizedLinearEstimator(**chosen)
        model.train(x=list(features), y=target, training_frame=frame)
        model.download_mojo(str(output))

    return make


def shaped(name: str, target: str, features: Sequence[str] = LIGHT, **options: object) -> ZooModel:
    return ZooModel(name, train_shaped(target, features, **options))


def tweedie(name: str, variance: float, link: float) -> ZooModel:
    return glm(name, "count", family="tweedie", tweedie_variance_power=variance, tweedie_link_power=link)


ORDINAL = {"family": "ordinal", "lambda_": 0.0, "solver": "GRADIENT_DESCENT_LH"}

MODELS = [
    glm("glm_binomial", "flag", family="binomial"),
    glm("glm_gaussian", "amount", family="gaussian"),
    glm("glm_multinomial", "kind", family="multinomial"),
    glm("glm_ordinal", "grade", [*NUMBERS, "few"], **ORDINAL),
    glm("glm_poisson", "count", family="poisson"),
    tweedie("glm_tweedie", 1.5, 0.5),
    tweedie("glm_tweedie_log", 1.5, 0.0),
    tweedie("glm_tweedie_negative", 1.7, -0.7),
    glm("glm_offset", "flag", family="binomial", offset_column="shift", weights_column="weight"),
    glm("glm_offset_poisson", "count", family="poisson", offset_column="shift"),
    # Refuses every row with a missing level; only the raw answers go on after the first.
    replace(
        glm("glm_skip", "flag", family="binomial", missing_values_handling="Skip"), answers="raw", keeps=()
    ),
    shaped("glm_plug_values", "amount", missing_values_handling="plug_values"),
    shaped("glm_quasibinomial", "bit", family="quasibinomial"),
    shaped("glm_fractionalbinomial", "share", family="fractionalbinomial"),
    glm("glm_negativebinomial", "count", family="negativebinomial", theta=0.5, link="log"),
    glm(
        "glm_negativebinomial_identity",
        "count",
        ["few"],
        family="negativebinomial",
        theta=0.5,
        link="identity",
    ),
    shaped("glm_gamma_inverse", "positive", family="gamma", link="inverse"),
    shaped("glm_gamma_log", "positive", family="gamma", link="log"),
    shaped("glm_gamma_identity", "positive", ["few"], family="gamma", link="identity"),
    shaped("glm_gaussian_log", "positive", family="gaussian", link="log"),
    shaped("glm_gaussian_inverse", "positive", family="gaussian", link="inverse"),
    glm("glm_poisson_identity", "count", ["few"], family="poisson", link="identity"),
    glm("glm_base_level", "flag", family="binomial", lambda_=0.0),
    glm("glm_multinomial_base_level", "kind", [*NUMBERS, "few"], family="multinomial", lambda_=0.0),
    glm("glm_weights", "amount", family="gaussian", weights_column="weight"),
    glm("glm_no_intercept", "amount", family="gaussian", intercept=False),
    glm("glm_huge", "amount", ["alpha", "huge", "flat", "void"], ignore_const_cols=False),
]
EMPTY: dict[str, str] = {"calibration": "H2O calibrates trees only"}
