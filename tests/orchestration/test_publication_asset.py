"""Proving and publishing as Dagster does it: real models, and drafts that must not get through."""

import json

import dagster as dg
import pytest

from assets.checks.package_checks import package_checks
from assets.publication import publication_asset
from assets.record_io import RecordIOManager
from mojoline.model_spec import ModelSpec
from mojoline.registry.filesystem_registry import open_registry
from mojoline.registry.golden import GoldenRows
from mojoline.registry.manifest import GOLDEN
from mojoline.training.package import Package
from tests.data.tiny_versions import tiny_draft, tiny_facts

SPEC = ModelSpec.model_validate(
    {
        "name": "tiny",
        "source": {"table": "t", "entity_key": "id", "event_time": "at", "available_at": "at"},
        "target": {"column": "late", "task": "binary", "positive": "yes"},
        "features": {"hot": ["distance"]},
    }
)
PUBLICATION = dg.AssetKey(["tiny", "publication"])


@pytest.fixture
def draft(tmp_path, monkeypatch):
    monkeypatch.setenv("MOJOLINE_HOME", str(tmp_path))
    return tiny_draft("first", tmp_path / "stage" / "draft")


@pytest.fixture
def registry(tmp_path):
    return open_registry(f"file://{tmp_path}/registry")


def run(draft, selection=None):
    @dg.asset(key_prefix="tiny", io_manager_key="records")
    def package() -> Package:
        return Package(facts=tiny_facts("first", baseline_ref=None), directory=draft.parent)

    return dg.materialize(
        [package, publication_asset(SPEC), *package_checks(SPEC)],
        selection=selection,
        resources={"records": RecordIOManager()},
        raise_on_error=False,
    )


def spoil_one_golden_row(draft):
    golden = GoldenRows.read(draft / GOLDEN)
    golden.expected[7][0] += 1e-6
    golden.write(draft / GOLDEN)


def published(result):
    [event] = result.asset_materializations_for_node("tiny__publication")
    return {name: value.value for name, value in event.metadata.items()}


def test_a_sound_draft_passes_every_check_and_is_published(draft, registry):
    result = run(draft)
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks == dict.fromkeys(["loads", "equality", "pins", "size", "latency"], True)
    seen = published(result)
    manifest = registry.manifest("tiny", seen["version"])
    assert manifest.training.dagster_run_id == result.run_id
    assert manifest.training.asset_key == "tiny/publication"


def test_the_same_draft_is_the_same_version(draft, registry):
    first, second = published(run(draft)), published(run(draft))
    assert second["version"] == first["version"]
    assert (first["reused"], second["reused"]) == (False, True)
    assert len(registry.versions("tiny")) == 1


def test_a_failed_check_stops_the_publication(draft, registry):
    spoil_one_golden_row(draft)
    result = run(draft)
    failed = [check.check_name for check in result.get_asset_check_evaluations() if not check.passed]
    assert failed == ["equality"]
    assert registry.versions("tiny") == []


def test_a_later_run_of_the_publication_alone_is_refused_too(draft, registry):
    """A blocking check is a turnstile: a run that selects only what comes after it walks around it."""
    spoil_one_golden_row(draft)
    run(draft)
    result = run(draft, selection=[PUBLICATION])
    assert not result.success
    [event] = result.get_step_failure_events()
    description = event.event_specific_data.user_failure_data.description
    assert "refused" in description
    assert "equality" in description
    assert registry.versions("tiny") == []


def test_what_passes_between_the_assets_is_json(draft, tmp_path):
    run(draft)
    stored = json.loads((tmp_path / "work" / "records" / "tiny" / "package.json").read_text())
    assert stored["record"]["facts"]["algorithm"] == "gbm"
