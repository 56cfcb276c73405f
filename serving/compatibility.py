"""Routes that other clients know: MLflow's `/invocations`, H2O's `/model/…`, KServe's `/v1/models/…`.

The first two serve the only model, or the one named by `?model=`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from serving.context import ServingContext
from serving.data_plane import DataPlane
from serving.h2o_dialect import (
    describe_capabilities,
    describe_schema,
    read_contribution,
    read_score,
    sample_request,
)
from serving.inference import Question
from serving.mlflow_dialect import read_invocations
from serving.openapi_parts import (
    CONTRIBUTION_BODY,
    ERRORS,
    INSTANCES_BODY,
    INVOCATIONS_BODY,
    SCORE_BODY,
    body_of,
    path_parameters,
)
from serving.responses import json_response
from serving.routing import Serving
from serving.served_model import ServedModel

_Reader = Callable[[Serving, bytes, int, str], Question]  # of a body, with the most rows and the request's id

_MODEL = {"name": "model", "in": "query", "required": False, "schema": {"type": "string"}}


class Compatibility:
    """The routes over one data plane, which reads and answers."""

    def __init__(self, context: ServingContext, plane: DataPlane) -> None:
        self._context = context
        self._plane = plane
        self._limits = context.settings.serving
        self.router = APIRouter(responses=ERRORS)
        self._add("/invocations", self.invocations, INVOCATIONS_BODY)
        self._add("/model/score", self.score, SCORE_BODY)
        self._add("/model/contribution", self.contribution, CONTRIBUTION_BODY)
        for name in ("id", "schema", "sample_request", "capabilities"):
            self._add(f"/model/{name}", getattr(self, name))
        self._add("/version", self._plane.server_metadata)
        self._add("/v1/models", self._plane.models)
        self._add("/v1/models/{model}:predict", self.instances, INSTANCES_BODY)
        self._add("/v1/models/{model}", self._plane.model_ready)  # behind it: {model} would take :predict too

    async def invocations(self, request: Request) -> Response:
        """MLflow's scoring protocol: `dataframe_split`, `dataframe_records`, `instances` or `inputs`."""
        return await self._respond(request, _named(request), read_invocations)

    async def instances(self, request: Request) -> Response:
        """KServe's V1 protocol: `{"instances": [{column: value}]}`."""
        name = request.path_params["model"]
        return await self._respond(request, name, partial(read_invocations, known=("instances",)))

    async def score(self, request: Request) -> Response:
        """H2O's scoring protocol: `{"fields": [name], "rows": [[text]]}`."""
        return await self._respond(request, _named(request), read_score)

    async def contribution(self, request: Request) -> Response:
        """What each input added to each score, in H2O's words; 501 where the model has none."""
        return await self._respond(request, _named(request), read_contribution)

    async def id(self, request: Request) -> Response:
        """The version that serves."""
        return PlainTextResponse(self._served(request).version)

    async def schema(self, request: Request) -> Response:
        """Inputs and outputs, in H2O's words."""
        return json_response(describe_schema(self._served(request)))

    async def sample_request(self, request: Request) -> Response:
        """A body that `/model/score` takes."""
        return json_response(sample_request(self._served(request)))

    async def capabilities(self, request: Request) -> Response:
        """What the model can be asked for, in H2O's words."""
        return json_response(describe_capabilities(self._served(request)))

    def _served(self, request: Request) -> ServedModel:
        return self._context.catalog.pick(_named(request)).champion

    async def _respond(self, request: Request, name: str | None, read: _Reader) -> Response:
        limit, request_id = self._limits.max_rows, str(request.scope["request_id"])
        serving = self._plane.pick(request.headers, name)
        return await self._plane.respond(request, lambda body: read(serving, body, limit, request_id))

    def _add(self, path: str, endpoint: Any, schema: dict[str, Any] | None = None) -> None:  # noqa: ANN401
        parameters = path_parameters(path) if "{" in path else {"parameters": [_MODEL]}
        extra = {**parameters, **(body_of(schema) if schema else {})}
        self.router.add_api_route(
            path,
            endpoint,
            methods=["POST" if schema else "GET"],
            response_class=PlainTextResponse if path == "/model/id" else JSONResponse,
            response_model=None,
            openapi_extra=extra,
        )


def _named(request: Request) -> str | None:
    return request.query_params.get("model")
