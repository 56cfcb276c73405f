"""What the planes of one server share."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mojoline.drift.reservoir import ReservoirWriter
from mojoline.registry.filesystem_registry import FilesystemRegistry
from mojoline.settings import Settings
from serving.model_catalog import ModelCatalog

T = TypeVar("T")

INLINE_BYTES = 16_384  # a request up to this size is answered in well under a millisecond


class ServingContext:
    """Models, reservoir and threads of one process; `open` it on the event loop, `close` it at the end."""

    def __init__(self, settings: Settings, registry: FilesystemRegistry) -> None:
        self.settings = settings
        self.registry = registry
        self.catalog = ModelCatalog(registry, settings.serving.poll_seconds)
        self.reservoir: ReservoirWriter | None = None
        self._threads = ThreadPoolExecutor(
            max_workers=max(2, (os.cpu_count() or 1) * 3 // 2), thread_name_prefix="inference"
        )

    async def open(self) -> None:
        """Begin to follow the registry and to feed the reservoir. Needs neither to be reachable."""
        if self.settings.reservoir_redis_url is not None:
            self.reservoir = ReservoirWriter(self.settings.reservoir_redis_url.get_secret_value())
            self.reservoir.start()
        self.catalog.start()

    async def close(self) -> None:
        """Stop following and write what the reservoir still holds."""
        self.catalog.draining = True
        await self.catalog.close()
        if self.reservoir is not None:
            await self.reservoir.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def compute(self, work: Callable[[], T], size: int) -> T:
        """`work()`, on the loop for a small request and in a thread for a large one (`size` in bytes)."""
        if size <= INLINE_BYTES:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
