"""Generalized additive models: every kind of spline, family and link."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from h2o.estimators import H2OGeneralizedAdditiveEstimator

from zoo_makers.data import NUMERIC, Columns, scoring_rows, training
from zoo_makers.zoo_model import Workbench, ZooModel

CUBIC, THIN, INTEGRATED, MONOTONE = 0, 1, 2, 3
SPLINES = ["alpha", "beta", "gamma"]


def without_nan() -> Columns:
    """The common rows; a number that is given as NaN is left out, which genmodel tells apart here."""
    return {name: [None if v == "NaN" else v for v in values] for name, values in scoring_rows().items()}


def half_pairs() -> Columns:
    """The common rows, half of them without the first of two predictors."""
    columns = scoring_rows()
    columns["alpha"] = [None if i % 2 else v for i, v in enumerate(columns["alpha"])]
    return columns


def gam(
    name: str,
    target: str,
    columns: Sequence[str | list[str]],
    bases: Sequence[int],
    features: Sequence[str] = ("few", "some"),
    **options: object,
) -> ZooModel:
    def make(bench: Workbench, output: Path) -> None:
        data = training()
        data["bit"] = [float(v == "yes") for v in data["flag"]]
        data["share"] = [0.25 * (v + 1) for v in data["bit"]]
        data["positive"] = [1 + abs(v) for v in data["amount"]]
        settings = {"num_knots": [6] * len(columns), "lambda_": 0.001, "alpha": 0.5, "seed": 1} | options
        model = H2OGeneralizedAdditiveEstimator(
            gam_columns=[c if isinstance(c, list) else [c] for c in columns],
            bs=list(bases),
            scale=[0.01] * len(columns),
            **settings,
        )
        frame = bench.upload(data, [*NUMERIC, "bit", "share", "positive"])
        model.train(x=list(features), y=target, training_frame=frame)
        model.download_mojo(str(output))

    return ZooModel(name, make)


MODELS = [
    gam("gam_cubic", "flag", ["alpha", "beta"], [CUBIC, CUBIC], family="binomial"),
    gam("gam_thin", "amount", ["alpha"], [THIN], family="gaussian"),
    gam("gam_thin_pair", "amount", [["alpha", "beta"]], [THIN], num_knots=[12], family="gaussian"),
    gam("gam_thin_three", "amount", [["alpha", "beta", "gamma"]], [THIN], num_knots=[15], family="gaussian"),
    gam("gam_integrated", "amount", ["alpha"], [INTEGRATED], spline_orders=[3], family="gaussian"),
    gam("gam_monotone", "count", ["alpha"], [MONOTONE], spline_orders=[3], family="poisson"),
    gam(
        "gam_monotone_cubic",
        "amount",
        ["alpha", "beta"],
        [MONOTONE, CUBIC],
        num_knots=[5, 6],
        spline_orders=[2, -1],
        family="gaussian",
    ),
    replace(
        gam(
            "gam_integrated_thin",
            "amount",
            ["alpha", "beta"],
            [INTEGRATED, THIN],
            spline_orders=[3, -1],
            family="gaussian",
        ),
        rows=without_nan,
    ),
    # genmodel misreads the exponents of the pair, and refuses every row that has both.
    replace(
        gam(
            "gam_mixed",
            "amount",
            ["alpha", "beta", ["alpha", "gamma"]],
            [MONOTONE, CUBIC, THIN],
            num_knots=[5, 6, 10],
            spline_orders=[2, -1, -1],
            family="gaussian",
        ),
        answers="raw",
        rows=half_pairs,
    ),
    replace(
        gam(
            "gam_standardized",
            "amount",
            ["alpha"],
            [THIN],
            standardize_tp_gam_cols=True,
            family="gaussian",
        ),
        answers="raw",
        rows=half_pairs,
    ),
    gam(
        "gam_linear_too", "amount", ["alpha"], [CUBIC], ["alpha", "few"], family="gaussian", standardize=True
    ),
    gam("gam_skip", "amount", ["alpha"], [CUBIC], family="gaussian", missing_values_handling="skip"),
    replace(
        gam(
            "gam_two_integrated",
            "amount",
            ["alpha", "beta"],
            [INTEGRATED] * 2,
            spline_orders=[2, 4],
            family="gaussian",
        ),
        rows=without_nan,
    ),
    gam("gam_multinomial", "kind", ["alpha"], [CUBIC], family="multinomial"),
    gam("gam_ordinal", "grade", ["alpha"], [CUBIC], family="ordinal", solver="gradient_descent_lh"),
    gam("gam_gamma", "positive", ["alpha"], [CUBIC], ["few"], family="gamma", link="log"),
    gam("gam_inverse", "positive", ["alpha"], [CUBIC], ["few"], family="gamma", link="inverse"),
    gam(
        "gam_tweedie",
        "count",
        ["alpha"],
        [CUBIC],
        family="tweedie",
        tweedie_variance_power=1.5,
        tweedie_link_power=0.5,
    ),
    gam("gam_quasibinomial", "bit", ["alpha"], [CUBIC], family="quasibinomial"),
    gam("gam_fractionalbinomial", "share", ["alpha"], [CUBIC], family="fractionalbinomial"),
    gam(
        "gam_negativebinomial", "count", ["alpha"], [CUBIC], family="negativebinomial", theta=0.5, link="log"
    ),
    gam(
        "gam_numbers",
        "amount",
        ["alpha"],
        [CUBIC],
        ["beta", "gamma"],
        family="gaussian",
        weights_column="weight",
    ),
    gam("gam_huge", "amount", ["alpha"], [CUBIC], ["beta", "huge"], family="gaussian"),
    gam("gam_base_level", "amount", ["alpha"], [CUBIC], family="gaussian", lambda_=0.0),
]
EMPTY: dict[str, str] = {
    "offset": "genmodel cannot score a GAM with an offset",
    "calibration": "H2O calibrates trees only",
}
