import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mojoline.runtime.errors import RuntimeModelError
from mojoline.runtime.evaluation import (
    LOWER_IS_BETTER,
    METRICS,
    LabelledRows,
    area_under_curve,
    evaluate,
    measure,
)


class Fixed:
    def __init__(self, scores, output_names):
        self.scores, self.output_names = np.array(scores), output_names

    def score(self, data):
        return self.scores


def test_binary_metrics_by_hand():
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])
    metrics = measure("binary", scores, ["no", "yes", "yes", "no"], ["no", "yes"])
    assert metrics["logloss"] == pytest.approx(-np.log([0.9, 0.8, 0.4, 0.7]).mean())
    assert metrics["auc"] == 1.0
    assert metrics["accuracy"] == 0.75
    assert metrics["mean_per_class_error"] == 0.25


def test_regression_metrics_by_hand():
    metrics = measure("regression", np.array([[1.0], [3.0]]), [2.0, 5.0], ["predict"])
    assert metrics == pytest.approx({"rmse": 2.5**0.5, "mse": 2.5, "mae": 1.5, "r2": 1 - 2.5 / 2.25})


def test_a_certain_mistake_costs_much_but_not_infinitely():
    metrics = measure("binary", np.array([[1.0, 0.0]]), ["yes"], ["no", "yes"])
    assert metrics["logloss"] == pytest.approx(-np.log(1e-15))
    assert "auc" not in metrics  # one class only


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.1000001, 0.5, 1.0]), st.booleans()), min_size=2))
def test_auc_is_the_share_of_ordered_pairs(pairs):
    scores, positive = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    ones, zeros = scores[positive], scores[~positive]
    got = area_under_curve(scores, positive)
    if not len(ones) or not len(zeros):
        assert np.isnan(got)
        return
    wins = (ones[:, None] > zeros).sum() + 0.5 * (ones[:, None] == zeros).sum()
    assert got == pytest.approx(wins / (len(ones) * len(zeros)))


def test_an_unknown_class_and_no_rows_are_refused():
    model = Fixed([[0.5, 0.5]], ["no", "yes"])
    with pytest.raises(RuntimeModelError, match="outcome 'maybe' is no class of the model: no, yes"):
        evaluate(model, LabelledRows({"a": [1.0]}, ["maybe"], "binary"))
    with pytest.raises(RuntimeModelError, match="no rows to evaluate on"):
        evaluate(model, LabelledRows({"a": []}, [], "binary"))


def test_every_metric_has_a_direction():
    assert {name for names in METRICS.values() for name in names} == set(LOWER_IS_BETTER)
