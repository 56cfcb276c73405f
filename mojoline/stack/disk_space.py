"""Is there room for the stack's data: a database that meets a full disk stops in the middle of things."""

import shutil
from pathlib import Path

from mojoline.stack.errors import StackError

NEEDED = 1 << 30  # bytes


def require_space(free: int, needed: int, place: Path) -> None:
    """StackError when fewer than `needed` of the disk's bytes are `free`."""
    if free < needed:
        raise StackError(
            f"{free >> 20} MiB are free at {place}, {needed >> 20} MiB are needed: free some, "
            "or set MOJOLINE_HOME to another disk"
        )


def measure_space(place: Path) -> int:
    """Free bytes on the disk of `place` or of its nearest directory that exists."""
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free
