"""The control plane, on a port of its own and with a token: who serves what, follow now, roll back."""

import asyncio
import hmac
import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from fastapi import APIRouter, Request
from pydantic import SecretStr, ValidationError
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mojoline.registry.aliases import Aliases
from mojoline.registry.errors import ConflictError, CorruptVersionError, NotFoundError, RegistryError
from mojoline.registry.experiment import Experiment
from serving.context import ServingContext
from serving.errors import ApiError, bad_request, unavailable
from serving.json_reading import parse_json, show
from serving.request_reading import read_body
from serving.responses import error_response, json_response
from serving.row_batch import require_keys

BY = "admin API"

T = TypeVar("T")

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
        for method, action, endpoint in (
            ("POST", "sync", self.sync),
            ("POST", "rollback", self.roll_back),
            ("GET", "experiment", self.experiment),
            ("PUT", "experiment", self.set_experiment),
        ):
            path = f"/admin/models/{{model}}/{action}"
            self.router.add_api_route(path, endpoint, methods=[method], response_model=None)

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
                "models": {
                    name: {**slot.status(), "shadows": self._context.shadow.describe(name)}
                    for name, slot in catalog.slots.items()
                },
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
        registry = self._context.registry
        aliases = await _ask(lambda: registry.rollback(slot.name, by=BY, reason=reason))
        _log.warning("%s rolled back to generation %d: %s", slot.name, aliases.generation, reason)
        await slot.follow(force=True)
        return json_response({"model": slot.name, "wanted_generation": aliases.generation, **slot.status()})

    async def experiment(self, request: Request) -> Response:
        """The experiment in the registry, with the generation to name when it is changed."""
        slot = await self._context.catalog.find(request.path_params["model"])
        aliases = await _ask(lambda: self._context.registry.aliases(slot.name))
        return _describe_experiment(slot.name, aliases)

    async def set_experiment(self, request: Request) -> Response:
        """Split the requests: `{"experiment": {…} or null, "generation"?: n, "reason"?: text}`.

        With `generation` it is refused (409) where somebody changed the aliases since.
        """
        content = await self._content(request, "experiment", "generation", "reason")
        reason = content.get("reason", "experiment through the admin API")
        if not isinstance(reason, str):
            raise bad_request(f"reason is {show(reason)}; text is needed")
        wanted = _read_experiment(content)
        slot = await self._context.catalog.find(request.path_params["model"])
        registry = self._context.registry
        expected = content.get("generation")
        if expected is None:
            expected = (await _ask(lambda: registry.aliases(slot.name))).generation
        if not isinstance(expected, int):
            raise bad_request(f"generation is {show(expected)}; the number in aliases.json is needed")
        aliases = await _ask(
            lambda: registry.set_experiment(
                slot.name, wanted, expected_generation=expected, by=BY, reason=reason
            )
        )
        _log.warning("%s: experiment of generation %d: %s", slot.name, aliases.generation, reason)
        await slot.follow(force=True)
        return _describe_experiment(slot.name, aliases)

    async def _content(self, request: Request, *keys: str) -> dict[str, object]:
        limits = self._context.settings.serving
        body = await read_body(request, limits.max_body_bytes, limits.body_seconds)
        content = parse_json(body) if body else {}
        require_keys(content, keys)
        return content


async def _ask(question: Callable[[], T]) -> T:
    """Ask the registry in a thread; 409 where the state forbids it, 503 where it cannot be read."""
    try:
        return await asyncio.get_running_loop().run_in_executor(None, question)
    except (NotFoundError, ConflictError, CorruptVersionError) as error:
        raise ApiError(409, str(error)) from error
    except RegistryError as error:
        raise unavailable(str(error), 5) from error


def _read_experiment(content: Mapping[str, object]) -> Experiment | None:
    if "experiment" not in content:
        raise bad_request("the body has no experiment; give one, or null to end the one that runs")
    wanted = content["experiment"]
    if wanted is None:
        return None
    try:
        return Experiment.model_validate(wanted)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["experiment", *map(str, first["loc"])])
        raise bad_request(f"{where}: {first['msg'].removeprefix('Value error, ')}") from error


def _describe_experiment(name: str, aliases: Aliases) -> Response:
    experiment = None if aliases.experiment is None else aliases.experiment.model_dump(mode="json")
    return json_response({"model": name, "generation": aliases.generation, "experiment": experiment})
