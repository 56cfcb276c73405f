"""Predictions and control on two ports of one process, in one event loop."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from mojoline.settings import Settings
from serving.app import create_admin_app, create_app, create_context
from serving.entity_pool import check_connection_budget
from serving.errors import PortTakenError

HOST = "127.0.0.1"
KEEP_ALIVE_SECONDS = 65  # longer than a proxy keeps its idle connections, else it meets closed ones

_log = logging.getLogger("mojoline.serving")


class _Server(uvicorn.Server):
    """A server that leaves the signals to `serve`, which has two of them to end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings, stopping: asyncio.Event) -> None:
    """Serve until `stopping` is set, then answer what is in flight and write the reservoir.

    Raises:
        PortTakenError: one of the two ports is in use.
        RegistryError: the registry's root cannot be made.
        SettingsError: the workers may open more connections than Postgres has.
    """
    await check_connection_budget(settings)
    context = create_context(settings)
    data, admin = create_app(settings, context=context), create_admin_app(context)
    sockets = [
        _bind(settings.ports.rest, "MOJOLINE_PORTS__REST"),
        _bind(settings.ports.admin, "MOJOLINE_PORTS__ADMIN"),
    ]
    servers = [_server(data, settings, lifespan="on"), _server(admin, settings, lifespan="off")]

    async def stop() -> None:
        await stopping.wait()
        context.catalog.draining = True
        for server in servers:
            server.should_exit = True

    _log.info(
        "predictions on http://%s:%d, control on port %d", HOST, settings.ports.rest, settings.ports.admin
    )
    ending = asyncio.create_task(stop())
    try:
        await asyncio.gather(
            *(server.serve(sockets=[bound]) for server, bound in zip(servers, sockets, strict=True))
        )
    finally:
        ending.cancel()


def _server(app: FastAPI, settings: Settings, *, lifespan: str) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="on" if lifespan == "on" else "off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, round(settings.serving.drain_seconds)),
        )
    )


def _bind(port: int, key: str) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except OSError as error:
        bound.close()
        raise PortTakenError(f"port {port} on {HOST} cannot be had ({error.strerror}): set {key}") from error
    bound.setblocking(False)
    return bound
