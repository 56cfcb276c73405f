"""The drift report as Dagster makes it, from a real Redis and a version in a real registry."""

import asyncio
import uuid
from datetime import UTC, datetime

import dagster as dg
import numpy as np
import pytest

from assets.drift_report import drift_report_asset
from assets.record_io import RecordIOManager
from mojoline.drift.baseline import fit_baseline
from mojoline.drift.reservoir import ReservoirWriter, ScoredRows
from mojoline.model_spec import ModelSpec
from mojoline.registry.filesystem_registry import open_registry
from tests.api.waiting import until
from tests.data.tiny_versions import tiny_draft, tiny_facts

# Dagster still reads the deprecated `__fields__` of pydantic models when it makes a Config
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")

ROWS = 400


@pytest.fixture
def spec(tmp_path, monkeypatch, redis_server_url):
    monkeypatch.setenv("MOJOLINE_HOME", str(tmp_path))
    monkeypatch.setenv("RESERVOIR_REDIS_URL", redis_server_url)
    return ModelSpec.model_validate(
        {
            "name": f"tiny{uuid.uuid4().hex[:6]}",  # the Redis is shared: keys of its own
            "source": {"table": "t", "entity_key": "id", "event_time": "at", "available_at": "at"},
            "target": {"column": "late", "task": "binary", "positive": "yes"},
            "features": {"hot": ["distance", "temp", "wind", "carrier", "origin", "month"]},
            "drift": {"exclude": ["month"]},
        }
    )


@pytest.fixture
def version(spec, tmp_path):
    """A champion whose training data had distances around 1000, all in month 1."""
    rng = np.random.default_rng(1)
    columns = {
        "distance": rng.normal(1000, 100, 2000),
        "temp": rng.normal(50, 9, 2000),
        "month": np.ones(2000),
    }
    draft = tiny_draft("first", tmp_path / "draft")
    baseline = fit_baseline(columns, types=dict.fromkeys(columns, "numeric"))
    (draft / "baseline.json").write_text(baseline.model_dump_json())
    registry = open_registry(f"file://{tmp_path}/registry")
    manifest = registry.publish(spec.name, draft, tiny_facts("first"))
    registry.move_champion(spec.name, manifest.version, expected_generation=0, by="test", reason="a test")
    return manifest.version


def score_rows(url, spec, version, shift, request_id="r", event_time=None):
    rng = np.random.default_rng(2)
    rows = [
        {"distance": float(d), "temp": float(t), "month": 7.0}
        for d, t in zip(rng.normal(1000 + shift, 100, ROWS), rng.normal(50, 9, ROWS), strict=True)
    ]

    async def write():
        writer = ReservoirWriter(url, flush_seconds=0.01)
        writer.start()
        writer.offer(
            ScoredRows(
                spec.name,
                version,
                "champion",
                request_id,
                rows,
                [[0.5, 0.5]] * ROWS,
                ["no"] * ROWS,
                event_time=event_time,
            )
        )
        await until(lambda: writer.pending == 0)  # its last flush, at the end, has one try
        await writer.close()

    asyncio.run(write())


def run(spec, **config):
    return dg.materialize(
        [drift_report_asset(spec)],
        resources={"records": RecordIOManager()},
        run_config={"ops": {f"{spec.name}__drift_report": {"config": config}}},
        raise_on_error=False,
    )


def metadata(result, spec):
    [event] = result.asset_materializations_for_node(f"{spec.name}__drift_report")
    return event.metadata


def test_shifted_feature_alerts_and_the_others_do_not(spec, version, redis_server_url):
    score_rows(redis_server_url, spec, version, shift=150)
    shown = metadata(run(spec), spec)
    verdicts = {record.data["feature"]: record.data["verdict"] for record in shown["psi"].records}
    assert verdicts == {"distance": "alert", "temp": "stable"}  # the month is left out
    assert shown["dagster/row_count"].value == ROWS
    assert shown["psi_max"].value > 0.25
    assert shown["left_out"].value == "month"
    assert "data:image/svg+xml;base64," in shown["psi_plot"].value


def test_a_replay_is_seen_whole_and_alike_whatever_traffic_there_was(spec, version, redis_server_url):
    july = datetime(2013, 7, 4, 12, 30, tzinfo=UTC)
    window = {"version": version, "since": "2013-07-01", "until": "2013-08-01"}

    def replay_and_report():
        score_rows(redis_server_url, spec, version, 150, "replay", july)
        shown = metadata(run(spec, **window), spec)
        return shown["dagster/row_count"].value, shown["psi"].records

    first = replay_and_report()
    assert first[0] == ROWS
    for request in range(8):  # fills this hour's sample: of all hours together, a sixth would count
        score_rows(redis_server_url, spec, version, 0, f"live{request}")
    assert replay_and_report() == first
    mixed = metadata(run(spec, version=version), spec)["dagster/row_count"].value
    assert mixed < ROWS + 8 * ROWS


def test_another_version_can_be_asked_for(spec, version):
    [event] = run(spec, version="20200101T000000Z-0123456789ab").get_step_failure_events()
    assert "20200101T000000Z-0123456789ab" in event.event_specific_data.user_failure_data.description


def test_few_rows_are_no_verdict(spec, version):
    shown = metadata(run(spec), spec)
    assert {record.data["verdict"] for record in shown["psi"].records} == {"insufficient"}


def failure(result):
    [event] = result.get_step_failure_events()
    return event.event_specific_data.user_failure_data.description


def test_a_reservoir_that_is_away_is_a_failure_and_no_stable_report(spec, version, monkeypatch, tmp_path):
    monkeypatch.setenv("RESERVOIR_REDIS_URL", f"unix://{tmp_path}/nobody.sock")
    assert "does not answer" in failure(run(spec))


def test_without_a_champion_it_says_which_job_makes_one(spec):
    assert f"{spec.name}_train_and_publish" in failure(run(spec))
