"""What the models of the zoo exercise, read from the files and their rows, and why a cell is empty."""

import csv
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path

from zoo_catalogue import families
from zoo_makers.zoo_model import ZooModel

FEATURES = [
    "binary",
    "multiclass",
    "regression",
    "NA",
    "unseen",
    "offset",
    "weights",
    "calibration",
    ">1024 levels",
    "extremes",
]
PROBLEMS = {
    "Binomial": "binary",
    "Multinomial": "multiclass",
    "Ordinal": "multiclass",
    "Regression": "regression",
}
MISSING = {"", "NA", "N/A", "-"}  # what genmodel's CSV tool takes for a missing cell
WEIGHTS = "weight"  # the column of the training data that serves as weights


def read_rows(path: Path) -> list[dict[str, str | None]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [{k: None if v in MISSING else v for k, v in row.items()} for row in csv.DictReader(file)]


def read_ini(archive: zipfile.ZipFile) -> tuple[dict[str, str], list[str], dict[int, list[str]]]:
    """Return the [info] of a MOJO, its columns and the levels of the categorical ones."""
    section, info, columns, domains = "", {}, [], {}
    for line in archive.read("model.ini").decode().splitlines():
        text = line.strip()
        if text in ("[info]", "[columns]", "[domains]"):
            section = text
        elif section == "[info]" and "=" in text:
            key, _, value = text.partition("=")
            info[key.strip()] = value.strip()
        elif section == "[columns]" and text:
            columns.append(text)
        elif section == "[domains]" and text:
            index, _, rest = text.partition(":")
            file = rest.split()[1]
            domains[int(index)] = archive.read(f"domains/{file}").decode().splitlines()
    return info, columns, domains


def is_extreme(text: str) -> bool:
    try:
        value = float.fromhex(text) if "0x" in text else float(text.rstrip("dDfF"))
    except ValueError:
        return False
    return math.isinf(value) or abs(value) > 1e100 or 0 < abs(value) < 1e-300 or str(value) == "-0.0"


def problems(info: Mapping[str, str]) -> set[str]:
    category, classes = info["category"], int(info["n_classes"])
    if category == "TargetEncoder":
        return {"regression" if classes == 1 else "binary" if classes == 2 else "multiclass"}
    return {PROBLEMS[category]} if category in PROBLEMS else set()


def exercised(model: ZooModel) -> set[str]:
    """Return the features of the coverage matrix that this model and its rows reach."""
    with zipfile.ZipFile(model.mojo) as archive:
        info, columns, domains = read_ini(archive)
    predictors = columns[: int(info["n_features"])]
    found = problems(info)
    rows = read_rows(model.rows_file)
    if any(row.get(name) is None for row in rows for name in predictors):
        found.add("NA")
    for at, name in enumerate(predictors):
        if at in domains:
            levels = set(domains[at])
            if any(row.get(name) not in levels | {None} for row in rows):
                found.add("unseen")
            if len(levels) > 1024:
                found.add(">1024 levels")
        elif any(is_extreme(row[name]) for row in rows if row.get(name)):
            found.add("extremes")
    if "offset_column" in info:
        found.add("offset")
    if WEIGHTS in columns:
        found.add("weights")
    if info.get("calib_method", "null") != "null":
        found.add("calibration")
    return found


def coverage_matrix() -> Mapping[str, Mapping[str, int | str]]:
    """Algorithm -> feature -> how many models exercise it, or why none does ("" where that is not said)."""
    matrix = {}
    for algorithm, (models, reasons) in families().items():
        reached = [exercised(model) for model in models]
        counts = {feature: sum(feature in found for found in reached) for feature in FEATURES}
        matrix[algorithm] = {name: count or reasons.get(name, "") for name, count in counts.items()}
    return matrix


def print_matrix(matrix: Mapping[str, Mapping[str, int | str]]) -> None:
    """Print the counts, a letter in each empty cell, and the reasons by letter."""
    notes: dict[str, str] = {}
    width = max(map(len, matrix)) + 2
    print(f"\n{'models per cell':{width}}" + "".join(f"{feature:>14}" for feature in FEATURES))
    for algorithm, cells in matrix.items():
        shown = []
        for value in cells.values():
            if isinstance(value, str):
                value = f"({notes.setdefault(value or 'NO REASON GIVEN', str(len(notes) + 1))})"
            shown.append(f"{value:>14}")
        print(f"{algorithm:{width}}" + "".join(shown))
    for reason, number in notes.items():
        print(f"  ({number}) {reason}")
