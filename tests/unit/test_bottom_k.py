"""Bottom-k: every row has the same chance, whoever saw it first and however the samples are merged."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mojoline.drift.bottom_k import BottomK, draw, merge_samples
from mojoline.drift.psi import _chi_square_quantile

draws = st.lists(st.floats(0, 1, exclude_max=True), unique=True, max_size=60)


@given(draws, st.integers(1, 12))
def test_the_k_smallest_draws_are_kept(values, k):
    kept: BottomK[float] = BottomK(k)
    for value in values:
        kept.offer(value, value)
    assert kept.members() == [(value, value) for value in sorted(values)[:k]]
    assert kept.threshold == (sorted(values)[k - 1] if len(values) >= k else 1.0)


def test_every_row_is_kept_equally_often():
    runs, rows, k = 1000, 100, 10
    times = np.zeros(rows)
    for run in range(runs):
        kept: BottomK[int] = BottomK(k)
        for row in range(rows):
            kept.offer(draw("salt", f"run-{run}", row), row)
        times[[row for _, row in kept.members()]] += 1
    expected = runs * k / rows
    statistic = ((times - expected) ** 2 / expected).sum() / (1 - k / rows)  # drawn without replacement
    assert statistic < _chi_square_quantile(0.9999, rows - 1)


def test_merged_hours_weigh_rows_not_hours():
    sizes, k, runs = [2000, 100, 30], 50, 300
    shares = np.zeros(len(sizes))
    for run in range(runs):
        samples = []
        for hour, rows in enumerate(sizes):
            kept: BottomK[int] = BottomK(k)
            for row in range(rows):
                kept.offer(draw("salt", f"{run}-{hour}", row), hour)
            samples.append(kept.members())
        merged = merge_samples(samples, k)
        assert [u for u, _ in merged] == sorted(u for u, _ in merged)
        assert len(merged) >= k
        shares += np.bincount([hour for _, hour in merged], minlength=len(sizes))
    np.testing.assert_allclose(shares / shares.sum(), np.array(sizes) / sum(sizes), atol=0.01)


@given(st.lists(draws, max_size=4), st.integers(1, 10))
def test_merging_keeps_all_that_every_sample_would_have_kept(hours, k):
    samples = [[(u, hour) for u in sorted(values)[:k]] for hour, values in enumerate(hours)]
    limit = min((sorted(values)[k - 1] for values in hours if len(values) >= k), default=1.0)
    expected = sorted((u, hour) for hour, values in enumerate(hours) for u in values if u <= limit)
    assert sorted(merge_samples(samples, k)) == expected


def test_draws_are_uniform_and_repeatable():
    values = np.array([draw("salt", f"request-{i}", 0) for i in range(20_000)])
    counts, _ = np.histogram(values, bins=20, range=(0, 1))
    assert ((counts - 1000) ** 2 / 1000).sum() < _chi_square_quantile(0.9999, 19)
    assert draw("salt", "a", 1) == draw("salt", "a", 1)
    assert (
        len({draw("salt", "a", 1), draw("pepper", "a", 1), draw("salt", "b", 1), draw("salt", "a", 2)}) == 4
    )
