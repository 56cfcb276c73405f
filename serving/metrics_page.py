"""The page `/metrics`: one for all workers of a server, whichever of them is asked."""

import os

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import Response

SHARED_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own name; set where there are workers


def open_registry() -> CollectorRegistry:
    """Where the figures of all workers are read."""
    if SHARED_DIRECTORY not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


async def metrics_page(request: Request) -> Response:
    """Every measure, as text of Prometheus or, where it is asked for, of OpenMetrics."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(open_registry()), headers={"Content-Type": content_type})
