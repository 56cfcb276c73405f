"""The prediction API: the Open Inference Protocol (V2) and the short form `/predict`."""

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from importlib import metadata
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from serving.admission import TIMEOUT_HEADER, Admission
from serving.context import ServingContext
from serving.errors import bad_request, unavailable
from serving.infer_dialect import read_infer
from serving.inference import Answer, Question
from serving.json_reading import parse_json, show
from serving.model_statistics import index_models, model_statistics
from serving.openapi_parts import ERRORS, INDEX_BODY, INFER_BODY, PREDICT_BODY, body_of, path_parameters
from serving.predict_dialect import read_predict
from serving.predictor import Predictor
from serving.request_reading import read_body, read_event_time, read_header_length
from serving.responses import PredictionResponse, RawHeaders, encode_headers, json_response
from serving.routing import Serving
from serving.row_batch import require_keys
from serving.served_model import ServedModel
from serving.steering import steer

INDEX_KEYS = ("ready", "repository_name")  # of a question for the repository's index
EXTENSIONS = ("binary_tensor_data", "model_repository", "statistics")

_JSON = "application/json"
_TIMEOUT_KEY = TIMEOUT_HEADER.lower()


class DataPlane:
    """The routes of the prediction API over one `ServingContext`."""

    def __init__(self, context: ServingContext) -> None:
        self._context = context
        self._limits = context.settings.serving
        self._predictor = Predictor(context)
        self._admission = Admission(self._limits.max_inflight, self._limits.timeout_seconds)
        self.router = APIRouter(responses=ERRORS)
        _version()  # looks through every installed package: not while somebody waits
        get, post = self._get, self._post
        get("/v2", self.server_metadata)
        get("/v2/health/live", self.live)
        get("/v2/health/ready", self.ready)
        get("/v2/models", self.models)
        post("/predict", self.predict, body_of(PREDICT_BODY))
        post("/v2/repository/index", self.repository_index, body_of(INDEX_BODY, required=False))
        get("/v2/models/stats", self.statistics)
        for alias in ("/livez", "/healthz", "/health", "/ping"):
            get(alias, self.live)
        get("/readyz", self.ready)
        for version in ("", "/versions/{version}"):
            get(f"/v2/models/{{model}}{version}/stats", self.statistics)
            get(f"/v2/models/{{model}}{version}", self.model_metadata)
            get(f"/v2/models/{{model}}{version}/ready", self.model_ready)
            post(f"/v2/models/{{model}}{version}/infer", self.infer, body_of(INFER_BODY, binary=True))

    async def predict(self, request: Request) -> Response:
        """Predict rows: `{"model"?: name, "rows": [{column: value}], "contributions"?: true}`.

        `"entities": [key]` in the place of rows asks for their stored features.
        """
        limit, request_id = self._limits.max_rows, _request_id(request)

        def pick(name: str | None) -> Serving:
            return self.pick(request.headers, name)

        return await self.respond(request, lambda body: read_predict(pick, body, limit, request_id))

    async def infer(self, request: Request) -> Response:
        """Predict tensors, one per column, as the Open Inference Protocol says."""
        serving = self.pick(request.headers, *_path(request))
        limit, request_id = self._limits.max_rows, _request_id(request)

        def read(body: bytes) -> Question:
            return read_infer(serving, body, limit, request_id, read_header_length(request, body))

        return await self.respond(request, read)

    def pick(self, headers: Mapping[str, str], name: str | None, version: str | None = None) -> Serving:
        """What serves a model, or one of its versions, to a request with these headers (small letters).

        Raises:
            ApiError: there is no such model, version or variant, or the caller may not choose one.
        """
        serving = self._context.catalog.pick(name, version)
        return steer(serving, headers, may_force=self._limits.forced_variants)

    async def respond(self, request: Request, read: Callable[[bytes], Question]) -> Response:
        """The answer to what `read` finds in the body, whatever dialect it is in."""
        body = await read_body(request, self._limits.max_body_bytes, self._limits.body_seconds)
        answer = await self.answer(lambda: read(body), len(body), request.headers)
        return PredictionResponse(answer.body.content, _encode_route(answer))

    async def answer(
        self,
        read: Callable[[], Question],
        size: int,
        headers: Mapping[str, str],
        remaining: float | None = None,
    ) -> Answer:
        """The answer to what `read` finds in a request of `size` bytes, whatever protocol it came by.

        Args:
            read: reads and checks the request.
            size: bytes of the request.
            headers: those of the request, or what the protocol has in their place; small letters.
            remaining: seconds that the protocol itself leaves, if it says so.

        Raises:
            ApiError: the request cannot be answered, or not in the time it has.
        """
        ticket = self._admission.enter(headers.get(_TIMEOUT_KEY), remaining)
        try:
            work = self._predictor.answer(read, size, ticket, read_event_time(headers))
            # where the caller sets no deadline, the limits of the stores and `require_time` are enough
            return await (ticket.within(work) if ticket.asked else work)
        finally:
            self._admission.leave()

    async def server_metadata(self) -> Response:
        """Name, version and protocol extensions of the server."""
        return json_response(describe_server())

    async def repository_index(self, request: Request) -> Response:
        """The loaded versions of every model and their states: `{"ready"?: true}` for the ready ones only."""
        body = await read_body(request, self._limits.max_body_bytes, self._limits.body_seconds)
        content = parse_json(body) if body else {}
        require_keys(content, INDEX_KEYS)
        return json_response(self.describe_repository(ready_only=read_ready(content)))

    def describe_repository(self, *, ready_only: bool) -> list[dict[str, str]]:
        """The loaded versions of every model and their states."""
        return index_models(self._context.states, ready_only=ready_only)

    async def statistics(self, request: Request) -> Response:
        """How often each version was asked, and how long that took, since the server started."""
        model, version = request.path_params.get("model"), request.path_params.get("version")
        return json_response(await self.describe_statistics(model, version))

    async def describe_statistics(self, model: str | None, version: str | None) -> dict[str, object]:
        """The statistics of all loaded versions, of a model or of a version; ApiError if there is none."""
        if model is not None:
            self._context.catalog.pick(model, version)
        return {"model_stats": await model_statistics(self._context.catalog, model, version)}

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
        content, served = self.describe_model(model, version)
        return json_response(content, headers={"X-Model-Version": served.version})

    def describe_model(self, model: str, version: str | None) -> tuple[dict[str, object], ServedModel]:
        """A model's metadata and the version that it is about; ApiError if there is none."""
        served = self._context.catalog.pick(model, version).champion
        return served.describe(sorted(self._context.catalog.slots[model].loaded)), served

    async def model_ready(self, request: Request) -> Response:
        """Whether a model (or one of its versions) is loaded."""
        model, version = _path(request)
        served = self._context.catalog.pick(model, version).champion
        if self._context.catalog.draining:
            raise unavailable("the server is going down")
        return json_response({"name": model, "ready": True}, headers={"X-Model-Version": served.version})

    def _get(self, path: str, endpoint: Any) -> None:  # noqa: ANN401 - any of the methods above
        self.router.add_api_route(
            path, endpoint, methods=["GET"], response_model=None, openapi_extra=path_parameters(path)
        )
        self.router.add_api_route(
            path, endpoint, methods=["HEAD"], response_model=None, include_in_schema=False
        )

    def _post(self, path: str, endpoint: Any, body: dict[str, Any]) -> None:  # noqa: ANN401 - as above
        extra = {**body, **path_parameters(path)}
        self.router.add_api_route(path, endpoint, methods=["POST"], response_model=None, openapi_extra=extra)


def read_ready(content: Mapping[str, Any]) -> bool:
    """Whether the index is to tell of the ready versions only; ApiError 400 for what is no answer."""
    ready = content.get("ready", False)
    if not isinstance(ready, bool):
        raise bad_request(f"ready is {show(ready)}; true or false is needed")
    return ready


def describe_server() -> dict[str, object]:
    """Name, version and protocol extensions of the server."""
    return {"name": "mojoline", "version": _version(), "extensions": EXTENSIONS}


def describe_route(answer: Answer) -> dict[str, str]:
    """The headers of an answer that say who made it, and how."""
    return {**_name_route(*_route(answer)), "Server-Timing": _timing(answer), **answer.body.headers}


def _encode_route(answer: Answer) -> RawHeaders:
    """The same as they are sent; most of them are those of the answer before."""
    timing = _timing(answer).encode("ascii")
    own = encode_headers(answer.body.headers)
    return {**_encoded_names(*_route(answer)), b"server-timing": timing, **own}


def _route(answer: Answer) -> tuple[str, str, str, str, bool | None, str | None]:
    route, experiment = answer.route, answer.serving.experiment
    served = route.served
    of_experiment = None if experiment is None else experiment.id
    return served.name, served.version, route.variant, answer.question.cache, route.sticky, of_experiment


def _name_route(
    name: str, version: str, variant: str, cached: str, sticky: bool | None, experiment: str | None
) -> dict[str, str]:
    headers = {"X-Model-Name": name, "X-Model-Version": version, "X-Variant": variant, "X-Cache": cached}
    if sticky is not None:
        headers["X-Variant-Sticky"] = str(sticky).lower()
    if experiment is not None:
        headers["X-Experiment"] = experiment
    return headers


@lru_cache(1024)
def _encoded_names(*route: Any) -> RawHeaders:  # noqa: ANN401 - what `_route` gives
    return encode_headers({"Content-Type": _JSON, **_name_route(*route)})


def _timing(answer: Answer) -> str:
    spent = answer.question.seconds.items()
    return ", ".join([f"{stage};dur={1000 * seconds:.3f}" for stage, seconds in spent])


@cache
def _version() -> str:
    try:
        return metadata.version("mojoline")
    except metadata.PackageNotFoundError:  # run from a checkout, which is the usual way
        return "checkout"


def _request_id(request: Request) -> str:
    return str(request.scope["request_id"])


def _path(request: Request) -> tuple[str, str | None]:
    return request.path_params["model"], request.path_params.get("version")
