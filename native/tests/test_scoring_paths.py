"""One row, many rows, with and without the processor's wide registers: the same bits."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import mojo_scorer
import numpy as np
import pytest

ZOO = Path(__file__).parent / "zoo"
TREES = ["gbm_binomial", "gbm_multinomial", "gbm_regression", "xgboost_sparse", "xgboost_dart_multinomial"]
COUNTS = [1, 15, 16, 17, 143, 144, 207, 208, 255, 256, 257, 512, 513, 2000, 2049]

SCORE_ALL = """
import sys
import numpy as np
import mojo_scorer
model = mojo_scorer.load(sys.argv[1])
np.save(sys.argv[3], model.score(np.load(sys.argv[2])))
"""


def draw_matrix(model: mojo_scorer.Model, rows: int) -> np.ndarray:
    """Draw numbers, levels a little beyond each domain, and gaps."""
    rng = np.random.default_rng(7)
    columns = []
    for name in model.feature_names:
        levels = model.domains.get(name)
        column = rng.normal(0, 20, rows) if levels is None else rng.integers(-1, len(levels) + 2, rows) * 1.0
        column[rng.random(rows) < 0.1] = np.nan
        columns.append(column)
    return np.column_stack(columns)


@pytest.mark.parametrize("name", TREES)
def test_rows_do_not_depend_on_how_many_are_scored_at_once(name: str) -> None:
    model = mojo_scorer.load(ZOO / f"{name}.zip")
    matrix = draw_matrix(model, max(COUNTS))
    alone = np.vstack([model.score(matrix[i : i + 1]) for i in range(len(matrix))])
    for count in COUNTS:
        assert model.score(matrix[:count]).tobytes() == alone[:count].tobytes(), count


@pytest.mark.parametrize("name", TREES)
def test_plain_instructions_give_the_same_bits(name: str, tmp_path: Path) -> None:
    model = mojo_scorer.load(ZOO / f"{name}.zip")
    matrix = draw_matrix(model, 2000)
    np.save(tmp_path / "rows.npy", matrix)
    arguments = [str(ZOO / f"{name}.zip"), str(tmp_path / "rows.npy"), str(tmp_path / "scores.npy")]
    environment = os.environ | {"MOJO_SCORER_ISA": "scalar"}
    subprocess.run([sys.executable, "-c", SCORE_ALL, *arguments], env=environment, check=True)
    assert np.load(tmp_path / "scores.npy").tobytes() == model.score(matrix).tobytes()


def test_other_threads_run_while_one_scores() -> None:
    """The GIL is released: this thread goes on while another is inside of one call of score()."""
    model = mojo_scorer.load(ZOO / "glrm_huge.zip")  # milliseconds per row
    matrix = draw_matrix(model, 100)
    inside = threading.Event()
    done = threading.Event()

    def score() -> None:
        inside.set()
        model.score(matrix)
        done.set()

    scoring = threading.Thread(target=score)
    scoring.start()
    inside.wait()
    turns = 0
    while not done.is_set():
        time.sleep(0.001)
        turns += 1
    scoring.join()
    assert turns > 10
