"""What a lookup and a scoring take, measured, to know which of them to prefer."""

from collections import OrderedDict, deque
from statistics import median

SAMPLES = 63
FIRST_LOOKUPS = 16  # to begin with: they give both times, since nothing is in the cache yet
EXPLORE_EVERY = 256  # how often the cache is asked although scoring is cheaper: it may have become slow
KNOWN_SIZES = 512


class CacheCosts:
    """Durations by model and by the size of a request; a request of twice the rows is another size."""

    def __init__(self) -> None:
        self._sizes: OrderedDict[tuple[str, int], _Size] = OrderedDict()

    def prefer_lookup(self, model: str, rows: int) -> bool:
        """Whether a lookup is measured to be cheaper than the scoring it may save, or must be measured."""
        size = self._size(model, rows)
        size.asked += 1
        if size.asked <= FIRST_LOOKUPS or size.asked % EXPLORE_EVERY == 0:
            return True
        return bool(size.lookups and size.scorings) and median(size.lookups) < median(size.scorings)

    def note_lookup(self, model: str, rows: int, seconds: float) -> None:
        """Remember the time of one lookup."""
        self._size(model, rows).lookups.append(seconds)

    def note_scoring(self, model: str, rows: int, seconds: float) -> None:
        """Remember the time of one scoring, waiting for a thread included."""
        self._size(model, rows).scorings.append(seconds)

    def _size(self, model: str, rows: int) -> "_Size":
        key = (model, rows.bit_length())
        size = self._sizes.get(key)
        if size is None:
            size = self._sizes[key] = _Size()
            if len(self._sizes) > KNOWN_SIZES:
                self._sizes.popitem(last=False)
        return size


class _Size:
    def __init__(self) -> None:
        self.asked = 0
        self.lookups: deque[float] = deque(maxlen=SAMPLES)
        self.scorings: deque[float] = deque(maxlen=SAMPLES)
