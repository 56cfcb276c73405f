import numpy as np
import pytest

from mojoline.runtime.errors import RuntimeModelError
from mojoline.runtime.imputation import impute

NAN = float("nan")


def test_only_missing_values_of_filled_columns_change():
    matrix = np.array([[NAN, 1.0, NAN], [2.0, NAN, 3.0]])
    filled = impute(matrix, ["a", "b", "c"], {"a": 10.0, "b": 20.0})
    np.testing.assert_array_equal(filled, [[10.0, 1.0, NAN], [2.0, 20.0, 3.0]])
    assert np.isnan(matrix[0, 0]), "the caller's matrix must stay as it was"


def test_result_is_what_the_scorer_asks_for():
    transposed = np.array([[NAN, 1.0], [2.0, NAN]]).T
    for fill in ({}, {"a": 1.0}, {"x": 1.0}):
        filled = impute(transposed, ["a", "b"], fill)
        assert filled.flags["C_CONTIGUOUS"]
        assert filled.dtype == np.float64


def test_a_column_that_was_dropped_in_training_may_be_named():
    np.testing.assert_array_equal(impute(np.array([[NAN]]), ["a"], {"month": 1.0, "a": 0.0}), [[0.0]])


def test_infinity_is_a_value_not_a_gap():
    np.testing.assert_array_equal(impute(np.array([[np.inf]]), ["a"], {"a": 1.0}), [[np.inf]])


def test_no_rows_stay_no_rows():
    assert impute(np.empty((0, 2)), ["a", "b"], {"a": 1.0}).shape == (0, 2)


@pytest.mark.parametrize("matrix", [np.zeros(2), np.zeros((1, 3))])
def test_a_matrix_that_does_not_fit_is_refused(matrix):
    with pytest.raises(RuntimeModelError, match="does not fit 2 features"):
        impute(matrix, ["a", "b"], {})


@pytest.mark.parametrize("value", [NAN, np.inf])
def test_a_fill_that_is_not_finite_is_refused(value):
    with pytest.raises(RuntimeModelError, match="'a' cannot be filled"):
        impute(np.zeros((1, 1)), ["a"], {"a": value})
