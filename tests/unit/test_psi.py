"""PSI and its critical value against plain arithmetic."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mojoline.drift.errors import DriftError
from mojoline.drift.psi import critical_value, psi, psi_by_bin

histograms = st.integers(1, 30).flatmap(
    lambda bins: st.tuples(*[st.lists(st.integers(0, 10**6), min_size=bins, max_size=bins)] * 2)
)


@given(histograms)
def test_psi_is_the_sum_over_bins(pair):
    expected, actual = pair
    total = 0.0
    for e, a in zip(expected, actual, strict=True):
        p = (e + 0.5) / (sum(expected) + 0.5 * len(expected))
        q = (a + 0.5) / (sum(actual) + 0.5 * len(actual))
        total += (q - p) * math.log(q / p)
    assert psi(expected, actual) == pytest.approx(total, rel=1e-9, abs=1e-12)
    assert psi_by_bin(expected, actual).min() >= 0
    assert psi(expected, expected) == 0


def test_unequal_histograms_are_refused():
    with pytest.raises(DriftError, match="3 and 2 bins"):
        psi([1, 2, 3], [1, 2])
    with pytest.raises(DriftError, match="without bins"):
        psi([], [])


@pytest.mark.parametrize(
    ("probability", "degrees", "quantile"),  # from a table of chi-square quantiles
    [(0.95, 9, 16.919), (0.99, 9, 21.666), (0.95, 3, 7.815), (0.999, 11, 31.264), (0.95, 1, 3.841)],
)
def test_critical_value_follows_chi_square(probability, degrees, quantile):
    value = critical_value(degrees + 1, 10_000, 500, 1 - probability)
    assert value == pytest.approx(quantile * (1 / 10_000 + 1 / 500), rel=0.03)


def test_critical_value_grows_with_features_and_shrinks_with_rows():
    assert critical_value(10, 10_000, 200, features=20) > critical_value(10, 10_000, 200)
    assert critical_value(10, 10_000, 1000) < critical_value(10, 10_000, 200)
    assert critical_value(10, 10_000, 0) == math.inf


def test_undrifted_samples_rarely_exceed_the_critical_value():
    rng = np.random.default_rng(7)
    shares = np.full(10, 0.1)
    reference = rng.multinomial(10_000, shares)
    limit = critical_value(10, 10_000, 500, 0.05)
    alarms = np.mean([psi(reference, rng.multinomial(500, shares)) > limit for _ in range(2000)])
    assert 0.02 < alarms < 0.12  # about 5 %; one fixed reference shifts it a little
