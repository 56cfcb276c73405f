"""The trained model: the best candidate that answers inside the serving budget."""

import dagster as dg
from pydantic import Field

from assets.code_version import code_version
from assets.plots import Metadata, rounded, table
from assets.stage import H2O_POOL, shown_errors, spec_part, stage_asset
from mojoline.features.snapshot import Snapshot
from mojoline.model_spec import ModelSpec
from mojoline.settings import Settings, load_settings
from mojoline.stage_cache import run_stage, stage_key
from mojoline.training.automl import TrainedModel, train_model
from mojoline.training.reduction import Reduction

SHAPED_BY = ("target", "automl", "budget")


class Limits(dg.Config):
    """A smaller or larger budget than that of the model spec, for one run."""

    max_runtime_secs: int | None = Field(default=None, description="seconds of AutoML; empty: as configured")
    max_models: int | None = Field(default=None, description="models of AutoML; empty: as configured")
    ntrees: int | None = Field(default=None, description="most trees of a model; empty: as configured")


def trained_model_asset(spec: ModelSpec) -> dg.AssetsDefinition:
    """The asset that runs the pruned AutoML of `spec`."""
    families = ", ".join(spec.automl.families)
    code = code_version("mojoline/training", "mojoline/runtime", distributions=("h2o", "mojo-scorer"))

    @stage_asset(
        spec,
        group="train",
        kinds={"h2o"},
        reads=["snapshot", "reduction"],
        pool=H2O_POOL,
        code=code,
        description=(
            f"H2O AutoML over {families} (depth <= {spec.automl.max_depth}, trees <= {spec.automl.ntrees}). "
            "Every candidate's MOJO is scored by the serving runtime; the best one inside the serving budget "
            "wins, not the best on paper."
        ),
    )
    def trained_model(
        context: dg.AssetExecutionContext, config: Limits, snapshot: Snapshot, reduction: Reduction
    ) -> dg.MaterializeResult[TrainedModel]:
        with shown_errors():
            settings = load_settings(training=config.model_dump(exclude_none=True))
            key = stage_key(
                "trained_model",
                reduction.directory.name,
                spec_part(spec, *SHAPED_BY),
                _limits(settings),
                code,
            )
            trained, reused = run_stage(
                settings.work_dir / spec.name / "trained_model",
                key,
                TrainedModel,
                lambda directory: train_model(spec, snapshot, reduction, settings, directory),
            )
        context.log.info(f"{len(trained.leaderboard)} candidates, winner {trained.model_id}")
        return dg.MaterializeResult(
            value=trained,
            metadata={**_describe(trained), "reused": reused},
            data_version=dg.DataVersion(key),
        )

    return trained_model


def _limits(settings: Settings) -> str:
    """The settings that change which models are tried; memory and threads only change how fast."""
    training = settings.training
    return f"{training.max_runtime_secs} s, {training.max_models} models, {training.ntrees} trees"


def _describe(trained: TrainedModel) -> Metadata:
    winner = next(row for row in trained.leaderboard if row.model_id == trained.model_id)
    return {
        "algorithm": trained.algorithm,
        "model_id": trained.model_id,
        "metric_name": trained.metric_name,
        "metric": rounded(winner.metric),
        "score_us_p50": winner.score_us_p50,
        "artifact_bytes": winner.bytes,
        "leaderboard": table([row.model_dump(mode="json") for row in trained.leaderboard]),
        "models_tried": len(trained.leaderboard),
        "heap_bytes": trained.heap_bytes or "of an H2O that was there",
        "seconds": trained.seconds,
        **{f"test_{name}": rounded(value) for name, value in trained.test_metrics.items()},
    }
