"""Short pieces of work that go to a thread together.

To hand one piece to a thread and its result back costs two fights for the interpreter lock, up to
`sys.getswitchinterval()` each: more than the work. So while a trip is under way what comes waits for the next
one, which takes all of it. The more there is to do, the less a piece costs; a single one goes at once.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

MOST_PIECES = 64  # of one trip: the first of them waits for the last


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
        self._waiting: list[_Piece] = []
        self._under_way = False

    async def run(self, work: Callable[[], T]) -> T:
        """`work()`, by the next trip; what is cancelled before that is not done."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if not self._under_way:
            self._leave()
        result: T = await future
        return result

    def _leave(self) -> None:
        pieces, self._waiting = self._waiting[:MOST_PIECES], self._waiting[MOST_PIECES:]
        self._under_way = True
        self._pool.submit(self._travel, asyncio.get_running_loop(), pieces)

    def _travel(self, loop: asyncio.AbstractEventLoop, pieces: list[_Piece]) -> None:
        """In the thread. One call brings all of it back; a future of the pool would take a turn more."""
        done = _work_through(pieces)
        with contextlib.suppress(RuntimeError):  # the loop was closed, so that nobody waits
            loop.call_soon_threadsafe(self._arrive, done)

    def _arrive(self, trip: list[_Done]) -> None:
        self._under_way = False
        if self._waiting:
            self._leave()
        for done in trip:
            if done.future.done():
                continue
            if done.error is None:
                done.future.set_result(done.result)
            else:
                done.future.set_exception(done.error)


def _work_through(pieces: list[_Piece]) -> list[_Done]:
    done = []
    for work, future in pieces:
        if future.cancelled():
            continue
        try:
            done.append(_Done(future, work()))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is for who waits
            done.append(_Done(future, error=error))
    return done
