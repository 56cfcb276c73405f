"""Everything Dagster knows of this code location, built when it is asked for and never at import."""

import dagster as dg

from assets.line import line_assets, line_checks
from assets.record_io import RecordIOManager
from assets.stage import RECORD_IO
from mojoline.model_spec import ModelSpec, load_specs
from mojoline.settings import load_settings
from pipelines.jobs import model_jobs
from pipelines.schedules import weekly_schedule
from sensors.champion_rollout import champion_rollout_sensor


def build_definitions(specs: list[ModelSpec]) -> dg.Definitions:
    """The asset graph, jobs, schedule and sensor of every model spec."""
    return dg.Definitions.merge(
        dg.Definitions(resources={RECORD_IO: RecordIOManager()}, executor=dg.in_process_executor),
        *(model_definitions(spec) for spec in specs),
    )


def model_definitions(spec: ModelSpec) -> dg.Definitions:
    """What belongs to one model; every key starts with its name."""
    return dg.Definitions.merge(
        model_jobs(spec),
        dg.Definitions(
            assets=line_assets(spec),
            asset_checks=line_checks(spec),
            schedules=[weekly_schedule(spec)],
            sensors=[champion_rollout_sensor(spec)],
        ),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of every spec in the models directory."""
    return build_definitions(load_specs(load_settings().models_dir))
