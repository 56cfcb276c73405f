"""Predictions (REST and gRPC) and control on the ports of one process, in one event loop."""

import asyncio
import contextlib
import importlib.util
import logging
import socket
import ssl
from collections.abc import Iterator
from typing import Any, Literal

import uvicorn
from starlette.applications import Starlette

from mojoline.registry.filesystem_registry import FilesystemRegistry
from mojoline.settings import ServingSettings, Settings
from serving.app import create_admin_app, create_app, create_context, create_metrics_app
from serving.errors import PortTakenError
from serving.grpc_server import PORT_KEY, GrpcServer
from serving.hot_protocol import HotProtocol
from serving.http_protocol import PatientProtocol
from serving.plain_models import PlainModels
from serving.tracing import is_tracing

METRICS_KEY = "MOJOLINE_PORTS__METRICS"
UNREAD_SECONDS = 30  # an answer that nobody takes for so long is given up
FIRST_LOOK_SECONDS = 10.0  # longest wait of a worker for its models before it opens the port

_log = logging.getLogger("mojoline.serving")


class _Server(uvicorn.Server):
    """A server that leaves the signals to `serve`, which has two of them to end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    settings: Settings,
    stopping: asyncio.Event,
    registry: FilesystemRegistry | None = None,
    *,
    worker: int | None = None,
    reread: asyncio.Event | None = None,
    hurrying: asyncio.Event | None = None,
) -> None:
    """Serve until `stopping` is set, then answer what is in flight and write the reservoir.

    Args:
        settings: the effective settings.
        stopping: set by whoever ends the server.
        registry: where the models come from; by default `settings.registry_url`.
        worker: the number of this process where others listen on the same port; the first of them has the
            control plane, as a server without others has.
        reread: set by whoever knows that aliases moved.
        hurrying: set by whoever does not want to wait until a balancer has noticed.

    Raises:
        PortTakenError: one of the ports is in use.
        RegistryError: the registry's root cannot be made.
    """
    context = create_context(settings, registry, worker or 0)
    control = not worker and not isinstance(registry, PlainModels)  # plain files have nothing to control
    host, ports = settings.serving.host, settings.ports
    bound = [bind_port(host, ports.rest, "MOJOLINE_PORTS__REST", shared=worker is not None)]
    app = create_app(settings, context=context)
    protocol: type[PatientProtocol] = PatientProtocol
    if not is_tracing():  # the spans of a request are made in the application
        protocol = HotProtocol.over(app.state.hot_path, app.state.api_keys, lambda: context.catalog.draining)
    servers = [_server(app, settings, protocol, _tls(settings.serving))]
    if control:
        bound.append(bind_port(host, ports.admin, "MOJOLINE_PORTS__ADMIN"))
        servers.append(_server(create_admin_app(context), settings, PatientProtocol))
    if not worker and (extra := _bind_extra(settings, "metrics", METRICS_KEY, shared=False)) is not None:
        bound.append(extra)
        servers.append(_server(create_metrics_app(app, context), settings, PatientProtocol))
    grpc = None
    if (probe := bind_grpc(settings, shared=worker is not None)) is not None:
        probe.close()  # gRPC opens it itself
        grpc = GrpcServer(app, context, settings, shared=worker is not None)

    async def follow() -> None:
        while reread is not None:
            await reread.wait()
            reread.clear()
            context.catalog.follow_now()

    async def stop() -> None:
        await stopping.wait()
        context.catalog.draining = True
        # not ready any more, but still answering: time for a balancer to look and for clients to leave
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for((hurrying or asyncio.Event()).wait(), settings.serving.drain_delay_seconds)
        for server in servers:
            server.should_exit = True
        if grpc is not None:
            grpc.should_exit.set()

    async def answer(server: _Server, one: socket.socket) -> None:
        if worker is not None:  # others answer meanwhile: a connection must not come here too early
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(context.catalog.looked.wait(), FIRST_LOOK_SECONDS)
        await server.serve(sockets=[one])

    also = (f", gRPC on {ports.grpc}" if grpc else "") + (f", control on {ports.admin}" if control else "")
    scheme = "http" if settings.serving.tls_cert is None else "https"
    _log.info("predictions on %s://%s:%d%s", scheme, host, ports.rest, also)
    waiting = [asyncio.create_task(stop()), asyncio.create_task(follow())]
    await context.open()
    try:
        await asyncio.gather(
            *(answer(server, one) for server, one in zip(servers, bound, strict=True)),
            *([] if grpc is None else [grpc.serve()]),
        )
    finally:
        await context.close()
        for task in waiting:
            task.cancel()


def bind_port(host: str, port: int, key: str, *, shared: bool = False) -> socket.socket:
    """A socket on `port`; `shared` lets other processes that say so too listen there as well.

    Raises:
        PortTakenError: it is in use; names the setting `key` that changes it.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; every accepted connection inherits it
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * UNREAD_SECONDS))
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise PortTakenError(f"port {port} on {host} cannot be had ({error.strerror}): set {key}") from error
    bound.setblocking(False)
    return bound


def bind_grpc(settings: Settings, *, shared: bool) -> socket.socket | None:
    """A socket on the port of gRPC, or None where there is to be no gRPC.

    It is an extra: a server that finds its usual port taken, for which nobody asked, does without.

    Raises:
        PortTakenError: the port that was asked for is in use.
    """
    if not settings.serving.grpc:
        return None
    if importlib.util.find_spec("grpc") is None:
        _log.warning("no gRPC: grpcio is not installed (pip install 'mojoline[grpc]')")
        return None
    return _bind_extra(settings, "grpc", PORT_KEY, shared=shared)


def _bind_extra(
    settings: Settings, name: Literal["grpc", "metrics"], key: str, *, shared: bool
) -> socket.socket | None:
    port = int(getattr(settings.ports, name))
    try:
        return bind_port(settings.serving.host, port, key, shared=shared)
    except PortTakenError as error:
        if name in settings.ports.model_fields_set:
            raise
        _log.warning("no port for %s: %s", name, error)
        return None


def _server(
    app: Starlette, settings: Settings, protocol: type[PatientProtocol], tls: dict[str, Any] | None = None
) -> _Server:
    limits = settings.serving
    return _Server(
        uvicorn.Config(
            app,
            http=protocol.bounded(limits),
            ws="none",
            lifespan="off",  # the context is opened and closed around all of them
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=limits.keep_alive_seconds,
            timeout_graceful_shutdown=max(1, round(limits.drain_seconds)),
            **(tls or {}),
        )
    )


def _tls(limits: ServingSettings) -> dict[str, Any]:
    """What uvicorn needs to speak TLS, and to ask every caller for a certificate."""
    if limits.tls_cert is None:
        return {}
    files = {"ssl_certfile": limits.tls_cert, "ssl_keyfile": limits.tls_key}
    if limits.tls_client_ca is None:
        return files
    return {**files, "ssl_ca_certs": str(limits.tls_client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
