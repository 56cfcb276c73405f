# mypy: disable-error-code="attr-defined, no-untyped-call"
# pyarrow has no types: names it imports from other modules are not seen as exported.
"""The reduction: numeric features become the principal components that keep most of their variance."""

from pathlib import Path
from typing import Any, Literal

import mojo_scorer
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mojoline.features.snapshot import Snapshot
from mojoline.model_spec import ModelSpec
from mojoline.runtime.imputation import impute
from mojoline.settings import Settings
from mojoline.stage_cache import StageRecord
from mojoline.training.component_choice import choose_components
from mojoline.training.errors import TrainingError
from mojoline.training.h2o_cluster import start_cluster
from mojoline.training.h2o_frames import H2OFrame, upload_table
from mojoline.training.snapshot_columns import (
    Columns,
    Table,
    as_columns,
    categorical_names,
    numeric_names,
    read_table,
    require_values,
    stack,
)
from mojoline.training.time_split import TEST, TRAIN, VALID, split_by_time

MOJO_FILE = "reduction.zip"
TRAINING_FILE = "training.parquet"
SPLIT = "split"
MIN_INPUTS = 3  # fewer columns have nothing to reduce


class Reduction(StageRecord):
    """A fitted reducer and the training columns it made.

    `training` holds, row for row as the snapshot, PC1..PCk, the features that are not reduced, the target and
    `split` (train, valid, test: 70, 15, 15 % by time). `explained` and `cumulative` have one share for each
    possible component. `impute` (column -> mean over the snapshot) fills missing inputs before the reducer.
    """

    kind: Literal["pca", "none"]
    k: int
    rule: str
    inputs: list[str]
    impute: dict[str, float]
    explained: list[float]
    cumulative: list[float]
    mojo: str | None
    training: str = TRAINING_FILE
    rows: int
    train_rows: int
    valid_rows: int
    test_rows: int
    heap_bytes: int | None = None
    jvm_pid: int | None = None

    @property
    def component_names(self) -> list[str]:
        """PC1..PCk, as the reducer's MOJO names its outputs."""
        return [f"PC{index + 1}" for index in range(self.k)]


def fit_reduction(spec: ModelSpec, snapshot: Snapshot, settings: Settings, directory: Path) -> Reduction:
    """Fit the reducer of `spec` on the training part of a snapshot; make the training columns with its MOJO.

    Raises:
        TrainingError: too few rows, a column without values, or a name the training columns need themselves.
        ClusterError: the H2O cluster did not start or died.
    """
    table = read_table(snapshot)
    _check_names(spec, snapshot)
    splits = split_by_time(table.column(spec.source.event_time).to_numpy())
    numeric, categorical = numeric_names(snapshot), categorical_names(snapshot)
    columns = as_columns(table, [*numeric, *categorical])
    require_values(columns, numeric)
    counts = {f"{part}_rows": int((splits == part).sum()) for part in (TRAIN, VALID, TEST)}
    facts: dict[str, Any] = {"rows": len(splits), **counts}
    labels = {spec.target.column: table.column(spec.target.column), SPLIT: pa.array(splits.astype(object))}
    if spec.reduction.kind == "none" or (spec.reduction.kind == "auto" and len(numeric) < MIN_INPUTS):
        rule = f"no reduction: kind {spec.reduction.kind}, {len(numeric)} numeric features"
        _write_training(directory, table.select([*numeric, *categorical]), labels)
        none: dict[str, Any] = {"inputs": [], "impute": {}, "explained": [], "cumulative": [], "mojo": None}
        return Reduction(kind="none", k=0, rule=rule, directory=directory.absolute(), **none, **facts)
    # Means of all rows: they hold nothing of the target, and serving fills with the same ones.
    means = {name: float(np.nanmean(columns[name])) for name in numeric}
    filled = impute(stack(columns, numeric), numeric, means)
    fitted = _fit(spec, numeric, filled[splits == TRAIN], settings, directory)
    components = score_components(directory / MOJO_FILE, columns, means)
    _write_training(directory, pa.table({**_by_name(components), **_some(table, categorical)}), labels)
    return Reduction(
        kind="pca",
        inputs=numeric,
        impute=means,
        mojo=MOJO_FILE,
        directory=directory.absolute(),
        **fitted,
        **facts,
    )


def score_components(mojo: Path, columns: Columns, means: dict[str, float]) -> NDArray[np.float64]:
    """float64[n, k]: the components of raw `columns` (NaN for missing), by the scorer that also serves."""
    reducer = mojo_scorer.load(mojo)
    matrix = impute(stack(columns, reducer.feature_names), reducer.feature_names, means)
    return reducer.score(matrix)


def _fit(
    spec: ModelSpec,
    names: list[str],
    matrix: NDArray[np.float64],
    settings: Settings,
    directory: Path,
) -> dict[str, Any]:
    """Fit all components, choose k, fit again with k and keep that MOJO."""
    with start_cluster(settings.training, settings.h2o_url, directory, brief=True, xgboost=False) as cluster:
        frame = upload_table(pa.table(dict(zip(names, matrix.T, strict=True))), directory)
        whole = _fit_pca(frame, names, len(names), spec.automl.seed)
        explained = _explained(whole)
        cumulative = np.minimum(np.cumsum(explained), 1.0).tolist()
        choice = choose_components(
            cumulative, variance=spec.reduction.variance, target_ratio=spec.reduction.target_ratio
        )
        kept = _fit_pca(frame, names, choice.k, spec.automl.seed)
        kept.download_mojo(str(directory / MOJO_FILE))
        return {
            "k": choice.k,
            "rule": choice.rule,
            "explained": explained,
            "cumulative": cumulative,
            "heap_bytes": cluster.heap_bytes,
            "jvm_pid": cluster.jvm_pid,
        }


def _fit_pca(frame: H2OFrame, names: list[str], k: int, seed: int) -> Any:  # noqa: ANN401 - an untyped client
    from h2o.estimators import H2OPrincipalComponentAnalysisEstimator

    # nothing is missing any more; without impute_missing H2O warns that rows might be
    pca = H2OPrincipalComponentAnalysisEstimator(
        k=k, transform="STANDARDIZE", pca_method="GramSVD", impute_missing=True, seed=seed
    )
    pca.train(x=names, training_frame=frame)
    return pca


def _explained(pca: Any) -> list[float]:  # noqa: ANN401 - an untyped client
    """Share of the variance per component, from "Proportion of Variance" of the model's importance table."""
    table = pca._model_json["output"]["importance"]
    row = next(values for values in table.cell_values if values[0] == "Proportion of Variance")
    return [float(value) for value in row[1:]]


def _by_name(components: NDArray[np.float64]) -> dict[str, Any]:
    return {f"PC{index + 1}": components[:, index] for index in range(components.shape[1])}


def _some(table: Table, names: list[str]) -> dict[str, Any]:
    return {name: table.column(name) for name in names}


def _write_training(directory: Path, features: Table, labels: dict[str, Any]) -> None:
    for name, values in labels.items():
        features = features.append_column(name, values)
    pq.write_table(features, directory / TRAINING_FILE, compression="zstd")


def _check_names(spec: ModelSpec, snapshot: Snapshot) -> None:
    own = {SPLIT, *(f"PC{index + 1}" for index in range(len(snapshot.columns)))}
    taken = sorted(own & {spec.target.column, *(column.name for column in snapshot.columns)})
    if taken:
        raise TrainingError(
            f"column {taken[0]!r} has a name that the training columns need (split, PC1, PC2, ...): rename it"
        )
