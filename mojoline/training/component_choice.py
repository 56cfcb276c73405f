"""How many principal components are kept."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ComponentChoice:
    """`k` components, and the rule that decided it in a sentence for the reader."""

    k: int
    rule: str


def choose_components(
    cumulative: Sequence[float], *, variance: float, target_ratio: float
) -> ComponentChoice:
    """The fewest components that keep `variance`; `target_ratio` gives way where both cannot hold.

    Args:
        cumulative: share of the variance kept by the first 1, 2, ... components; its length is the number of
            columns that go in.
        variance: the share to keep, between 0 and 1.
        target_ratio: the wished number of components as a share of the columns.
    """
    columns = len(cumulative)
    enough = (index + 1 for index, share in enumerate(cumulative) if share >= variance - 1e-9)
    k = next(enough, columns)
    cap = max(1, math.floor(columns * target_ratio))
    kept = f"{k} of {columns} components keep {cumulative[k - 1]:.1%}"
    if k <= cap:
        return ComponentChoice(k, f"variance: {kept}, within the target of {cap}")
    at_cap = f"the target of {cap} would keep {cumulative[cap - 1]:.1%} of {variance:.1%}"
    return ComponentChoice(k, f"variance over target ratio: {kept}; {at_cap}")
