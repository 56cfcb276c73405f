"""Every kind of target and of reduction with every family: trained, packaged and proven on a real node."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from mojoline.features.snapshot import Snapshot
from mojoline.model_spec import ModelSpec
from mojoline.registry.proofs import prove_equality, prove_latency, prove_loads, prove_size
from mojoline.runtime.evaluation import METRICS, evaluate_version
from mojoline.training.automl import train_model
from mojoline.training.package import build_package
from mojoline.training.reduction import Reduction, fit_reduction
from mojoline.training.test_rows import read_test_rows
from tests.data.snapshots import write_snapshot

ROWS = 2400
NUMBERS = ["a", "b", "c", "d"]
FAMILIES = ["GBM", "GLM", "XGBoost"]
RNG = np.random.default_rng(8)
BASE = RNG.normal(size=(ROWS, 2))
CITY = RNG.choice(["Oslo", "Bergen", "Å"], ROWS)
SIGNAL = BASE[:, 0] + (CITY == "Oslo") + RNG.normal(size=ROWS) * 0.3


@dataclass(frozen=True)
class Case:
    """A target, how it is reduced, and what a useful model of it reaches."""

    task: str
    reduction: str
    target: np.ndarray
    outputs: list[str]
    metric: str
    limit: float

    def spec(self, families: list[str]) -> ModelSpec:
        return ModelSpec.model_validate(
            {
                "name": "things",
                "source": {"table": "t", "entity_key": "id", "event_time": "at", "available_at": "known"},
                "target": {
                    "column": "y",
                    "task": self.task,
                    "positive": "yes" if self.task == "binary" else None,
                },
                "features": {"hot": [*NUMBERS, "city"]},
                "reduction": {"kind": self.reduction},
                "automl": {"families": families, "max_models": 1, "max_runtime_secs": 60},
            }
        )


CASES = {
    "multiclass": Case(
        "multiclass",
        "pca",
        np.where(SIGNAL < -0.5, "early", np.where(SIGNAL > 1, "late", "on time")),
        ["early", "late", "on time"],
        "logloss",
        0.7,
    ),
    "regression": Case("regression", "pca", 20 * SIGNAL + 100, ["predict"], "rmse", 12),
    "unreduced": Case("binary", "none", np.where(SIGNAL > 0.3, "yes", "no"), ["no", "yes"], "logloss", 0.5),
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def case(request) -> Case:
    return request.param


@pytest.fixture(scope="module")
def snapshot(case: Case, tmp_path_factory) -> Snapshot:
    mixed = BASE @ RNG.normal(size=(2, 4)) + RNG.normal(size=(ROWS, 4)) * 1e-3
    columns: dict[str, object] = {
        "id": [str(at) for at in range(ROWS)],
        "at": pa.array(np.arange(ROWS) * 1_000_000, pa.timestamp("us")),
        "y": pa.array(case.target.tolist()),
        **{name: pa.array(mixed[:, at], mask=RNG.random(ROWS) < 0.01) for at, name in enumerate(NUMBERS)},
        "city": pa.array(CITY.tolist(), mask=RNG.random(ROWS) < 0.05),
    }
    kinds = {**dict.fromkeys(NUMBERS, "numeric"), "city": "categorical"}
    return write_snapshot(pa.table(columns), kinds, tmp_path_factory.mktemp("snapshot"))


@pytest.fixture(scope="module")
def reduction(case: Case, snapshot: Snapshot, h2o_settings, tmp_path_factory) -> Reduction:
    return fit_reduction(case.spec(FAMILIES), snapshot, h2o_settings, tmp_path_factory.mktemp("reduction"))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_is_trained_packaged_and_proven(
    case, family, snapshot, reduction, h2o_settings, tmp_path_factory
):
    spec = case.spec([family])
    trained = train_model(spec, snapshot, reduction, h2o_settings, tmp_path_factory.mktemp("trained"))
    assert [row.algorithm for row in trained.leaderboard] == [family.lower()]
    package = build_package(spec, snapshot, reduction, trained, tmp_path_factory.mktemp("package"))
    draft, facts = package.file(package.draft), package.facts
    assert facts.task == case.task
    assert facts.outputs == case.outputs
    assert facts.reduction.kind == case.reduction
    for prove in (prove_loads, prove_equality, prove_size, prove_latency):
        proof = prove(draft, facts)
        assert proof.passed, proof
    assert facts.parity.rows == trained.test_rows == 360
    assert min(facts.parity.missing_rows, facts.parity.unseen_rows) >= 100
    assert set(facts.metrics) == set(METRICS[case.task])
    assert facts.metric_name == case.metric
    on_raw_rows = evaluate_version(draft, facts, read_test_rows(spec, snapshot, reduction))
    assert on_raw_rows == pytest.approx(trained.test_metrics[case.metric], rel=1e-12)
    assert on_raw_rows < case.limit
