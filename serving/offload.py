"""Where CPU work runs: on the event loop if it is measured to be short there, else in a pool of threads.

Handing work to a thread costs some 50 us and a fight for the interpreter lock, more than a small model takes.
So every kind of work is timed, by the processor time of its thread (waiting for a core or for the interpreter
lock is no work), and may run on the loop once its p99 is known to be below `INLINE_SECONDS`. A thread adds to
that time what is not the work's own, the more the busier it is: where it is not far above, it is tried on
the loop itself, many pieces in a row. Brief work that goes to a thread goes there together.
"""

import asyncio
import math
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal, TypeVar

from serving.batched_measures import BatchedCounter
from serving.metrics import OFFLOAD_P99, OFFLOADED, POOL_THREADS, POOL_WAITING
from serving.shared_trips import SharedTrips

T = TypeVar("T")
OffloadMode = Literal["auto", "always", "never"]

INLINE_SECONDS = 100e-6
THREADS_PER_CORE = 1.5  # a starting point: docs/spikes/thread-pool-sizing.md
SAMPLES = 256
FEWEST_SAMPLES = 32
BRIEF_SECONDS = 3 * INLINE_SECONDS  # work whose median in the pool is below this shares a thread with others,
# since a second one would gain less than it costs to hand things over, and is tried on the loop
TRIED = 128  # so many pieces in a row, unless two are too long before,
TRY_AGAIN = 1024  # and again when so many pieces more have come
UNTIMED = 15  # pieces that go untimed after a timed one, as long as they are short: the clock is dear
KNOWN_KINDS = 1024


class Offload:
    """The threads for inference, and the decision who needs them. Belongs to one event loop."""

    def __init__(self, mode: OffloadMode = "auto", threads: int | None = None) -> None:
        self.mode = mode
        self.threads = threads or default_threads()
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="inference")
        self._trips = SharedTrips(self._pool)
        self._kinds: OrderedDict[tuple[str, str, int], _Kind] = OrderedDict()
        self._waiting = 0
        POOL_THREADS.set(self.threads)

    async def run(self, stage: str, work: Callable[[], T], *, size: int = 1, model: str = "") -> T:
        """`work()`, wherever it belongs; it holds the processor and never waits for anything.

        Args:
            stage: what kind of work this is; few values, it is a label of the metrics.
            work: called once, on the loop's thread or on another one.
            size: bytes or rows: what takes twice as much is timed apart.
            model: work of the same stage for another model is timed apart.
        """
        kind = self._kind(stage, model, size.bit_length())
        if self._runs_on_loop(kind):
            kind.on_loop.inc()
            return kind.timed(work, on_loop=True)
        kind.in_pool.inc()
        timed = partial(kind.timed, work, on_loop=False)
        self._count(1)
        try:
            if kind.brief:
                return await self._trips.run(timed)
            return await asyncio.get_running_loop().run_in_executor(self._pool, timed)
        finally:
            self._count(-1)

    def run_here(self, stage: str, work: Callable[[], T], *, size: int = 1, model: str = "") -> T | None:
        """`work()` as a part of other work that `run` runs: at once if it may be done on this thread.

        Returns:
            What `work` returns; None where this is the loop's thread and the work is not short.
        """
        kind = self._kind(stage, model, size.bit_length())
        if asyncio._get_running_loop() is None:  # a thread of the pool
            kind.in_pool.inc()
            return kind.timed(work, on_loop=False)
        if not self._runs_on_loop(kind):
            return None
        kind.on_loop.inc()
        return kind.timed(work, on_loop=True)

    def close(self) -> None:
        """Let running work end; what has not begun is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _runs_on_loop(self, kind: "_Kind") -> bool:
        return self.mode == "never" or (self.mode == "auto" and kind.may_be_on_loop())

    def _count(self, change: int) -> None:
        self._waiting += change
        POOL_WAITING.set(max(0, self._waiting - self.threads))

    def _kind(self, stage: str, model: str, magnitude: int) -> "_Kind":
        key = (stage, model, magnitude)
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = _Kind(stage)
            if len(self._kinds) > KNOWN_KINDS:
                self._kinds.popitem(last=False)
        return kind


def default_threads() -> int:
    """`CPU_CORES * 1.5`, at least two: one long piece of work must not hold up all others."""
    return max(2, round(len(os.sched_getaffinity(0)) * THREADS_PER_CORE))


class _Timed(threading.local):
    """The processor time of this thread that is accounted for; whether it is at a piece that is timed."""

    seconds = 0.0
    now = False


_timed = _Timed()


class _Kind:
    """One kind of work and how long it took lately."""

    def __init__(self, stage: str) -> None:
        self.in_pool = OFFLOADED.labels(stage, "pool")
        self.on_loop = BatchedCounter(OFFLOADED.labels(stage, "loop"))
        self.short = False  # enough for the loop
        self.brief = False  # enough to share a trip, and to be tried on the loop
        self._p99 = OFFLOAD_P99.labels(stage)
        self._pool_seconds: deque[float] = deque(maxlen=SAMPLES)
        self._loop_seconds: deque[float] = deque(maxlen=SAMPLES)
        self._asked = 0
        self._rests_until = 0
        self._taken = 0
        self._untimed = 0

    def may_be_on_loop(self) -> bool:
        """Whether the next piece is known to be short, or is one of those that find out."""
        if self.short:
            return True
        self._asked += 1
        return self.brief and self._asked > self._rests_until

    def timed(self, work: Callable[[], T], *, on_loop: bool) -> T:
        """`work()`, timed without the parts of it that `run_here` times apart."""
        within = _timed.now  # a piece that is timed must not be charged with this one
        if self._untimed < UNTIMED and not within and (self.short if on_loop else self.brief):
            self._untimed += 1
            return work()
        _timed.now = True
        apart, started = _timed.seconds, time.thread_time()
        try:
            return work()
        finally:
            whole = time.thread_time() - started
            self._note(whole - (_timed.seconds - apart), on_loop=on_loop)
            _timed.seconds, _timed.now = apart + whole, within

    def _note(self, seconds: float, *, on_loop: bool) -> None:
        """Remember a duration. Threads may come in each other's way here: a sample is lost, nothing else."""
        (self._loop_seconds if on_loop else self._pool_seconds).append(seconds)
        if seconds < (INLINE_SECONDS if on_loop else BRIEF_SECONDS):  # else the next ones are timed too:
            self._untimed = 0  # it may have grown long
        self._taken += 1
        if self._taken % FEWEST_SAMPLES == 0:
            self._decide()

    def _decide(self) -> None:
        """By what it took on the loop, once that is known: a thread adds the handling of the lock."""
        known = list(self._loop_seconds)
        is_own = len(known) >= TRIED or sum(seconds >= INLINE_SECONDS for seconds in known) > 1
        p99 = percentile(known if is_own else list(self._pool_seconds), 0.99)
        self.short = p99 < INLINE_SECONDS
        self._p99.set(p99)
        if is_own and not self.short:
            self._loop_seconds.clear()
            self._rests_until = self._asked + TRY_AGAIN
        in_pool = percentile(list(self._pool_seconds), 0.5)
        self.brief = in_pool < BRIEF_SECONDS


def percentile(values: list[float], share: float) -> float:
    """The smallest value that `share` of `values` do not exceed; 0.0 for no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
