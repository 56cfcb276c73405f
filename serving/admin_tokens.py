"""Who may use the control plane: everybody has a token of their own, so that the audit log can name them."""

import hashlib
import hmac
from collections.abc import Mapping

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mojoline.settings import Settings, SettingsError
from serving.api_keys import SHORTEST, read_keys
from serving.responses import error_response

ADMIN = "admin"  # the name of whoever has the token of `admin_token`


class BearerGuard:
    """ASGI middleware: nothing behind it is reached without a token; if none is configured, by nobody.

    Behind it `scope["who"]` is the name that belongs to the token.
    """

    def __init__(self, app: ASGIApp, digests: Mapping[str, bytes]) -> None:
        """`digests` as of `read_tokens`."""
        self._app = app
        self._digests = digests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and (refusal := self._refusal(scope)) is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        if not self._digests:
            return error_response(403, "no admin token is configured: set MOJOLINE_ADMIN_TOKEN or _FILE")
        kind, _, given = HTTPConnection(scope).headers.get("authorization", "").partition(" ")
        digest = _digest(given.strip())
        # every token is looked at, whichever it is: the time tells nothing
        names = [name for name, known in self._digests.items() if hmac.compare_digest(known, digest)]
        if kind.lower() == "bearer" and names:
            scope["who"] = names[0]
            return None
        message = "a valid admin token is needed: Authorization: Bearer <token>"
        return error_response(401, message, {"WWW-Authenticate": "Bearer"})


def read_tokens(settings: Settings) -> dict[str, bytes]:
    """Name -> digest of the token, of everybody who has one.

    Raises:
        SettingsError: a token is too short, or not told with its name; shows none.
    """
    own = settings.admin_token.get_secret_value() if settings.admin_token else ""
    if own and len(own) < SHORTEST:
        raise SettingsError(
            f"admin_token has {len(own)} characters; at least {SHORTEST} are needed"
            ' (one is made by: python -c "import secrets; print(secrets.token_urlsafe())")'
        )
    named = read_keys("admin_tokens", settings.admin_tokens) if settings.admin_tokens else ()
    tokens = {ADMIN: own} if own else {}
    return {name: _digest(token) for name, token in (tokens | dict(named)).items()}


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
