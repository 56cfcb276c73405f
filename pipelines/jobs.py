"""The jobs people and schedules start, built once per model spec."""

import dagster as dg

from mojoline.model_spec import ModelSpec

# Of the runs with one value of this tag one is started at a time (`tag_concurrency_limits` in dagster.yaml).
MODEL_TAG = "mojoline/model"
LINE = ("source_table", "snapshot", "reduction", "trained_model", "package", "publication", "champion")


def training_job_name(spec: ModelSpec) -> str:
    """The job that makes a new version of `spec`."""
    return f"{spec.name}_train_and_publish"


def drift_job_name(spec: ModelSpec) -> str:
    """The job that compares what was scored with what was trained on."""
    return f"{spec.name}_drift_report"


def model_jobs(spec: ModelSpec) -> dg.Definitions:
    """Both jobs, in one process each: the stages follow each other and only one JVM runs at a time."""
    stages = [stage for stage in LINE if stage != "source_table" or spec.source.load]
    training = dg.define_asset_job(
        training_job_name(spec),
        selection=dg.AssetSelection.assets(*([spec.name, stage] for stage in stages)),
        description=f"Extract, reduce, train, prove, publish and, if it is not worse, promote {spec.name}.",
        tags={MODEL_TAG: spec.name},
        executor_def=dg.in_process_executor,
    )
    drift = dg.define_asset_job(
        drift_job_name(spec),
        selection=dg.AssetSelection.assets([spec.name, "drift_report"]),
        description=f"Population stability of every watched feature of {spec.name}.",
        executor_def=dg.in_process_executor,
    )
    return dg.Definitions(jobs=[training, drift])
