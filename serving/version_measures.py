"""What is counted with every answer of a version: the labels are looked up once, not with each request."""

import time
from collections.abc import Mapping
from functools import lru_cache

from serving.batched_measures import BatchedCounter, BatchedGauge, BatchedHistogram
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


class VersionMeasures:
    """The measures of one version, for the event loop's thread."""

    def __init__(self, name: str, version: str) -> None:
        labels = name, version
        self.failures = INFER_FAILURE.labels(*labels)
        self._successes = BatchedCounter(INFER_SUCCESS.labels(*labels))
        self._rows = BatchedCounter(ROWS.labels(*labels))
        self._last = BatchedGauge(LAST_INFERENCE.labels(*labels))
        self._executions = BatchedCounter(EXECUTIONS.labels(*labels))
        self._inferred = BatchedCounter(INFERRED_ROWS.labels(*labels))
        self._stages = {
            stage: BatchedHistogram(STAGE_SECONDS.labels(name, *labels)) for stage, name in STAGES.items()
        }

    def note(self, rows: int, seconds: Mapping[str, float], *, scored: bool) -> None:
        """Count an answer of so many rows; `scored` unless all of them came from the cache."""
        self._successes.inc()
        self._rows.inc(rows)
        self._last.set(time.time())
        if scored:
            self._executions.inc()
            self._inferred.inc(rows)
        for stage, spent in seconds.items():
            self._stages[stage].observe(spent)


@lru_cache(KNOWN_VERSIONS)
def measures_of(name: str = UNKNOWN, version: str = UNKNOWN) -> VersionMeasures:
    """The measures of a version; by default of requests that name none."""
    return VersionMeasures(name, version)
