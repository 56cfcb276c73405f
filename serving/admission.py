"""Who is let in: no more requests at once than can be answered in time, and none whose time is over."""

import asyncio
import time
from collections.abc import Awaitable
from typing import NamedTuple, TypeVar

from serving.batched_measures import BatchedGauge
from serving.early_start import in_task
from serving.errors import ApiError, bad_request, unavailable
from serving.metrics import INFLIGHT, SHED

T = TypeVar("T")

_INFLIGHT = BatchedGauge(INFLIGHT)

TIMEOUT_HEADER = "X-Timeout-Ms"


class Ticket(NamedTuple):
    """The right to be answered, until `deadline` (of `time.monotonic`); `asked` if the caller has set it."""

    deadline: float
    asked: bool = False

    def require_time(self, before: str) -> None:
        """ApiError 504 if the deadline has passed: whoever asked does not wait any more."""
        if time.monotonic() > self.deadline:
            raise _too_late(before)

    async def within(self, work: Awaitable[T]) -> T:
        """What `work` gives, if that comes before the deadline: else it is given up.

        Raises:
            ApiError: 504, and what has not begun in a thread by then never will.
        """
        await in_task()
        try:
            async with asyncio.timeout(self.deadline - time.monotonic()) as limit:
                return await work
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise _too_late("the answer was there") from error


class Admission:
    """Counts the requests in flight; belongs to one event loop."""

    def __init__(self, most: int, timeout_seconds: float) -> None:
        self._most = most
        self._timeout = timeout_seconds
        self._inside = 0

    def enter(self, timeout_ms: str | None, remaining: float | None = None) -> Ticket:
        """Be in flight until `leave`.

        Args:
            timeout_ms: what the caller says in X-Timeout-Ms; it can only shorten the server's own limit.
            remaining: seconds that the protocol itself leaves, if it says so.

        Raises:
            ApiError: 503 at once where too many are in flight, 400 for a timeout that is no number.
        """
        seconds = self._timeout
        if timeout_ms is not None:
            seconds = min(seconds, _seconds(timeout_ms))
        if remaining is not None:
            seconds = min(seconds, remaining)
        if self._inside >= self._most:
            SHED.labels("inflight").inc()
            raise unavailable(
                f"{self._inside} requests are in flight, which is the most: try again, or elsewhere"
            )
        self._inside += 1
        _INFLIGHT.add(1)
        return Ticket(time.monotonic() + seconds, asked=timeout_ms is not None)

    def leave(self) -> None:
        """Be in flight no more; once for each `enter` that let in."""
        self._inside -= 1
        _INFLIGHT.add(-1)


def _too_late(before: str) -> ApiError:
    SHED.labels("deadline").inc()
    return ApiError(504, f"the deadline passed before {before}: allow more time in {TIMEOUT_HEADER}")


def _seconds(text: str) -> float:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) == 0:
        raise bad_request(
            f"{TIMEOUT_HEADER} is {text[:80]!r}; milliseconds are needed, a whole number from 1 to 999999999"
        )
    return int(text) / 1000
