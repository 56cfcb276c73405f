"""Load and extract as Dagster runs them, on a real PostgreSQL."""

import dagster as dg
import psycopg
import pytest

from assets.checks.snapshot_checks import snapshot_checks
from assets.record_io import RecordIOManager
from assets.snapshot import snapshot_asset
from assets.source_table import source_table_asset
from mojoline.model_spec import load_spec

# Dagster still reads the deprecated `__fields__` of pydantic models when it makes a Config
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")

SPEC = """
name: orders
source:
  table: orders
  entity_key: id
  event_time: at
  available_at: at
  load: {files: {lines: lines.csv}, sql: orders.sql, future: future.sql}
target: {column: late, task: binary, positive: "yes"}
features: {hot: [size, kind]}
"""
SCRIPT = """
CREATE TABLE orders AS
SELECT id, at::timestamp AS at, late, size::float8 AS size, kind FROM raw_lines
WHERE %(until)s::timestamp IS NULL OR at::timestamp < %(until)s::timestamp;
ALTER TABLE orders ADD PRIMARY KEY (id);
"""
FUTURE = (
    "UPDATE raw_lines SET late = CASE late WHEN 'yes' THEN 'no' ELSE 'yes' END WHERE at::timestamp >= %(at)s"
)


@pytest.fixture
def spec(tmp_path, monkeypatch, database_url):
    rows = [
        f"{day},2026-01-{day:02}T08:00,{'yes' if day % 3 else 'no'},{day * 1.5},{'b' if day % 2 else 's'}"
        for day in range(1, 29)
    ]
    (tmp_path / "lines.csv").write_text("\n".join(["id,at,late,size,kind", *rows]) + "\n")
    (tmp_path / "orders.sql").write_text(SCRIPT)
    (tmp_path / "future.sql").write_text(FUTURE)
    (tmp_path / "orders.yaml").write_text(SPEC)
    monkeypatch.setenv("MOJOLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MOJOLINE_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url)
    return load_spec(tmp_path / "orders.yaml")


def run(spec, *later, raise_on_error=True, **config):
    result = dg.materialize(
        [source_table_asset(spec), snapshot_asset(spec), *snapshot_checks(spec), *later],
        resources={"records": RecordIOManager()},
        run_config={"ops": {f"orders__{stage}": {"config": values} for stage, values in config.items()}},
        raise_on_error=raise_on_error,
    )
    if not result.success:
        return result
    found = {}
    for stage in ("source_table", "snapshot"):
        [event] = result.asset_materializations_for_node(f"orders__{stage}")
        found[stage] = {name: value.value for name, value in event.metadata.items()}
        found[stage]["data_version"] = event.tags["dagster/data_version"]
    [found["leakage"]] = result.get_asset_check_evaluations()
    return found


def test_rows_are_loaded_and_read_in_one_snapshot(spec):
    seen = run(spec)["snapshot"]
    assert seen["dagster/row_count"] == 28
    assert seen["isolation_level"] == "repeatable read"
    assert seen["snapshot_id"]
    assert seen["data_version"] == seen["digest"]
    assert {column.name: column.type for column in seen["dagster/column_schema"].columns} == {
        "size": "numeric",
        "kind": "categorical",
    }


def test_the_same_rows_are_the_same_data_version(spec, database_url):
    first = run(spec)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE orders SET size = size")  # other pages, the same content
    second = run(spec)
    assert second["snapshot"]["digest"] == first["snapshot"]["digest"]
    # what is trained on was read by the first transaction, and that is what the second run shows
    for proof in ("snapshot_id", "lsn", "isolation_level"):
        assert second["snapshot"][proof] == first["snapshot"][proof]
    assert second["snapshot"]["same_rows_read_again"] != first["snapshot"]["snapshot_id"]
    assert "same_rows_read_again" not in first["snapshot"]
    assert (first["snapshot"]["reused"], second["snapshot"]["reused"]) == (False, True)
    assert (first["source_table"]["reused"], second["source_table"]["reused"]) == (False, True)


def test_the_rows_are_tested_for_leakage_once(spec):
    first, second = (run(spec)["leakage"] for _ in range(2))
    assert first.passed
    assert second.passed
    assert first.metadata["at"].value == "2026-01-14 08:00:00"
    assert (first.metadata["rows_compared"].value, first.metadata["outcomes_altered"].value) == (14, 15)
    assert (first.metadata["reused"].value, second.metadata["reused"].value) == (False, True)


def test_a_planted_leak_fails_the_check_and_nothing_is_trained_on_the_rows(spec, tmp_path):
    leaky = SCRIPT.replace("size::float8 AS size", "size::float8 + (late = 'yes')::int AS size")
    (tmp_path / "orders.sql").write_text(leaky)
    trained = []

    @dg.asset(deps=[dg.AssetKey(["orders", "snapshot"])])
    def later():
        trained.append(1)

    result = run(spec, later, raise_on_error=False)
    assert not result.success
    [evaluation] = result.get_asset_check_evaluations()
    assert not evaluation.passed
    assert "size in 1 rows (for one, 14)" in evaluation.description
    assert not trained


def test_one_changed_value_is_another_data_version(spec, database_url):
    first = run(spec)["snapshot"]
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE orders SET size = size + 1 WHERE id = '7'")
    second = run(spec)["snapshot"]
    assert second["digest"] != first["digest"]
    assert second["reused"] is False


def test_run_config_bounds_what_is_loaded_and_read(spec):
    seen = run(
        spec, source_table={"until": "2026-01-20"}, snapshot={"since": "2026-01-05", "until": "2026-01-15"}
    )
    assert seen["source_table"]["dagster/row_count"] == 19
    assert seen["snapshot"]["dagster/row_count"] == 10


def test_nothing_is_left_beside_the_kept_snapshots(spec, tmp_path):
    run(spec)
    run(spec)
    run(spec, raise_on_error=False, snapshot={"since": "2027-01-01"})  # fails: there is no such row
    kept = [
        path.name for path in (tmp_path / "home" / "work" / "orders" / "snapshot").iterdir() if path.is_dir()
    ]
    assert len(kept) == 1


def test_a_missing_database_is_one_sentence_with_the_next_step(spec, monkeypatch):
    monkeypatch.delenv("DATABASE_URL")
    result = run(spec, raise_on_error=False)
    [event] = [
        event for event in result.get_step_failure_events() if event.step_key == "orders__source_table"
    ]
    assert "run `mojoline up` or set DATABASE_URL" in event.event_specific_data.user_failure_data.description
