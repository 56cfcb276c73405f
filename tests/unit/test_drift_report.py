"""The drift report: planted shifts are found, chance is not, and too few rows give no verdict."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mojoline.drift.baseline import count_bins, fit_baseline
from mojoline.drift.drift_report import DriftReport, build_report
from mojoline.drift.errors import DriftError
from mojoline.drift.psi import psi
from mojoline.drift.sample import SampledRow

START = datetime(2013, 7, 1, tzinfo=UTC)
TYPES = {"x": "numeric", "y": "numeric", "c": "categorical"}


def columns(rng: np.random.Generator, rows: int, shift: float = 0.0) -> dict[str, list]:
    return {
        "x": (rng.normal(size=rows) + shift).tolist(),
        "y": rng.normal(size=rows).tolist(),
        "c": rng.choice(["a", "b", "c"], rows).tolist(),
    }


def sampled(data: dict[str, list]) -> list[SampledRow]:
    count = len(next(iter(data.values()), []))
    return [
        SampledRow(
            u=i / max(count, 1),
            model="m",
            version="v",
            variant="champion",
            request_id=f"r{i}",
            row=0,
            event_time=START + timedelta(minutes=i),
            features={name: values[i] for name, values in data.items() if values[i] is not None},
            scores=[0.4, 0.6],
            label="yes",
        )
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def baseline():
    rng = np.random.default_rng(1)
    return fit_baseline(columns(rng, 10_000), types=TYPES, prediction=rng.random(10_000))


def test_a_shift_is_found_and_the_rest_is_stable(baseline):
    report = build_report(baseline, sampled(columns(np.random.default_rng(2), 1000, shift=0.8)))
    assert {feature.name: feature.verdict for feature in report.features} == {
        "x": "alert",
        "y": "stable",
        "c": "stable",
    }
    assert report.features[0].name == "x"
    assert report.features[0].out_of_range_rate >= 0
    assert report.verdict == "alert"
    assert (report.model, report.version, report.rows) == ("m", "v", 1000)
    assert report.window.start == START
    assert report.prediction.verdict == "alert"  # one constant against uniform numbers
    assert DriftReport.model_validate_json(report.model_dump_json()) == report


def test_no_verdict_on_few_rows(baseline):
    report = build_report(baseline, sampled(columns(np.random.default_rng(2), 199, shift=3)))
    assert {feature.verdict for feature in report.features} == {"insufficient"}
    empty = build_report(baseline, [], model="m", version="v")
    assert empty.verdict == "insufficient"
    assert set(empty.psi.values()) == {0.0}
    assert DriftReport.model_validate_json(empty.model_dump_json()) == empty


def test_calendar_columns_are_left_out(baseline):
    report = build_report(baseline, sampled(columns(np.random.default_rng(2), 500)), exclude=["x"])
    assert set(report.psi) == {"y", "c"}


def test_null_and_unseen_rates(baseline):
    data = columns(np.random.default_rng(2), 400)
    data["y"][:100] = [None] * 100
    data["c"][:40] = ["new"] * 40
    by_name = {f.name: f for f in build_report(baseline, sampled(data)).features}
    assert by_name["y"].missing_rate == 0.25
    assert by_name["y"].verdict == "alert"
    assert by_name["y"].top_bins[0].bin == "NA"
    assert by_name["c"].unseen_rate == 0.1
    assert by_name["c"].top_bins[0].bin == "__unseen__"


def test_undrifted_rows_rarely_alarm(baseline):
    rng = np.random.default_rng(5)
    alarms = sum(
        build_report(baseline, sampled(columns(rng, 250)), warn=0.0, alert=0.0).verdict == "alert"
        for _ in range(100)
    )
    assert alarms <= 15  # about 5 % of the reports, by the critical value alone


@settings(max_examples=50, deadline=None)
@given(st.lists(st.none() | st.floats(-5, 5), min_size=1), st.lists(st.none() | st.floats(-9, 9), min_size=1))
def test_the_figure_is_psi_over_the_bins_in_use(training, later):
    baseline = fit_baseline({"x": training}, types={"x": "numeric"})
    column = baseline.columns["x"]
    expected, actual = np.array(column.counts), count_bins(column, later)
    used = (expected + actual) > 0
    report = build_report(baseline, sampled({"x": later}))
    assert report.features[0].psi == pytest.approx(psi(expected[used], actual[used]), abs=1e-12)


def test_a_value_of_the_wrong_kind_is_named(baseline):
    rows = sampled({"x": ["abc"]})
    with pytest.raises(DriftError, match="column 'x'"):
        build_report(baseline, rows)
