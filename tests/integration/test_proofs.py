"""Every proof passes on real small models, and fails on the one thing it is there for."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mojoline.registry.filesystem_registry import open_registry
from mojoline.registry.golden import GoldenRows
from mojoline.registry.manifest import Budget, Column, Reduction
from mojoline.registry.proofs import (
    prove_digests,
    prove_equality,
    prove_latency,
    prove_loads,
    prove_pins,
    prove_size,
    prove_version,
)
from mojoline.runtime.scoring_model import ScoringModel
from tests.data.tiny_versions import TINY_MODELS, tiny_draft, tiny_facts

ROOT = Path(__file__).parents[2]
FIRST = TINY_MODELS / "first"
NAMES = ["digests", "loads", "pins", "size", "equality", "latency"]


@pytest.fixture
def registry(tmp_path):
    return open_registry(f"file://{tmp_path / 'registry'}")


@pytest.fixture
def draft(tmp_path):
    return tiny_draft("first", tmp_path / "draft")


def write_golden(directory, rows=None, expected=None, outputs=None):
    golden = GoldenRows.read(directory / "golden.jsonl")
    (directory / "golden.jsonl").unlink()
    GoldenRows(
        golden.columns,
        outputs or golden.outputs,
        golden.rows if rows is None else rows,
        golden.expected if expected is None else expected,
    ).write(directory / "golden.jsonl")


def shift(golden, row, by):
    expected = [list(scores) for scores in golden.expected]
    expected[row][1] += by
    return expected


@pytest.mark.parametrize("which", ["first", "second", "regression"])
def test_a_sound_version_passes_all(registry, tmp_path, which):
    manifest = registry.publish("tiny", tiny_draft(which, tmp_path / "draft"), tiny_facts(which))
    proofs = prove_version(registry.directory("tiny", manifest.version), manifest)
    assert [proof.name for proof in proofs] == NAMES
    assert all(proof.passed for proof in proofs), proofs
    figures = {proof.name: proof.figures for proof in proofs}
    assert figures["equality"]["rows"] == 320
    assert figures["equality"]["missing_rows"] >= 100
    assert figures["equality"]["unseen_rows"] >= 100
    assert figures["equality"]["max_abs_diff"] <= 1e-9
    assert 0 < figures["latency"]["p50_us"] <= figures["latency"]["p99_us"]
    assert figures["size"]["bytes"] == (TINY_MODELS / which / "mojo.zip").stat().st_size


def test_a_draft_can_be_proven_before_it_is_published(draft):
    for prove in (prove_loads, prove_pins, prove_size, prove_equality, prove_latency):
        assert prove(draft, tiny_facts("first")).passed


def test_a_loaded_model_is_not_loaded_again(draft):
    facts = tiny_facts("first")
    model = ScoringModel.load(draft / "mojo.zip", facts.reduction.impute)
    (draft / "mojo.zip").unlink()
    for prove in (prove_loads, prove_equality, prove_latency):
        assert prove(draft, facts, model=model).passed
        assert not prove(draft, facts).passed


def test_all_damage_is_named(registry, draft):
    manifest = registry.publish("tiny", draft, tiny_facts("first"))
    directory = registry.directory("tiny", manifest.version)
    (directory / "mojo.zip").unlink()
    (directory / "more.json").write_text("{}")
    proof = prove_digests(directory, manifest)
    assert not proof.passed
    assert "mojo.zip is missing" in proof.message
    assert "more.json is not listed" in proof.message


def test_another_manifest_than_the_one_that_was_asked_for(registry, draft):
    manifest = registry.publish("tiny", draft, tiny_facts("first"))
    generous = manifest.model_copy(update={"budget": Budget(p99_ms=1e6, bytes=10**12)})
    proof = prove_digests(registry.directory("tiny", manifest.version), generous)
    assert not proof.passed
    assert "manifest.json" in proof.message


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"outputs": ["yes", "no"]}, "gives"),
        ({"algorithm": "xgboost"}, "xgboost"),
        ({"columns": [Column(name="temp", type="numeric")]}, "carrier"),
        (
            {
                "columns": [
                    Column(name=n, type="numeric") for n in ("distance", "temp", "wind", "carrier", "origin")
                ]
            },
            "origin",
        ),
    ],
)
def test_a_model_that_is_not_what_the_manifest_says(changes, names):
    proof = prove_loads(FIRST, tiny_facts("first", **changes))
    assert not proof.passed
    assert names in proof.message


def test_a_column_the_model_dropped_may_stay_in_the_manifest():
    facts = tiny_facts("first")
    assert prove_loads(
        FIRST, facts.model_copy(update={"columns": [*facts.columns, Column(name="x", type="numeric")]})
    ).passed


def test_a_file_that_is_no_mojo(draft):
    (draft / "mojo.zip").write_bytes(b"not a zip")
    for prove in (prove_loads, prove_pins, prove_equality, prove_latency):
        proof = prove(draft, tiny_facts("first"))
        assert not proof.passed
        assert "mojo.zip" in proof.message


@pytest.mark.parametrize(
    ("changes", "pins", "says"),
    [
        ({}, {"H2O_VERSION": "3.46.0.12"}, "pinned is 3.46.0.12"),
        ({"h2o_version": "3.46.0.10"}, {"H2O_VERSION": "3.46.0.11"}, "manifest says 3.46.0.10"),
        ({}, {}, "no pins are known"),
    ],
)
def test_another_release_of_h2o(changes, pins, says):
    proof = prove_pins(FIRST, tiny_facts("first", **changes), pins=pins)
    assert not proof.passed
    assert says in proof.message


def test_an_installation_without_the_pin_file_takes_the_manifests(monkeypatch, tmp_path):
    monkeypatch.setattr("mojoline.registry.proofs.REPOSITORY_PINS", tmp_path / "versions.env")
    assert prove_pins(FIRST, tiny_facts("first")).passed
    assert not prove_pins(FIRST, tiny_facts("first", pins={"H2O_VERSION": "3.46.0.12"})).passed
    assert not prove_pins(FIRST, tiny_facts("first", pins={})).passed


@pytest.mark.parametrize(("spare", "passed"), [(1, True), (0, False), (-1, False)])
def test_the_budget_of_bytes(spare, passed):
    budget = Budget(p99_ms=50, bytes=(FIRST / "mojo.zip").stat().st_size + spare)
    assert prove_size(FIRST, tiny_facts("first", budget=budget)).passed is passed


def test_no_budget_allows_500_megabytes(draft):
    with (draft / "mojo.zip").open("r+b") as file:
        file.truncate(500_000_000)  # sparse: takes no space
    proof = prove_size(draft, tiny_facts("first", budget=Budget(p99_ms=50, bytes=10**12)))
    assert not proof.passed
    assert "500,000,000" in proof.message


@pytest.mark.parametrize(
    ("by", "passed"), [(0.0, True), (5e-10, True), (2e-9, False), (-1e-6, False), (1.0, False)]
)
def test_the_tolerance(draft, by, passed):
    golden = GoldenRows.read(draft / "golden.jsonl")
    write_golden(draft, expected=shift(golden, 200, by))
    proof = prove_equality(draft, tiny_facts("first"))
    assert proof.passed is passed
    assert passed or "golden row 201 differs" in proof.message


def test_a_tolerance_cannot_be_had_by_claiming_another_algorithm(draft):
    golden = GoldenRows.read(draft / "golden.jsonl")
    write_golden(draft, expected=shift(golden, 0, 1e-7))
    assert not prove_equality(draft, tiny_facts("first", algorithm="xgboost")).passed


def test_other_fill_values_are_noticed():
    reduction = tiny_facts("first").reduction
    for impute in ({}, {**reduction.impute, "temp": 0.0}):
        changed = Reduction(**{**dict(reduction), "impute": impute})
        assert not prove_equality(FIRST, tiny_facts("first", reduction=changed)).passed


def test_rows_of_another_model_are_noticed(draft):
    shutil.copy(TINY_MODELS / "second" / "golden.jsonl", draft / "golden.jsonl")
    assert not prove_equality(draft, tiny_facts("first")).passed


def test_golden_rows_that_prove_nothing(draft):
    write_golden(draft, rows=[], expected=[])
    assert not prove_equality(draft, tiny_facts("first")).passed
    assert not prove_latency(draft, tiny_facts("first")).passed


def test_golden_rows_with_other_outputs(draft):
    write_golden(draft, outputs=["yes", "no"])
    proof = prove_equality(draft, tiny_facts("first"))
    assert not proof.passed
    assert "['yes', 'no']" in proof.message


def test_a_server_may_look_at_some_rows_only():
    proof = prove_equality(FIRST, tiny_facts("first"), limit=32)
    assert proof.passed
    assert proof.figures["rows"] == 32
    assert proof.figures["missing_rows"] > 0
    assert proof.figures["unseen_rows"] > 0


def test_a_budget_of_time_nobody_can_keep():
    proof = prove_latency(FIRST, tiny_facts("first", budget=Budget(p99_ms=1e-6, bytes=10_000_000)))
    assert not proof.passed
    assert "p99 of one row" in proof.message


def run_script(tmp_path, *arguments):
    command = [sys.executable, str(ROOT / "scripts" / "validate_mojo_artifact.py"), *arguments]
    output = tmp_path / "proofs.json"
    done = subprocess.run(
        [*command, "--output", str(output)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done, json.loads(output.read_text())


def test_the_script_alone(tmp_path):
    done, report = run_script(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert report["passed"] is True
    assert [proof["name"] for proof in report["proofs"]] == NAMES


def test_the_script_on_the_registry_and_on_a_directory(registry, draft, tmp_path):
    version = registry.publish("tiny", draft, tiny_facts("first")).version
    registry.move_champion("tiny", version, expected_generation=0, by="test", reason="test")
    url, directory = f"file://{registry.root}", registry.directory("tiny", version)
    done, report = run_script(tmp_path, "models:/tiny@champion", "--registry", url)
    assert (done.returncode, report["version"]) == (0, version), done.stdout
    (directory / "mojo.zip").chmod(0o644)
    with (directory / "mojo.zip").open("ab") as file:
        file.write(b"\0")
    done, report = run_script(tmp_path, str(directory))
    assert done.returncode == 1
    failed = [proof for proof in report["proofs"] if not proof["passed"]]
    assert failed[0]["name"] == "digests"
    assert "mojo.zip" in failed[0]["message"]


@pytest.mark.parametrize("target", ["models:/tiny@champion", "models:/nobody/1", "nowhere"])
def test_the_script_on_what_is_not_there(registry, tmp_path, target):
    done, report = run_script(tmp_path, target, "--registry", f"file://{registry.root}")
    assert (done.returncode, report["passed"]) == (1, False)
    assert "refused" in done.stdout


def test_the_script_on_a_mojo_alone_asks_for_its_directory(tmp_path):
    done, report = run_script(tmp_path, str(FIRST / "mojo.zip"))
    assert (done.returncode, report["passed"]) == (1, False)
    assert "Name that directory, or models:/NAME/VERSION" in report["error"]
