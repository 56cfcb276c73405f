"""The way of a prediction past the web framework, whose routing costs several times what the model does.

The same functions are registered as ordinary routes, which describe them in the OpenAPI page and answer other
methods; here they are only found sooner: by `HotProtocol` where a request came in one piece, else by the
middleware.
"""

import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.api_keys import ApiKeys
from serving.errors import ApiError
from serving.responses import error_response

Endpoint = Callable[[Request], Awaitable[Response]]

_INFER = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")

_TEMPLATES = ("/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer")


class HotPath:
    """Finds the function for `POST /predict` and `POST …/infer`, and has it answer."""

    def __init__(self, predict: Endpoint, infer: Endpoint) -> None:
        self._predict = predict
        self._infer = infer

    def find(self, scope: Scope) -> Endpoint | None:
        """The function for a POST request of `scope`, which then also holds the route and its parameters."""
        path = scope["path"]
        if path == "/predict":
            scope["route_path"] = path
            return self._predict
        match = _INFER.fullmatch(path)
        if match is None:
            return None
        model, version = match.groups()
        scope["route_path"] = _TEMPLATES[version is not None]
        scope["path_params"] = {"model": model} if version is None else {"model": model, "version": version}
        return self._infer


async def answer(endpoint: Endpoint, request: Request, keys: ApiKeys | None = None) -> Response:
    """What `endpoint` answers, or the error it raises as an answer.

    Args:
        endpoint: found by `HotPath`.
        request: the request.
        keys: whose key it must have; None where that was looked at before, or nobody needs one.
    """
    try:
        if keys is not None:
            keys.require(request.headers)
        return await endpoint(request)
    except ApiError as error:
        return error_response(error.status, error.message, error.headers)


class HotPathMiddleware:
    """ASGI middleware: what `HotPath` finds is answered here, everything else by the application."""

    def __init__(self, app: ASGIApp, hot_path: HotPath) -> None:
        self._app = app
        self._hot_path = hot_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        endpoint = self._hot_path.find(scope) if is_post else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        response = await answer(endpoint, Request(scope, receive))
        await response(scope, receive, send)
