"""Waiting for what comes about by itself."""

import asyncio
import time
from collections.abc import Callable


async def until(met: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until `met()` is true."""
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.02)
