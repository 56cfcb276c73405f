"""What is counted with every answer of a version: the labels are looked up once, not with each request."""

import time
from collections.abc import Mapping
from functools import lru_cache

from serving.batched_measures import Batched, BatchedHistogram
from serving.metrics import (
    EXECUTIONS,
    INFER_FAILURE,
    INFER_SUCCESS,
    INFERRED_ROWS,
    LAST_INFERENCE,
    ROWS,
    STAGE_SECONDS,
)

STAGES = {"parse": "parse", "feat": "features", "score": "score", "ser": "serialize"}
"""As `Server-Timing` and as the measure call them."""

UNKNOWN = "unknown"  # what a failed request is counted under when it names no model that is served
KNOWN_VERSIONS = 1024


class VersionMeasures(Batched):
    """The measures of one version, for the event loop's thread."""

    def __init__(self, name: str, version: str) -> None:
        labels = name, version
        self.failures = INFER_FAILURE.labels(*labels)
        counters = INFER_SUCCESS, ROWS, EXECUTIONS, INFERRED_ROWS
        self._counters = [counter.labels(*labels) for counter in counters]
        self._last_gauge = LAST_INFERENCE.labels(*labels)
        self._answers = self._rows = self._executions = self._inferred = 0
        self._last = 0.0
        self._stages = {
            stage: BatchedHistogram(STAGE_SECONDS.labels(name, *labels)) for stage, name in STAGES.items()
        }

    def note(self, rows: int, seconds: Mapping[str, float], *, scored: bool) -> None:
        """Count an answer of so many rows; `scored` unless all of them came from the cache."""
        if not self.waits:
            self.wait()
        self._answers += 1
        self._rows += rows
        self._last = time.time()
        if scored:
            self._executions += 1
            self._inferred += rows
        for stage, spent in seconds.items():
            self._stages[stage].observe(spent)

    def flush(self) -> None:
        """As of `Batched`."""
        sums = self._answers, self._rows, self._executions, self._inferred
        for counter, amount in zip(self._counters, sums, strict=True):
            counter.inc(amount)
        self._last_gauge.set(self._last)
        self._answers = self._rows = self._executions = self._inferred = 0


@lru_cache(KNOWN_VERSIONS)
def measures_of(name: str = UNKNOWN, version: str = UNKNOWN) -> VersionMeasures:
    """The measures of a version; by default of requests that name none."""
    return VersionMeasures(name, version)
