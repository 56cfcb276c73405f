"""The way of a prediction past the web framework, whose routing costs several times what the model does.

The same functions are registered as ordinary routes, which describe them in the OpenAPI page and answer other
methods; this middleware only finds them sooner.
"""

import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.errors import ApiError
from serving.responses import error_response

Endpoint = Callable[[Request], Awaitable[Response]]

_INFER = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")

_TEMPLATES = ("/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer")


class HotPath:
    """ASGI middleware: `POST /predict` and `POST …/infer` go straight to their functions."""

    def __init__(self, app: ASGIApp, predict: Endpoint, infer: Endpoint) -> None:
        self._app = app
        self._predict = predict
        self._infer = infer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        endpoint = self._find(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        try:
            response = await endpoint(Request(scope, receive))
        except ApiError as error:
            response = error_response(error.status, error.message, error.headers)
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> Endpoint | None:
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
