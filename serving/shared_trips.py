"""Short pieces of work that go to a thread together.

To hand one piece to a thread and its result back costs two fights for the interpreter lock, up to
`sys.getswitchinterval()` each: more than the work. So one thread at a time does all of them, in turn, stays a
moment for the next one, and brings back in one call what is done by then.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

LINGER_SECONDS = 0.005  # the pause at 200 pieces a second: to stay costs less than a new trip

_Piece = tuple[Callable[[], object], asyncio.Future[Any]]


class _Done(NamedTuple):
    """What a piece of work returned, or raised."""

    future: asyncio.Future[Any]
    result: object = None
    error: BaseException | None = None


class SharedTrips:
    """Trips to one thread at a time of `pool`. Belongs to one event loop."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._waiting: SimpleQueue[_Piece] = SimpleQueue()
        self._done: deque[_Done] = deque()
        self._under_way = threading.Lock()  # held during a trip
        self._is_told = False  # the loop looks at `_done` soon

    async def run(self, work: Callable[[], T]) -> T:
        """`work()`, in its turn; what is cancelled before that is not done."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.put((work, future))
        if self._under_way.acquire(blocking=False):
            self._pool.submit(self._travel, loop)
        result: T = await future
        return result

    def _travel(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the thread. Whoever puts a piece there begins a trip, or finds one that has not looked yet."""
        while True:
            with contextlib.suppress(Empty):
                while True:
                    work, future = self._waiting.get(timeout=LINGER_SECONDS)
                    if not future.cancelled():
                        self._done.append(_do(work, future))
                        self._tell(loop)
            self._under_way.release()
            if self._waiting.empty() or not self._under_way.acquire(blocking=False):
                return

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_told:
            self._is_told = True
            with contextlib.suppress(RuntimeError):  # the loop was closed, so that nobody waits
                loop.call_soon_threadsafe(self._arrive)

    def _arrive(self) -> None:
        self._is_told = False  # before the look: what is done after it is told again
        while self._done:
            future, result, error = self._done.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


def _do(work: Callable[[], object], future: asyncio.Future[Any]) -> _Done:
    try:
        return _Done(future, work())
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is for who waits
        return _Done(future, error=error)
