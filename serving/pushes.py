"""Pushes: somebody moved the aliases of a model, and every worker of every replica hears of it at once.

Workers of one server hear by SIGHUP, which the process above them passes on (anybody may send it to have the
aliases read again); replicas hear by Redis, where there is one for the cache. A push that is lost costs
nothing but time: everybody polls as well, and following twice is following once.
"""

import asyncio
import contextlib
import logging
import os
import signal

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from serving.model_catalog import ModelCatalog

CHANNEL = "mojoline:aliases"
RETRY_SECONDS = 1.0
TIMEOUT_SECONDS = 0.25

_log = logging.getLogger("mojoline.serving")


class Pushes:
    """Hears and tells of moved aliases; `start` it on the event loop, `close` it at the end."""

    def __init__(self, catalog: ModelCatalog, redis_url: str | None, *, has_siblings: bool = False) -> None:
        self._catalog = catalog
        self._url = redis_url
        self._parent = os.getppid() if has_siblings else None
        self._listening: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to listen."""
        if self._url is not None:
            self._listening = asyncio.get_running_loop().create_task(self._listen(self._url), name="pushes")

    async def close(self) -> None:
        """Listen no longer."""
        for task in (self._listening, *self._telling):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def tell(self, model: str, generation: int | None) -> None:
        """Tell the other workers and the replicas; returns at once."""
        if self._parent is not None and self._parent == os.getppid():  # else it has died: nobody passes it on
            os.kill(self._parent, signal.SIGHUP)
        if self._url is not None:
            task = asyncio.get_running_loop().create_task(self._publish(self._url, model, generation))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _publish(self, url: str, model: str, generation: int | None) -> None:
        news = orjson.dumps({"model": model, "generation": generation})
        try:
            async with asyncio.timeout(2 * TIMEOUT_SECONDS), _open(url) as redis:
                await redis.publish(CHANNEL, news)
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("replicas were not told of %s, they will poll: %s", model, error)

    async def _listen(self, url: str) -> None:
        while True:
            try:
                async with _open(url) as redis, redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    self._catalog.follow_now()  # what was said while nobody listened
                    while True:
                        message = await channel.get_message(timeout=None)
                        if message is not None:
                            self._hear(message["data"])
            except (RedisError, OSError, TimeoutError) as error:
                _log.debug("no pushes by Redis: %s", error)
            await asyncio.sleep(RETRY_SECONDS)

    def _hear(self, news: bytes) -> None:
        try:
            content = orjson.loads(news)
            model, generation = content["model"], content["generation"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            _log.warning("%s holds a message that is no push: %r", CHANNEL, news[:100])
            return
        self._catalog.follow_now(model, generation if isinstance(generation, int) else None)


def _open(url: str) -> Redis:
    return Redis.from_url(url, socket_connect_timeout=TIMEOUT_SECONDS, health_check_interval=15)
