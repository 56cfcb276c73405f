"""Histograms of training columns: every row lands in exactly one bin, and in the right one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mojoline.drift.baseline import Baseline, count_bins, fit_baseline
from mojoline.drift.errors import DriftError

numbers = st.lists(st.none() | st.floats(-100, 100) | st.sampled_from([0.0, 1.0, math.nan, math.inf]))
levels = st.lists(st.none() | st.sampled_from([f"L{i}" for i in range(40)]))


@given(numbers, numbers)
def test_numeric_rows_land_in_the_bin_that_names_them(training, later):
    column = fit_baseline({"x": training}, types={"x": "numeric"}).columns["x"]
    assert sum(column.counts) == len(training)
    assert column.counts == count_bins(column, training).tolist()
    expected = [0] * len(column.labels)
    for value in later:
        if value is None or math.isnan(value):
            expected[-1] += 1
        elif value in column.heavy:
            expected[len(column.edges) + 1 + column.heavy.index(value)] += 1
        else:
            expected[sum(edge < value for edge in column.edges)] += 1
    assert count_bins(column, later).tolist() == expected


@given(levels, levels)
def test_categorical_rows_land_in_the_bin_that_names_them(training, later):
    column = fit_baseline({"x": training}, types={"x": "categorical"}).columns["x"]
    assert len(column.levels) <= 20
    expected = dict.fromkeys(column.labels, 0)
    for value in later:
        known = value in column.levels
        seen = value in training
        expected["NA" if value is None else value if known else "__other__" if seen else "__unseen__"] += 1
    assert count_bins(column, later).tolist() == list(expected.values())


def test_deciles_hold_a_tenth_each_and_zeros_have_their_own_bin():
    rng = np.random.default_rng(1)
    column = fit_baseline({"x": rng.normal(size=10_000)}, types={"x": "numeric"}).columns["x"]
    assert column.counts[:-1] == [1000] * 10
    half_zero = np.where(rng.random(10_000) < 0.5, 0.0, rng.normal(size=10_000))
    column = fit_baseline({"x": half_zero}, types={"x": "numeric"}).columns["x"]
    assert column.heavy == [0.0]
    assert len(column.labels) <= 12
    assert count_bins(column, [0.0] * 7)[-2] == 7


def test_baseline_survives_json_and_keeps_the_prediction():
    baseline = fit_baseline(
        {"x": [1.0, None, 3.0], "c": ["a", "b", None]},
        types={"x": "numeric", "c": "categorical"},
        prediction=[0.1, 0.5, 0.9],
    )
    again = Baseline.model_validate_json(baseline.model_dump_json())
    assert again == baseline
    assert again.rows == 3
    assert again.prediction is not None
    assert again.prediction.type == "numeric"
    assert fit_baseline({}, types={}, prediction=["yes"]).prediction.type == "categorical"


def test_wrong_material_is_named():
    with pytest.raises(DriftError, match="column 'x': row 1 holds 'abc'"):
        fit_baseline({"x": [1.0, "abc"]}, types={"x": "numeric"})
    with pytest.raises(DriftError, match="only one of them has: y"):
        fit_baseline({"x": []}, types={"x": "numeric", "y": "numeric"})
    with pytest.raises(DriftError, match="equal lengths"):
        fit_baseline({"x": [1.0], "y": []}, types={"x": "numeric", "y": "numeric"})
