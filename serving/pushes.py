"""Pushes: somebody moved the aliases of a model, and every worker of every replica hears of it at once.

Workers of one server hear by SIGHUP, which the process above them passes on (anybody may send it to have the
aliases read again); replicas hear by Redis, where there is one for the cache. A push that is lost costs
nothing but time: everybody polls as well, and following twice is following once.
"""

import os
import signal
from typing import TYPE_CHECKING

from serving.worker_states import shared_directory

if TYPE_CHECKING:
    from serving.redis_channel import RedisChannel


class Pushes:
    """Tells others of moved aliases; `start` it on the event loop, `close` it at the end."""

    def __init__(self, channel: "RedisChannel | None") -> None:
        self._channel = channel
        self._parent = os.getppid() if shared_directory() is not None else None

    def start(self) -> None:
        """Begin to listen to the replicas."""
        if self._channel is not None:
            self._channel.start()

    async def close(self) -> None:
        """Listen no longer."""
        if self._channel is not None:
            await self._channel.close()

    def tell(self, model: str, generation: int | None) -> None:
        """Tell the other workers and the replicas; returns at once."""
        if self._parent is not None and self._parent == os.getppid():  # else it has died: nobody passes it on
            os.kill(self._parent, signal.SIGHUP)
        if self._channel is not None:
            self._channel.tell(model, generation)
