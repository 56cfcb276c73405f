"""How the variants of an experiment do: latencies and failures of their requests over the last minutes."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mojoline.registry.experiment import Experiment
from serving.metrics import VARIANT_CACHE, VARIANT_REQUESTS, VARIANT_SECONDS

KEPT = 20_000  # most recent requests of a variant
CACHE_STATES = ("hit", "miss", "bypass", "error")


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

    def __init__(self, model: str, experiment: str, variant: str) -> None:
        labels = (model, experiment, variant)
        self._noted: deque[tuple[float, float, bool]] = deque(maxlen=KEPT)
        self._answered = VARIANT_REQUESTS.labels(*labels, "answered")
        self._failed = VARIANT_REQUESTS.labels(*labels, "failed")
        self._seconds = VARIANT_SECONDS.labels(*labels)
        self._cache = {state: VARIANT_CACHE.labels(*labels, state) for state in CACHE_STATES}

    def note(self, seconds: float, failed: bool) -> None:
        """A request was answered after so many seconds, or could not be."""
        self._noted.append((time.monotonic(), seconds, failed))
        if failed:
            self._failed.inc()
        else:
            self._answered.inc()
            self._seconds.observe(seconds)

    def note_cache(self, state: str) -> None:
        """Where an answer came from."""
        self._cache[state].inc()

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


def merge(summaries: Sequence[Summary]) -> Summary:
    """Those of several workers as one; their p99s weighed by the requests, which come as the kernel likes."""
    requests = sum(one.requests for one in summaries)
    p99 = sum(one.p99 * one.requests for one in summaries) / requests if requests else 0.0
    return Summary(requests, sum(one.failures for one in summaries), p99)


def find_breach(experiment: Experiment, seen_of: Mapping[str, Summary]) -> Breach | None:
    """The first variant that still answers somebody and broke the experiment's budget; None if none did."""
    budget = experiment.guard
    if budget is None:
        return None
    first = seen_of[experiment.live[0].name]
    for variant in experiment.live[1:]:
        seen = seen_of[variant.name]
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
