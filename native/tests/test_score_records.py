"""`score_records`: what `score(matrix(data))` says, in one call, with gaps filled on the way."""

from pathlib import Path

import mojo_scorer
import numpy as np
import pytest
from mojo_scorer import RowError

ZOO = Path(__file__).parent / "zoo"
ROWS = [{"alpha": 0.5, "few": "red"}, {"few": "blue"}, {"alpha": None, "few": "never seen"}, {}]


@pytest.fixture(scope="module", params=["gbm_binomial", "xgboost_sparse", "glm_binomial", "drf_regression"])
def model(request: pytest.FixtureRequest) -> mojo_scorer.Model:
    return mojo_scorer.load(ZOO / f"{request.param}.zip")


def test_it_says_what_the_two_steps_say(model: mojo_scorer.Model) -> None:
    wanted = model.score(model.matrix(ROWS))
    assert np.array_equal(model.score_records(ROWS), wanted, equal_nan=True)
    many = ROWS * 600  # beyond what is scored with the GIL held
    assert np.array_equal(model.score_records(many), np.tile(wanted, (600, 1)), equal_nan=True)
    columns = {name: [row.get(name) for row in ROWS] for name in ("alpha", "few")}
    assert np.array_equal(model.score_records(columns), wanted, equal_nan=True)


def test_gaps_are_filled_where_there_is_a_value_for_them(model: mojo_scorer.Model) -> None:
    fill = np.array([0.25 if name in ("alpha", "gamma") else np.nan for name in model.feature_names])
    matrix = model.matrix(ROWS)
    wanted = model.score(np.ascontiguousarray(np.where(np.isnan(matrix), fill, matrix)))
    assert np.array_equal(model.score_records(ROWS, fill=fill), wanted, equal_nan=True)
    assert not np.array_equal(wanted, model.score(matrix), equal_nan=True)


def test_a_fill_that_does_not_fit_is_refused(model: mojo_scorer.Model) -> None:
    with pytest.raises(RowError, match=f"fill has 1 values, the model wants {len(model.feature_names)}"):
        model.score_records(ROWS, fill=np.zeros(1))
    for odd in (
        np.zeros((1, len(model.feature_names))),
        np.zeros(len(model.feature_names), np.float32),
        [0.0],
        "fill",
    ):
        with pytest.raises(TypeError, match="fill is a C-contiguous float64 vector"):
            model.score_records(ROWS, fill=odd)  # type: ignore[arg-type]


def test_an_unseen_level_may_be_an_error() -> None:
    model = mojo_scorer.load(ZOO / "gbm_binomial.zip")
    with pytest.raises(RowError, match="never seen"):
        model.score_records(ROWS, unseen="error")


def test_offsets_come_from_their_column() -> None:
    model = mojo_scorer.load(ZOO / "gbm_offset.zip")
    rows = [{"alpha": 0.5, "few": "red", "shift": 0.25}, {"alpha": -1.5, "few": "blue", "shift": -1.0}]
    assert np.array_equal(model.score_records(rows), model.score(model.matrix(rows), [0.25, -1.0]))
    with pytest.raises(RowError, match="row 0, column 'shift': the offset is missing"):
        model.score_records([{"alpha": 0.5}])
