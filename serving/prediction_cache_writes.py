"""Writing scores back to Redis, off the request path: bounded, in batches, and without a second try."""

import asyncio
import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from redis.exceptions import RedisError

from serving.metrics import CACHE_WRITES
from serving.redis_pool import RedisPool

BATCH = 256
MOST_PENDING = 20_000
GATHER_SECONDS = 0.002  # lets what is scored at the same time go in one round trip
PAUSE_SECONDS = 1.0  # after a refused write: Redis is full, read-only or gone
JITTER = 0.1  # share of the time to live: keys written together must not end together


class WriteBack:
    """Feeds the cache from a task of its own."""

    def __init__(self, pool: RedisPool, ttl_seconds: float) -> None:
        self._pool = pool
        self._ttl_ms = 1000 * ttl_seconds
        self._pending: dict[str, bytes] = {}
        self._something = asyncio.Event()
        self._random = random.Random()  # noqa: S311 - spreads the load, guards nothing
        self._task: asyncio.Task[None] | None = None
        self.last_error: str | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="cache-writes")

    async def close(self) -> None:
        """End; what is still waiting is not worth a delay."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=1)

    def offer(self, keys: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Write `scores` (float64[n, m]) soon, or never if too much waits."""
        if len(self._pending) + len(keys) > MOST_PENDING:
            CACHE_WRITES.labels("dropped").inc(len(keys))
            return
        for key, row in zip(keys, scores, strict=True):
            self._pending[key] = row.astype("<f8").tobytes()
        self._something.set()

    async def _run(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            await asyncio.sleep(GATHER_SECONDS)
            while self._pending:
                batch = {key: self._pending.pop(key) for key in list(self._pending)[:BATCH]}
                refused = len(batch) if self._pool.breaker.is_open else await self._write(batch)
                CACHE_WRITES.labels("written").inc(len(batch) - refused)
                if refused:
                    CACHE_WRITES.labels("refused").inc(refused + len(self._pending))
                    self._pending.clear()
                    await asyncio.sleep(PAUSE_SECONDS)

    async def _write(self, batch: dict[str, bytes]) -> int:
        """How many of the keys were not written."""
        pipe = self._pool.redis.pipeline(transaction=False)
        for key, value in batch.items():
            pipe.set(key, value, px=round(self._ttl_ms * self._random.uniform(1 - JITTER, 1 + JITTER)))
        try:
            answers = await pipe.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError) as error:
            self.last_error = str(error) or type(error).__name__
            return len(batch)
        refused = [answer for answer in answers if isinstance(answer, Exception)]
        if refused:
            self.last_error = str(refused[0])
        return len(refused)
