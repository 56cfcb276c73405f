"""Levels that training encoded, and calibrated probabilities: what the Python face makes of them."""

import sys
from pathlib import Path

import mojo_scorer
import numpy as np
import pytest
from mojo_scorer import RowError, UnsupportedError

sys.path.insert(0, str(Path(__file__).parent))
from zoo_makers.zoo_model import ZOO

ENCODED = ["gbm_one_hot", "gbm_binary", "gbm_eigen", "gbm_label", "gbm_enum_limited", "drf_one_hot"]
ROWS = [{"alpha": 0.5, "few": "red", "some": "s07"}, {"alpha": 0.5, "few": "mauve", "some": None}]


@pytest.mark.parametrize("name", ENCODED)
def test_records_hold_the_columns_of_before(name: str) -> None:
    model = mojo_scorer.load(ZOO / f"{name}.zip")
    assert {"alpha", "beta", "gamma", "few", "some"} == {*model.feature_names}
    assert {"red", "green", "blue"} <= {*model.domains["few"]}
    matrix, counts = model.matrix_and_counts(ROWS)
    assert matrix.shape == (2, 5)
    assert counts["unseen"] == {"few": 1}
    assert counts["missing"] == {"beta": 2, "gamma": 2, "some": 1}
    with pytest.raises(RowError, match="level 'mauve' was not seen"):
        model.matrix(ROWS, unseen="error")
    table = model.predict({key: [row[key] for row in ROWS] for key in ROWS[0]})
    assert np.array_equal(table["yes"], model.predict(ROWS)["yes"])
    assert np.array_equal(table["yes"], model.score(matrix)[:, 1])


def test_unseen_is_not_missing_where_genmodel_tells_them_apart() -> None:
    model = mojo_scorer.load(ZOO / "gbm_one_hot.zip")
    matrix = model.matrix([{"few": "mauve"}, {"few": None}, {}])
    at = model.feature_names.index("few")
    assert matrix[0, at] == len(model.domains["few"])
    assert np.isnan(matrix[1:, at]).all()


def test_a_matrix_with_what_is_no_level() -> None:
    model = mojo_scorer.load(ZOO / "gbm_one_hot.zip")
    matrix = model.matrix(ROWS)
    for value in (-1.0, 0.5, 7.0, np.inf):
        matrix[1, model.feature_names.index("few")] = value
        with pytest.raises(RowError, match=r"row 1: column .* is no level"):
            model.score(matrix)


def test_explanations_take_records_too() -> None:
    model = mojo_scorer.load(ZOO / "gbm_one_hot.zip")
    assert "few.red" in model.contribution_names
    assert model.contributions(ROWS).shape == (2, len(model.contribution_names))


def test_calibration() -> None:
    for name, method in [("gbm_platt", "platt"), ("gbm_isotonic", "isotonic"), ("xgboost_platt", "platt")]:
        model = mojo_scorer.load(ZOO / f"{name}.zip")
        assert model.calibration == method
        plain, both = model.predict(ROWS), model.predict(ROWS, calibrated=True)
        assert [*both] == [*plain, "cal_no", "cal_yes"]
        assert np.allclose(both["cal_no"] + both["cal_yes"], 1)
        scores = model.score(model.matrix(ROWS))
        assert np.array_equal(model.calibrate(scores)[:, 1], both["cal_yes"])
        with pytest.raises(RowError, match="1 columns, two classes have 2"):
            model.calibrate(np.zeros((3, 1)))
    model = mojo_scorer.load(ZOO / "gbm_binomial.zip")
    assert model.calibration is None
    with pytest.raises(UnsupportedError, match="without calibrated probabilities"):
        model.predict(ROWS, calibrated=True)
