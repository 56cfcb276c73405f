"""What the server answers when it does not predict.

MojolineError
└── ServingError
    ├── ApiError             an answer with a status code and a message for the caller
    ├── EntityStoreError     the feature database is away, or its connections are in use
    ├── PortTakenError       a port of the server is in use
    ├── RedisUnavailableError  the cache did not answer: the request goes on without it
    └── ServedVersionError   a version cannot be served; the older one stays
"""

from collections.abc import Mapping

from mojoline.errors import MojolineError


class ServingError(MojolineError):
    """The server cannot do what was asked."""


class PortTakenError(ServingError):
    """A port of the server is in use; the message names the setting that changes it."""


class ServedVersionError(ServingError):
    """A published version does not hold what it promises; the message says which proof failed."""


class EntityStoreError(ServingError):
    """Entity features cannot be had now; the message says why."""


class RedisUnavailableError(ServingError):
    """Redis did not answer in time, or said that it cannot."""


class ApiError(ServingError):
    """An answer `{"error": message}` with an HTTP status code."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


def bad_request(message: str) -> ApiError:
    """400: the caller must change the request."""
    return ApiError(400, message)


def not_found(message: str) -> ApiError:
    """404: no such model or version."""
    return ApiError(404, message)


def too_large(message: str) -> ApiError:
    """413: the caller must send less at once."""
    return ApiError(413, message)


def unavailable(message: str, retry_after: int = 1) -> ApiError:
    """503: the same request may succeed `retry_after` seconds later."""
    return ApiError(503, message, {"Retry-After": str(retry_after)})
