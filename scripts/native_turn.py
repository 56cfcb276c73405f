"""One turn of benchmark_scorer.py in a process of its own: `native_turn.py MOJO ROWS SECONDS` prints JSON.

With 0 seconds it loads, scores the rows once as dicts and prints the scores: a cold start.
"""

import csv
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import mojo_scorer
import numpy as np
from numpy.typing import NDArray

MISSING = {"", "NA"}
STRIDE = 100  # rows of one call that are still scored one after the other


def best_us(
    call: Callable[..., object], parts: Iterable[tuple[Any, ...]], seconds: float, rows: int
) -> float:
    """Microseconds a row of calling with each part in turn; no answer is kept, as in Java's turn."""
    # The processor time of this thread, as for Java: other programs on the machine disturb it least.
    best, end = float("inf"), time.thread_time() + seconds
    while (start := time.thread_time()) < end:
        for part in parts:
            call(*part)
        best = min(best, time.thread_time() - start)
    return best / rows * 1e6


def read_records(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {name: cell for name, cell in row.items() if cell not in MISSING} for row in csv.DictReader(file)
        ]


def read_offsets(model: mojo_scorer.Model, records: list[dict[str, str]]) -> NDArray[np.float64] | None:
    """The offset of each record: float64[n], NaN where it has none; None where the model takes none."""
    name = model.offset_column
    return (
        None if name is None else np.array([record.get(name, "nan") for record in records], dtype=np.float64)
    )


def resident_peak_mb() -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    mojo, path, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    start = time.perf_counter()
    model = mojo_scorer.load(mojo)
    load_ms = (time.perf_counter() - start) * 1e3
    records = read_records(path)
    matrix, offsets = model.matrix(records), read_offsets(model, records)
    if seconds == 0:
        print(json.dumps({"scores": model.score(matrix, offsets).tolist()}))
        return
    count = len(records)

    def part(start: int, length: int) -> tuple[Any, ...]:
        end = start + length
        return (matrix[start:end],) if offsets is None else (matrix[start:end], offsets[start:end])

    singles = [part(i, 1) for i in range(count)]
    strides = [part(i, STRIDE) for i in range(0, count, STRIDE)]
    thousand = part(0, 1000)
    alone = [([record],) for record in records]
    report = {
        "load_ms": load_ms,
        "native": best_us(model.score, strides, seconds, count),
        "batch": best_us(model.score, [part(0, count)], seconds, count),
        "batch_1000": best_us(model.score, [thousand], seconds, len(thousand[0])),
        "rss_mb": resident_peak_mb(),
        "native_array": best_us(model.score, singles, seconds, count),
        "native_dict": best_us(model.predict, alone, seconds, count),
        "native_records": best_us(model.score_records, alone, seconds, count),
        "nbytes": model.nbytes,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
