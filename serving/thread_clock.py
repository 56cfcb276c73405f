"""What Linux tells of a thread: how long it has run, and how long it has waited for a core."""

import contextlib
import os
from pathlib import Path


class ThreadClock:
    """How long a thread has run and has waited for a core (`man 5 proc`, schedstat); zeros where unknown."""

    def __init__(self, native_id: int) -> None:
        self.watchers: set[int] = set()
        self._native_id = native_id
        self._file: int | None = None
        with contextlib.suppress(OSError):
            self._file = os.open(f"/proc/self/task/{native_id}/schedstat", os.O_RDONLY)

    def read(self) -> tuple[float, float]:
        """Seconds on a core and seconds in the run queue, so far."""
        if self._file is None:
            return 0.0, 0.0
        ran, waited, _ = os.pread(self._file, 128, 0).split()
        return int(ran) / 1e9, int(waited) / 1e9

    def waited_by_others(self) -> float:
        """Seconds in the run queue so far of the other threads of this process but for the watching ones."""
        total = 0
        left_out = {str(number) for number in (self._native_id, *self.watchers)}
        for place in Path("/proc/self/task").glob("[0-9]*/schedstat"):
            if place.parent.name not in left_out:
                with contextlib.suppress(OSError):  # a thread that has just ended
                    total += int(place.read_bytes().split()[1])
        return total / 1e9

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
