"""Reading a request: its body within the limit, and the headers that matter to a prediction."""

from datetime import UTC, datetime

from starlette.requests import ClientDisconnect, Request

from serving.errors import ApiError, bad_request, too_large


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body; 413 as soon as it exceeds `limit` bytes, 415 for an encoding that is not supported."""
    headers = request.headers
    if headers.get("content-encoding", "identity") != "identity":
        raise ApiError(
            415, f"content-encoding {headers['content-encoding']!r} is not supported: send plain JSON"
        )
    if "inference-header-content-length" in headers:
        raise ApiError(415, "binary tensor data is not supported: send the tensors as JSON")
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise too_large(f"the body has {announced} bytes; at most {limit} are allowed: send several requests")
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise too_large(f"the body has more than {limit} bytes, which is the most that is allowed")
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise bad_request("the connection closed before the body was complete") from error
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def read_event_time(request: Request) -> datetime | None:
    """When the rows of a replay happened: `X-Event-Time`, ISO 8601, UTC unless it says otherwise."""
    text = request.headers.get("x-event-time")
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
