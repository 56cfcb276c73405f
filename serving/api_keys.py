"""API keys of the prediction API: who may ask, and how often."""

import hashlib
import hmac
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from mojoline.settings import SettingsError
from serving.errors import ApiError
from serving.metrics import SHED
from serving.rate_limit import RateLimit
from serving.responses import error_response

OPEN_PATHS = frozenset(
    {"/v2/health/live", "/v2/health/ready", "/livez", "/readyz", "/healthz", "/health", "/ping"}
)

SHORTEST = 16  # characters of a key or a token: fewer can be guessed


class ApiKeys:
    """The keys of a server, whichever protocol they come with."""

    def __init__(self, keys: SecretStr, rate: float | None, shared: Path | None = None) -> None:
        """SettingsError if `keys` are none.

        Args:
            keys: `name:key`, with commas between.
            rate: requests a second with each; None: any number.
            shared: a directory of the workers of this server, who count together; None where there is one.
        """
        self._digests = [_digest(key) for _, key in read_keys("api_keys", keys)]
        self._rate = rate
        self._limit = None if rate is None else RateLimit(len(self._digests), rate, shared)

    def require(self, headers: Mapping[str, str]) -> None:
        """Take a request of the key in `headers` (small letters).

        Raises:
            ApiError: 401 without a valid key, 429 if it has asked more often than allowed.
        """
        kind, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip() if kind.lower() == "bearer" else headers.get("x-api-key", "")
        position = self._find(given)
        if position is None:
            message = "a valid API key is needed: Authorization: Bearer <key>, or X-Api-Key"
            raise ApiError(401, message, {"WWW-Authenticate": "Bearer"})
        if self._limit is not None and (wait := self._limit.take(position, time.monotonic())):
            SHED.labels("rate").inc()
            raise ApiError(
                429,
                f"this key has asked more than {self._rate:g} times a second: slow down",
                {"Retry-After": str(math.ceil(wait))},
            )

    def _find(self, given: str) -> int | None:
        """The position of a key. Every key is looked at, whichever it is: the time tells nothing."""
        digest, found = _digest(given), None
        for position, one in enumerate(self._digests):
            if hmac.compare_digest(one, digest):
                found = position
        return found


class ApiKeyGuard:
    """ASGI middleware: only health is answered without a key, and nobody may ask more often than allowed."""

    def __init__(self, app: ASGIApp, keys: ApiKeys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            try:
                self._keys.require(Headers(scope=scope))
            except ApiError as error:
                await error_response(error.status, error.message, error.headers)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def read_keys(setting: str, keys: SecretStr) -> Iterator[tuple[str, str]]:
    """Name and key of each in `name:key,name:key`.

    Raises:
        SettingsError: that is not what `setting` holds; shows no key.
    """
    for position, part in enumerate(keys.get_secret_value().replace("\n", ",").split(",")):
        if not part.strip():
            continue
        name, _, key = part.strip().partition(":")
        if not name or len(key) < SHORTEST:
            raise SettingsError(
                f"{setting}[{position}] is not name:key with a key of at least {SHORTEST} characters"
            )
        yield name, key


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
