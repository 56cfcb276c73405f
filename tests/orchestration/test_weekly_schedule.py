"""A schedule that is on by default must not train at a moment nobody chose."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from mojoline.model_spec import ModelSpec
from pipelines.schedules import is_stale, weekly_schedule


@pytest.mark.parametrize(
    ("late", "stale"),
    [
        (timedelta(0), False),
        (timedelta(minutes=59), False),
        (timedelta(minutes=61), True),
        (timedelta(days=3), True),
    ],
)
def test_a_tick_made_up_for_long_after_its_time_is_stale(late, stale):
    """The scheduler catches up on missed ticks when the stack comes up: on a Thursday that is a surprise."""
    scheduled = datetime(2026, 3, 2, 3, tzinfo=UTC)
    assert is_stale(scheduled, scheduled + late) is stale


SPEC = ModelSpec.model_validate(
    {
        "name": "orders",
        "source": {"table": "t", "entity_key": "id", "event_time": "at", "available_at": "at"},
        "target": {"column": "late", "task": "binary", "positive": "yes"},
        "features": {"hot": ["size"]},
    }
)


def evaluate(scheduled: datetime):
    context = dg.build_schedule_context(scheduled_execution_time=scheduled)
    return weekly_schedule(SPEC)(context)


def test_a_tick_in_time_starts_one_run():
    now = datetime.now(UTC)
    assert evaluate(now).run_key == now.isoformat()


def test_a_missed_tick_says_how_to_make_up_for_it():
    skipped = evaluate(datetime.now(UTC) - timedelta(days=2))
    assert isinstance(skipped, dg.SkipReason)
    assert "start the job by hand" in skipped.skip_message
