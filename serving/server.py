"""Predictions and control on two ports of one process, in one event loop."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from mojoline.registry.filesystem_registry import FilesystemRegistry
from mojoline.settings import Settings
from serving.app import create_admin_app, create_app, create_context
from serving.errors import PortTakenError
from serving.http_protocol import PatientProtocol

KEEP_ALIVE_SECONDS = 65  # longer than a proxy keeps its idle connections, else it meets closed ones
UNREAD_SECONDS = 30  # an answer that nobody takes for so long is given up

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
    shared_port: bool = False,
    control: bool = True,
) -> None:
    """Serve until `stopping` is set, then answer what is in flight and write the reservoir.

    Args:
        settings: the effective settings.
        stopping: set by whoever ends the server.
        registry: where the models come from; by default `settings.registry_url`.
        shared_port: other workers listen on the same port.
        control: whether the control plane is opened as well.

    Raises:
        PortTakenError: one of the ports is in use.
        RegistryError: the registry's root cannot be made.
    """
    context = create_context(settings, registry)
    host, ports = settings.serving.host, settings.ports
    bound = [bind_port(host, ports.rest, "MOJOLINE_PORTS__REST", shared=shared_port)]
    servers = [_server(create_app(settings, context=context), settings, lifespan="on")]
    if control:
        bound.append(bind_port(host, ports.admin, "MOJOLINE_PORTS__ADMIN"))
        servers.append(_server(create_admin_app(context), settings, lifespan="off"))

    async def stop() -> None:
        await stopping.wait()
        context.catalog.draining = True
        # not ready any more, but still answering: time for a balancer to look and for clients to leave
        await asyncio.sleep(settings.serving.drain_delay_seconds)
        for server in servers:
            server.should_exit = True

    _log.info(
        "predictions on http://%s:%d%s", host, ports.rest, f", control on {ports.admin}" if control else ""
    )
    ending = asyncio.create_task(stop())
    try:
        await asyncio.gather(
            *(server.serve(sockets=[one]) for server, one in zip(servers, bound, strict=True))
        )
    finally:
        ending.cancel()


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


def _server(app: FastAPI, settings: Settings, *, lifespan: str) -> _Server:
    limits = settings.serving
    return _Server(
        uvicorn.Config(
            app,
            http=PatientProtocol.bounded(limits),
            ws="none",
            lifespan="on" if lifespan == "on" else "off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, round(limits.drain_seconds)),
        )
    )
