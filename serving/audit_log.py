"""The audit log of the control plane: who did what, from which generation to which, one JSON object a line.

Entries are written to the log, and to a file of their own if the settings name one. They hold names, never a
token, a key or a feature.
"""

import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

READS = ("GET", "HEAD")

_log = logging.getLogger("mojoline.audit")


class AuditLog:
    """Where entries go."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, who: str | None, action: str, **facts: object) -> None:
        """Add an entry; what cannot be written to the file is in the log nevertheless."""
        entry = {
            "ts": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "who": who,
            "action": action,
            **{name: value for name, value in facts.items() if value is not None},
        }
        _log.info("%s: %s", who or "nobody", action, extra={"audit": entry})
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, orjson.dumps(entry) + b"\n")  # at once: lines of several writers stay whole
            finally:
                os.close(file)
        except OSError as error:
            _log.error("%s cannot be written: %s", self._path, error.strerror)


class AuditTrail:
    """ASGI middleware before the guard: notes every request that was to change something, or was refused.

    What is behind it adds facts to `scope["audit"]`: `action`, `model`, `generation_before` and `_after`.
    """

    def __init__(self, app: ASGIApp, log: AuditLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        facts: dict[str, Any] = {}
        scope["audit"] = facts
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            if scope["method"] not in READS or status in (401, 403):
                action = facts.pop("action", "request")
                client = scope.get("client")
                self._log.write(
                    scope.get("who"),
                    action,
                    status=status,
                    method=scope["method"],
                    path=scope["path"][:200],
                    client=client[0] if client else None,
                    request_id=scope.get("request_id"),
                    **facts,
                )
