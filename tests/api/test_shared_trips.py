"""Short work that goes to a thread together: what shares a trip, and that nobody pays for another one."""

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from serving.shared_trips import LINGER_SECONDS, SharedTrips


class CountedPool(ThreadPoolExecutor):
    """One that counts what it is given."""

    given = 0

    def submit(self, *arguments, **named) -> Future:
        self.given += 1
        return super().submit(*arguments, **named)


@pytest.fixture
def pool():
    with CountedPool(2) as made:
        yield made


async def hold_up(trips: SharedTrips) -> tuple[threading.Event, asyncio.Task[bool]]:
    """A first trip that lasts until the event is set."""
    gate = threading.Event()
    first = asyncio.create_task(trips.run(lambda: gate.wait(30)))
    await asyncio.sleep(0)
    return gate, first


def test_what_comes_during_a_trip_shares_it(pool):
    async def main() -> list[int]:
        trips = SharedTrips(pool)
        gate, first = await hold_up(trips)
        others = [asyncio.create_task(trips.run(lambda n=n: n)) for n in range(100)]
        await asyncio.sleep(0)
        gate.set()
        assert await first
        return await asyncio.gather(*others)

    assert asyncio.run(main()) == list(range(100))
    assert pool.given == 1


def test_a_thread_goes_when_nothing_comes_and_another_trip_begins(pool):
    """Also where a piece comes in the moment in which the thread goes: nothing is left behind."""

    async def main() -> None:
        trips = SharedTrips(pool)
        for n in range(200):
            assert await trips.run(lambda n=n: n) == n
            await asyncio.sleep(LINGER_SECONDS * (0.9 + n / 1000))

    asyncio.run(main())
    assert 1 < pool.given <= 200


def test_an_error_is_for_its_own_caller(pool):
    def fail() -> None:
        raise ValueError("of one")

    async def main() -> list[object]:
        trips = SharedTrips(pool)
        gate, first = await hold_up(trips)
        works = [lambda: "before", fail, lambda: "after"]
        others = [asyncio.create_task(trips.run(work)) for work in works]
        await asyncio.sleep(0)
        gate.set()
        await first
        return await asyncio.gather(*others, return_exceptions=True)

    before, error, after = asyncio.run(main())
    assert (before, repr(error), after) == ("before", "ValueError('of one')", "after")


def test_what_is_cancelled_before_its_trip_is_not_done(pool):
    done = []

    async def main() -> None:
        trips = SharedTrips(pool)
        gate, first = await hold_up(trips)
        given_up = asyncio.create_task(trips.run(lambda: done.append("given up")))
        kept = asyncio.create_task(trips.run(lambda: done.append("kept")))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
        gate.set()
        await first
        await kept

    asyncio.run(main())
    assert done == ["kept"]
