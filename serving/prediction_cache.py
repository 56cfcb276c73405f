"""Scores from Redis where they are known: a look-aside cache whose keys hold the version.

Key: `<namespace>:{<model>}:v<version>:pred:<sha256>`; the hash is over the model's own input row (columns in
its order, float64 bits, levels by index, missing as one NaN, -0.0 as 0.0), the manifest's digest and the
options. A new version makes every old key unreachable at once; the old ones end by their time to live.

Features of entities are fetched before the row is known, so a hit saves the scoring and nothing else: that is
what `auto` compares with the time of a lookup.
"""

import asyncio
import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from mojoline.runtime.errors import RowRefusedError
from mojoline.runtime.scoring_model import Columns, Rows
from serving.batched_measures import BatchedCounter
from serving.errors import RedisUnavailableError
from serving.metrics import CACHE_JOINED, CACHE_LATENCY, CACHE_REQUESTS, INFERENCES
from serving.offload import Offload
from serving.prediction_cache_costs import CacheCosts
from serving.served_model import ServedModel
from serving.tracing import trace_stages

if TYPE_CHECKING:
    from serving.prediction_cache_writes import WriteBack
    from serving.redis_pool import RedisPool

NAMESPACE = "mojoline"

CacheMode = Literal["auto", "always", "off"]
CacheState = Literal["hit", "miss", "bypass", "error"]
Scores = NDArray[np.float64]
Found = tuple[Scores, CacheState]  # of one row: where its scores came from
WORST_FIRST: tuple[CacheState, ...] = ("error", "miss", "hit")  # a request is as its worst row


class PredictionCache:
    """Scores rows, from Redis if that is known to be faster. Belongs to one event loop.

    `pool` is None where there is no Redis. Redis being slow, full or gone costs the timeout of a few lookups
    and never an answer.
    """

    def __init__(
        self, offload: Offload, pool: "RedisPool | None", *, mode: CacheMode, ttl_seconds: float
    ) -> None:
        self.mode = mode if pool is not None else "off"
        self.joined = 0
        self._offload = offload
        self._pool = pool
        self._costs = CacheCosts()
        self._flights: dict[str, asyncio.Future[Found | None]] = {}
        self._writes = None if pool is None else _open_write_back(pool, ttl_seconds)

    def start(self) -> None:
        """Begin to write back."""
        if self._writes is not None:
            self._writes.start()

    async def close(self) -> None:
        """Stop writing back."""
        if self._writes is not None:
            await self._writes.close()

    async def score(
        self, served: ServedModel, data: Rows | Columns, rows: int, options: str = ""
    ) -> tuple[Scores, CacheState]:
        """The scores (float64[n, m]) of `data`, and where they came from; CPU work leaves the loop as needed.

        Args:
            served: the version.
            data: as for `ScoringModel.score`.
            rows: how many rows `data` has.
            options: whatever else changes the scores.

        Returns:
            Scores and "hit"; "miss" if one row was not known; "bypass" if Redis was not asked; "error" if it
            was, and did not answer. Rows that another request was finding out are as that one found them.

        Raises:
            RowRefusedError: a value is neither missing nor a number or level its column can hold.
            RuntimeModelError: the scorer failed.
        """
        if self.bypasses(served, rows):
            work = partial(self.score_directly, served, data, rows)
            scores = await self._offload.run("score", work, size=rows, model=served.name)
            self.note_direct(served, rows)
            return scores, "bypass"
        return await self.look_aside(served, data, rows, options)

    def bypasses(self, served: ServedModel, rows: int) -> bool:
        """Whether a request of so many rows is better not looked up; ask once for each, it is counted."""
        if self._pool is None or self.mode == "off" or not served.scoring.has_matrix:
            return True
        if self._pool.breaker.is_open:
            return True
        return self.mode == "auto" and not self._costs.prefer_lookup(served.name, rows)

    def score_directly(self, served: ServedModel, data: Rows | Columns, rows: int) -> Scores:
        """The scores of `data`, Redis not asked. May be called by any thread; raises as `score`.

        Its rows are counted by `note_direct`.
        """
        if self.mode != "auto":  # nothing is to be compared
            return served.scoring.score(data)
        started = time.perf_counter()
        scores = served.scoring.score(data)
        self._costs.note_scoring(served.name, rows, time.perf_counter() - started)
        return scores

    def note_direct(self, served: ServedModel, rows: int) -> None:
        """Count rows that `score_directly` scored; on the event loop."""
        for measure in _direct_measures(served.name):
            measure.inc(rows)

    async def look_aside(
        self, served: ServedModel, data: Rows | Columns, rows: int, options: str = ""
    ) -> tuple[Scores, CacheState]:
        """As `score`, Redis being asked."""
        matrix = await self._offload.run(
            "prepare", lambda: served.scoring.matrix(data), size=rows, model=served.name
        )
        keys = prediction_keys(served, matrix, options)
        first = {key: row for row, key in reversed(list(enumerate(keys)))}
        try:
            found = await self._fly(served, matrix, first)
        except RowRefusedError:  # it names a row of those that were not known
            await self._infer(served, matrix)
            raise
        states = {state for _, state in found.values()}
        return np.stack([found[key][0] for key in keys]), next(each for each in WORST_FIRST if each in states)

    async def _fly(
        self, served: ServedModel, matrix: NDArray[np.float64], first: Mapping[str, int]
    ) -> dict[str, Found]:
        """What is found of each key. What another request is about to know is waited for, not asked again."""
        joined = {key: self._flights[key] for key in first if key in self._flights}
        own = [key for key in first if key not in joined]
        create = asyncio.get_running_loop().create_future
        self._flights.update({key: create() for key in own})
        found: dict[str, Found] = {}
        try:
            if own:
                await self._lookup_or_infer(served, matrix, first, own, found)
        finally:  # None: whoever was to find out was cancelled or failed, so each finds out alone
            for key in own:
                self._flights.pop(key).set_result(found.get(key))
        if joined:
            self.joined += len(joined)
            CACHE_JOINED.inc(len(joined))
            for key, flight in joined.items():
                landed = await asyncio.shield(flight)
                found[key] = landed or ((await self._infer(served, matrix[[first[key]]]))[0], "miss")
        return found

    async def _lookup_or_infer(
        self,
        served: ServedModel,
        matrix: NDArray[np.float64],
        first: Mapping[str, int],
        keys: Sequence[str],
        found: dict[str, Found],
    ) -> None:
        """Put what is found of `keys` into `found`, what Redis knows first: it holds if the rest fails."""
        unknown: CacheState = "miss"
        try:
            known = await self._lookup(served, keys)
        except RedisUnavailableError:
            known, unknown = {}, "error"
        found.update({key: (scores, "hit") for key, scores in known.items()})
        CACHE_REQUESTS.labels(served.name, "hit").inc(len(known))
        if missing := [key for key in keys if key not in known]:
            CACHE_REQUESTS.labels(served.name, unknown).inc(len(missing))
            inferred = await self._infer(served, matrix[[first[key] for key in missing]])
            found.update({key: (scores, unknown) for key, scores in zip(missing, inferred, strict=True)})
            if unknown == "miss" and self._writes is not None:
                self._writes.offer(missing, inferred)

    async def _lookup(self, served: ServedModel, keys: Sequence[str]) -> dict[str, Scores]:
        assert self._pool is not None  # noqa: S101 - else nothing is looked up
        started = time.perf_counter()
        try:
            values = await self._pool.ask(self._pool.redis.mget(keys))
        finally:
            ended = time.perf_counter()
            trace_stages([("cache.get", started, ended)], {"mojoline.keys": len(keys)})
        seconds = ended - started
        CACHE_LATENCY.observe(seconds)
        self._costs.note_lookup(served.name, len(keys), seconds)
        width = 8 * len(served.scoring.output_names)
        return {
            key: np.frombuffer(value, "<f8")
            for key, value in zip(keys, values, strict=True)
            if isinstance(value, bytes) and len(value) == width
        }

    async def _infer(self, served: ServedModel, matrix: NDArray[np.float64]) -> Scores:
        rows, model = len(matrix), served.name
        with self._timed_scoring(model, rows):
            return await self._offload.run(
                "score_matrix", lambda: served.scoring.score_matrix(matrix), size=rows, model=model
            )

    @contextmanager
    def _timed_scoring(self, model: str, rows: int) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._costs.note_scoring(model, rows, time.perf_counter() - started)
        INFERENCES.labels(model).inc(rows)


@lru_cache(256)
def _direct_measures(model: str) -> tuple[BatchedCounter, BatchedCounter]:
    return BatchedCounter(CACHE_REQUESTS.labels(model, "bypass")), BatchedCounter(INFERENCES.labels(model))


def prediction_keys(served: ServedModel, matrix: NDArray[np.float64], options: str = "") -> list[str]:
    """The key of each row of `matrix`."""
    canonical = (matrix + 0.0).astype("<f8")  # -0.0 + 0.0 is 0.0
    canonical[np.isnan(canonical)] = np.nan
    start = hashlib.sha256(f"{served.manifest_sha256}\n{options}\n".encode())
    prefix = f"{NAMESPACE}:{{{served.name}}}:v{served.version}:pred:"
    keys = []
    for row in canonical:
        digest = start.copy()
        digest.update(row.tobytes())
        keys.append(prefix + digest.hexdigest())
    return keys


def _open_write_back(pool: "RedisPool", ttl_seconds: float) -> "WriteBack":
    from serving.prediction_cache_writes import WriteBack  # a client of Redis takes long to import

    return WriteBack(pool, ttl_seconds)
