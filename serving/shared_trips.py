"""Short pieces of work that go to a thread together.

To hand one piece to a thread and its result back costs two fights for the interpreter lock, up to
`sys.getswitchinterval()` each: more than the work. So while a trip is under way what comes waits for the next
one, which takes all of it. The more there is to do, the less a piece costs; a single one goes at once.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

MOST_PIECES = 64  # of one trip: the first of them waits for the last


@dataclass(frozen=True)
class _Done:
    """What a piece of work returned, or raised."""

    future: asyncio.Future[Any]
    result: object = None
    error: BaseException | None = None


class SharedTrips:
    """Trips to one thread at a time of `pool`. Belongs to one event loop."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._waiting: list[tuple[Callable[[], object], asyncio.Future[Any]]] = []
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
        trip = asyncio.get_running_loop().run_in_executor(self._pool, _work_through, pieces)
        self._under_way = True
        trip.add_done_callback(self._arrive)

    def _arrive(self, trip: asyncio.Future[list[_Done]]) -> None:
        self._under_way = False
        if self._waiting:
            self._leave()
        for done in trip.result():
            if done.future.done():
                continue
            if done.error is None:
                done.future.set_result(done.result)
            else:
                done.future.set_exception(done.error)


def _work_through(pieces: list[tuple[Callable[[], object], asyncio.Future[Any]]]) -> list[_Done]:
    done = []
    for work, future in pieces:
        if future.cancelled():
            continue
        try:
            done.append(_Done(future, work()))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is for who waits
            done.append(_Done(future, error=error))
    return done
