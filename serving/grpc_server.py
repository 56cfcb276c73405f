"""gRPC beside REST: in the same event loop, before the same models, with the same limits."""

import asyncio
from typing import Any

from fastapi import FastAPI

from mojoline.settings import Settings
from serving.context import ServingContext
from serving.errors import PortTakenError
from serving.grpc_limits import server_options

PORT_KEY = "MOJOLINE_PORTS__GRPC"
GATHER_SECONDS = 0.1
"""How long answers are held back at the end: gRPC cancels a call that comes after it began to stop."""


class GrpcServer:
    """Serves from `serve` until `should_exit` is set; then ends the calls in flight first."""

    def __init__(self, app: FastAPI, context: ServingContext, settings: Settings, *, shared: bool) -> None:
        """Nothing is opened yet.

        Args:
            app: the prediction API, whose data plane and API keys are used.
            context: what they share.
            settings: the effective settings.
            shared: other workers listen on the same port.
        """
        self.should_exit = asyncio.Event()
        self._app = app
        self._context = context
        self._settings = settings
        self._shared = shared

    async def serve(self) -> None:
        """Answer calls; PortTakenError if somebody took the port by now."""
        # takes a third of a second: REST need not wait for it
        module = await asyncio.get_running_loop().run_in_executor(None, _import_service)
        limits, port = self._settings.serving, self._settings.ports.grpc
        state = self._app.state
        service = module.GrpcService(self._context, state.plane, state.api_keys)
        server = module.grpc.aio.server(
            options=server_options(limits, shared=self._shared),
            maximum_concurrent_rpcs=limits.max_connections,  # as many as REST answers at once
        )
        server.add_generic_rpc_handlers(service.handlers())
        try:
            address = f"[{limits.host}]:{port}" if ":" in limits.host else f"{limits.host}:{port}"
            if limits.tls_cert is None:
                server.add_insecure_port(address)
            else:
                server.add_secure_port(address, self._credentials(module.grpc))
        except RuntimeError as error:
            raise PortTakenError(f"port {port} on {limits.host} cannot be had: set {PORT_KEY}") from error
        await server.start()
        await self.should_exit.wait()
        service.closing.set()
        await asyncio.sleep(GATHER_SECONDS)
        stopping = asyncio.create_task(server.stop(limits.drain_seconds))
        await asyncio.sleep(0)  # it has told the clients now, on connections where the answers follow
        service.told.set()
        await stopping

    def _credentials(self, grpc: Any) -> Any:  # noqa: ANN401 - the module, and what is its
        """The certificates of REST: whoever is refused there must not come in here."""
        limits = self._settings.serving
        assert limits.tls_cert is not None  # noqa: S101 - the caller looked
        assert limits.tls_key is not None  # noqa: S101 - the settings have both or none
        authorities = limits.tls_client_ca.read_bytes() if limits.tls_client_ca else None
        pair = (limits.tls_key.read_bytes(), limits.tls_cert.read_bytes())
        return grpc.ssl_server_credentials(
            [pair], root_certificates=authorities, require_client_auth=authorities is not None
        )


def _import_service() -> Any:  # noqa: ANN401 - a module
    from serving import grpc_service

    return grpc_service
