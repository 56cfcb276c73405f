"""The package: reducer and model as one MOJO, with everything a server needs to check it."""

import dagster as dg

from assets.code_version import code_version
from assets.stage import shown_errors, spec_part, stage_asset
from mojoline.features.snapshot import Snapshot
from mojoline.model_spec import ModelSpec
from mojoline.settings import load_settings
from mojoline.stage_cache import run_stage, stage_key
from mojoline.training.automl import TrainedModel
from mojoline.training.package import Package, build_package
from mojoline.training.reduction import Reduction

SHAPED_BY = ("name", "source", "target", "features", "budget", "drift")


def package_asset(spec: ModelSpec) -> dg.AssetsDefinition:
    """The asset that assembles the draft of a model version of `spec`."""
    code = code_version(
        "mojoline/training", "mojoline/runtime", "mojoline/drift", "mojoline/registry/manifest.py"
    )

    @stage_asset(
        spec,
        group="publish",
        kinds={"h2o"},
        reads=["snapshot", "reduction", "trained_model"],
        code=code,
        description=(
            "The draft of a model version: one MOJO from raw columns to prediction, its schema, the drift "
            "baseline, golden rows with the cluster's own predictions, and the leaderboard. It cannot be "
            "served before its checks have passed and it is published."
        ),
    )
    def package(
        context: dg.AssetExecutionContext,
        snapshot: Snapshot,
        reduction: Reduction,
        trained_model: TrainedModel,
    ) -> dg.MaterializeResult[Package]:
        with shown_errors():
            settings = load_settings()
            key = stage_key(
                "package",
                snapshot.directory.name,
                trained_model.directory.name,
                spec_part(spec, *SHAPED_BY),
                code,
            )
            built, reused = run_stage(
                settings.work_dir / spec.name / "package",
                key,
                Package,
                lambda directory: build_package(spec, snapshot, reduction, trained_model, directory),
            )
        sizes = {path.name: path.stat().st_size for path in sorted(built.file(built.draft).iterdir())}
        context.log.info(f"draft of {sum(sizes.values())} bytes: {', '.join(sizes)}")
        return dg.MaterializeResult(
            value=built,
            metadata={
                "files": dg.MetadataValue.json(sizes),
                "artifact_bytes": sizes["mojo.zip"],
                "dagster/uri": built.file(built.draft).as_uri(),
                "reused": reused,
            },
            data_version=dg.DataVersion(key),
        )

    return package
