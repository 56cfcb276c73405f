"""How often a caller may ask a server, whichever of its workers it comes to."""

import mmap
import os
from pathlib import Path

FILE = "rates"
_WIDTH = 8


class RateLimit:
    """So many requests a second for each caller, at most one second's worth at once.

    It keeps one number for each: the time up to which its requests use the rate up, which may be ahead of the
    clock by less than a second (the generic cell rate algorithm). The workers of a server map these numbers
    into their memory from one file. Nobody locks them: to read and to write one takes less than a
    microsecond, and of two workers that do so within it one request is not counted.
    """

    def __init__(self, callers: int, rate: float, directory: Path | None = None) -> None:
        """Everybody may begin.

        Args:
            callers: how many there are; they are numbered from 0.
            rate: requests a second.
            directory: shared by the workers of a server; None where there is one.
        """
        self._step = 1 / rate
        self._ahead = max(0.0, 1 - self._step)
        size = _WIDTH * max(1, callers)
        numbers = _map_shared(directory / FILE, size) if directory else bytearray(size)
        self._used = memoryview(numbers).cast("d")

    def take(self, caller: int, now: float) -> float:
        """Take a request at `now` (of `time.monotonic`, one clock for all processes).

        Returns:
            0.0, or the seconds until there may be one.
        """
        used = max(self._used[caller], now)
        if (wait := used - now - self._ahead) > 0:
            return wait
        self._used[caller] = used + self._step
        return 0.0


def _map_shared(path: Path, size: int) -> mmap.mmap:
    """So many bytes that are 0 at first, and the same for all who name this file."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if os.fstat(descriptor).st_size < size:
            os.ftruncate(descriptor, size)  # never shorter: who has mapped it would fall off its end
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)
