"""The control plane, on a port of its own and with a token: who serves what, follow now, roll back."""

import asyncio
import hmac
import logging

from fastapi import APIRouter, Request
from pydantic import SecretStr
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mojoline.registry.errors import ConflictError, CorruptVersionError, NotFoundError, RegistryError
from serving.context import ServingContext
from serving.errors import ApiError, bad_request, unavailable
from serving.request_reading import read_body
from serving.responses import error_response, json_response
from serving.row_batch import parse_json, require_keys, show

_log = logging.getLogger("mojoline.serving")


class BearerGuard:
    """ASGI middleware: nothing behind it is reached without the token; if none is configured, by nobody."""

    def __init__(self, app: ASGIApp, token: SecretStr | None) -> None:
        self._app = app
        self._token = token.get_secret_value().encode() if token else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and (refusal := self._refusal(scope)) is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        if not self._token:
            return error_response(403, "no admin token is configured: set MOJOLINE_ADMIN_TOKEN or _FILE")
        kind, _, given = HTTPConnection(scope).headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin-1"), self._token):
            return None
        message = "a valid admin token is needed: Authorization: Bearer <token>"
        return error_response(401, message, {"WWW-Authenticate": "Bearer"})


class AdminPlane:
    """The routes of the control plane over one `ServingContext`."""

    def __init__(self, context: ServingContext) -> None:
        self._context = context
        self.router = APIRouter()
        self.router.add_api_route("/admin/status", self.status, methods=["GET"], response_model=None)
        for action, endpoint in (("sync", self.sync), ("rollback", self.roll_back)):
            path = f"/admin/models/{{model}}/{action}"
            self.router.add_api_route(path, endpoint, methods=["POST"], response_model=None)

    async def status(self) -> Response:
        """What every model serves, and why a newer version does not."""
        catalog, reservoir = self._context.catalog, self._context.reservoir
        sampled = None
        if reservoir is not None:
            sampled = {
                "written": reservoir.written,
                "pending": reservoir.pending,
                "lost": reservoir.lost,
                "last_error": reservoir.last_error,
            }
        return json_response(
            {
                "ready": catalog.unready_reason is None,
                "reason": catalog.unready_reason,
                "models": {name: slot.status() for name, slot in catalog.slots.items()},
                "registry_error": catalog.last_error,
                "reservoir": sampled,
            }
        )

    async def sync(self, request: Request) -> Response:
        """Follow the aliases now: `{"generation": n}` of a change. 202; the status tells how it ended."""
        content = await self._content(request, "generation")
        wanted = content.get("generation")
        if wanted is not None and (not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 0):
            raise bad_request(f"generation is {show(wanted)}; the number in aliases.json is needed")
        slot = await self._context.catalog.find(request.path_params["model"])
        if wanted is None or slot.generation is None or slot.generation < wanted:
            self._context.catalog.follow_soon(slot)
        return json_response({"model": slot.name, "wanted_generation": wanted, **slot.status()}, 202)

    async def roll_back(self, request: Request) -> Response:
        """Let champion and previous change places in the registry, and serve that: `{"reason"?: text}`."""
        content = await self._content(request, "reason")
        reason = content.get("reason", "rollback through the admin API")
        if not isinstance(reason, str):
            raise bad_request(f"reason is {show(reason)}; text is needed")
        slot = await self._context.catalog.find(request.path_params["model"])
        loop = asyncio.get_running_loop()
        try:
            aliases = await loop.run_in_executor(
                None, lambda: self._context.registry.rollback(slot.name, by="admin API", reason=reason)
            )
        except (NotFoundError, ConflictError, CorruptVersionError) as error:
            raise ApiError(409, str(error)) from error
        except RegistryError as error:
            raise unavailable(str(error), 5) from error
        _log.warning("%s rolled back to generation %d: %s", slot.name, aliases.generation, reason)
        await slot.follow(force=True)
        return json_response({"model": slot.name, "wanted_generation": aliases.generation, **slot.status()})

    async def _content(self, request: Request, *keys: str) -> dict[str, object]:
        body = await read_body(request, self._context.settings.serving.max_body_bytes)
        content = parse_json(body) if body else {}
        require_keys(content, keys)
        return content
