"""The prediction API as a process of its own, on free ports, with its control plane at hand."""

import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

import httpx
import psutil
from own_environment import free_ports, own_environment, port_settings

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 60.0
STEP_SECONDS = 0.05


class ApiProcess:
    """`python -m serving` over a registry, from when it answers to the end of its `with` block.

    Neither settings in the environment of this program nor a server on the usual ports disturb it. The
    control plane is asked over one connection: a client for each call costs 50 ms of a core.
    """

    def __init__(
        self, registry: Path, home: Path, settings: Mapping[str, str], log: BinaryIO | None = None
    ) -> None:
        """Start it; SystemExit if it ends or does not answer in time.

        Args:
            registry: root directory of the versions.
            home: where it may write.
            settings: further variables of its environment.
            log: where it logs to; by default nowhere.
        """
        ports = free_ports()
        token = secrets.token_hex(16)
        self.port = ports["rest"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = psutil.Popen(
            [sys.executable, "-m", "serving"],
            cwd=ROOT,
            env={
                **own_environment(),
                **settings,
                "MOJOLINE_HOME": str(home),
                "MOJOLINE_REGISTRY_URL": registry.as_uri(),
                "MOJOLINE_ADMIN_TOKEN": token,
                "MOJOLINE_SERVING__DRAIN_DELAY_SECONDS": "0",
                **port_settings(ports),
            },
            stderr=log or subprocess.DEVNULL,
        )
        self._admin = httpx.Client(
            base_url=f"http://127.0.0.1:{ports['admin']}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=PATIENCE_SECONDS,
            trust_env=False,
        )
        try:
            await_answer(f"{self.url}/v2/health/live", self.process)
        except BaseException:
            self.process.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_SECONDS)

    def sync(self, model: str, generation: int, *, workers: int = 1, step: float = STEP_SECONDS) -> None:
        """Tell it that the aliases of `model` have moved, as the sensor does, and wait until it serves them.

        Args and exceptions are those of `await_generation`.
        """
        path = f"/admin/models/{model}/sync"
        self._admin.post(path, json={"generation": generation}).raise_for_status()
        self.await_generation(model, generation, workers=workers, step=step)

    def await_generation(
        self, model: str, generation: int, *, workers: int = 1, step: float = STEP_SECONDS
    ) -> None:
        """Wait until all workers serve `generation` of `model`, or a later one; SystemExit if they never do.

        Args:
            model: its name.
            generation: of its aliases.
            workers: how many there are to be.
            step: seconds between two questions, which cost the server a little.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            models: dict[str, Any] = self._admin.get("/admin/status").raise_for_status().json()["models"]
            state = models.get(model, {})
            if len(state.get("workers", ())) >= workers and (state["generation"] or 0) >= generation:
                return
            time.sleep(step)
        raise SystemExit(f"the server does not come to generation {generation} of {model}: {state}")

    def measure(self) -> tuple[float, int]:
        """Megabytes and descriptors of all its processes."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(one.memory_info().rss for one in family) / 1e6, sum(one.num_fds() for one in family)


def await_answer(url: str, process: "psutil.Popen | subprocess.Popen[bytes] | None" = None) -> None:
    """Wait until somebody answers at `url`; SystemExit if nobody does in time, or `process` has ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            if process is not None and process.poll() is not None:
                raise SystemExit(f"the server ended with {process.returncode} before it answered") from None
            time.sleep(STEP_SECONDS)
        else:
            return
    raise SystemExit(f"nobody answers at {url}")
