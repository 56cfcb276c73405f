"""A real server process over a registry of small real models."""

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
import uvloop

from mojoline.registry.filesystem_registry import FilesystemRegistry, open_registry
from mojoline.registry.golden import GoldenRows
from mojoline.registry.manifest import GOLDEN, Manifest
from mojoline.settings import load_settings
from serving.app import create_app
from serving.plain_models import PlainModels
from serving.server import serve
from tests.data.tiny_versions import TINY_MODELS, tiny_draft, tiny_facts

ROOT = Path(__file__).parents[2]
TOKEN = "correct horse battery"
TAGS = {"entity_key": "flight_id", "event_time": "departure"}

_drafts = itertools.count()


def golden(which: str) -> GoldenRows:
    return GoldenRows.read(TINY_MODELS / which / GOLDEN)


def publish(
    registry: FilesystemRegistry, which: str, name: str = "tiny", *, promote: bool = True
) -> Manifest:
    """Publish one of the small models, and make it the champion."""
    draft = tiny_draft(which, registry.root / f"draft-{next(_drafts)}")
    manifest = registry.publish(name, draft, tiny_facts(which, tags=TAGS))
    if promote:
        promote_version(registry, manifest)
    return manifest


def promote_version(registry: FilesystemRegistry, manifest: Manifest) -> int:
    """Make a version the champion; the new generation."""
    before = registry.aliases(manifest.name).generation
    moved = registry.move_champion(
        manifest.name, manifest.version, expected_generation=before, by="test", reason="a test"
    )
    return moved.generation


class LiveServer:
    """A server with two clients: `api` and, with the token, `admin`."""

    def __init__(self, registry: FilesystemRegistry) -> None:
        self.registry = registry
        self._held = [hold_port() for _ in range(3)]
        self.ports = [one.getsockname()[1] for one in self._held]
        self.url = f"http://127.0.0.1:{self.ports[0]}"
        self.api = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self.admin = httpx.Client(
            base_url=f"http://127.0.0.1:{self.ports[1]}",
            timeout=30,
            trust_env=False,
            headers={"Authorization": f"Bearer {TOKEN}"},
        )

    def failure(self) -> str | None:
        """What ended the server, if it did end."""
        raise NotImplementedError

    def close(self) -> None:
        self.api.close()
        self.admin.close()
        for one in self._held:
            one.close()

    def status(self, name: str = "tiny") -> dict:
        return self.admin.get("/admin/status").raise_for_status().json()["models"][name]

    def predict(self, rows: Sequence, name: str = "tiny", **headers: str) -> httpx.Response:
        return self.api.post("/predict", json={"model": name, "rows": list(rows)}, headers=headers)

    def wait(self, met, seconds: float = 120.0) -> None:
        """Wait until `met()` is true, whether the server answers yet or not."""
        deadline = time.monotonic() + seconds
        while True:
            assert self.failure() is None, self.failure()
            try:
                if met():
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, "the server did not get there in time"
            time.sleep(0.02)

    def wait_ready(self) -> None:
        self.wait(lambda: self.api.get("/v2/health/ready").status_code == 200)


class ServerProcess(LiveServer):
    """`python -m serving` with further settings in its environment."""

    def __init__(self, registry: FilesystemRegistry, **env: str) -> None:
        super().__init__(registry)
        known = {key: value for key, value in os.environ.items() if not key.startswith("MOJOLINE_")}
        self._said = tempfile.TemporaryFile("a+")  # noqa: SIM115 - a pipe that nobody reads would stop it
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serving"],
            cwd=ROOT,
            env={
                **known,
                "MOJOLINE_HOME": str(registry.root / "home"),
                "MOJOLINE_REGISTRY_URL": f"file://{registry.root}",
                "MOJOLINE_PORTS__REST": str(self.ports[0]),
                "MOJOLINE_PORTS__ADMIN": str(self.ports[1]),
                "MOJOLINE_PORTS__GRPC": str(self.ports[2]),
                "MOJOLINE_SERVING__GRPC": "false",
                "MOJOLINE_ADMIN_TOKEN": TOKEN,
                "MOJOLINE_SERVING__POLL_SECONDS": "0.2",
                "MOJOLINE_SERVING__DRAIN_DELAY_SECONDS": "0.2",
                **env,
            },
            stderr=self._said,
        )

    def said(self) -> str:
        """What it has written to stderr."""
        self._said.seek(0)
        return self._said.read()

    def failure(self) -> str | None:
        return None if self.process.poll() is None else self.said()

    def stop(self) -> int:
        """End it with SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def close(self) -> None:
        super().close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._said.close()


class ServerThread(LiveServer):
    """The same server in a thread of the test's own process: no second start of Python, so much faster."""

    def __init__(self, registry: FilesystemRegistry, **overrides: object) -> None:
        super().__init__(registry)
        self._models = registry if isinstance(registry, PlainModels) else None
        quick = {"poll_seconds": 0.2, "grpc": False, "drain_delay_seconds": 0.0}
        given = quick | overrides.pop("serving", {})
        self._settings = load_settings(
            ports=dict(zip(("rest", "admin", "grpc"), self.ports, strict=True)),
            **{
                "home": registry.root / "home",
                "registry_url": f"file://{registry.root}",
                "admin_token": TOKEN,
                "serving": given,
                **overrides,
            },
        )
        self._loop = uvloop.new_event_loop()
        self._stopping = asyncio.Event()
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._run, name="server")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        except BaseException as error:
            self._failure = repr(error)
            raise
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        await serve(self._settings, self._stopping, self._models)

    def failure(self) -> str | None:
        return self._failure

    def stop_soon(self) -> None:
        """Begin to end it, as SIGTERM does."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    def close(self) -> None:
        super().close()
        if self._thread.is_alive():
            self.stop_soon()
        self._thread.join(60)
        assert not self._thread.is_alive()


class AsgiThread(ServerThread):
    """The prediction API alone, as an ASGI application that uvicorn serves with its own protocol."""

    async def _serve(self) -> None:
        app = create_app(self._settings, self._models)
        config = uvicorn.Config(app, port=self.ports[0], ws="none", log_config=None, server_header=False)
        server = uvicorn.Server(config)

        async def stop() -> None:
            await self._stopping.wait()
            server.should_exit = True

        stopping = asyncio.create_task(stop())
        await server.serve()
        await stopping


@contextmanager
def asgi_thread(registry: FilesystemRegistry, **overrides: object) -> Iterator[AsgiThread]:
    server = AsgiThread(registry, **overrides)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def server_process(registry: FilesystemRegistry, **env: str) -> Iterator[ServerProcess]:
    server = ServerProcess(registry, **env)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def server_thread(registry: FilesystemRegistry, **overrides: object) -> Iterator[ServerThread]:
    server = ServerThread(registry, **overrides)
    try:
        yield server
    finally:
        server.close()


def new_registry(root: Path) -> FilesystemRegistry:
    return open_registry(f"file://{root}/registry")


def hold_port() -> socket.socket:
    """A free port that nobody else is given: a server may bind it too, as long as this does not listen."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held
