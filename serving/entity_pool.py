"""Connections to the feature database: bounded, warm from the start, and given up on at once when it dies.

A watcher makes the pool when the database is there, keeps the agreed number of connections open, and probes
each second: requests fail fast while it is away and never have to find out that it is back.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import asyncpg

from mojoline.settings import FeatureSettings, Settings
from serving.breaker import PROBE_SECONDS, Breaker
from serving.early_start import Ended, Waiting, finish, start
from serving.errors import EntityStoreError
from serving.metrics import POOL_CONNECTIONS, POOL_TIMED_OUT
from serving.postgres_session import AWAY, CONNECT_SECONDS, LOST, session_options

T = TypeVar("T")

QUERIES_PER_CONNECTION = 10**9  # a connection that is replaced makes a request wait for the new one

logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)  # its watcher repeats in tracebacks what ours says


@dataclass(frozen=True)
class PoolSize:
    """Connections of one process."""

    smallest: int
    largest: int

    @classmethod
    def of_worker(cls, settings: FeatureSettings, workers: int) -> "PoolSize":
        """A worker's share of what the server may have; at least one connection."""
        largest = max(1, settings.max_connections // workers)
        return cls(min(max(1, settings.min_connections // workers), largest), largest)


class EntityPool:
    """Connections of one process to one database. `start` it on the loop, `close` it at the end."""

    def __init__(self, url: str, size: PoolSize, settings: FeatureSettings) -> None:
        self._url = url
        self._size = size
        self._timeout = settings.timeout_ms / 1000
        self._acquire = settings.acquire_ms / 1000
        self._pgbouncer = settings.pgbouncer
        self._pool: asyncpg.Pool | None = None
        self._task: asyncio.Task[None] | None = None
        self.breaker = Breaker("postgres")
        self.last_error: str | None = "not connected yet"
        POOL_CONNECTIONS.labels("postgres", "max").set(size.largest)

    def start(self) -> None:
        """Begin to connect and to watch."""
        self._task = asyncio.get_running_loop().create_task(self._watch(), name="entity-pool")

    async def close(self) -> None:
        """Stop watching and disconnect, without waiting for what hangs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CONNECT_SECONDS)
        if self._pool is not None:
            self._pool.terminate()

    async def use(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """The result of `work` on a connection of the pool.

        Raises:
            EntityStoreError: the database is away or too slow, or no connection became free in time.
            asyncpg.PostgresError: the query is at fault.
        """
        pool = self._pool
        if pool is None or self.breaker.is_open:
            raise EntityStoreError(f"the feature database is away: {self.last_error}")
        try:
            connection = await self._take(pool)
        except LOST as error:
            if isinstance(error, TimeoutError) and self._is_exhausted(pool):
                POOL_TIMED_OUT.labels("postgres").inc()
                raise EntityStoreError(
                    f"all {self._size.largest} connections to the feature database are in use"
                ) from error
            raise self._failed(error) from error
        try:
            async with asyncio.timeout(self._timeout):
                return await work(connection)
        except asyncpg.DataError:  # of the query; the connection is as good as before
            raise
        except LOST as error:
            _drop(connection)
            raise self._failed(error) from error
        except asyncio.CancelledError:
            _drop(connection)
            raise
        finally:
            _give_back(pool, connection)

    async def _take(self, pool: asyncpg.Pool) -> asyncpg.Connection:
        """An idle connection at once, or one that becomes idle in time; the pool's own timeout is a task."""
        taking = _acquire(pool)
        begun = start(taking)
        if isinstance(begun, Ended):
            return begun.result
        async with asyncio.timeout(self._acquire):
            return await finish(taking, begun)

    async def use_each(self, work: Callable[[asyncpg.Connection], Awaitable[object]]) -> None:
        """`work` once on every connection that is open and idle, one after the other; raises as `use` does.

        They are all taken first, since the pool would give the same one again, and go back one by one.
        """
        pool = self._pool
        if pool is None or self.breaker.is_open:
            raise EntityStoreError(f"the feature database is away: {self.last_error}")
        held: list[asyncpg.Connection] = []
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                while pool.get_idle_size() > 0:
                    held.append(await pool.acquire())
                while held:
                    await work(held[-1])
                    await pool.release(held.pop())
        except LOST as error:
            for connection in held:
                _drop(connection)
            raise self._failed(error) from error
        finally:
            for connection in held:
                await pool.release(connection)

    def _is_exhausted(self, pool: asyncpg.Pool) -> bool:
        return bool(pool.get_size() >= self._size.largest and pool.get_idle_size() == 0)

    def _failed(self, error: BaseException) -> EntityStoreError:
        self.last_error = str(error) or type(error).__name__
        self.breaker.fail(self.last_error)
        return EntityStoreError(f"the feature database does not answer: {self.last_error}")

    async def _watch(self) -> None:
        while True:
            if self._pool is not None and self._is_exhausted(self._pool):
                self._count()
                await asyncio.sleep(PROBE_SECONDS)
                continue  # the requests themselves find out; there is no connection to find out with
            try:
                if self._pool is None:
                    self._pool = await self._connect()
                else:
                    await self._probe(self._pool)
            except AWAY as error:
                self.last_error = str(error) or type(error).__name__
                self.breaker.open(self.last_error)
            else:
                self.last_error = None
                self.breaker.close()
            self._count()
            await asyncio.sleep(PROBE_SECONDS)

    async def _connect(self) -> asyncpg.Pool:
        return await asyncpg.create_pool(
            self._url,
            min_size=self._size.smallest,  # all of them are connected here
            max_size=self._size.largest,
            max_queries=QUERIES_PER_CONNECTION,
            max_inactive_connection_lifetime=0,  # idle ones stay: they are what the warm pool is for
            reset=_leave_as_it_is,
            timeout=CONNECT_SECONDS,
            **session_options(pgbouncer=self._pgbouncer, timeout=self._timeout),
        )

    async def _probe(self, pool: asyncpg.Pool) -> None:
        """One query within the time a request has, then as many connections as there are to be.

        asyncpg fills its pool up too, but pauses up to a minute after failures.
        """
        connection = await pool.acquire(timeout=CONNECT_SECONDS)
        try:
            async with asyncio.timeout(self._timeout):
                await connection.fetchval("SELECT 1")
        except BaseException:
            _drop(connection)
            raise
        finally:
            await pool.release(connection)
        held = []
        try:
            while pool.get_size() < self._size.smallest:
                held.append(await pool.acquire(timeout=CONNECT_SECONDS))
        finally:
            for one in held:
                await pool.release(one)

    def _count(self) -> None:
        opened = self._pool.get_size() if self._pool else 0
        idle = self._pool.get_idle_size() if self._pool else 0
        POOL_CONNECTIONS.labels("postgres", "open").set(opened)
        POOL_CONNECTIONS.labels("postgres", "in_use").set(opened - idle)


def open_entity_pool(settings: Settings) -> EntityPool | None:
    """The pool of this process; None if the settings name no database."""
    if settings.database_url is None:
        return None
    size = PoolSize.of_worker(settings.features, settings.serving.workers)
    return EntityPool(settings.database_url.get_secret_value(), size, settings.features)


async def _acquire(pool: asyncpg.Pool) -> asyncpg.Connection:
    return await pool.acquire()


def _give_back(pool: asyncpg.Pool, connection: asyncpg.Connection) -> None:
    """The pool does it in a task of its own, for which the answer need not wait."""
    begun = start(pool.release(connection))
    if isinstance(begun, Waiting):
        begun.future.add_done_callback(_pass_over)


def _pass_over(released: "asyncio.Future[None]") -> None:
    """Of a connection that could not go back, the pool has made a place for a new one."""
    if not released.cancelled():
        released.exception()


def _drop(connection: asyncpg.Connection) -> None:
    """Close without a word: to cancel the query would be to wait for a server that does not answer."""
    with contextlib.suppress(asyncpg.InterfaceError):  # the pool has found out by itself
        connection.terminate()


async def _leave_as_it_is(_: asyncpg.Connection) -> None:
    """No session state is ever set here, so nothing is reset: that saves a round trip for each request."""
