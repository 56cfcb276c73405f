"""Coroutines that begin without a task: most predictions end before they wait for anything.

A task costs a turn of the event loop and several objects. `start` runs a coroutine until it first waits; only
then `finish` makes the rest of it something a task can run. (Python 3.12 has eager tasks for that.)
"""

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Ended(NamedTuple, Generic[T]):
    """A coroutine that did not wait for anything, and what it returned."""

    result: T


class Waiting(NamedTuple):
    """What a coroutine waits for that has begun."""

    future: Any


def start(work: Coroutine[Any, Any, T]) -> Ended[T] | Waiting:
    """Run `work` until it ends or waits. Call it on the loop's thread; raises what `work` raises."""
    try:
        return Waiting(work.send(None))
    except StopIteration as ended:
        return Ended(ended.value)


@coroutine
def finish(work: Coroutine[Any, Any, T], begun: Waiting) -> Generator[Any, Any, T]:
    """The rest of `work`, for a task."""
    future = begun.future
    given_way = future is None  # the others had their turn before this task
    while True:
        try:
            got = None if given_way else (yield future)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is for `work`
            thrown: BaseException | None = error
        else:
            thrown = None
        given_way = False
        try:
            future = work.send(got) if thrown is None else work.throw(thrown)
        except StopIteration as ended:
            result: T = ended.value
            return result


async def in_task() -> None:
    """From here on this coroutine runs in a task, which timeouts and clients of databases ask for."""
    if asyncio.current_task() is None:
        await asyncio.sleep(0)
