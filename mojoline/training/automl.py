# mypy: disable-error-code="attr-defined, no-untyped-call"
# pyarrow has no types: names it imports from other modules are not seen as exported.
"""The trained model: the best candidate of a pruned AutoML that answers inside the serving budget."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mojo_scorer
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mojoline.features.snapshot import Snapshot
from mojoline.model_spec import ModelSpec
from mojoline.runtime.evaluation import measure
from mojoline.settings import Settings
from mojoline.stage_cache import StageRecord
from mojoline.training.candidates import Candidate, choose_winner, fits_budget, percentiles, time_single_rows
from mojoline.training.errors import TrainingError
from mojoline.training.golden_rows import GOLDEN_FILE, GoldenCounts, RawRows, write_golden
from mojoline.training.h2o_cluster import start_cluster
from mojoline.training.h2o_frames import upload_table
from mojoline.training.metric_choice import Metric, choose_metric
from mojoline.training.pruning import BRIEF_CELLS, plan_search
from mojoline.training.reduction import SPLIT, Reduction
from mojoline.training.search import H2OModel, read_metric, read_trees, run_search
from mojoline.training.snapshot_columns import Table, as_columns
from mojoline.training.time_split import TEST, TRAIN, VALID

WINNER_FILE = "winner.zip"
CANDIDATES = "candidates"


class TrainedModel(StageRecord):
    """The winner of a search, its rivals, and the cluster's own predictions on golden rows.

    `leaderboard` is ordered best first by `metric_name` on the validation part; `test_metrics` are the
    winner's on the test part, which nothing in the search has seen. Times in seconds, sizes in bytes.
    """

    algorithm: str
    model_id: str
    winner: str = WINNER_FILE
    leaderboard: list[Candidate]
    metric_name: str
    lower_is_better: bool
    test_metrics: dict[str, float]
    test_rows: int
    golden: str = GOLDEN_FILE
    golden_counts: GoldenCounts
    heap_bytes: int | None
    jvm_pid: int | None
    seconds: float


def train_model(
    spec: ModelSpec, snapshot: Snapshot, reduction: Reduction, settings: Settings, directory: Path
) -> TrainedModel:
    """Search for the best model of `spec` on the training columns; write its MOJO and golden rows.

    Raises:
        TrainingError: the target does not fit the task, or H2O refuses the data.
        NoWinnerError: no candidate is inside the serving budget.
        ClusterError: the H2O cluster did not start or died.
    """
    started = time.monotonic()
    metric = choose_metric(spec)
    search = plan_search(spec, settings.training)
    table = pq.read_table(reduction.file(reduction.training))
    parts = {part: _part(table, part) for part in (TRAIN, VALID, TEST)}
    check_target(spec, parts)
    raw = RawRows.of_test_part(snapshot, reduction)
    target = spec.target.column
    features = [name for name in parts[TRAIN].column_names if name != target]
    mojos = directory / CANDIDATES
    mojos.mkdir()
    brief = parts[TRAIN].num_rows * len(features) < BRIEF_CELLS
    with start_cluster(
        settings.training, settings.h2o_url, directory, brief=brief, xgboost="XGBoost" in search.families
    ) as cluster:
        train = upload_table(parts[TRAIN], directory)
        valid = upload_table(parts[VALID], directory)
        models = run_search(search, metric, features=features, target=target, train=train, valid=valid)
        for model in models:
            model.download_mojo(str(mojos / f"{model.model_id}.zip"))
        leaderboard = _measure_candidates(models, mojos, metric, spec, reduction, raw)
        winner = choose_winner(leaderboard, spec.budget, lower_is_better=metric.lower_is_better)
        (mojos / f"{winner.model_id}.zip").rename(directory / WINNER_FILE)
        scorer = mojo_scorer.load(directory / WINNER_FILE)
        model = next(model for model in models if model.model_id == winner.model_id)
        counts = write_golden(directory, model, scorer, reduction, raw, seed=spec.automl.seed)
    for mojo in mojos.iterdir():
        mojo.unlink()
    mojos.rmdir()
    return TrainedModel(
        directory=directory.absolute(),
        algorithm=winner.algorithm,
        model_id=winner.model_id,
        leaderboard=leaderboard,
        metric_name=metric.name,
        lower_is_better=metric.lower_is_better,
        test_metrics=_measure_test(spec, scorer, parts[TEST]),
        test_rows=parts[TEST].num_rows,
        golden_counts=counts,
        heap_bytes=cluster.heap_bytes,
        jvm_pid=cluster.jvm_pid,
        seconds=round(time.monotonic() - started, 2),
    )


def check_target(spec: ModelSpec, parts: dict[str, Table]) -> None:
    """TrainingError where the target of the training part does not fit the task of the spec."""
    target = spec.target
    seen = pc.unique(parts[TRAIN].column(target.column)).to_pylist()
    where = f"target {target.column!r} of the training part ({parts[TRAIN].num_rows} rows)"
    if len(seen) < 2:
        raise TrainingError(
            f"{where} has one value only, {seen[0]!r}: there is nothing to learn. Widen the time range"
        )
    if target.task == "binary" and (len(seen) != 2 or target.positive not in seen):
        raise TrainingError(
            f"{where} has the levels {', '.join(sorted(map(str, seen))[:10])}; a binary target has "
            f"two, one of them the positive {target.positive!r}. Correct target in the model spec"
        )
    if target.task == "regression":
        return
    for part in (VALID, TEST):
        unknown = sorted(set(pc.unique(parts[part].column(target.column)).to_pylist()) - set(seen))
        if unknown:
            raise TrainingError(
                f"{where} lacks the level {unknown[0]!r}, which comes later. Widen the time range, or give "
                "rare levels a common name in the source table"
            )


def _part(table: Table, part: str) -> Table:
    return table.filter(pc.equal(table.column(SPLIT), part)).drop_columns([SPLIT])


def _measure_candidates(
    models: Sequence[H2OModel],
    mojos: Path,
    metric: Metric,
    spec: ModelSpec,
    reduction: Reduction,
    raw: RawRows,
) -> list[Candidate]:
    """Each model with its size and the time of a row, the reducer's included; best metric first."""
    reducer: list[float] = []
    if reduction.mojo is not None:
        reducing = mojo_scorer.load(reduction.file(reduction.mojo))
        reducer = time_single_rows(raw.rows, reducing, reduction.impute)
    inputs = raw.model_rows(reduction)
    leaderboard = []
    for model in models:
        mojo = mojos / f"{model.model_id}.zip"
        scorer = mojo_scorer.load(mojo)
        p50, p99 = percentiles(reducer, time_single_rows(inputs, scorer))
        trees, depth = read_trees(model)
        size = mojo.stat().st_size + (reduction.file(reduction.mojo).stat().st_size if reduction.mojo else 0)
        leaderboard.append(
            Candidate(
                model_id=model.model_id,
                algorithm=scorer.algorithm,
                metric=read_metric(model, metric),
                metric_name=metric.name,
                trees=trees,
                depth=depth,
                score_us_p50=p50,
                score_us_p99=p99,
                bytes=size,
                inside_budget=fits_budget(spec.budget, p99_us=p99, size=size),
            )
        )
    sign = 1 if metric.lower_is_better else -1
    return sorted(leaderboard, key=lambda candidate: sign * candidate.metric)


def _measure_test(spec: ModelSpec, scorer: mojo_scorer.Model, part: Table) -> dict[str, float]:
    """The winner's metrics on the test part, in the scorer that will serve it."""
    columns: dict[str, Any] = as_columns(part, scorer.feature_names)
    scores = scorer.score(scorer.matrix(columns))
    target = np.asarray(part.column(spec.target.column).to_numpy(zero_copy_only=False))
    return measure(spec.target.task, scores, target, scorer.output_names)
