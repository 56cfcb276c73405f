import math

import pytest

from mojoline.registry.errors import RegistryError
from mojoline.registry.promotion import decide_promotion, read_share


@pytest.mark.parametrize(
    ("champion", "challenger", "lower", "not_worse", "promote"),
    [
        (None, 0.5, True, 0, True),
        (0.50, 0.505, True, "-1%", True),  # exactly at the limit
        (0.50, 0.506, True, "-1%", False),
        (0.50, 0.40, True, 0, True),
        (0.80, 0.7921, False, -0.01, True),
        (0.80, 0.79, False, -0.01, False),
        (0.80, 0.80, False, 0, True),
        (0.80, 0.805, False, "1%", False),  # a gain is asked for
        (0.80, 0.81, False, "1%", True),
        (-0.5, -0.4, False, 0, True),  # R2 below zero: -0.4 is the better one
        (-0.5, -0.6, False, 0, False),
        (0.0, 0.1, True, "-50%", False),
        (0.0, 0.0, True, 0, True),
        (0.5, math.nan, True, "-100%", False),
        (math.nan, 0.5, True, 0, True),
        (None, math.nan, True, 0, False),
    ],
)
def test_decision(champion, challenger, lower, not_worse, promote):
    decision = decide_promotion(champion, challenger, lower_is_better=lower, not_worse=not_worse)
    assert decision.promote is promote, decision.reason


def test_the_reason_has_the_numbers():
    decision = decide_promotion(0.5, 0.6, lower_is_better=True, not_worse="-1%")
    assert all(part in decision.reason for part in ("0.6", "0.5", "-20.00%", "-1.00%", "lower is better"))


@pytest.mark.parametrize(("text", "share"), [("-1%", -0.01), ("0.5 %", 0.005), ("-0.02", -0.02), (0, 0.0)])
def test_shares(text, share):
    assert read_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "one", "-1%%", "nan", "inf", "1 percent"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(RegistryError, match="not_worse"):
        read_share(text)
