"""The weekly retraining of every model."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from mojoline.model_spec import ModelSpec
from pipelines.jobs import training_job_name

WEEKLY = "0 3 * * 1"
LATE = timedelta(hours=1)


def is_stale(scheduled: datetime, now: datetime) -> bool:
    """Whether a tick is made up for long after its time.

    A scheduler that was down catches up on the ticks it missed; somebody who starts the stack on a Thursday
    did not ask for Monday's training.
    """
    return now - scheduled > LATE


def weekly_schedule(spec: ModelSpec) -> dg.ScheduleDefinition:
    """Train and publish `spec` every Monday at 03:00 UTC."""

    @dg.schedule(
        cron_schedule=WEEKLY,
        job_name=training_job_name(spec),
        name=f"{spec.name}_weekly",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Trains {spec.name} on all rows there are. A tick more than an hour late is skipped.",
    )
    def weekly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        scheduled = context.scheduled_execution_time
        if is_stale(scheduled, datetime.now(UTC)):
            return dg.SkipReason(
                f"the tick of {scheduled:%Y-%m-%d %H:%M} UTC was missed; start the job by hand"
            )
        return dg.RunRequest(run_key=scheduled.isoformat())

    return weekly
