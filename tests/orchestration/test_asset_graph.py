"""The graph two specs make, compared with what a person last looked at and found right."""

import json
from pathlib import Path

import dagster as dg
import pytest

from mojoline.model_spec import load_specs
from pipelines.definitions import build_definitions

REVIEWED = Path(__file__).parent / "asset_graph.json"


@pytest.fixture(scope="module")
def specs(tmp_path_factory):
    """One model that loads files, and one whose table is already there."""
    models = tmp_path_factory.mktemp("models")
    spec = (
        "name: {name}\n"
        "source: {{table: {name}_rows, entity_key: id, event_time: at, available_at: known_at{load}}}\n"
        "target: {{column: outcome, task: binary, positive: 'yes'}}\n"
        "features: {{hot: [size, month, kind]}}\n"
        "drift: {{exclude: [month]}}\n"
    )
    loading = ", load: {files: {lines: lines.csv}, sql: orders.sql, future: later.sql}"
    (models / "orders.yaml").write_text(spec.format(name="orders", load=loading))
    (models / "returns.yaml").write_text(spec.format(name="returns", load=""))
    return load_specs(models)


@pytest.fixture(scope="module")
def defs(specs):
    return build_definitions(specs)


def describe_graph(defs: dg.Definitions) -> dict[str, dict[str, object]]:
    graph = defs.resolve_asset_graph()
    described: dict[str, dict[str, object]] = {}
    for key in sorted(graph.materializable_asset_keys):
        node = graph.get(key)
        described[key.to_user_string()] = {
            "after": sorted(parent.to_user_string() for parent in node.parent_keys),
            "group": node.group_name,
            "kinds": sorted(node.kinds),
            "owners": sorted(node.owners),
            "pools": sorted(node.pools or []),
            "checks": sorted(check.name for check in node.check_keys),
        }
    return described


def test_graph_is_the_reviewed_one(defs):
    """After a change on purpose: look at the difference, then write the new graph into asset_graph.json."""
    assert describe_graph(defs) == json.loads(REVIEWED.read_text())


def test_definitions_load(defs):
    dg.Definitions.validate_loadable(defs)


def test_every_model_has_its_jobs_schedule_and_sensor(defs):
    repository = defs.get_repository_def()
    for name in ("orders", "returns"):
        training = repository.get_job(f"{name}_train_and_publish")
        assert training.tags["mojoline/model"] == name
        assert repository.has_job(f"{name}_drift_report")
        sensor = repository.get_sensor_def(f"{name}_champion_rollout")
        assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
        assert sensor.minimum_interval_seconds == 5
        schedule = repository.get_schedule_def(f"{name}_weekly")
        assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


def test_jobs_hold_the_whole_line_and_nothing_of_the_other_model(defs):
    repository = defs.get_repository_def()
    line = {"snapshot", "reduction", "trained_model", "package", "publication", "champion"}
    for name, stages in (("orders", line | {"source_table"}), ("returns", line)):
        job = repository.get_job(f"{name}_train_and_publish")
        assert {key.to_user_string() for key in job.asset_layer.selected_asset_keys} == {
            f"{name}/{stage}" for stage in stages
        }
        checks = {
            key.name
            for key in job.asset_layer.asset_graph.get_check_keys_for_assets({dg.AssetKey([name, "package"])})
        }
        assert checks == {"loads", "equality", "pins", "size", "latency"}


def test_every_asset_explains_itself(defs):
    for spec in defs.resolve_all_asset_specs():
        assert len(spec.description or "") > 60, spec.key
        assert spec.code_version or spec.key.path[-1] == "external"


def test_the_repository_own_specs_load():
    """What `make demo` loads."""
    from mojoline.settings import load_settings

    dg.Definitions.validate_loadable(build_definitions(load_specs(load_settings().models_dir)))
