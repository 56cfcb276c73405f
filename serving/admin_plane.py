"""The control plane, on a port of its own and with a token: who serves what, follow now, roll back."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from mojoline.registry.aliases import Aliases
from mojoline.registry.errors import ConflictError, CorruptVersionError, NotFoundError, RegistryError
from mojoline.registry.experiment import Experiment, GuardBudget, Variant
from serving.context import ServingContext
from serving.data_plane import INDEX_KEYS, read_ready
from serving.errors import ApiError, bad_request, unavailable
from serving.json_reading import parse_json, show
from serving.model_slot import ModelSlot
from serving.model_statistics import index_models
from serving.request_reading import read_body
from serving.responses import json_response
from serving.row_batch import require_keys
from serving.server_status import describe_model, describe_server

BY = "admin API"
CONVERGENCE_SECONDS = 1.0  # longest wait of an answer for the other workers
CONVERGENCE_STEP = 0.005
MAX_REASON = 500

_KNOWN: Mapping[str | int, Iterable[str]] = {
    "variants": Variant.model_fields,
    "guard": GuardBudget.model_fields,
}

T = TypeVar("T")

_log = logging.getLogger("mojoline.serving")


class AdminPlane:
    """The routes of the control plane over one `ServingContext`."""

    def __init__(self, context: ServingContext) -> None:
        self._context = context
        self.router = APIRouter()
        for method, path, endpoint in (
            ("GET", "/admin/status", self.status),
            ("POST", "/admin/models/{model}/sync", self.sync),
            ("POST", "/admin/models/{model}/rollback", self.roll_back),
            ("GET", "/admin/models/{model}/experiment", self.experiment),
            ("PUT", "/admin/models/{model}/experiment", self.set_experiment),
            ("POST", "/v2/repository/index", self.index),
            ("POST", "/v2/repository/models/{model}/load", self.load),
            ("POST", "/v2/repository/models/{model}/unload", self.unload),
        ):
            self.router.add_api_route(path, endpoint, methods=[method], response_model=None)

    async def status(self) -> Response:
        """What every model serves in every worker, and why a newer version does not."""
        return json_response(describe_server(self._context))

    async def sync(self, request: Request) -> Response:
        """Follow the aliases now: `{"generation": n}` of a change. 202; the status tells how it ended."""
        wanted = _read_generation(await self._content(request, "generation"))
        slot = await self._find(request)
        reached = self._context.states.generation(slot.name)
        _note(request, "sync", slot, reached, wanted)
        if wanted is None or reached is None or reached < wanted:
            self._context.catalog.follow_soon(slot)
            self._context.pushes.tell(slot.name, wanted)
        return json_response(
            {"model": slot.name, "wanted_generation": wanted, **describe_model(self._context, slot)}, 202
        )

    async def roll_back(self, request: Request) -> Response:
        """Let champion and previous change places in the registry, and serve that.

        `{"generation"?: n, "reason"?: text}`. With `generation` it is refused (409) where somebody changed
        the aliases since: else two people who roll back at once undo what the other did.
        """
        content = await self._content(request, "generation", "reason")
        expected = _read_generation(content)
        reason = _read_reason(content, "rollback through the admin API")
        slot = await self._find(request)
        _note(request, "rollback", slot, slot.generation, reason=reason)
        registry, by = self._context.registry, _who(request)
        aliases = await _ask(
            lambda: registry.rollback(slot.name, by=by, reason=reason, expected_generation=expected)
        )
        _note(request, "rollback", slot, aliases.generation - 1, aliases.generation)
        _log.warning("%s rolled back to generation %d: %s", slot.name, aliases.generation, reason)
        await self._follow(slot, aliases.generation)
        return json_response(
            {
                "model": slot.name,
                "wanted_generation": aliases.generation,
                **describe_model(self._context, slot),
            }
        )

    async def experiment(self, request: Request) -> Response:
        """The experiment in the registry, with the generation to name when it is changed."""
        slot = await self._find(request)
        aliases = await _ask(lambda: self._context.registry.aliases(slot.name))
        return _describe_experiment(slot.name, aliases)

    async def set_experiment(self, request: Request) -> Response:
        """Split the requests: `{"experiment": {…} or null, "generation"?: n, "reason"?: text}`.

        With `generation` it is refused (409) where somebody changed the aliases since.
        """
        content = await self._content(request, "experiment", "generation", "reason")
        reason = _read_reason(content, "experiment through the admin API")
        wanted, given = _read_experiment(content), _read_generation(content)
        slot = await self._find(request)
        registry, by = self._context.registry, _who(request)
        expected = (await _ask(lambda: registry.aliases(slot.name))).generation if given is None else given
        _note(request, "set experiment" if wanted else "end experiment", slot, expected, reason=reason)
        aliases = await _ask(
            lambda: registry.set_experiment(
                slot.name, wanted, expected_generation=expected, by=by, reason=reason
            )
        )
        request.scope["audit"]["generation_after"] = aliases.generation
        _log.warning("%s: experiment of generation %d: %s", slot.name, aliases.generation, reason)
        await self._follow(slot, aliases.generation)
        return _describe_experiment(slot.name, aliases)

    async def index(self, request: Request) -> Response:
        """The versions of every model and their states, as on the public port."""
        content = await self._content(request, *INDEX_KEYS)
        return json_response(index_models(self._context.states, ready_only=read_ready(content)))

    async def load(self, request: Request) -> Response:
        """Follow the aliases of a model and answer when that is done; 503 with the reason if it cannot be.

        What is loaded is decided by aliases.json; a file in the request (Triton's override) is refused.
        """
        content = await self._content(request, "parameters")
        if content.get("parameters"):
            raise bad_request("parameters are not understood here: publish a version and promote it")
        slot = await self._find(request)
        _note(request, "load", slot, slot.generation)
        await slot.follow(force=True)
        self._context.pushes.tell(slot.name, slot.generation)
        request.scope["audit"]["generation_after"] = slot.generation
        if slot.current is None or slot.last_error is not None:
            raise unavailable(f"{slot.name}: {slot.last_error or 'no champion is promoted yet'}")
        return json_response({"model": slot.name, **describe_model(self._context, slot)})

    async def unload(self, request: Request) -> Response:
        """Refused: a server serves what aliases.json says, no more and no less."""
        slot = await self._find(request)
        _note(request, "unload", slot, slot.generation)
        raise ApiError(501, f"{slot.name} is served while aliases.json has a champion: promote another one")

    async def _follow(self, slot: ModelSlot, generation: int) -> None:
        """Serve a generation that was just written, here and in the other workers."""
        states = self._context.states
        self._context.pushes.tell(slot.name, generation)
        await slot.follow(force=True)
        for _ in range(round(CONVERGENCE_SECONDS / CONVERGENCE_STEP)):
            reached = states.generation(slot.name)
            if slot.last_error is not None or (reached is not None and reached >= generation):
                return
            await asyncio.sleep(CONVERGENCE_STEP)

    async def _find(self, request: Request) -> ModelSlot:
        return await self._context.catalog.find(request.path_params["model"])

    async def _content(self, request: Request, *keys: str) -> dict[str, object]:
        limits = self._context.settings.serving
        body = await read_body(request, limits.max_body_bytes, limits.body_seconds)
        content = parse_json(body) if body else {}
        require_keys(content, keys)
        return content


def _note(
    request: Request, action: str, slot: ModelSlot, before: int | None, after: int | None = None, **facts: str
) -> None:
    """Facts for the audit log."""
    noted = {"action": action, "model": slot.name, "generation_before": before, "generation_after": after}
    request.scope["audit"].update(noted, **facts)


def _who(request: Request) -> str:
    return f"{BY}: {request.scope['who']}"


def _read_generation(content: Mapping[str, object]) -> int | None:
    wanted = content.get("generation")
    if wanted is None or (isinstance(wanted, int) and not isinstance(wanted, bool) and wanted >= 0):
        return wanted
    raise bad_request(f"generation is {show(wanted)}; the number in aliases.json is needed")


def _read_reason(content: Mapping[str, object], default: str) -> str:
    reason = content.get("reason", default)
    if not isinstance(reason, str) or len(reason) > MAX_REASON:
        raise bad_request(f"reason is {show(reason)}; text of at most {MAX_REASON} characters is needed")
    return reason


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
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            known = _KNOWN.get(first["loc"][0], Experiment.model_fields)
            problem = f"there is no such key; known are {', '.join(known)}"
        raise bad_request(f"{where} is {show(first['input'])}: {problem}") from error


def _describe_experiment(name: str, aliases: Aliases) -> Response:
    experiment = None if aliases.experiment is None else aliases.experiment.model_dump(mode="json")
    return json_response({"model": name, "generation": aliases.generation, "experiment": experiment})
