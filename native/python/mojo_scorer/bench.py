"""How fast a model loads and scores here: `python -m mojo_scorer bench FILE`."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mojo_scorer._core import Model, load

if TYPE_CHECKING:
    from mojo_scorer._core import Columns, Matrix

BATCHES = (1, 10, 100, 1_000, 10_000)  # rows
LEAST_CALLS = 3  # of which one is not disturbed


def draw_rows(model: Model, rows: int, seed: int = 1) -> Columns:
    """Draw columns for a model without data: normal numbers, levels by chance, nothing missing."""
    rng = np.random.default_rng(seed)
    columns: dict[str, list[object]] = {}
    for name in model.feature_names:
        levels = model.domains.get(name)
        if levels:
            columns[name] = [levels[i] for i in rng.integers(0, len(levels), rows)]
        else:
            columns[name] = rng.normal(0, 10, rows).tolist()
    return columns


def best_time(call: Callable[[], object], seconds: float) -> float:
    """Return the seconds of the fastest of three or more calls, measured for about so many seconds in all."""
    best, end = float("inf"), time.perf_counter() + seconds
    for calls in itertools.count(1):
        start = time.perf_counter()
        call()
        now = time.perf_counter()
        best = min(best, now - start)
        if calls >= LEAST_CALLS and now > end:
            break
    return best


def bench_model(path: Path, columns: Columns | None = None, *, seconds: float = 0.5) -> dict[str, object]:
    """Measure one model on one thread.

    Args:
        path: The MOJO.
        columns: Rows to score; drawn by chance without them.
        seconds: How long each measurement goes on.

    Returns:
        load_ms; single_row_us of an array, and of a dict with its answer as a dict; batch_us_per_row by
        rows per call (arrays); rows_per_second of the largest batch; nbytes. Times are the best of all.
    """
    start = time.perf_counter()
    model = load(path)
    first_ms = (time.perf_counter() - start) * 1e3
    load_ms = best_time(lambda: load(path), seconds) * 1e3
    columns = draw_rows(model, BATCHES[-1]) if columns is None else columns
    matrix = model.matrix(columns)
    offset = 0.0 if model.offset_column else None
    names = list(columns)
    rows = [
        dict(zip(names, row, strict=True))
        for row in zip(*(list(c)[:200] for c in columns.values()), strict=True)
    ]

    def score_each(parts: Iterable[Matrix]) -> None:
        for part in parts:
            model.score(part, offset)

    singles = [matrix[i : i + 1] for i in range(min(200, len(matrix)))]
    array_us = best_time(lambda: score_each(singles), seconds) / len(singles) * 1e6
    dict_us = best_time(lambda: [model.predict([row], offset) for row in rows], seconds) / len(rows) * 1e6
    batches: dict[str, float] = {}
    for size in BATCHES:
        whole = np.ascontiguousarray(np.resize(matrix, (size, matrix.shape[1])))
        batches[str(size)] = best_time(partial(model.score, whole, offset), seconds) / size * 1e6
    return {
        "model": path.name,
        "algorithm": model.algorithm,
        "nbytes": model.nbytes,
        "first_load_ms": first_ms,
        "load_ms": load_ms,
        "single_row_us": {"array": array_us, "dict": dict_us},
        "batch_us_per_row": batches,
        "rows_per_second": 1e6 / batches[str(BATCHES[-1])],
    }
