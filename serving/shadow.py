"""Shadow variants score what others answered; how far they differ is counted, and nobody waits for them."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any

from serving.inference import Answer
from serving.metrics import SHADOW_DIFFERENCE, SHADOW_DROPPED, SHADOW_FAILURES
from serving.routing import Route

MOST_PENDING = 64  # requests that wait; more are dropped, a shadow must not cost memory

_log = logging.getLogger("mojoline.serving")


@dataclass
class ShadowTally:
    """What one shadow variant did so far."""

    rows: int = 0
    dropped: int = 0
    failures: int = 0
    labels_changed: int = 0
    largest_difference: float = 0.0
    sum_of_differences: float = 0.0

    def describe(self) -> dict[str, object]:
        """For the status page; differences are of the first score of a row."""
        mean = self.sum_of_differences / self.rows if self.rows else 0.0
        return {
            "rows": self.rows,
            "dropped": self.dropped,
            "failures": self.failures,
            "labels_changed": self.labels_changed,
            "largest_difference": self.largest_difference,
            "mean_difference": mean,
        }


class ShadowScorer:
    """Scores answered requests with the shadow variants of their experiment, in one thread of its own."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="shadow")
        self._lock = Lock()
        self._pending = 0
        self._tallies: dict[tuple[str, str], ShadowTally] = defaultdict(ShadowTally)

    def offer(self, answer: Answer) -> None:
        """Take an answered request; returns at once."""
        for route in answer.serving.shadows(answer.request_id):
            with self._lock:
                full = self._pending >= MOST_PENDING
                if full:
                    self._tally(route).dropped += 1
                    SHADOW_DROPPED.labels(route.served.name, route.variant).inc()
                else:
                    self._pending += 1
            if not full:
                self._thread.submit(self._compare, route, answer)

    def describe(self, model: str) -> dict[str, object]:
        """Variant -> how far it differs from what was answered."""
        with self._lock:
            return {name: tally.describe() for (of, name), tally in self._tallies.items() if of == model}

    def close(self) -> None:
        """Score nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _compare(self, route: Route, answer: Answer) -> None:
        try:
            scores = route.served.scoring.score(_features(answer.features))
            labels = route.served.scoring.label(scores)
        except Exception as error:  # noqa: BLE001 - whatever a shadow does, nobody must notice
            # the kind only: its text may hold a value of the row
            _log.warning("shadow %s of %s: %s", route.variant, route.served.name, type(error).__name__)
            with self._lock:
                self._pending -= 1
                self._tally(route).failures += 1
            SHADOW_FAILURES.labels(route.served.name, route.variant).inc()
            return
        gaps = [abs(float(new[0]) - old[0]) for new, old in zip(scores, answer.scores, strict=True)]
        difference = SHADOW_DIFFERENCE.labels(route.served.name, route.variant)
        for gap in gaps:
            difference.observe(gap)
        with self._lock:
            self._pending -= 1
            tally = self._tally(route)
            tally.rows += len(gaps)
            tally.sum_of_differences += sum(gaps)
            tally.largest_difference = max(tally.largest_difference, *gaps)
            if labels is not None and answer.labels is not None:
                tally.labels_changed += sum(a != b for a, b in zip(labels, answer.labels, strict=True))

    def _tally(self, route: Route) -> ShadowTally:
        return self._tallies[route.served.name, route.variant]


def _features(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows]
