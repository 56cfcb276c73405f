"""How many threads inference needs: pool size x time of an inference -> throughput and p99.

`python scripts/benchmark_thread_pool.py [--seconds 1.5] [--concurrency 64] [--output FILE]`

The work of an inference is what a scorer does: it holds a core and not the interpreter lock (sha256 over
memory). Next to each figure stands how late the loop was meanwhile: the reason not to run long work on it.
"""

import argparse
import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import uvloop
from option_types import amount, count
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also where nothing is installed

from serving.loop_lag import LoopLagMonitor
from serving.offload import Offload, default_threads, percentile

LATENCIES_MS = (0.05, 1.0, 5.0, 20.0)
BLOCK = b"x" * 16_384  # long enough for hashlib to let go of the lock


def make_work(milliseconds: float) -> Callable[[], None]:
    """Work of so much time on one core, measured on this machine."""
    repeats = 2000
    started = time.thread_time()
    for _ in range(repeats):
        hashlib.sha256(BLOCK).digest()
    each = (time.thread_time() - started) / repeats
    block = b"x" * max(2048, round(len(BLOCK) * milliseconds / 1000 / each))

    def work() -> None:
        hashlib.sha256(block).digest()

    return work


async def measure(size: int, work: Callable[[], None], seconds: float, concurrency: int) -> dict[str, float]:
    """Keep `concurrency` inferences waiting for `size` threads (0: the loop itself)."""
    offload = Offload("always" if size else "never", size or 1)
    lags: list[float] = []
    monitor = LoopLagMonitor(report=lambda _: None, observe=lags.append)
    monitor.start()
    took: list[float] = []
    until = time.perf_counter() + seconds

    async def call() -> None:
        while (started := time.perf_counter()) < until:
            await offload.run("benchmark", work)
            took.append(time.perf_counter() - started)
            await asyncio.sleep(0)

    started = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(concurrency)))
    elapsed = time.perf_counter() - started
    monitor.stop()
    offload.close()
    return {
        "per_second": round(len(took) / elapsed, 1),
        "p50_ms": round(1000 * percentile(took, 0.5), 2),
        "p99_ms": round(1000 * percentile(took, 0.99), 2),
        "loop_lag_p99_ms": round(1000 * percentile(lags, 0.99), 2),
    }


def pool_sizes(cores: int) -> list[int]:
    """The loop alone, one thread, and shares of the cores around the starting point."""
    return sorted({0, 1, cores, default_threads(), 2 * cores, 4 * cores, 8 * cores})


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=amount, default=1.5, help="for each of the measurements")
    parser.add_argument("--concurrency", type=count, default=64)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    report = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": cores,
        "load_before": os.getloadavg()[0],
        "concurrency": options.concurrency,
        "default_threads": default_threads(),
        "results": [],
    }
    table = Table("inference ms", "threads", "per second", "p50 ms", "p99 ms", "loop lag p99 ms")
    for milliseconds in LATENCIES_MS:
        work = make_work(milliseconds)
        for size in pool_sizes(cores):
            figures = uvloop.run(measure(size, work, options.seconds, options.concurrency))
            report["results"].append({"inference_ms": milliseconds, "threads": size, **figures})
            table.add_row(
                str(milliseconds), str(size or "loop"), *(f"{value:,}" for value in figures.values())
            )
        table.add_section()
    report["load_after"] = os.getloadavg()[0]
    print(f"{cores} cores, load {report['load_before']:.1f} before and {report['load_after']:.1f} after")
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
