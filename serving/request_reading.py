"""Reading a request: its body within the limits, and the headers that matter to a prediction."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.requests import ClientDisconnect, Request
from starlette.types import Scope

from serving.errors import ApiError, bad_request, too_large, unavailable
from serving.metrics import SHED

SMALL_BODY = 65_536  # what uvicorn holds of a body in any case
_JSON = "application/json"
_MORE = "the body has more than {} bytes, which is the most that is allowed"
LARGEST_AT_ONCE = 64  # bodies of the largest size that may be arriving at the same time


class _Arriving:
    """Bytes of the larger bodies that are arriving: slow senders of many of them must not fill the memory."""

    held = 0


class WholeRequest(Request):
    """A request that has arrived: its body is there, and its headers stand in a dict."""

    def __init__(self, scope: Scope, content: bytes) -> None:
        super().__init__(scope)
        self.content = content
        self._fields = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])
        }

    @property
    def headers(self) -> Mapping[str, str]:  # type: ignore[override]
        """By name in small letters; the first of a name."""
        return self._fields


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """The whole body.

    Raises:
        ApiError: 413 as soon as it exceeds `limit` bytes, 408 if it takes longer than `seconds` to come, 415
            for an encoding or a media type that is not supported, 503 while too many large ones arrive.
    """
    headers = request.headers
    if headers.get("content-encoding", "identity") != "identity":
        raise ApiError(
            415, f"content-encoding {headers['content-encoding']!r} is not supported: send plain JSON"
        )
    kind = headers.get("content-type", _JSON)
    if kind != _JSON:
        _require_known(kind)
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise too_large(f"the body has {announced} bytes; at most {limit} are allowed: send several requests")
    if isinstance(request, WholeRequest):
        if len(request.content) > limit:
            raise too_large(_MORE.format(limit))
        return request.content
    chunks, size, held = [], 0, 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise too_large(_MORE.format(limit))
                chunks.append(chunk)
                if size > SMALL_BODY:
                    held += len(chunk)
                    _Arriving.held += len(chunk)
                    if _Arriving.held > LARGEST_AT_ONCE * limit:
                        SHED.labels("inflight").inc()
                        raise unavailable("too many large bodies are arriving: send less at once, or later")
    except ClientDisconnect as error:
        raise bad_request("the connection closed before the body was complete") from error
    except TimeoutError as error:
        raise ApiError(
            408, f"the body was not complete after {seconds:g} s: send it at once", {"Connection": "close"}
        ) from error
    finally:
        _Arriving.held -= held
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _require_known(content_type: str) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    if kind and kind != "application/octet-stream" and not kind.endswith(("/json", "+json")):
        raise ApiError(415, f"content-type {kind[:80]!r} is not supported: send application/json")


def read_header_length(request: Request, body: bytes) -> int | None:
    """How many bytes of `body` are JSON, by the header of the binary tensor extension; None if all are."""
    text = request.headers.get("inference-header-content-length")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or int(text[:12]) > len(body):
        raise bad_request(
            f"Inference-Header-Content-Length is {text[:80]!r}; a number up to {len(body)} is needed"
        )
    return int(text[:12])


def read_event_time(headers: Mapping[str, str]) -> datetime | None:
    """When the rows of a replay happened: `X-Event-Time`, ISO 8601, UTC unless it says otherwise."""
    text = headers.get("x-event-time")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_request(
            f"X-Event-Time is {text[:80]!r}; a time like 2013-07-01T12:00:00Z is needed"
        ) from None
