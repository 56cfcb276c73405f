"""What surrounds every request: its id, its measures, and an answer also when the code inside fails."""

import logging
import random
import re
import time
import uuid
from collections.abc import Callable, Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.metrics import REST_IN_PROGRESS, REST_REQUESTS, REST_SECONDS
from serving.responses import error_response

LOGGED_SHARE = 0.01  # of the requests that went well; those the server failed are all logged

_ID = re.compile(rb"[\x21-\x7e]{1,128}")
_TRACE = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_log = logging.getLogger("mojoline.requests")


class RequestScope:
    """ASGI middleware: echoes or makes `X-Request-Id`, counts, logs, and answers a failure with 500.

    While `is_draining()` every answer asks the client to leave, so that nobody sends on a closing connection.
    """

    def __init__(self, app: ASGIApp, is_draining: Callable[[], bool]) -> None:
        self._app = app
        self._is_draining = is_draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope["headers"])
        scope["request_id"] = request_id
        head: Message = {}
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal head
            if message["type"] == "http.response.start":
                head = message
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                if self._is_draining():
                    headers["Connection"] = "close"
            await send(message)

        REST_IN_PROGRESS.inc()
        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            _log.exception("request %s failed", request_id, extra={"request_id": request_id})
            if head:
                raise
            answer = error_response(500, f"the server failed; its log has the details of {request_id}")
            await answer(scope, receive, send_with_id)
        finally:
            REST_IN_PROGRESS.dec()
            _note(scope, head, time.perf_counter() - started)


def _note(scope: Scope, head: Message, seconds: float) -> None:
    """Count the request under the path of its route, never under one that a caller made up; log some."""
    method, status = scope["method"], head.get("status", 0)
    route = scope.get("route")
    path = scope.get("route_path") or getattr(route, "path", "unknown")
    if path == "unknown":
        method = "unknown"
    REST_REQUESTS.labels(method, path, status).inc()
    REST_SECONDS.labels(method, path).observe(seconds)
    if status < 500 and random.random() >= LOGGED_SHARE:  # noqa: S311 - a sample, no secret
        return
    said = {name: value.decode("latin-1") for name, value in head.get("headers", ())}
    trace_id, span_id = _trace(scope["headers"])
    facts = {
        "request_id": scope["request_id"],
        "trace_id": trace_id,
        "span_id": span_id,
        "model_name": said.get(b"x-model-name"),
        "model_version": said.get(b"x-model-version"),
        "variant": said.get(b"x-variant"),
        "method": method,
        "path": path,
        "status": status,
        "dur_ms": round(1000 * seconds, 3),
    }
    _log.log(logging.INFO if status < 500 else logging.WARNING, "%s %s", method, path, extra=facts)


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return str(value.decode("ascii"))
    return uuid.uuid4().hex


def _trace(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str | None, str | None]:
    """The ids in a W3C `traceparent`."""
    for name, value in headers:
        if name == b"traceparent" and (match := _TRACE.fullmatch(value)):
            return match[1].decode(), match[2].decode()
    return None, None
