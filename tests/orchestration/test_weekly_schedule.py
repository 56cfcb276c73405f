"""A schedule that is on by default must not train at a moment nobody chose."""

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.schedules import is_stale


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
