"""Matrices in, scores out: what NumPy hands over, and other threads meanwhile."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import mojo_scorer
import numpy as np
import pytest
from mojo_scorer import RowError

ZOO = Path(__file__).parent / "zoo"


@pytest.fixture(scope="module")
def model() -> mojo_scorer.Model:
    return mojo_scorer.load(ZOO / "gbm_binomial.zip")


def test_score_takes_only_what_it_needs_no_copy_for(model: mojo_scorer.Model) -> None:
    matrix = model.matrix([{"alpha": 1.0}] * 3)
    assert model.score(matrix).shape == (3, 2)
    for wrong in [
        matrix.astype(np.float32),
        np.zeros((3, 6), np.int64),
        np.asfortranarray(matrix),
        matrix[0],
        matrix.tolist(),
    ]:
        with pytest.raises(TypeError):
            model.score(wrong)  # type: ignore[arg-type]
    with pytest.raises(RowError, match="matrix has 5 columns, the model wants 6"):
        model.score(np.ascontiguousarray(matrix[:, :5]))
    frozen = matrix.copy()
    frozen.flags.writeable = False
    for same in (frozen, memoryview(matrix)):
        np.testing.assert_array_equal(model.score(same), model.score(matrix))  # type: ignore[arg-type]
    swapped = matrix.astype(">f8")
    with pytest.raises(TypeError):
        model.score(swapped)


FIRST_CALLS = """
import sys, threading, mojo_scorer
model = mojo_scorer.load(sys.argv[1])
assert "numpy" not in sys.modules
answers = []
threads = [threading.Thread(target=lambda: answers.append(model.predict([{}]))) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(answers) == 4
"""

WITHOUT_NUMPY = """
import sys, mojo_scorer
model = mojo_scorer.load(sys.argv[1])
sys.modules["numpy"] = None  # as if it were not installed
for _ in range(2):
    try:
        model.predict([{}])
    except ImportError as error:
        assert "numpy" in str(error)
    else:
        raise AssertionError
del sys.modules["numpy"]
assert list(model.predict([{}])) == ["predict", "no", "yes"]
"""


@pytest.mark.parametrize("program", [FIRST_CALLS, WITHOUT_NUMPY], ids=["by-threads", "in-vain-at-first"])
def test_numpy_is_imported_by_the_first_call(program: str) -> None:
    command = [sys.executable, "-c", program, str(ZOO / "gbm_binomial.zip")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_score_leaves_its_input_alone() -> None:
    model = mojo_scorer.load(ZOO / "glm_binomial.zip")  # fills gaps with means, in a copy
    matrix = model.matrix([{"alpha": None, "few": None}])
    before = matrix.copy()
    model.score(matrix)
    np.testing.assert_array_equal(matrix, before)


def test_other_threads_run_while_scoring(model: mojo_scorer.Model) -> None:
    """Long calls release the interpreter: a counting thread goes on during them, and threads agree."""
    rng = np.random.default_rng(1)
    matrix = model.matrix({"alpha": rng.normal(0, 2, 200_000)})
    expected = model.score(matrix)
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.0005)

    results: list[np.ndarray] = []
    ticker = threading.Thread(target=tick)
    scorers = [threading.Thread(target=lambda: results.append(model.score(matrix))) for _ in range(2)]
    ticker.start()
    start = time.monotonic()
    calls = 0
    while calls < 10 or time.monotonic() - start < 0.3:
        model.score(matrix)
        calls += 1
    end = time.monotonic()
    done.set()
    ticker.join()
    for thread in scorers:
        thread.start()
    for thread in scorers:
        thread.join()
    # With the lock held, at most the few moments between two calls would show a tick.
    assert sum(start < at < end for at in ticks) > 3 * calls
    assert all(np.array_equal(result, expected) for result in results)
