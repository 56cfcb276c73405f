"""`python -m serving`: predictions and control on two ports of one process, on one uvloop loop.

SIGTERM and SIGINT: not ready from now on, answer what is in flight, write the reservoir, exit 0.
Exit codes: 78 for wrong settings, 69 for a port or a registry that cannot be had.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn
import uvloop
from fastapi import FastAPI

from mojoline.errors import MojolineError
from mojoline.settings import Settings, SettingsError, load_settings
from serving.app import create_admin_app, create_app, create_context

HOST = "127.0.0.1"
KEEP_ALIVE_SECONDS = 65  # longer than a proxy keeps its idle connections, else it meets closed ones
EXIT_SETTINGS = 78
EXIT_UNAVAILABLE = 69

_log = logging.getLogger("mojoline.serving")


class PortTakenError(MojolineError):
    """A port of the server is in use."""


class _Server(uvicorn.Server):
    """A server that leaves the signals to `serve`, which has two of them to end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        PortTakenError: one of the two ports is in use.
        RegistryError: the registry's root cannot be made.
    """
    context = create_context(settings)
    data, admin = create_app(settings, context=context), create_admin_app(context)
    sockets = [
        _bind(settings.ports.rest, "MOJOLINE_PORTS__REST"),
        _bind(settings.ports.admin, "MOJOLINE_PORTS__ADMIN"),
    ]
    servers = [_server(data, settings, lifespan="on"), _server(admin, settings, lifespan="off")]

    def stop() -> None:
        context.catalog.draining = True
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    _log.info(
        "predictions on http://%s:%d, control on port %d", HOST, settings.ports.rest, settings.ports.admin
    )
    await asyncio.gather(
        *(server.serve(sockets=[bound]) for server, bound in zip(servers, sockets, strict=True))
    )


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


def main() -> int:
    """Run the server; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        uvloop.run(serve(load_settings()))
    except SettingsError as error:
        _log.error("%s", error)
        return EXIT_SETTINGS
    except MojolineError as error:
        _log.error("%s", error)
        return EXIT_UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
