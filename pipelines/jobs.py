"""The jobs people and schedules start, built once per model spec."""

import dagster as dg

from mojoline.model_spec import ModelSpec

MODEL_TAG = "mojoline/model"
LINE = ("source_table", "snapshot", "reduction", "trained_model", "package", "publication", "champion")


def train_and_publish_job(spec: ModelSpec) -> dg.UnresolvedAssetJobDefinition:
    """From rows to champion. In one process: a stage hands its neighbour files, and one JVM runs at a time."""
    stages = [stage for stage in LINE if stage != "source_table" or spec.source.load]
    return dg.define_asset_job(
        f"{spec.name}_train_and_publish",
        selection=dg.AssetSelection.assets(*([spec.name, stage] for stage in stages)),
        description=f"Extract, reduce, train, prove, publish and, if it is not worse, promote {spec.name}.",
        tags={MODEL_TAG: spec.name},
        executor_def=dg.in_process_executor,
    )


def drift_report_job(spec: ModelSpec) -> dg.UnresolvedAssetJobDefinition:
    """What the server scored lately against the champion's training data."""
    return dg.define_asset_job(
        f"{spec.name}_drift_report",
        selection=dg.AssetSelection.assets([spec.name, "drift_report"]),
        description=f"Population stability of every watched feature of {spec.name}.",
        executor_def=dg.in_process_executor,
    )
