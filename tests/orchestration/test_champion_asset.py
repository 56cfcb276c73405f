"""Promotion as Dagster does it: real models, a real registry, the same rows for both."""

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.champion import champion_asset, decide_champion, decide_outcome
from assets.record_io import RecordIOManager
from mojoline.features.columns import SnapshotColumn
from mojoline.features.snapshot import Snapshot
from mojoline.model_spec import ModelSpec
from mojoline.registry.filesystem_registry import open_registry
from mojoline.registry.golden import GoldenRows
from mojoline.registry.manifest import GOLDEN, Manifest
from mojoline.registry.promotion import Decision
from mojoline.runtime.scoring_model import ScoringModel
from mojoline.training.reduction import Reduction
from tests.data.tiny_versions import TINY_MODELS, tiny_draft, tiny_facts

# Dagster still reads the deprecated `__fields__` of pydantic models when it makes a Config
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")

TYPES = dict.fromkeys(["distance", "temp", "wind"], "numeric") | dict.fromkeys(
    ["carrier", "origin"], "categorical"
)
WORSE, BETTER = "first", "second"


def make_spec(mode="auto"):
    return ModelSpec.model_validate(
        {
            "name": "tiny",
            "source": {"table": "t", "entity_key": "id", "event_time": "at", "available_at": "at"},
            "target": {"column": "late", "task": "binary", "positive": "yes"},
            "features": {"hot": list(TYPES)},
            "promotion": {"mode": mode},
        }
    )


@pytest.fixture
def rows(tmp_path):
    """Rows whose outcome the model `second` foresees; only the last half is the test part."""
    golden = GoldenRows.read(TINY_MODELS / BETTER / GOLDEN)
    facts = tiny_facts(BETTER)
    model = ScoringModel.load(TINY_MODELS / BETTER / "mojo.zip", facts.reduction.impute)
    late = np.where(model.score(golden.rows)[:, 1] > 0.45, "yes", "no").astype(object)
    half = len(golden) // 2
    late[:half] = np.where(late[:half] == "yes", "no", "yes")  # were they used, the worse model would win
    (tmp_path / "stage").mkdir()
    kinds = {name: pa.float64() if kind == "numeric" else pa.string() for name, kind in TYPES.items()}
    table = pa.table(
        {name: pa.array([row.get(name) for row in golden.rows], kind) for name, kind in kinds.items()}
    )
    pq.write_table(table.append_column("late", pa.array(late)), tmp_path / "stage" / "rows.parquet")
    split = pa.array(["train"] * half + ["test"] * (len(golden) - half))
    pq.write_table(pa.table({"split": split}), tmp_path / "stage" / "training.parquet")
    return len(golden), len(golden) - half


@pytest.fixture
def line(tmp_path, monkeypatch, rows):
    monkeypatch.setenv("MOJOLINE_HOME", str(tmp_path))
    registry = open_registry(f"file://{tmp_path}/registry")
    directory = tmp_path / "stage"
    columns = [SnapshotColumn(name=name, type=kind) for name, kind in TYPES.items()]
    count, untouched = rows

    def run(which, override="", spec=None):
        spec = spec or make_spec()

        @dg.asset(key_prefix="tiny", io_manager_key="records")
        def snapshot() -> Snapshot:
            proof = {"digest": "d", "isolation_level": "repeatable read", "snapshot_id": "1:1:", "lsn": "0/0"}
            return Snapshot(rows=count, since=None, until=None, columns=columns, directory=directory, **proof)

        @dg.asset(key_prefix="tiny", io_manager_key="records")
        def reduction() -> Reduction:
            facts = {"inputs": [], "impute": {}, "explained": [], "cumulative": [], "mojo": None}
            sizes = {"rows": count, "train_rows": count - untouched, "valid_rows": 0, "test_rows": untouched}
            return Reduction(kind="none", k=0, rule="none", directory=directory, **facts, **sizes)

        @dg.asset(key_prefix="tiny", io_manager_key="records")
        def publication() -> Manifest:
            draft = tmp_path / f"draft-{which}"
            if not draft.exists():
                tiny_draft(which, draft)
            return registry.publish("tiny", draft, tiny_facts(which, baseline_ref=None))

        result = dg.materialize(
            [snapshot, reduction, publication, champion_asset(spec)],
            resources={"records": RecordIOManager()},
            run_config={"ops": {"tiny__champion": {"config": {"override_reason": override}}}},
            raise_on_error=False,
        )
        if not result.success:
            [event] = result.get_step_failure_events()
            return event.event_specific_data.user_failure_data.description
        [event] = result.asset_materializations_for_node("tiny__champion")
        return {name: value.value for name, value in event.metadata.items()}

    run.registry = registry
    run.untouched = untouched
    return run


def test_first_version_is_promoted_and_a_better_one_takes_over(line):
    first = line(WORSE)
    assert first["outcome"] == "promoted"
    assert line.registry.aliases("tiny").champion.version == first["version"]
    second = line(BETTER)
    assert second["outcome"] == "promoted"
    assert second["challenger_metric"] < second["champion_metric"]
    assert second["rows"] == line.untouched
    aliases = line.registry.aliases("tiny")
    assert (aliases.champion.version, aliases.previous.version) == (second["version"], first["version"])
    assert second["alias_generation"] == aliases.generation


def test_worse_version_waits_as_challenger_with_the_reason(line):
    """Promotion code that returns nothing when it did not promote is read as success."""
    better = line(BETTER)
    worse = line(WORSE)
    assert worse["outcome"] == "not promoted"
    assert "below the limit" in worse["reason"]
    aliases = line.registry.aliases("tiny")
    assert (aliases.champion.version, aliases.challenger.version) == (better["version"], worse["version"])


def test_override_promotes_the_worse_version_and_is_recorded(line):
    line(BETTER)
    worse = line(WORSE, override="the old one used a column we lost")
    assert worse["outcome"] == "promoted by override"
    aliases = line.registry.aliases("tiny")
    assert aliases.champion.version == worse["version"]
    assert "a column we lost" in aliases.override
    assert "below the limit" in aliases.override


@pytest.mark.parametrize("damage", ["mojo.zip", "manifest.json", "everything"])
def test_a_champion_that_cannot_be_scored_is_replaced_by_override_only(line, damage):
    broken = line(BETTER)["version"]
    directory = line.registry.directory("tiny", broken)
    for path in list(directory.iterdir()) if damage == "everything" else [directory / damage]:
        path.write_bytes(b"no model") if damage != "everything" else path.unlink()

    waiting = line(WORSE)
    assert waiting["outcome"] == "not promoted"
    assert f"champion {broken} cannot be scored" in waiting["reason"]
    assert line.registry.aliases("tiny").champion.version == broken

    rescued = line(WORSE, override="the champion's disk is gone")
    assert rescued["outcome"] == "promoted by override"
    aliases = line.registry.aliases("tiny")
    assert (aliases.champion.version, aliases.previous.version) == (rescued["version"], broken)
    assert "the champion's disk is gone" in aliases.override
    assert "cannot be scored" in aliases.override


def test_the_champion_published_again_changes_nothing(line):
    line(BETTER)
    before = line.registry.aliases("tiny")
    assert line(BETTER)["outcome"] == "already champion"
    assert line.registry.aliases("tiny") == before


def test_manual_promotion_waits_for_a_person(line):
    assert line(BETTER, spec=make_spec("manual"))["outcome"] == "not promoted"
    assert line.registry.aliases("tiny").champion is None


def test_a_version_damaged_after_its_publication_is_not_promoted(line):
    """A run of this asset alone steps around the checks of the package: the proofs are run here too."""
    line(BETTER)
    version = line(WORSE)["version"]
    mojo = line.registry.directory("tiny", version) / "mojo.zip"
    content = bytearray(mojo.read_bytes())
    content[len(content) // 2] ^= 1
    mojo.write_bytes(content)
    manifest = line.registry.manifest("tiny", version)

    with pytest.raises(dg.Failure, match=r"mojo\.zip"):
        decide_champion(make_spec(), line.registry, manifest, lambda: pytest.fail("it was evaluated"), "")


@pytest.mark.parametrize(
    ("promote", "mode", "override", "outcome"),
    [
        (True, "auto", "", "promoted"),
        (True, "auto", "because", "promoted"),  # no override was needed: none is recorded
        (True, "manual", "", "not promoted"),
        (True, "manual", "because", "promoted by override"),
        (False, "auto", "", "not promoted"),
        (False, "auto", "because", "promoted by override"),
        (False, "manual", "", "not promoted"),
    ],
)
def test_outcomes(promote, mode, override, outcome):
    assert decide_outcome(Decision(promote, "numbers"), mode=mode, override=override)[0] == outcome
