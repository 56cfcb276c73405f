"""What surrounds every gRPC call: its id, its key, its measures, and a status for whatever goes wrong.

The gRPC counterpart of `request_scope` and of the error handlers in `responses`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from grpc import StatusCode

from serving.api_keys import ApiKeys
from serving.errors import ApiError
from serving.grpc_limits import receive_message
from serving.metrics import GRPC_HANDLED, GRPC_SECONDS
from serving.request_scope import log_defect, log_request, read_request_id
from serving.tracing import is_tracing, trace_request

STATUS_CODES = {
    400: StatusCode.INVALID_ARGUMENT,
    401: StatusCode.UNAUTHENTICATED,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.NOT_FOUND,
    408: StatusCode.DEADLINE_EXCEEDED,
    409: StatusCode.ABORTED,
    413: StatusCode.RESOURCE_EXHAUSTED,  # as gRPC itself says for a message that is too long
    415: StatusCode.INVALID_ARGUMENT,
    429: StatusCode.RESOURCE_EXHAUSTED,
    501: StatusCode.UNIMPLEMENTED,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.DEADLINE_EXCEEDED,
}


@dataclass(frozen=True)
class Call:
    """A call as its endpoint sees it."""

    content: bytes
    metadata: Mapping[str, str]
    request_id: str
    remaining: float | None  # seconds until its deadline


Endpoint = Callable[[Call], Awaitable[tuple[bytes, Mapping[str, str]]]]
"""Answers a call: the bytes of a message, and the headers that describe them."""


def surround(
    method: str, endpoint: Endpoint, keys: ApiKeys | None, seconds: float
) -> Callable[[Any, Any], Awaitable[bytes]]:
    """`endpoint` as gRPC calls it.

    Args:
        method: its name in measures and logs.
        endpoint: answers, or raises ApiError.
        keys: one of them is needed; None for everybody.
        seconds: longest time that the message may take.
    """

    async def handle(context: Any) -> bytes:  # noqa: ANN401 - gRPC has no types
        started = time.perf_counter()
        pairs = [
            (key.encode(), value.encode("latin-1", "replace") if isinstance(value, str) else value)
            for key, value in context.invocation_metadata() or ()
        ]
        metadata = {key.decode(): value.decode("latin-1") for key, value in pairs}
        request_id = read_request_id(pairs)
        said: dict[str, str] = {"x-request-id": request_id}
        code, message, answer = StatusCode.OK, "", b""
        try:
            if keys is not None:
                keys.require(metadata)
            content = await receive_message(context, seconds)
            answer, headers = await endpoint(Call(content, metadata, request_id, context.time_remaining()))
            said |= {key.lower(): value for key, value in headers.items()}
        except ApiError as error:
            code, message = STATUS_CODES[error.status], error.message
            said |= {key.lower(): value for key, value in error.headers.items()}
        except asyncio.CancelledError:
            code = StatusCode.CANCELLED
            raise
        except Exception as error:  # noqa: BLE001 - the caller gets an answer, the log the details
            log_defect(request_id, error)
            code = StatusCode.INTERNAL
            message = f"the server failed; its log has the details of {request_id}"
        finally:
            _note(request_id, pairs, said, (method, code), time.perf_counter() - started)
        if code is StatusCode.OK:
            context.set_trailing_metadata(tuple(said.items()))
            return answer
        await context.abort(code, message, tuple(said.items()))
        raise AssertionError("abort does not return")

    async def trace(_: Any, context: Any) -> bytes:  # noqa: ANN401 - as above
        if not is_tracing():
            return await handle(context)
        metadata = {
            key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)
        }
        with trace_request(method, metadata, {"rpc.system": "grpc", "rpc.method": method}):
            return await handle(context)

    return trace


def _note(
    request_id: str,
    pairs: list[tuple[bytes, bytes]],
    said: Mapping[str, str],
    outcome: tuple[str, StatusCode],
    seconds: float,
) -> None:
    method, code = outcome
    GRPC_HANDLED.labels(method, code.name).inc()
    GRPC_SECONDS.labels(method).observe(seconds)
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in said.items()]
    failed = code is StatusCode.INTERNAL
    log_request(request_id, pairs, headers, ("grpc", method, code.name), seconds, failed=failed)
