"""Connections to the cache's Redis: bounded, watched by a ping, never waited for longer than agreed."""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from mojoline.settings import Settings
from serving.breaker import PROBE_SECONDS, Breaker
from serving.errors import RedisUnavailableError
from serving.metrics import POOL_CONNECTIONS, POOL_TIMED_OUT

T = TypeVar("T")

IDLE_CHECK_SECONDS = 15  # a connection that was idle longer is pinged before it is used
CLOSE_SECONDS = 1.0
NO_CONNECTION = "No connection available"  # what redis-py says when the wait for one ends


class RedisPool:
    """At most `max_connections` to one Redis. `start` it on the loop, `close` it at the end."""

    def __init__(self, url: str, *, timeout: float, max_connections: int) -> None:
        self._timeout = timeout
        self._pool = BlockingConnectionPool.from_url(
            url,
            timeout=timeout / 2,  # the wait for a free connection
            max_connections=max_connections,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            health_check_interval=IDLE_CHECK_SECONDS,
            retry=Retry(NoBackoff(), 0),  # a request has no time for a second try
        )
        self.redis = Redis(connection_pool=self._pool)
        self.breaker = Breaker("redis")
        self.last_error: str | None = None
        self._task: asyncio.Task[None] | None = None
        POOL_CONNECTIONS.labels("redis", "max").set(max_connections)

    def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.get_running_loop().create_task(self._watch(), name="redis-pool")

    async def close(self) -> None:
        """Stop watching and disconnect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await asyncio.wait_for(self._pool.aclose(), CLOSE_SECONDS)

    async def ask(self, command: Awaitable[T]) -> T:
        """The answer to `command`, within the timeout as a whole: waiting, connecting and reading.

        Raises:
            RedisUnavailableError: no answer in time, no connection, or an error of the server.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return await command
        except (RedisError, OSError, TimeoutError) as error:
            self.last_error = str(error) or type(error).__name__
            if NO_CONNECTION in self.last_error:
                POOL_TIMED_OUT.labels("redis").inc()
            self.breaker.fail(self.last_error)
            raise RedisUnavailableError(self.last_error) from error

    async def _watch(self) -> None:
        """Ping each second: closes the breaker when Redis is back, and opens it when it is gone unnoticed."""
        while True:
            try:
                async with asyncio.timeout(self._timeout):
                    await self.redis.ping()
            except (RedisError, OSError, TimeoutError) as error:
                self.last_error = str(error) or type(error).__name__
                self.breaker.fail(self.last_error)
            else:
                self.breaker.close()
                self.last_error = None
            self._count()
            await asyncio.sleep(PROBE_SECONDS)

    def _count(self) -> None:
        in_use = len(self._pool._in_use_connections)
        idle = len(self._pool._available_connections)
        POOL_CONNECTIONS.labels("redis", "in_use").set(in_use)
        POOL_CONNECTIONS.labels("redis", "open").set(in_use + idle)


def open_redis_pool(settings: Settings) -> RedisPool | None:
    """The pool of the settings' cache; None if they name no Redis or switch the cache off."""
    if settings.redis_url is None or settings.cache.mode == "off":
        return None
    return RedisPool(
        settings.redis_url.get_secret_value(),
        timeout=settings.cache.timeout_ms / 1000,
        max_connections=settings.cache.max_connections,
    )
