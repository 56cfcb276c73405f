"""A server that swaps its model a thousand times: how much memory and how many descriptors that leaves.

`python scripts/benchmark_swaps.py [--swaps 1000] [--model-a FILE] [--model-b FILE] [--workers 1]
[--output FILE]`

A server of its own over a registry of its own, with callers on 8 connections all the while. Versions of two
models take turns as champion, each loaded anew; a swap is done when every worker serves the new generation.
Compared are the medians of the first and of the last tenth of the swaps, of all processes of the server
together.

Keys: `swaps`, `seconds`, `swap_ms` (p50, p99, max: from the push to the last worker), `rss_mb_first_tenth`,
`rss_mb_last_tenth`, `rss_growth` (0.01 is 1 %), `descriptors_first_tenth`, `descriptors_last_tenth`,
`requests`, `errors`, `passed` (growth of at most 5 %, no more descriptors, no errors). Exit code 1 if not.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from api_process import ApiProcess
from figures import report
from option_types import count, existing_path
from orderly_end import end_in_order
from scratch_servers import TINY, draw_rows, publish_turns

from mojoline.registry.filesystem_registry import FilesystemRegistry, open_registry
from mojoline.registry.manifest import MOJO
from mojoline.runtime.scoring_model import ScoringModel
from serving.offload import percentile

NAME = "swapped"
CALLERS = 8
MOST_GROWTH = 0.05


class Callers:
    """Threads that predict single rows until they are stopped."""

    def __init__(self, port: int, rows: Sequence[dict[str, float | str]]) -> None:
        self.requests = 0
        self.errors: list[str] = []
        self._url = f"http://127.0.0.1:{port}"
        self._rows = rows
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(n,)) for n in range(CALLERS)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _call(self, offset: int) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, timeout=60) as client:
            number = offset
            while not self._stopped.wait(0.02):  # the swaps are what is measured
                number += CALLERS
                row = self._rows[number % len(self._rows)]
                try:
                    answer = client.post("/predict", json={"rows": [row]})
                except httpx.HTTPError as error:
                    self.errors.append(repr(error))
                    continue
                self.requests += 1
                if answer.status_code != 200:
                    self.errors.append(answer.text)


def swap(registry: FilesystemRegistry, api: ApiProcess, version: str, workers: int) -> float:
    """Make `version` the champion; the seconds until every worker serves it."""
    before = registry.aliases(NAME).generation
    moved = registry.move_champion(
        NAME, version, expected_generation=before, by="benchmark", reason="a swap of many"
    )
    started = time.perf_counter()  # the alias is on the disk by now, however long that took
    api.sync(NAME, moved.generation, workers=workers, step=0.002)
    return time.perf_counter() - started


def run(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="mojoline-swaps-") as directory:
        place = Path(directory)
        registry = open_registry(f"file://{place}/registry")
        versions = publish_turns(registry, NAME, (options.model_a, options.model_b), place)
        first = registry.directory(NAME, versions[0]) / MOJO
        rows = draw_rows(ScoringModel.load(first, {}), 1000)
        registry.move_champion(NAME, versions[0], expected_generation=0, by="benchmark", reason="the first")
        settings = {
            "MOJOLINE_SERVING__WORKERS": str(options.workers),
            "MOJOLINE_SERVING__GRPC": "false",
            "MOJOLINE_SERVING__POLL_SECONDS": "3600",  # a swap is what it is told of
        }
        with ApiProcess(registry.root, place / "home", settings) as api:
            api.await_generation(NAME, 1, workers=options.workers)
            seconds: list[float] = []
            sizes: list[tuple[float, int]] = []
            started = time.perf_counter()
            with Callers(api.port, rows) as callers:
                for number in range(options.swaps):
                    seconds.append(
                        swap(registry, api, versions[(number + 1) % len(versions)], options.workers)
                    )
                    sizes.append(api.measure())
            return summarize(options, seconds, sizes, callers, time.perf_counter() - started)


def summarize(
    options: argparse.Namespace,
    seconds: list[float],
    sizes: list[tuple[float, int]],
    callers: Callers,
    spent: float,
) -> dict[str, Any]:
    tenth = max(1, len(sizes) // 10)
    rss = [statistics.median(size for size, _ in part) for part in (sizes[:tenth], sizes[-tenth:])]
    opened = [statistics.median(count for _, count in part) for part in (sizes[:tenth], sizes[-tenth:])]
    growth = rss[1] / rss[0] - 1
    return {
        "swaps": options.swaps,
        "workers": options.workers,
        "models": [str(options.model_a), str(options.model_b)],
        "seconds": round(spent, 1),
        "swap_ms": {
            "p50": round(1000 * percentile(seconds, 0.5), 1),
            "p99": round(1000 * percentile(seconds, 0.99), 1),
            "max": round(1000 * max(seconds), 1),
        },
        "rss_mb_first_tenth": round(rss[0], 1),
        "rss_mb_last_tenth": round(rss[1], 1),
        "rss_growth": round(growth, 4),
        "descriptors_first_tenth": opened[0],
        "descriptors_last_tenth": opened[1],
        "requests": callers.requests,
        "errors": len(callers.errors),
        "first_errors": callers.errors[:3],
        "passed": growth <= MOST_GROWTH and opened[1] <= opened[0] and not callers.errors,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--swaps", type=count, default=1000)
    parser.add_argument("--model-a", type=existing_path, default=TINY / "first")
    parser.add_argument("--model-b", type=existing_path, default=TINY / "second")
    parser.add_argument("--workers", type=count, default=1)
    parser.add_argument("--output", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    end_in_order()
    found = run(options)
    report(found, options.output)
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
