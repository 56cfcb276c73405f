"""A circuit breaker: what failed several times in a row is left alone until a probe finds it well again."""

import logging
import time
from collections import deque
from collections.abc import Callable

from serving.metrics import BREAKER_STATE

ERRORS = 5
WITHIN_SECONDS = 1.0
PROBE_SECONDS = 1.0

_log = logging.getLogger("mojoline.serving")


class Breaker:
    """Opens after `ERRORS` failures within `WITHIN_SECONDS`; only `close`, after a good probe, closes it.

    Requests are never used as probes: while it is open none of them waits for what is broken. The log tells
    when it opens and closes, whoever found out.
    """

    def __init__(self, dependency: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_open = False
        self.opened = 0
        self._dependency = dependency
        self._clock = clock
        self._failures: deque[float] = deque(maxlen=ERRORS)
        self._state = BREAKER_STATE.labels(dependency)
        self._state.set(0)

    def fail(self, reason: str) -> None:
        """Count a failure."""
        now = self._clock()
        self._failures.append(now)
        if len(self._failures) == ERRORS and now - self._failures[0] <= WITHIN_SECONDS:
            self.open(reason)

    def open(self, reason: str) -> None:
        """Let nothing through from now on."""
        if not self.is_open:
            self.opened += 1
            _log.warning("%s is left alone until it answers: %s", self._dependency, reason)
        self.is_open = True
        self._state.set(1)

    def close(self) -> None:
        """A probe succeeded: let everything through."""
        if self.is_open:
            _log.info("%s answers again", self._dependency)
        self.is_open = False
        self._failures.clear()
        self._state.set(0)
