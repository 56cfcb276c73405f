"""Callers that go on asking while something happens to the server."""

import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

import httpx

from tests.api.live_server import ROOT, golden

sys.path.insert(0, str(ROOT / "scripts"))
from load_servers import echoing


@dataclass(frozen=True)
class Called:
    """The answer to one golden row of the model `first`: which of them, by whom, from where, how fast.

    `idle` is how long a server that does nothing took to answer just before: what the machine makes of it.
    """

    row: int
    version: str
    score: float
    cache: str
    seconds: float
    idle: float


class Callers:
    """Threads that predict single rows until they are stopped; every answer is kept."""

    def __init__(self, url: str, threads: int = 4) -> None:
        self.answers: list[Called] = []
        self.errors: list[str] = []
        self._url = url
        self._rows = golden("first").rows
        self._stopped = threading.Event()
        self._servers = ExitStack()
        self._threads = [threading.Thread(target=self._call, args=(i,)) for i in range(threads)]

    def __enter__(self) -> Self:
        self._idle_url = f"http://127.0.0.1:{self._servers.enter_context(echoing())}/"
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        self._servers.close()

    def take(self, count: int, seconds: float = 60.0) -> list[Called]:
        """The next `count` answers."""
        seen, deadline = len(self.answers), time.monotonic() + seconds
        while len(self.answers) < seen + count:
            assert time.monotonic() < deadline, f"{len(self.answers) - seen} of {count} answers came in time"
            time.sleep(0.02)
        return self.answers[seen : seen + count]

    def _call(self, row: int) -> None:
        with httpx.Client(base_url=self._url, timeout=30, trust_env=False) as client:
            while not self._stopped.is_set():
                row = (row + 7) % len(self._rows)
                began = time.perf_counter()
                try:
                    client.get(self._idle_url).raise_for_status()
                    started = time.perf_counter()
                    response = client.post("/predict", json={"model": "tiny", "rows": [self._rows[row]]})
                except httpx.TransportError as error:
                    self.errors.append(repr(error))
                    continue
                seconds = time.perf_counter() - started
                if response.status_code != 200:
                    self.errors.append(response.text)
                    continue
                body, cache = response.json(), response.headers["X-Cache"]
                score = body["predictions"][0]["probabilities"]["yes"]
                self.answers.append(
                    Called(row, body["model_version"], score, cache, seconds, started - began)
                )
