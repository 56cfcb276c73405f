"""Reduction, search and package on a real H2O node, which all tests of this file share."""

import mojo_scorer
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from h2o.estimators import H2OGeneralizedLinearEstimator

from mojoline.features.snapshot import Snapshot
from mojoline.model_spec import ModelSpec
from mojoline.registry.proofs import prove_equality, prove_latency, prove_loads, prove_size
from mojoline.registry.tolerances import TOLERANCES
from mojoline.runtime.evaluation import evaluate_version
from mojoline.settings import load_settings
from mojoline.training.automl import train_model
from mojoline.training.errors import TrainingError
from mojoline.training.golden_rows import RawRows, write_golden
from mojoline.training.h2o_cluster import start_cluster
from mojoline.training.h2o_frames import download_numbers, upload_table
from mojoline.training.metric_choice import choose_metric
from mojoline.training.package import build_package
from mojoline.training.pruning import plan_search
from mojoline.training.reduction import fit_reduction
from mojoline.training.search import is_trained, read_metric, read_trees, run_search
from mojoline.training.test_rows import read_test_rows
from tests.data.snapshots import write_snapshot

ROWS = 3000
NUMBERS = ["a", "b", "c", "d.e", "f", "g"]
LEVELS = ["city", "code"]

SPEC = ModelSpec.model_validate(
    {
        "name": "things",
        "source": {"table": "t", "entity_key": "id", "event_time": "at", "available_at": "known"},
        "target": {"column": "y", "task": "binary", "positive": "yes"},
        "features": {
            "hot": [name for name in [*NUMBERS, *LEVELS] if "." not in name],
            "cold": {"column": "more", "keys": ["d.e"]},
        },
        "automl": {"max_models": 4, "max_runtime_secs": 120, "stopping_metric": "logloss"},
    }
)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory) -> Snapshot:
    rng = np.random.default_rng(5)
    base = rng.normal(size=(ROWS, 3))
    mixed = base @ rng.normal(size=(3, 6)) + rng.normal(size=(ROWS, 6)) * 1e-3
    city, code = rng.choice(["Oslo", "Bergen", "Å"], ROWS), rng.choice(["01", "1", "2024-01-01", "NA"], ROWS)
    late = base[:, 0] + (city == "Oslo") + rng.normal(size=ROWS) * 0.7 > 0.3
    columns: dict[str, object] = {
        "id": [str(at) for at in range(ROWS)],
        "at": pa.array(np.arange(ROWS) * 1_000_000, pa.timestamp("us")),
        "y": np.where(late, "yes", "no").tolist(),
    }
    for index, name in enumerate(NUMBERS):
        columns[name] = pa.array(mixed[:, index], mask=rng.random(ROWS) < 0.002)
    columns["city"] = pa.array(city.tolist(), mask=rng.random(ROWS) < 0.05)
    columns["code"] = code.tolist()
    kinds = {**dict.fromkeys(NUMBERS, "numeric"), **dict.fromkeys(LEVELS, "categorical")}
    in_order = {name: kinds[name] for name in SPEC.features.names}
    return write_snapshot(pa.table(columns), in_order, tmp_path_factory.mktemp("snapshot"))


@pytest.fixture(scope="module")
def reduction(h2o_settings, snapshot, tmp_path_factory):
    return fit_reduction(SPEC, snapshot, h2o_settings, tmp_path_factory.mktemp("reduction"))


@pytest.fixture(scope="module")
def trained(h2o_settings, snapshot, reduction, tmp_path_factory):
    return train_model(SPEC, snapshot, reduction, h2o_settings, tmp_path_factory.mktemp("trained"))


def test_doubles_levels_and_nulls_survive_the_way_into_the_cluster_and_back(h2o_settings, tmp_path):
    rng = np.random.default_rng(2)
    numbers = {
        "plain": rng.normal(size=3000),
        "wide": rng.normal(size=3000) * 10.0 ** rng.integers(-300, 300, 3000),
        "tenths": np.round(rng.normal(size=3000), 1),
        "whole": rng.integers(-(2**53), 2**53, 3000).astype(float),
    }
    holes = {name: pa.array(values, mask=rng.random(3000) < 0.1) for name, values in numbers.items()}
    levels = [None if at % 7 == 0 else ["1", "01", "2013-01-01", 'a"b,c', "NA"][at % 5] for at in range(3000)]
    with start_cluster(h2o_settings.training, h2o_settings.h2o_url, tmp_path):
        frame = upload_table(pa.table({**holes, "level": levels}), tmp_path)
        assert frame.types["level"] == "enum"
        assert frame["level"].levels()[0] == sorted(['a"b,c', "1", "01", "2013-01-01", "NA"])
        assert frame["level"].nacnt() == [levels.count(None)]
        got = download_numbers(frame, list(numbers), tmp_path)
    for index, name in enumerate(numbers):
        np.testing.assert_array_equal(got[:, index], holes[name].to_numpy(zero_copy_only=False), err_msg=name)


def test_components_keep_the_variance_and_come_from_the_scorer(reduction):
    assert (reduction.kind, reduction.k, reduction.inputs) == ("pca", 3, NUMBERS[:3] + NUMBERS[4:] + ["d.e"])
    assert reduction.cumulative[2] >= 0.99
    assert len(reduction.explained) == 6
    table = pq.read_table(reduction.file(reduction.training))
    assert table.column_names == ["PC1", "PC2", "PC3", *LEVELS, "y", "split"]
    assert table.num_rows == ROWS
    assert (reduction.train_rows, reduction.valid_rows, reduction.test_rows) == (2100, 450, 450)
    assert table.column("PC1").null_count == 0


def test_all_three_families_were_trained_inside_the_policy(trained):
    board = trained.leaderboard
    assert {row.algorithm for row in board} == {"gbm", "glm", "xgboost"}
    assert len(board) == 4
    assert max(row.trees or 0 for row in board) >= 50
    assert all((row.depth or 0) <= 10 for row in board)
    assert [row.metric for row in board] == sorted(row.metric for row in board)
    assert trained.model_id == board[0].model_id
    assert trained.test_metrics["auc"] > 0.8
    assert not list(trained.directory.glob("h2o-*"))
    assert trained.jvm_pid is None  # the node is not ours


def test_every_family_equals_the_cluster_also_on_missing_and_unseen_values(
    h2o_settings, snapshot, reduction, tmp_path
):
    table = pq.read_table(reduction.file(reduction.training))
    parts = {
        part: table.filter(pc.equal(table.column("split"), part)).drop_columns(["split"])
        for part in ("train", "valid")
    }
    raw = RawRows.of_test_part(snapshot, reduction)
    with start_cluster(h2o_settings.training, h2o_settings.h2o_url, tmp_path):
        models = run_search(
            plan_search(SPEC, h2o_settings.training).first_round(),
            choose_metric(SPEC),
            features=["PC1", "PC2", "PC3", *LEVELS],
            target="y",
            train=upload_table(parts["train"], tmp_path),
            valid=upload_table(parts["valid"], tmp_path),
        )
        assert {model.algo for model in models} == {"gbm", "glm", "xgboost"}
        for model in models:
            mojo = tmp_path / f"{model.algo}.zip"
            model.download_mojo(str(mojo))
            counts = write_golden(tmp_path, model, mojo_scorer.load(mojo), reduction, raw, seed=1)
            assert counts.missing_rows >= 100
            assert counts.unseen_rows >= 100
            assert counts.max_abs_diff <= TOLERANCES[model.algo], model.algo


def test_a_budget_too_short_for_anything_still_gives_a_model_of_each_family(
    h2o_settings, reduction, tmp_path
):
    table = pq.read_table(reduction.file(reduction.training)).drop_columns(["split"])
    spec = SPEC.model_copy(update={"automl": SPEC.automl.model_copy(update={"max_runtime_secs": 1})})
    search, metric = plan_search(spec, h2o_settings.training), choose_metric(spec)
    with start_cluster(h2o_settings.training, h2o_settings.h2o_url, tmp_path):
        train, valid = upload_table(table.slice(0, 2000), tmp_path), upload_table(table.slice(2000), tmp_path)
        frames = {"features": ["PC1", "PC2", "PC3", *LEVELS], "target": "y", "train": train, "valid": valid}
        models = run_search(search, metric, **frames)
        assert {model.algo for model in models} == {"gbm", "glm", "xgboost"}
        assert all(read_trees(model)[0] != 0 and read_metric(model, metric) < 1 for model in models)
        # what a cancelled model looks like: it was never scored on the validation part
        unscored = H2OGeneralizedLinearEstimator(family="binomial")
        unscored.train(x=frames["features"], y="y", training_frame=train)
        assert not is_trained(read_metric(unscored, metric), None)


def test_the_draft_passes_its_proofs(snapshot, reduction, trained, tmp_path):
    package = build_package(SPEC, snapshot, reduction, trained, tmp_path)
    draft, facts = package.file(package.draft), package.facts
    names = {path.name for path in draft.iterdir()}
    assert names == {"mojo.zip", "schema.json", "baseline.json", "golden.jsonl", "leaderboard.json"}
    for prove in (prove_loads, prove_equality, prove_size, prove_latency):
        proof = prove(draft, facts)
        assert proof.passed, proof
    assert facts.parity.rows == 450
    assert min(facts.parity.missing_rows, facts.parity.unseen_rows) >= 100
    assert facts.training.isolation_level == "repeatable read"
    rows = read_test_rows(SPEC, snapshot, reduction)
    assert len(rows) == 450
    # raw rows through the pipeline, and training columns through the bare model: one and the same number
    assert evaluate_version(draft, facts, rows) == pytest.approx(trained.test_metrics["logloss"], rel=1e-12)


def test_a_cluster_that_is_not_ours_is_left_as_it_was(h2o_settings, trained, h2o_node, tmp_path):
    import h2o

    with start_cluster(h2o_settings.training, h2o_settings.h2o_url, tmp_path):
        assert h2o.api("GET /3/Models")["models"] == []
        assert h2o.api("GET /3/Frames")["frames"] == []
    assert h2o_node.is_running()


def test_data_that_cannot_be_trained_on_is_refused_before_the_cluster_is_asked(
    h2o_settings, snapshot, reduction, tmp_path
):
    nowhere = load_settings(h2o_url="http://127.0.0.1:9")
    table = pq.read_table(snapshot.file("rows.parquet"))

    def altered(name: str, values: object) -> Snapshot:
        pq.write_table(
            table.set_column(table.column_names.index(name), name, values), tmp_path / "rows.parquet"
        )
        return snapshot.model_copy(update={"directory": tmp_path})

    with pytest.raises(TrainingError, match="b: no value in any of 3000 rows"):
        fit_reduction(SPEC, altered("b", pa.nulls(ROWS, pa.float64())), nowhere, tmp_path)
    with pytest.raises(TrainingError, match="a: an infinite value"):
        fit_reduction(SPEC, altered("a", pa.array([np.inf] * ROWS)), nowhere, tmp_path)
    training = pq.read_table(reduction.file(reduction.training))
    constant = training.set_column(training.column_names.index("y"), "y", pa.array(["no"] * ROWS))
    pq.write_table(constant, tmp_path / "training.parquet")
    with pytest.raises(TrainingError, match="one value only, 'no': there is nothing to learn"):
        train_model(SPEC, snapshot, reduction.model_copy(update={"directory": tmp_path}), nowhere, tmp_path)
