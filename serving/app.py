"""The two ASGI applications of one server: predictions for everybody, control for those with the token."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mojoline.registry.filesystem_registry import FilesystemRegistry, open_registry
from mojoline.settings import Settings
from serving.admin_plane import AdminPlane
from serving.admin_tokens import BearerGuard, read_tokens
from serving.api_keys import ApiKeyGuard, ApiKeys
from serving.audit_log import AuditTrail
from serving.compatibility import Compatibility
from serving.context import ServingContext
from serving.data_plane import DataPlane
from serving.hot_path import HotPath, HotPathMiddleware
from serving.metrics_page import metrics_page
from serving.request_scope import RequestScope
from serving.responses import install_error_handlers
from serving.tracing import RequestTracing, is_tracing
from serving.worker_states import shared_directory

# FastAPI's own exporters send exception texts wherever the environment says; nothing leaves from here
_SILENT: TelemetryConfig = {"auto_configure": False, "tracing": False, "metrics": False, "logs": False}


def create_app(
    settings: Settings, registry: FilesystemRegistry | None = None, *, context: ServingContext | None = None
) -> FastAPI:
    """The prediction API; its lifespan opens and closes the context.

    Args:
        settings: the effective settings.
        registry: where the models come from; by default `settings.registry_url`.
        context: what `create_admin_app` shares with it; by default one of its own, in `app.state.context`.
    """
    shared = context or create_context(settings, registry)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await shared.open()
        try:
            yield
        finally:
            await shared.close()

    docs = settings.serving.docs
    app = FastAPI(
        title="mojoline",
        lifespan=lifespan,
        docs_url="/docs" if docs else None,
        openapi_url="/openapi.json" if docs else None,
        redoc_url=None,
        redirect_slashes=False,  # its answer would name whatever host the caller did
        telemetry=_SILENT,
    )
    app.state.context = shared
    plane = app.state.plane = DataPlane(shared)
    app.include_router(plane.router)
    app.include_router(Compatibility(shared, plane).router)
    app.add_route("/metrics", metrics_page(shared.states), methods=["GET"], include_in_schema=False)
    install_error_handlers(app)
    app.state.hot_path = HotPath(plane.predict, plane.infer)
    app.add_middleware(HotPathMiddleware, hot_path=app.state.hot_path)
    app.state.api_keys = None
    if settings.api_keys is not None:
        app.state.api_keys = ApiKeys(settings.api_keys, settings.serving.rate_per_key, shared_directory())
        app.add_middleware(ApiKeyGuard, keys=app.state.api_keys)
    if is_tracing():
        app.add_middleware(RequestTracing)
    app.add_middleware(RequestScope, is_draining=lambda: shared.catalog.draining)
    return app


def create_metrics_app(app: FastAPI, context: ServingContext) -> Starlette:
    """What a cluster asks of the server of `app`: measures and health, without a key or a certificate."""
    plane: DataPlane = app.state.plane

    async def live(_: Request) -> Response:
        return await plane.live()

    async def ready(_: Request) -> Response:
        return await plane.ready()

    answers = {"/livez": live, "/v2/health/live": live, "/readyz": ready, "/v2/health/ready": ready}
    routes = [Route(path, endpoint) for path, endpoint in answers.items()]
    return Starlette(routes=[Route("/metrics", metrics_page(context.states)), *routes])


def create_admin_app(context: ServingContext) -> FastAPI:
    """The control plane over a context whose life belongs to `create_app`."""
    app = FastAPI(title="mojoline admin", docs_url=None, redoc_url=None, openapi_url=None, telemetry=_SILENT)
    app.include_router(AdminPlane(context).router)
    install_error_handlers(app)
    app.add_middleware(BearerGuard, digests=read_tokens(context.settings))
    app.add_middleware(AuditTrail, log=context.audit)
    if is_tracing():
        app.add_middleware(RequestTracing)
    app.add_middleware(RequestScope, is_draining=lambda: context.catalog.draining)
    return app


def create_context(
    settings: Settings, registry: FilesystemRegistry | None = None, worker: int = 0
) -> ServingContext:
    """Models, reservoir and threads for both applications; nothing is opened yet."""
    return ServingContext(settings, registry or open_registry(settings.registry_url), worker)
