"""Bottom-k sampling: every row draws a number from its own name, and the k smallest draws are the sample.

The draw depends on nothing but the row's name, so a retry changes nothing and the union of what several
servers kept is again the sample of all their rows.
"""

import hashlib
import heapq
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

_SCALE = 2.0**-53


def draw(salt: str, request_id: str, row: int) -> float:
    """A number in [0, 1), uniform over row names: 53 bits of a hash of salt, request id and row index."""
    digest = hashlib.blake2b(f"{salt}\0{request_id}\0{row}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * _SCALE


class BottomK(Generic[T]):
    """The k members with the smallest draws out of all that were offered; memory is bounded by k."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._heap: list[tuple[float, int, T]] = []  # largest draw first, by its negative
        self._offered = 0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def threshold(self) -> float:
        """A draw must be below this to be kept."""
        return -self._heap[0][0] if len(self._heap) >= self._k else 1.0

    def offer(self, u: float, member: T) -> None:
        """Keep `member` if its draw `u` is among the k smallest."""
        self._offered += 1  # breaks ties, so that members need no order
        entry = (-u, self._offered, member)
        if len(self._heap) < self._k:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def members(self) -> list[tuple[float, T]]:
        """(draw, member) of all that is kept, smallest draw first."""
        return sorted(((-negative, member) for negative, _, member in self._heap), key=lambda pair: pair[0])


def merge_samples(samples: Sequence[Sequence[tuple[float, T]]], k: int) -> list[tuple[float, T]]:
    """A uniform sample of all rows behind several bottom-k samples of disjoint rows (hours, replicas).

    A full sample knows nothing about rows above its largest draw, so only draws that every sample would have
    kept count: those below the smallest of these limits. The result still has about k rows or more.

    Args:
        samples: each a list of (draw, member), at most k long.
        k: the size at which a sample is full.

    Returns:
        (draw, member), smallest draw first.
    """
    limit = min((max(u for u, _ in sample) for sample in samples if len(sample) >= k), default=None)
    merged = [pair for sample in samples for pair in sample if limit is None or pair[0] <= limit]
    return sorted(merged, key=lambda pair: pair[0])
