"""Copies of MOJOs that answer their margin: the same coefficients or trees as a regression without a link."""

import math
import re
import struct
import zipfile
from pathlib import Path

# What XGBoost's base score 0.5, which H2O always writes, is before the link.
BASE_MARGINS = {
    b"binary:logistic": -0.0,
    b"count:poisson": math.log(0.5),
    b"multi:softprob": 0.5,
    b"reg:gamma": math.log(0.5),
    b"reg:squarederror": 0.5,
    b"reg:tweedie": math.log(0.5),
}
SUM_OF_LEAVES = {"algorithm": "Gradient Boosting Machine", "init_f": "0.0", "n_trees_per_class": "1"}
IDENTITY = {"distribution": "gaussian", "link_function": "identity"}
REGRESSION = {
    "category": "Regression",
    "n_classes": "1",
    "balance_classes": "false",
    "prior_class_distrib": "null",
    "model_class_distrib": "null",
}


def set_keys(ini: bytes, values: dict[str, str]) -> bytes:
    for key, value in values.items():
        line = f"{key} = {value}\n".encode()
        ini, found = re.subn(rf"(?m)^{key} = .*\n".encode(), line, ini)
        if not found:
            ini = ini.replace(b"[info]\n", b"[info]\n" + line)
    return ini


def rename_objective(booster: bytes, old: bytes, new: bytes) -> bytes:
    """XGBoost writes the length of a text as eight bytes before it."""
    return booster.replace(struct.pack("<Q", len(old)) + old, struct.pack("<Q", len(new)) + new)


def beta_of(ini: bytes, at: int) -> str:
    """The coefficients of one class, as text."""
    lines = (line.partition(" = ") for line in ini.decode().splitlines())
    values = {key: value for key, equals, value in lines if equals}
    beta = values["beta"].strip("[]").split(", ")
    each = len(beta) // int(values["n_classes"])
    return f"[{', '.join(beta[at * each : (at + 1) * each])}]"


def without_link(mojo: Path, algorithm: str, output: Path, at: int = 0) -> int:
    """Write a copy for the margin `at`, and return the column in which its score() has it.

    The margins are those of `oracle/Margins.java`: one per class where a model sums per class.
    """
    with zipfile.ZipFile(mojo) as source:
        entries = {name: source.read(name) for name in source.namelist() if not name.endswith("/")}
    ini = entries["model.ini"]
    column = 0
    if algorithm == "xgboost":
        booster = entries["boosterBytes"]
        objective = next(name for name in BASE_MARGINS if name in booster)
        if objective == b"multi:softprob":
            column = at
        else:
            ini = set_keys(ini, REGRESSION)
        # The base score stands behind the magic.
        booster = booster[:4] + struct.pack("<f", BASE_MARGINS[objective]) + booster[8:]
        entries["boosterBytes"] = rename_objective(booster, objective, b"reg:linear")
    elif algorithm == "glm":
        if b"\nfamily = multinomial\n" in ini:
            ini = set_keys(ini, {"beta": beta_of(ini, at)})
        ini = set_keys(ini, REGRESSION | {"family": "gaussian", "link": "identity"})
    else:
        summed = algorithm == "drf" or b"\ndistribution = multinomial\n" in ini
        ini = set_keys(ini, REGRESSION | IDENTITY | (SUM_OF_LEAVES if summed else {}))
        trees = {name: content for name, content in entries.items() if name.startswith("trees/")}
        entries = {name: content for name, content in entries.items() if name not in trees}
        for name, content in trees.items():
            if name.startswith(f"trees/t{at:02}_"):
                entries[name.replace(f"/t{at:02}_", "/t00_")] = content
    entries["model.ini"] = ini
    with zipfile.ZipFile(output, "w") as copy:
        for name, content in entries.items():
            copy.writestr(name, content)
    return column
