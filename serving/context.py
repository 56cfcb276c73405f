"""What the planes of one server share."""

import asyncio
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from mojoline.registry.filesystem_registry import FilesystemRegistry
from mojoline.settings import Settings
from serving.audit_log import AuditLog
from serving.canary_guard import CanaryGuard
from serving.errors import ApiError
from serving.loop_lag import LoopLagMonitor
from serving.model_catalog import ModelCatalog
from serving.offload import Offload
from serving.prediction_cache import PredictionCache
from serving.pushes import Pushes
from serving.shadow import ShadowScorer
from serving.slot_status import served_state
from serving.variant_drift import DriftWatch
from serving.worker_states import WorkerStates, shared_directory

if TYPE_CHECKING:
    from mojoline.drift.reservoir import ReservoirWriter
    from serving.entity_features import EntityFeatures
    from serving.entity_pool import EntityPool
    from serving.redis_channel import RedisChannel
    from serving.redis_pool import RedisPool

T = TypeVar("T")

WARMING_SECONDS = 0.5


class ServingContext:
    """Models, reservoir and threads of one process; `open` it on the event loop, `close` it at the end."""

    def __init__(self, settings: Settings, registry: FilesystemRegistry, worker: int = 0) -> None:
        self.settings = settings
        self.registry = registry
        self.audit = AuditLog(settings.serving.audit_log)
        self.states = WorkerStates(worker, shared_directory())
        self.entity_pool = self._open_database()
        self.catalog = ModelCatalog(
            registry,
            settings.serving.poll_seconds,
            self.write_state,
            None if self.entity_pool is None else self.entities.warm,
        )
        self.redis_pool: RedisPool | None = None
        self.reservoir: ReservoirWriter | None = None
        self._drift: DriftWatch | None = None
        self.pushes = Pushes(self._open_redis())
        self.shadow = ShadowScorer()
        self._canary_guard = CanaryGuard(self)
        self.offload = Offload(settings.serving.offload, settings.serving.threads)
        self.cache = PredictionCache(
            self.offload, self.redis_pool, mode=settings.cache.mode, ttl_seconds=settings.cache.ttl_seconds
        )
        self._warming: asyncio.Task[None] | None = None
        self._loop_lag = LoopLagMonitor()

    async def open(self) -> None:
        """Begin to follow the registry and to feed the reservoir. Needs neither to be reachable."""
        if self.reservoir is not None:
            self.reservoir.start()
        if self.redis_pool is not None:
            self.redis_pool.start()
        if self.entity_pool is not None:
            self.entity_pool.start()
            self._warming = asyncio.get_running_loop().create_task(self._keep_warm())
        self.cache.start()
        self.catalog.start()
        self.pushes.start()
        self._canary_guard.start()
        if self._drift is not None:
            self._drift.start()
        self._loop_lag.start()

    async def close(self) -> None:
        """Stop following and write what the reservoir still holds."""
        self.catalog.draining = True
        self._loop_lag.stop()
        await self._canary_guard.close()
        if self._drift is not None:
            await self._drift.close()
        await self.pushes.close()
        await self.catalog.close()
        await self.cache.close()
        if self.redis_pool is not None:
            await self.redis_pool.close()
        if self._warming is not None:
            self._warming.cancel()
        if self.entity_pool is not None:
            await self.entity_pool.close()
        self.shadow.close()
        if self.reservoir is not None:
            await self.reservoir.close()
        self.offload.close()
        self.states.close()

    @cached_property
    def entities(self) -> "EntityFeatures":
        """The stored features; their imports take a twentieth of a start, so they come when they are used.

        Raises:
            ApiError: 501 where there is no database.
        """
        if self.entity_pool is None:
            raise ApiError(501, "this server has no feature database (DATABASE_URL): send rows")
        from serving.entity_features import EntityFeatures

        return EntityFeatures(self.entity_pool, self.settings.models_dir)

    def _open_database(self) -> "EntityPool | None":
        if self.settings.database_url is None:
            return None
        from serving.entity_pool import open_entity_pool

        return open_entity_pool(self.settings)

    def _open_redis(self) -> "RedisChannel | None":
        """What needs Redis, of which only the channel is not kept here.

        Its client takes a third of the time of a start: it is not imported where it is not used.
        """
        if self.settings.reservoir_redis_url is not None:
            from mojoline.drift.reservoir import ReservoirWriter

            reservoir_url = self.settings.reservoir_redis_url.get_secret_value()
            self.reservoir = ReservoirWriter(reservoir_url)
            if self.states.worker == 0 and self.settings.serving.drift_seconds:
                self._drift = DriftWatch(self, reservoir_url)
        if self.settings.redis_url is None:
            return None
        from serving.redis_channel import RedisChannel
        from serving.redis_pool import open_redis_pool

        self.redis_pool = open_redis_pool(self.settings)
        return RedisChannel(self.catalog, self.settings.redis_url.get_secret_value())

    def write_state(self) -> None:
        """Tell the other workers what this one serves, and how its variants do."""
        self.states.write({name: served_state(slot) for name, slot in self.catalog.slots.items()})

    async def _keep_warm(self) -> None:
        """Let a version that came to serve while the database was away find its query planned."""
        while True:
            for slot in list(self.catalog.slots.values()):
                if slot.current is not None:
                    await self.entities.warm(slot.current)
            await asyncio.sleep(WARMING_SECONDS)

    async def compute(self, work: Callable[[], T], size: int) -> T:
        """`work()` of a request of `size` bytes, on the loop if such work is measured to be short."""
        return await self.offload.run("request", work, size=size)
