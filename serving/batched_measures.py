"""Measures that cost little for each request: added up here, and given to prometheus_client now and then.

Its counters lock and check with every call, about 1 us each and 2 us for a histogram; a request has twenty.
What is here belongs to one thread, that of the event loop, and is given on `FLUSH_SECONDS` after it was noted
at the latest, and whenever this process shows its page.
"""

import asyncio

import numpy as np
from prometheus_client import Counter, Gauge, Histogram

FLUSH_SECONDS = 0.25


class Batched:
    """Something that is to be given on."""

    waits = False

    def wait(self) -> None:
        """Be given on soon; whoever notes something calls this unless it `waits` already."""
        self.waits = True
        _batch.add(self)

    def flush(self) -> None:
        """Give it on."""
        raise NotImplementedError


class BatchedCounter(Batched):
    """Adds to a counter."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._sum = 0.0

    def inc(self, amount: float = 1.0) -> None:
        """Add `amount`."""
        if not self.waits:
            self.wait()
        self._sum += amount

    def flush(self) -> None:
        """Give it on."""
        self._counter.inc(self._sum)
        self._sum = 0.0


class BatchedGauge(Batched):
    """Moves a gauge."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._value = 0.0

    def add(self, amount: float) -> None:
        """Move it."""
        if not self.waits:
            self.wait()
        self._value += amount

    def flush(self) -> None:
        """Give it on."""
        self._gauge.set(self._value)


class BatchedHistogram(Batched):
    """Adds to a histogram, which has no call for many values: its buckets are added to directly."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._bounds = np.array(histogram._upper_bounds)
        self._values: list[float] = []

    def observe(self, value: float) -> None:
        """Add `value`, 0 or more."""
        if not self.waits:
            self.wait()
        self._values.append(value)

    def flush(self) -> None:
        """Give it on."""
        buckets = np.searchsorted(self._bounds, self._values)
        counts = np.bincount(buckets, minlength=len(self._bounds)).tolist()
        for bucket, count in zip(self._histogram._buckets, counts, strict=True):
            if count:
                bucket.inc(count)
        self._histogram._sum.inc(sum(self._values))
        self._values = []


class _Batch:
    """What waits to be given on."""

    def __init__(self) -> None:
        self._waiting: list[Batched] = []
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, one: Batched) -> None:
        self._waiting.append(one)
        loop = asyncio.get_running_loop()
        if self._timer is None or self._loop is not loop:
            self._loop, self._timer = loop, loop.call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Give everything on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.waits = False
            one.flush()


_batch = _Batch()


def flush_measures() -> None:
    """Give on what this process has noted so far."""
    _batch.flush()
