"""The training columns and the rows that most models of the zoo share, the same values every time."""

import csv
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

Columns = dict[str, list]  # name -> values; None is missing

FEW = ["red", "green", "blue", "São Paulo", "x,y", "a\\b"]
SOME = [f"s{i:02d}" for i in range(45)]
MANY = [f"m{i:03d}" for i in range(400)]
HUGE = [f"h{i:04d}" for i in range(1500)]
NUMBERS = ["alpha", "beta", "gamma"]
LEVELS = {"few": FEW, "some": SOME, "many": MANY}
FEATURES = [*NUMBERS, *LEVELS]
LIGHT = [*NUMBERS, "few", "some"]
TARGETS = ["flag", "kind", "amount", "count", "grade", "even"]
MULTICLASS = ["kind", "grade", "even"]
# Also in the training frame: `huge` (1,500 levels), `flat` (constant), `void` (never there), `weight`,
# `shift` (offset).
NUMERIC = [*NUMBERS, "amount", "count", "flat", "void", "weight", "shift"]
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


def draw_features(rng: np.random.Generator, rows: int, missing: float) -> Columns:
    columns: Columns = {
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


def draw_training(rng: np.random.Generator, rows: int) -> Columns:
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


def draw_others(rng: np.random.Generator, rows: int) -> Columns:
    return {
        "huge": [HUGE[i] for i in rng.permutation(rows) % len(HUGE)],
        "flat": [1.0] * rows,
        "void": [None] * rows,
        "weight": rng.choice([0.5, 1.0, 2.0], rows).tolist(),
        "shift": rng.normal(0, 0.5, rows).tolist(),
    }


def draw_rows(rng: np.random.Generator) -> Columns:
    columns = draw_features(rng, 260, 0.08)
    for row in range(30):
        name = list(LEVELS)[row % 3]
        columns[name][row] = ["never seen", "RED", " red", "s999"][row % 4]
    for row in range(30, 90):
        columns[NUMBERS[row % 3]][row] = EXTREMES[row % len(EXTREMES)]
    for name in columns:
        columns[name][90] = None
    return columns


@cache
def _drawn() -> tuple[Columns, Columns]:
    rng = np.random.default_rng(20)
    training, rows = draw_training(rng, 1800), draw_rows(rng)
    more = np.random.default_rng(21)
    training |= draw_others(more, 1800)
    others = draw_others(more, 260)
    others["huge"][:20] = [None, "h9999"] * 10
    return training, rows | others


def training() -> Columns:
    """1,800 rows: FEATURES, TARGETS, and the columns named beside NUMERIC."""
    return {name: list(values) for name, values in _drawn()[0].items()}


def scoring_rows() -> Columns:
    """260 rows: ordinary ones, missing values, unseen levels, extreme numbers, one row of nothing."""
    return {name: list(values) for name, values in _drawn()[1].items()}


def write_csv(path: Path, columns: Columns) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow(["" if value is None else value for value in row])
