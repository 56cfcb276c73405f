"""The reservoir in Redis: per model version, variant and hour, a uniform sample of the scored rows.

The writer stands beside the request path, never in it: `offer` compares numbers and returns, a task of its
own talks to Redis. What waits is itself a bottom-k per hour, so memory is bounded, and an absent Redis costs
nothing until the bound is reached; from then on rows are lost, and counted.
"""

import asyncio
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from mojoline.drift.bottom_k import BottomK, draw
from mojoline.drift.reservoir_reader import read_reservoir
from mojoline.drift.sample import DEFAULT_SIZE, SampledRow, ScoredRows, reservoir_key

__all__ = ["ReservoirWriter", "SampledRow", "ScoredRows", "read_reservoir", "reservoir_key"]

TIME_TO_LIVE = timedelta(days=14)
LONGEST_PAUSE = 5.0
KEYS_PER_WRITE = 64
KNOWN_THRESHOLDS = 10_000


class ReservoirWriter:
    """Feeds the reservoir from one event loop. `start` it there, `close` it to write what is left."""

    def __init__(self, redis_url: str, *, flush_seconds: float = 0.2, max_pending: int = 20_000) -> None:
        self._redis = AsyncRedis.from_url(
            redis_url,
            socket_timeout=1.0,
            socket_connect_timeout=0.5,
            retry=Retry(NoBackoff(), 0),  # the writer itself comes back with what it kept
            max_connections=2,
        )
        self._flush_seconds = flush_seconds
        self._max_pending = max_pending
        self._pending: dict[str, BottomK[bytes]] = {}
        self._sizes: dict[str, int] = {}
        self._thresholds: OrderedDict[str, float] = OrderedDict()
        self._something = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._waiting = 0
        self.written = 0
        self.lost = 0
        self.last_error: str | None = None

    @property
    def pending(self) -> int:
        """How many rows are not in Redis yet."""
        return self._waiting

    def start(self) -> None:
        """Begin writing, in a task of the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="reservoir")

    def offer(self, batch: ScoredRows, *, size: int = DEFAULT_SIZE) -> None:
        """Consider every row of `batch` for the sample (`size` rows) of its hour. Never waits or fails."""
        event_time = batch.event_time or datetime.now(UTC)
        key = reservoir_key(batch.model, batch.version, batch.variant, event_time)
        salt = f"{batch.model}:{batch.version}"
        limit = self._thresholds.get(key, 1.0)
        for row in range(len(batch.features)):
            u = draw(salt, batch.request_id, row)
            if u < limit:
                self._keep(key, size, u, batch.member(row, event_time))

    def _keep(self, key: str, size: int, u: float, member: bytes) -> None:
        kept = self._pending.get(key)
        if kept is None:
            kept = self._pending[key] = BottomK(size)
            self._sizes[key] = size
        if len(kept) < size:
            if self._waiting >= self._max_pending:
                self.lost += 1
                return
            self._waiting += 1
        kept.offer(u, member)
        self._something.set()

    async def close(self, timeout: float = 2.0) -> None:
        """Write what waits, give up after `timeout` seconds (the rest counts as lost), and disconnect."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            # not awaited for ever: a client in the middle of connecting may swallow the cancellation
            await asyncio.wait({self._task}, timeout=timeout)
        try:
            await asyncio.wait_for(self._flush(), timeout)
        except (RedisError, OSError, TimeoutError) as error:
            self.last_error = str(error)
        self.lost += self.pending
        self._pending.clear()
        self._waiting = 0
        await self._redis.aclose()

    async def _run(self) -> None:
        pause = self._flush_seconds
        while not self._closing:
            await self._something.wait()
            await asyncio.sleep(pause)
            self._something.clear()
            try:
                await self._flush()
            except (RedisError, OSError, TimeoutError) as error:
                self.last_error = str(error) or type(error).__name__
                self._something.set()
                pause = min(max(2 * pause, 0.5), LONGEST_PAUSE)
            else:
                self.last_error = None
                pause = self._flush_seconds

    async def _flush(self) -> None:
        while self._pending:
            keys = self._next_keys()
            taken = {key: self._pending.pop(key) for key in keys}
            rows = sum(len(kept) for kept in taken.values())
            try:
                await self._write(taken)
            except BaseException:
                self._waiting -= rows
                self._put_back(taken)
                raise
            self._waiting -= rows

    def _next_keys(self) -> list[str]:
        """Some keys of one model: a transaction must not leave its cluster slot."""
        slot = next(iter(self._pending)).partition(":r:")[0]
        return [key for key in self._pending if key.startswith(slot + ":r:")][:KEYS_PER_WRITE]

    async def _write(self, taken: dict[str, BottomK[bytes]]) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            for key, kept in taken.items():
                size = self._sizes[key]
                pipe.zadd(key, {member: u for u, member in kept.members()})
                pipe.zremrangebyrank(key, size, -1)
                pipe.expire(key, TIME_TO_LIVE)
                pipe.zrange(key, size - 1, size - 1, withscores=True)
            answers: list[Any] = await pipe.execute()
        for index, (key, kept) in enumerate(taken.items()):
            self.written += len(kept)
            last = answers[4 * index + 3]
            self._remember_threshold(key, float(last[0][1]) if last else 1.0)

    def _remember_threshold(self, key: str, limit: float) -> None:
        """Redis' own limit, never a local guess: after a loss of data there it opens again by itself."""
        self._thresholds[key] = limit
        self._thresholds.move_to_end(key)
        while len(self._thresholds) > KNOWN_THRESHOLDS:
            self._thresholds.popitem(last=False)
        if key not in self._pending:
            self._sizes.pop(key, None)

    def _put_back(self, taken: dict[str, BottomK[bytes]]) -> None:
        for key, kept in taken.items():
            for u, member in kept.members():
                self._keep(key, self._sizes[key], u, member)
