"""How the variants of an experiment do: latencies and failures of their requests over the last minutes."""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mojoline.registry.experiment import Experiment

KEPT = 20_000  # most recent requests of a variant


@dataclass(frozen=True)
class Summary:
    """Requests of one variant within a window; `p99` of those that were answered, in seconds."""

    requests: int
    failures: int
    p99: float

    @property
    def failure_rate(self) -> float:
        """Share of the requests that could not be answered."""
        return self.failures / self.requests if self.requests else 0.0


class VariantTally:
    """One variant's requests. `note` may be called by any thread."""

    def __init__(self) -> None:
        self._noted: deque[tuple[float, float, bool]] = deque(maxlen=KEPT)

    def note(self, seconds: float, failed: bool) -> None:
        """A request was answered after so many seconds, or could not be."""
        self._noted.append((time.monotonic(), seconds, failed))

    def summary(self, window: float) -> Summary:
        """The requests of the last `window` seconds."""
        oldest = time.monotonic() - window
        recent = [(seconds, failed) for at, seconds, failed in self._noted.copy() if at >= oldest]
        answered = [seconds for seconds, failed in recent if not failed]
        p99 = float(np.percentile(answered, 99)) if answered else 0.0
        return Summary(len(recent), len(recent) - len(answered), p99)


@dataclass(frozen=True)
class Breach:
    """A variant that broke its budget, and how, for the alias file and the log."""

    variant: str
    reason: str


def find_breach(experiment: Experiment, tallies: Mapping[str, VariantTally]) -> Breach | None:
    """The first variant that still answers somebody and broke the experiment's budget; None if none did."""
    budget = experiment.guard
    if budget is None:
        return None
    first = tallies[experiment.live[0].name].summary(budget.window)
    for variant in experiment.live[1:]:
        seen = tallies[variant.name].summary(budget.window)
        if variant.weight == 0 or seen.requests < budget.min_requests:
            continue
        if seen.failure_rate > first.failure_rate + budget.error_rate:  # callers' mistakes fail everywhere
            return Breach(
                variant.name,
                f"{seen.failure_rate:.1%} of {seen.requests} requests failed, {first.failure_rate:.1%} "
                f"of {experiment.live[0].name}, the budget is {budget.error_rate:.1%} more",
            )
        if first.requests >= budget.min_requests and seen.p99 > budget.p99_factor * first.p99:
            return Breach(
                variant.name,
                f"p99 {seen.p99 * 1e6:.0f} us against {first.p99 * 1e6:.0f} us of "
                f"{experiment.live[0].name}, the budget is {budget.p99_factor:g} times that",
            )
    return None
