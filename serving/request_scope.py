"""What surrounds every request: its id, its measures, and an answer also when the code inside fails."""

import logging
import random
import re
import time
import traceback
from collections.abc import Callable, Iterable
from functools import lru_cache

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mojoline.errors import MojolineError
from serving.batched_measures import BatchedCounter, BatchedGauge, BatchedHistogram
from serving.metrics import REST_IN_PROGRESS, REST_REQUESTS, REST_SECONDS
from serving.responses import error_response

LOGGED_SHARE = 0.01  # of the requests; those that met a defect (500) are all logged

IN_PROGRESS = BatchedGauge(REST_IN_PROGRESS)

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
        request_id = read_request_id(scope["headers"])
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

        IN_PROGRESS.add(1)
        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            answer = failure(scope, error)
            if head:
                raise
            await answer(scope, receive, send_with_id)
        finally:
            IN_PROGRESS.add(-1)
            note_request(scope, head, time.perf_counter() - started)


def failure(scope: Scope, error: Exception) -> Response:
    """Log what the code inside raised; the answer, which keeps that to itself."""
    request_id = scope["request_id"]
    log_defect(request_id, error)
    return error_response(500, f"the server failed; its log has the details of {request_id}")


def log_defect(request_id: str, error: Exception) -> None:
    """What a request met, and where. Only texts that are ours: others may hold a value of its rows."""
    text = f": {error}" if isinstance(error, MojolineError) else ""
    stack = "".join(traceback.format_tb(error.__traceback__))
    facts = request_id, type(error).__name__, text, stack
    _log.error("request %s failed with %s%s\n%s", *facts, extra={"request_id": request_id})


def note_request(scope: Scope, head: Message, seconds: float) -> None:
    """Count the request under the path of its route, never under one that a caller made up; log some."""
    method, status = scope["method"], head.get("status", 0)
    route = scope.get("route")
    path = scope.get("route_path") or getattr(route, "path", "unknown")
    if path == "unknown":
        method = "unknown"
    count, duration = _measures(method, path, status)
    count.inc()
    duration.observe(seconds)
    said = head.get("headers", ())
    failed = status == 500  # what is turned away is counted: a line for each would cost more than the refusal
    log_request(scope["request_id"], scope["headers"], said, (method, path, status), seconds, failed=failed)


@lru_cache(1024)
def _measures(method: str, path: str, status: int) -> tuple[BatchedCounter, BatchedHistogram]:
    count, duration = REST_REQUESTS.labels(method, path, status), REST_SECONDS.labels(method, path)
    return BatchedCounter(count), BatchedHistogram(duration)


def log_request(
    request_id: str,
    headers: Iterable[tuple[bytes, bytes]],
    said: Iterable[tuple[bytes, bytes]],
    outcome: tuple[object, object, object],
    seconds: float,
    *,
    failed: bool,
) -> None:
    """One line about a request: always if it met a defect, else for a share of them.

    Args:
        request_id: its id.
        headers: those of the request.
        said: those of the answer.
        outcome: method, path and status.
        seconds: how long it took.
        failed: whether it met a defect of the server.
    """
    if not failed and random.random() >= LOGGED_SHARE:  # noqa: S311 - a sample, no secret
        return
    trace_id, span_id = _trace(headers)
    named = {name: value.decode("latin-1") for name, value in said}
    method, path, status = outcome
    facts = {
        "request_id": request_id,
        "trace_id": trace_id,
        "span_id": span_id,
        "model_name": named.get(b"x-model-name"),
        "model_version": named.get(b"x-model-version"),
        "variant": named.get(b"x-variant"),
        "method": method,
        "path": path,
        "status": status,
        "dur_ms": round(1000 * seconds, 3),
    }
    _log.log(logging.WARNING if failed else logging.INFO, "%s %s", method, path, extra=facts)


def read_request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """What the caller calls the request, if that can be a name; else a new one."""
    for name, value in headers:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return str(value.decode("ascii"))
    return f"{random.getrandbits(128):032x}"


def _trace(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str | None, str | None]:
    """The ids in a W3C `traceparent`."""
    for name, value in headers:
        if name == b"traceparent" and (match := _TRACE.fullmatch(value)):
            return match[1].decode(), match[2].decode()
    return None, None
