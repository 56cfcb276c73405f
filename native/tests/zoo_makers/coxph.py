"""Cox proportional hazards."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from h2o.estimators import H2OCoxProportionalHazardsEstimator

from zoo_makers.data import NUMBERS, NUMERIC, Columns, scoring_rows, training
from zoo_makers.zoo_model import Workbench, ZooModel


def survival() -> Columns:
    """The training columns with a time of entry, a time of exit and an event."""
    columns = training()
    rng = np.random.default_rng(22)
    risk = np.array(columns["amount"])
    columns["start"] = rng.integers(0, 5, len(risk)).astype(float).tolist()
    columns["stop"] = (np.array(columns["start"]) + np.ceil(rng.exponential(20 * np.exp(-risk / 3)))).tolist()
    columns["event"] = (rng.random(len(risk)) < 0.7).astype(float).tolist()
    return columns


def subjects() -> Columns:
    """The common rows with strata, some of them missing, unseen or never seen together."""
    columns = scoring_rows()
    rng = np.random.default_rng(23)
    count = len(columns["alpha"])
    columns["even"] = rng.choice(["a", "b", "c"], count).tolist()
    columns["kind"] = rng.choice(["k1", "k2", "k3", "k4"], count).tolist()
    columns["grade"] = rng.choice(["1", "2", "3"], count).tolist()
    for at, name in enumerate(["even", "kind", "grade"] * 4):
        columns[name][100 + at] = [None, "never seen"][at % 2]
    return columns


def coxph(name: str, features: Sequence[str], **options: object) -> ZooModel:
    def make(bench: Workbench, output: Path) -> None:
        frame = bench.upload(survival(), [*NUMERIC, "start", "stop", "event"])
        model = H2OCoxProportionalHazardsEstimator(stop_column="stop", **options)
        model.train(x=list(features), y="event", training_frame=frame)
        model.download_mojo(str(output))

    # PredictCsv does not know the category; a missing level of the strata refuses the row.
    named = {*features, *map(str, options.get("stratify_by", []))}
    rows = subjects if named & {"even", "kind", "grade"} else None
    return ZooModel(name, make, answers="raw", rows=rows)


MIXED = [*NUMBERS, "few"]
MODELS = [
    coxph("coxph_numbers", NUMBERS),
    coxph("coxph_mixed", MIXED, start_column="start"),
    coxph("coxph_all_levels", MIXED, use_all_factor_levels=True),
    coxph("coxph_strata", [*MIXED, "even", "kind"], stratify_by=["even", "kind"]),
    coxph("coxph_levels_levels", [*MIXED, "grade"], interaction_pairs=[("few", "grade")]),
    coxph("coxph_levels_numbers", MIXED, interaction_pairs=[("few", "alpha")]),
    coxph("coxph_numbers_levels", MIXED, interaction_pairs=[("gamma", "few")], use_all_factor_levels=True),
    coxph("coxph_numbers_numbers", MIXED, interaction_pairs=[("alpha", "gamma")]),
    coxph("coxph_only", [*MIXED, "grade"], interactions=["alpha", "grade"], interactions_only=["grade"]),
    coxph("coxph_offset", MIXED, offset_column="shift"),
    coxph("coxph_weights", MIXED, weights_column="weight", ties="breslow"),
    coxph("coxph_strata_pairs", [*MIXED, "even"], stratify_by=["even"], interaction_pairs=[("few", "alpha")]),
]
EMPTY: dict[str, str] = {
    "calibration": "a risk is no probability",
    "binary": "predicts a risk",
    "multiclass": "predicts a risk",
    "regression": "predicts a risk",
    ">1024 levels": "a Cox model of so many coefficients does not converge on the training rows",
}
