"""Where a model's offset comes from, and what happens without one. That the numbers are Java's: the zoo."""

from pathlib import Path

import mojo_scorer
import numpy as np
import pytest
from mojo_scorer import RowError

ZOO = Path(__file__).parent / "zoo"
ROWS = [{"alpha": 0.5, "few": "red", "shift": 0.25}, {"alpha": -1.5, "few": "blue", "shift": "-1.0"}]
OFFSETS = [0.25, -1.0]


@pytest.fixture(scope="module", params=["gbm_offset", "xgboost_offset", "glm_offset"])
def model(request: pytest.FixtureRequest) -> mojo_scorer.Model:
    return mojo_scorer.load(ZOO / f"{request.param}.zip")


def test_records_columns_and_arguments_agree(model: mojo_scorer.Model) -> None:
    assert model.offset_column == "shift"
    wanted = model.score(model.matrix(ROWS), OFFSETS)
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]} | {"shift": np.array(OFFSETS)}
    for made in (
        model.predict(ROWS),
        model.predict(columns),
        model.predict([{**row, "shift": 7.0} for row in ROWS], np.array(OFFSETS)),
    ):
        assert np.array_equal(made["yes"], wanted[:, 1])
    one = model.score(model.matrix(ROWS), 0.25)
    assert one[0, 1] == wanted[0, 1] != one[1, 1]
    assert one[0, 1] > model.score(model.matrix(ROWS), 0)[0, 1]


@pytest.mark.parametrize(
    "rows",
    [
        [{"alpha": 0.5, "shift": 1.0}, {"alpha": 0.5}],
        [{"alpha": 0.5, "shift": 1.0}, {"alpha": 0.5, "shift": None}],
        {"alpha": [0.5, 0.5], "shift": [1.0, float("nan")]},
    ],
)
def test_a_missing_offset_is_named(model: mojo_scorer.Model, rows: object) -> None:
    with pytest.raises(RowError, match="row 1, column 'shift': the offset is missing"):
        model.predict(rows)


def test_a_matrix_has_no_offset_of_its_own(model: mojo_scorer.Model) -> None:
    matrix = model.matrix(ROWS)
    with pytest.raises(RowError, match="trained with offset column shift"):
        model.score(matrix)
    with pytest.raises(RowError, match="offset has 1 values for 2 rows"):
        model.score(matrix, [1.0])
    with pytest.raises(RowError, match="neither a number nor"):
        model.score(matrix, "shift")
    with pytest.raises(RowError, match="row 1: the offset is missing"):
        model.score(matrix, [1.0, float("nan")])


def test_models_without_an_offset_column() -> None:
    gbm = mojo_scorer.load(ZOO / "gbm_binomial.zip")  # H2O adds an offset here too
    assert gbm.offset_column is None
    assert gbm.score(gbm.matrix(ROWS), 1.0)[0, 1] > gbm.score(gbm.matrix(ROWS))[0, 1]
    for name in ["xgboost_binomial", "pca_numbers", "pipeline_gbm"]:
        model = mojo_scorer.load(ZOO / f"{name}.zip")
        matrix = model.matrix(ROWS)
        assert np.array_equal(model.score(matrix, 0.0), model.score(matrix), equal_nan=True)
        with pytest.raises(RowError, match="takes no offset"):
            model.score(matrix, 0.5)
    ignored = mojo_scorer.load(ZOO / "glm_multinomial.zip")
    assert np.array_equal(ignored.score(ignored.matrix(ROWS), 5.0), ignored.score(ignored.matrix(ROWS)))
