"""The demo's questions to the prediction API and its control plane."""

import time
from typing import Any

import httpx

from mojoline.errors import MojolineError
from mojoline.stack.stack_state import StackState

SWAP_TIMEOUT = 60.0  # seconds a server may take to follow the registry


class DemoError(MojolineError):
    """The demo ran to a point where what it shows is not true."""


class DemoApi:
    """One model on one server; every method raises DemoError when the server does not do as it should."""

    def __init__(self, stack: StackState, model: str) -> None:
        self._stack = stack
        self._model = model

    def await_served(self, version: str) -> None:
        """Wait until the prediction API has loaded `version`."""
        deadline = time.monotonic() + SWAP_TIMEOUT
        while time.monotonic() < deadline:
            try:
                body = httpx.get(f"{self._stack.api_url}/v2/models/{self._model}", trust_env=False).json()
            except (httpx.HTTPError, ValueError):
                body = {}
            if version in body.get("versions", []):
                return
            time.sleep(0.1)
        raise DemoError(f"{self._stack.api_url} does not serve {version} within {SWAP_TIMEOUT:.0f} s")

    def roll_back(self, reason: str) -> None:
        """Make the previous version the champion again."""
        self._ask_admin("POST", f"/admin/models/{self._model}/rollback", {"reason": reason})

    def await_reservoir(self) -> None:
        """Wait until the server has written the samples it holds."""
        deadline = time.monotonic() + SWAP_TIMEOUT
        while self._ask_admin("GET", "/admin/status")["reservoir"]["pending"] and time.monotonic() < deadline:
            time.sleep(0.1)

    def _ask_admin(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        token = {"Authorization": f"Bearer {self._stack.admin_token}"}
        with httpx.Client(base_url=self._stack.admin_url, timeout=SWAP_TIMEOUT, trust_env=False) as client:
            response = client.request(method, path, json=body, headers=token)
        if response.is_error:
            raise DemoError(f"{method} {path} was refused: {response.status_code} {response.text}")
        return dict(response.json())
