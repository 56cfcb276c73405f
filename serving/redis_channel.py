"""The channel in Redis by which replicas tell each other of moved aliases: `{"model", "generation"}`."""

import asyncio
import contextlib
import logging

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from serving.model_catalog import ModelCatalog

CHANNEL = "mojoline:aliases"
RETRY_SECONDS = 1.0
TIMEOUT_SECONDS = 0.25

_log = logging.getLogger("mojoline.serving")


class RedisChannel:
    """Hears and tells; Redis being away is not noticed by anybody but those who wait for the next poll."""

    def __init__(self, catalog: ModelCatalog, url: str) -> None:
        self._catalog = catalog
        self._url = url
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to listen."""
        self._keep(asyncio.get_running_loop().create_task(self._listen(), name="redis-channel"))

    async def close(self) -> None:
        """Listen no longer."""
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def tell(self, model: str, generation: int | None) -> None:
        """Tell all who listen, in the background."""
        news = orjson.dumps({"model": model, "generation": generation})
        self._keep(asyncio.get_running_loop().create_task(self._publish(news)))

    async def _publish(self, news: bytes) -> None:
        try:
            async with asyncio.timeout(2 * TIMEOUT_SECONDS), self._open() as redis:
                await redis.publish(CHANNEL, news)
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("replicas were not told, they will poll: %s", error or type(error).__name__)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._open() as redis, redis.pubsub(ignore_subscribe_messages=True) as channel:
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

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _open(self) -> Redis:
        return Redis.from_url(self._url, socket_connect_timeout=TIMEOUT_SECONDS, health_check_interval=15)
