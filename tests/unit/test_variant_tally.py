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
    made = VariantTally()
    for number in range(requests):
        made.note(seconds, number < failed)
    return made


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (tally(500), tally(500), None),
        (tally(500), tally(99, failed=99), None),  # too few to tell
        (tally(500), tally(200, failed=10), "5.0% of 200 requests failed"),
        (tally(500, failed=25), tally(200, failed=10), None),  # callers' mistakes
        (tally(500), tally(200, seconds=0.0021), "p99 2100 us against 1000 us of a"),
        (tally(99), tally(200, seconds=0.1), None),  # nothing to compare with
    ],
)
def test_breaches(first: VariantTally, second: VariantTally, reason: str | None) -> None:
    breach = find_breach(EXPERIMENT, {"a": first, "b": second})
    assert (breach and breach.variant) == (reason and "b")
    assert reason is None or reason in breach.reason


def test_without_a_budget_nothing_is_breached() -> None:
    experiment = EXPERIMENT.model_copy(update={"guard": None})
    assert find_breach(experiment, {"a": tally(500), "b": tally(500, failed=500)}) is None


def test_what_is_older_than_the_window_is_forgotten() -> None:
    made = tally(50, failed=50)
    assert made.summary(60).failures == 50
    assert made.summary(0).requests == 0
