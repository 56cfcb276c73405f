"""The demo's callers: an open loop of predictions, every answer checked against the version it names."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import numpy as np
import orjson

LONGEST_SECONDS = 600  # the loop ends by itself, whatever becomes of its owner
TIMEOUT_SECONDS = 30.0  # a machine that trains at the same time may stand still
CALLERS = 16


@dataclass(frozen=True)
class Answer:
    """One request: when it was due (Unix seconds), how long it took from then on, and what came back."""

    due: float
    seconds: float
    row: int
    version: str | None = None
    probability: float | None = None
    error: str | None = None


class Traffic:
    """Steady single-row requests to `/predict`, from a thread of its own, until `stop`.

    Latency counts from the moment a request was due, so a stalled server can't hide behind requests that
    were never sent. Plain `http.client` on kept connections: a costlier client would measure itself.
    """

    def __init__(
        self, url: str, model: str, rows: Sequence[Mapping[str, object]], positive: str, rate: int
    ) -> None:
        self._bodies = [orjson.dumps({"model": model, "rows": [row]}) for row in rows]
        self._address, self._positive, self._rate = urlsplit(url).netloc, positive, rate
        self._kept = threading.local()
        self._stopped = threading.Event()
        self._answers: list[Answer] = []
        self._thread = threading.Thread(target=self._send, name="traffic", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> list[Answer]:
        """Send nothing more, wait for what is under way, return every answer in the order they were due."""
        self._stopped.set()
        if self._thread.ident is not None:  # a run may fail before its callers were started
            self._thread.join()
        return sorted(self._answers, key=lambda answer: answer.due)

    @property
    def count(self) -> int:
        """How many answers have come in."""
        return len(self._answers)

    def wait_for_version(self, version: str, since: float, timeout: float) -> float | None:
        """When (Unix seconds) a request due since then first named `version`; None if none does in time."""
        seen, deadline = 0, time.monotonic() + timeout
        while time.monotonic() < deadline:
            fresh = self._answers[seen:]
            seen += len(fresh)
            arrived = [a.due + a.seconds for a in fresh if a.version == version and a.due >= since]
            if arrived:
                return min(arrived)
            time.sleep(0.01)
        return None

    def _send(self) -> None:
        """Hand each request to a caller of the pool at the moment it is due."""
        start, origin = time.monotonic(), time.time()
        with ThreadPoolExecutor(CALLERS, thread_name_prefix="caller") as callers:
            for number in range(self._rate * LONGEST_SECONDS):
                due = number / self._rate
                if self._stopped.wait(max(0.0, start + due - time.monotonic())):
                    break
                callers.submit(self._ask, number % len(self._bodies), origin + due, start + due)

    def _ask(self, row: int, due: float, due_monotonic: float) -> None:
        try:
            status, content = self._post(self._bodies[row])
            seconds = time.monotonic() - due_monotonic
            if status != HTTPStatus.OK:
                self._answers.append(Answer(due, seconds, row, error=f"{status} {content[:200]!r}"))
                return
            body = orjson.loads(content)
            probability = body["predictions"][0]["probabilities"][self._positive]
            self._answers.append(Answer(due, seconds, row, body["model_version"], probability))
        except (OSError, HTTPException, LookupError, ValueError) as error:
            seconds = time.monotonic() - due_monotonic
            self._answers.append(Answer(due, seconds, row, error=f"{type(error).__name__} {error}"))

    def _post(self, body: bytes) -> tuple[int, bytes]:
        """One request on this thread's own kept connection, which is dropped after an error."""
        connection = getattr(self._kept, "connection", None)
        if connection is None:
            connection = self._kept.connection = HTTPConnection(self._address, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        except BaseException:
            connection.close()
            self._kept.connection = None
            raise


def find_errors(answers: Sequence[Answer], expected: Callable[[str], Sequence[float]]) -> list[str]:
    """One sentence for each answer that failed, or whose number is not what the version it names gives.

    Args:
        answers: what `Traffic` collected.
        expected: version -> the positive class's probability of every row, by row index.
    """
    tables: dict[str, Sequence[float]] = {}
    errors = []
    for answer in answers:
        if answer.error is not None or answer.version is None:
            errors.append(answer.error or "an answer without a version")
            continue
        if answer.version not in tables:
            tables[answer.version] = expected(answer.version)
        wanted = tables[answer.version][answer.row]
        if answer.probability != wanted:
            errors.append(f"row {answer.row}: {answer.probability!r}, but {answer.version} gives {wanted!r}")
    return errors


def p99_ms(answers: Sequence[Answer], since: float, until: float) -> float:
    """The 99th percentile in milliseconds of the requests due in [since, until); NaN if there are none."""
    chosen = [answer.seconds for answer in answers if since <= answer.due < until]
    return float(np.percentile(chosen, 99)) * 1000 if chosen else float("nan")
