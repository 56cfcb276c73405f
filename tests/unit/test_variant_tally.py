"""When a variant's traffic goes back: errors above the first variant's, or a p99 that is a multiple of it."""

import pytest

from mojoline.registry.experiment import Experiment
from serving.variant_tally import VariantTally, find_breach

EXPERIMENT = Experiment.model_validate(
    {
        "id": "e",
        "variants": [
            {"name": "a", "model": "champion", "weight": 9000},
            {"name": "b", "model": "challenger", "weight": 1000},
        ],
        "guard": {"error_rate": 0.02, "p99_factor": 2, "min_requests": 100},
    }
)


def tally(requests: int, failed: int = 0, seconds: float = 0.001) -> VariantTally:
    """A variant that was asked just now."""
    made = VariantTally("m", "e", "v")
    for number in range(requests):
        made.note(seconds, number < failed)
    return made


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ((500,), (500,), None),
        ((500,), (99, 99), None),  # too few to tell
        ((500,), (200, 10), "5.0% of 200 requests failed"),
        ((500, 25), (200, 10), None),  # callers' mistakes
        ((500,), (200, 0, 0.0021), "p99 2100 us against 1000 us of a"),
        ((99,), (200, 0, 0.1), None),  # nothing to compare with
    ],
)
def test_breaches(first: tuple[int], second: tuple[int], reason: str | None) -> None:
    breach = find_breach(EXPERIMENT, {"a": tally(*first).summary(60), "b": tally(*second).summary(60)})
    assert (breach and breach.variant) == (reason and "b")
    assert reason is None or reason in breach.reason


def test_without_a_budget_nothing_is_breached() -> None:
    experiment = EXPERIMENT.model_copy(update={"guard": None})
    assert (
        find_breach(experiment, {"a": tally(500).summary(60), "b": tally(500, failed=500).summary(60)})
        is None
    )


def test_what_is_older_than_the_window_is_forgotten() -> None:
    made = tally(50, failed=50)
    assert made.summary(60).failures == 50
    assert made.summary(0).requests == 0
