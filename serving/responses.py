"""Answers as JSON: every error has the body `{"error": text}`, FastAPI's own ones included."""

from collections.abc import Mapping

import orjson
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from serving.errors import ApiError

RawHeaders = Mapping[bytes, bytes]
"""Names in small letters with their values, as they are sent."""


def encode_headers(headers: Mapping[str, str]) -> RawHeaders:
    """Headers as they are sent."""
    return {name.lower().encode("latin-1"): value.encode("latin-1") for name, value in headers.items()}


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`content` as a JSON answer; NaN becomes null, which is what JSON has for it."""
    return Response(orjson.dumps(content), status, headers, media_type="application/json")


class PredictionResponse(Response):
    """200 with a body and headers that are already bytes."""

    def __init__(self, content: bytes, headers: RawHeaders) -> None:
        self.status_code = 200
        self.background = None
        self.body = content
        self.raw_headers = [*headers.items(), (b"content-length", b"%d" % len(content))]


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """The one shape of every error."""
    return json_response({"error": message}, status, headers)


def install_error_handlers(app: FastAPI) -> None:
    """Let `app` answer every error in the one shape."""

    async def answer_api_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)  # noqa: S101 - what the handler is registered for
        return error_response(error.status, error.message, error.headers)

    async def answer_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
        what = f"{request.method} {request.url.path}"
        message = {404: f"{what}: no such path", 405: f"{what}: this method is not allowed here"}
        return error_response(
            error.status_code, message.get(error.status_code, str(error.detail)), error.headers
        )

    app.add_exception_handler(ApiError, answer_api_error)
    app.add_exception_handler(HTTPException, answer_http_error)
