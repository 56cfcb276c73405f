"""The page `/metrics`: one for all workers of a server, whichever of them is asked."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from serving.batched_measures import flush_measures
from serving.drift_metrics import VariantDrifts
from serving.served_metrics import ServedVersions
from serving.worker_states import WorkerStates, shared_directory


def open_registry() -> CollectorRegistry:
    """Where the figures of all workers are read."""
    flush_measures()
    if shared_directory() is None:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def metrics_page(states: WorkerStates) -> Callable[[Request], Awaitable[Response]]:
    """The page of a server: every measure, what each of its workers serves, and how that drifts."""
    served = ServedVersions(states), VariantDrifts(states)

    async def show(request: Request) -> Response:
        """As text of Prometheus or, where it is asked for, of OpenMetrics."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        together = _Together(open_registry(), *served)
        # it reads files of every worker, and is long: not on the event loop
        page = await asyncio.get_running_loop().run_in_executor(None, encode, together)
        return Response(page, headers={"Content-Type": content_type})

    return show


class _Together(Collector):
    """Several collectors as one."""

    def __init__(self, *parts: Collector | CollectorRegistry) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        for part in self._parts:
            yield from part.collect()
