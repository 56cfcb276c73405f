"""The prediction API: the Open Inference Protocol (V2) and the short form `/predict`."""

from datetime import datetime
from importlib import metadata
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from serving.context import ServingContext
from serving.errors import unavailable
from serving.inference import Answer, answer_infer, answer_predict
from serving.request_reading import read_body, read_event_time
from serving.responses import json_response

_JSON = "application/json"
_ROWS = {"type": "array", "minItems": 1, "items": {"type": "object"}}
_TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype", "data"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "datatype": {"type": "string"},
        "data": {"type": "array"},
    },
}
_PREDICT_BODY = {
    "type": "object",
    "required": ["rows"],
    "properties": {"model": {"type": "string"}, "rows": _ROWS},
}
_INFER_BODY = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {"type": "array", "minItems": 1, "items": _TENSOR},
        "outputs": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
    },
}


class DataPlane:
    """The routes of the prediction API over one `ServingContext`."""

    def __init__(self, context: ServingContext) -> None:
        self._context = context
        self._limits = context.settings.serving
        self.router = APIRouter()
        get, post = self._get, self._post
        get("/v2", self.server_metadata)
        get("/v2/health/live", self.live)
        get("/v2/health/ready", self.ready)
        get("/v2/models", self.models)
        post("/predict", self.predict, _PREDICT_BODY)
        for version in ("", "/versions/{version}"):
            get(f"/v2/models/{{model}}{version}", self.model_metadata)
            get(f"/v2/models/{{model}}{version}/ready", self.model_ready)
            post(f"/v2/models/{{model}}{version}/infer", self.infer, _INFER_BODY)

    async def predict(self, request: Request) -> Response:
        """Predict rows: `{"model"?: name, "rows": [{column: value}]}`."""
        event_time = read_event_time(request)
        body = await read_body(request, self._limits.max_body_bytes)
        request_id = str(request.scope["request_id"])
        answer = await self._context.compute(
            lambda: answer_predict(self._context.catalog.pick, body, self._limits.max_rows, request_id),
            len(body),
        )
        return self._answer(answer, event_time)

    async def infer(self, request: Request) -> Response:
        """Predict tensors, one per column, as the Open Inference Protocol says."""
        event_time = read_event_time(request)
        serving = self._context.catalog.pick(*_path(request))
        body = await read_body(request, self._limits.max_body_bytes)
        request_id = str(request.scope["request_id"])
        answer = await self._context.compute(
            lambda: answer_infer(serving, body, self._limits.max_rows, request_id), len(body)
        )
        return self._answer(answer, event_time)

    async def server_metadata(self) -> Response:
        """Name, version and protocol extensions of the server."""
        return json_response({"name": "mojoline", "version": _version(), "extensions": []})

    async def live(self) -> Response:
        """Whether the process answers."""
        return json_response({"live": True})

    async def ready(self) -> Response:
        """Whether requests may come: a champion is loaded and the server is not going down."""
        reason = self._context.catalog.unready_reason
        if reason is None:
            return json_response({"ready": True, "live": True})
        return json_response({"ready": False, "live": True, "error": reason}, 503, {"Retry-After": "1"})

    async def models(self) -> Response:
        """The names of all models."""
        return json_response({"models": sorted(self._context.catalog.slots)})

    async def model_metadata(self, request: Request) -> Response:
        """Inputs and outputs of a model; `versions` are those that are loaded."""
        model, version = _path(request)
        served = self._context.catalog.pick(model, version).champion
        loaded = sorted(self._context.catalog.slots[model].loaded)
        return json_response(served.describe(loaded), headers={"X-Model-Version": served.version})

    async def model_ready(self, request: Request) -> Response:
        """Whether a model (or one of its versions) is loaded."""
        model, version = _path(request)
        served = self._context.catalog.pick(model, version).champion
        if self._context.catalog.draining:
            raise unavailable("the server is going down")
        return json_response({"name": model, "ready": True}, headers={"X-Model-Version": served.version})

    def _answer(self, answer: Answer, event_time: datetime | None) -> Response:
        self._context.shadow.offer(answer)
        route, reservoir = answer.route, self._context.reservoir
        served = route.served
        if reservoir is not None:
            reservoir.offer(answer.scored_rows(event_time), size=served.reservoir_size)
        headers = {"X-Model-Name": served.name, "X-Model-Version": served.version, "X-Variant": route.variant}
        if route.sticky is not None:
            headers["X-Variant-Sticky"] = str(route.sticky).lower()
        return Response(answer.body, 200, headers, media_type=_JSON)

    def _get(self, path: str, endpoint: Any) -> None:  # noqa: ANN401 - any of the methods above
        self.router.add_api_route(
            path, endpoint, methods=["GET"], response_model=None, openapi_extra=_parameters(path)
        )

    def _post(self, path: str, endpoint: Any, schema: dict[str, Any]) -> None:  # noqa: ANN401 - as above
        body = {"required": True, "content": {_JSON: {"schema": schema}}}
        extra = {"requestBody": body, **_parameters(path)}
        self.router.add_api_route(path, endpoint, methods=["POST"], response_model=None, openapi_extra=extra)


def _version() -> str:
    try:
        return metadata.version("mojoline")
    except metadata.PackageNotFoundError:  # run from a checkout, which is the usual way
        return "checkout"


def _path(request: Request) -> tuple[str, str | None]:
    return request.path_params["model"], request.path_params.get("version")


def _parameters(path: str) -> dict[str, Any]:
    names = [name for name in ("model", "version") if f"{{{name}}}" in path]
    schema = {"type": "string"}
    return {"parameters": [{"name": n, "in": "path", "required": True, "schema": schema} for n in names]}
