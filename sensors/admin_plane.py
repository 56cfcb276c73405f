"""The control plane of the prediction server, as a sensor sees it."""

import time
from dataclasses import dataclass
from typing import Any

import httpx

from mojoline.errors import MojolineError
from mojoline.settings import Settings

TIMEOUT_SECONDS = 3.0
POLL_SECONDS = 0.2
SETTLE_SECONDS = 3.0


class ServerUnreadableError(MojolineError):
    """The server gave no usable answer: that says nothing about what it serves."""


@dataclass(frozen=True)
class ServerState:
    """What the server says of one model."""

    version: str | None
    generation: int
    state: str
    last_error: str | None
    swap_seconds: float | None


@dataclass(frozen=True)
class AdminPlane:
    """HTTP on the loopback address, with the bearer token."""

    url: str
    token: str

    @classmethod
    def of(cls, settings: Settings) -> "AdminPlane":
        """The control plane that these settings name; ServerUnreadableError if there is no token."""
        if settings.admin_token is None:
            raise ServerUnreadableError(
                "admin_token is not set: run `mojoline up` or set MOJOLINE_ADMIN_TOKEN_FILE"
            )
        return cls(f"http://127.0.0.1:{settings.ports.admin}", settings.admin_token.get_secret_value())

    def read_state(self, model: str) -> ServerState | None:
        """What the server says of `model`; None if it answers but does not know the model."""
        models = self._request("GET", "/admin/status").get("models")
        if not isinstance(models, dict):
            raise ServerUnreadableError(f"{self.url}/admin/status has no models")
        found = models.get(model)
        if found is None:
            return None
        try:
            return ServerState(
                version=found["version"],
                generation=-1 if found["generation"] is None else int(found["generation"]),
                state=str(found["state"]),
                last_error=found.get("last_error"),
                swap_seconds=found.get("swap_seconds"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ServerUnreadableError(f"{self.url}/admin/status says {found!r} of {model}") from error

    def sync(self, model: str, generation: int) -> None:
        """Ask the server to move to `generation` of the registry's aliases."""
        self._request("POST", f"/admin/models/{model}/sync", {"generation": generation})

    def wait_for(self, model: str, generation: int, *, seconds: float) -> ServerState | None:
        """The state once the server reached `generation` or stopped trying, or the last one seen in time.

        An error counts only after SETTLE_SECONDS: before that it may be the one of an earlier attempt.
        """
        started = time.monotonic()
        while True:
            state = self.read_state(model)
            waited = time.monotonic() - started
            failed = state is not None and state.last_error is not None and waited > SETTLE_SECONDS
            if waited > seconds or failed or (state is not None and state.generation >= generation):
                return state
            time.sleep(POLL_SECONDS)

    def _request(self, method: str, path: str, body: dict[str, int] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            answer = httpx.request(
                method, self.url + path, json=body, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False
            )
            answer.raise_for_status()
            content = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ServerUnreadableError(
                f"{method} {self.url}{path}: {error or type(error).__name__}"
            ) from error
        if not isinstance(content, dict):
            raise ServerUnreadableError(f"{method} {self.url}{path} answered {content!r}")
        return content
