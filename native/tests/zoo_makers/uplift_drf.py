"""Uplift random forests: what a treatment changes."""

from pathlib import Path

import numpy as np
from h2o.estimators import H2OUpliftRandomForestEstimator

from zoo_makers.data import LIGHT, NUMBERS, training
from zoo_makers.zoo_model import Maker, Workbench, ZooModel


def uplift(metric: str) -> Maker:
    def make(bench: Workbench, output: Path) -> None:
        columns = training()
        treated = np.random.default_rng(7).choice(["control", "treatment"], len(columns["flag"])).tolist()
        used = {name: columns[name] for name in [*LIGHT, "huge", "flag"]} | {"treated": treated}
        model = H2OUpliftRandomForestEstimator(
            ntrees=4,
            max_depth=5,
            seed=1,
            treatment_column="treated",
            uplift_metric=metric,
            min_rows=10,
            nbins_cats=2048,
        )
        model.train(x=[*LIGHT, "huge"], y="flag", training_frame=bench.upload(used, NUMBERS))
        model.download_mojo(str(output))

    return make


MODELS = [
    ZooModel("uplift_drf", uplift("KL"), answers="raw"),
    ZooModel("uplift_drf_euclidean", uplift("Euclidean"), answers="raw"),
]
EMPTY: dict[str, str] = {
    "binary": "the answers are two probabilities and their difference, no class",
    "multiclass": "H2O trains uplift for two classes",
    "regression": "H2O trains uplift for two classes",
    "offset": "H2O trains uplift without offset",
    "weights": "H2O trains uplift without weights",
    "calibration": "H2O does not calibrate uplift",
}
