"""What the prediction cache gives: rows drawn by Zipf's law, looked up in a real Redis.

`python scripts/benchmark_cache.py [--requests 200000] [--rows 100000] [--exponent 1.1] [--concurrency 4]
[--redis-url URL] [--model FILE_OR_DIRECTORY] [--output FILE]`

Without a URL a Redis is started for the purpose and ended; without a model a small one that comes with the
tests is scored. Redis is asked always (`cache = always`), several requests at a time: equal rows that meet in
flight are scored once. Ends with 1 if the hit rate is not above 0.8 or the inferences are not the misses.
"""

import argparse
import asyncio
import json
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

import numpy as np
import uvloop
from option_types import amount, count, existing_path
from orderly_end import end_in_order
from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table
from scratch_servers import draw_rows, load_model, scratch_redis

from serving.batched_measures import flush_measures
from serving.metrics import CACHE_REQUESTS, INFERENCES
from serving.offload import Offload, percentile
from serving.prediction_cache import PredictionCache
from serving.redis_pool import RedisPool

LEAST_HIT_RATE = 0.8


class TimedPool(RedisPool):
    """A pool that remembers how long each answer of Redis took."""

    lookups: list[float]

    async def ask(self, command):  # noqa: ANN001, ANN201 - as the base
        """As the base."""
        started = time.perf_counter()
        try:
            return await super().ask(command)
        finally:
            self.lookups.append(time.perf_counter() - started)


async def measure(options: argparse.Namespace, url: str) -> dict[str, object]:
    """Send the requests; the figures."""
    model = load_model(options.model, version=uuid.uuid4().hex)  # nothing of an earlier run is found
    rows = draw_rows(model.scoring, options.rows)
    weights = 1 / np.arange(1, options.rows + 1) ** options.exponent
    drawn = (
        np.random.default_rng(2).choice(options.rows, options.requests, p=weights / weights.sum()).tolist()
    )
    pool = TimedPool(url, timeout=options.timeout_ms / 1000, max_connections=100)
    pool.lookups = []
    offload = Offload("auto")
    cache = PredictionCache(offload, pool, mode="always", ttl_seconds=600)
    pool.start()
    cache.start()
    states: Counter[str] = Counter()
    unknown = [CACHE_REQUESTS.labels(model.name, state) for state in ("miss", "error", "bypass")]
    counters = [INFERENCES.labels(model.name), *unknown]
    flush_measures()
    before = [counter._value.get() for counter in counters]
    remaining = iter(drawn)

    async def work() -> None:
        for row in remaining:
            _, state = await cache.score(model, [rows[row]], 1)
            states[state] += 1

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(options.concurrency)))
    seconds = time.perf_counter() - started
    info = await pool.redis.info()
    await cache.close()
    await pool.close()
    offload.close()
    flush_measures()
    inferences, *misses = (int(one._value.get() - was) for one, was in zip(counters, before, strict=True))
    return {
        "requests": options.requests,
        "distinct_rows": len(set(drawn)),
        "hit_rate": round(states["hit"] / options.requests, 4),
        "misses": sum(misses),
        "inferences": inferences,
        "single_flight_joined": cache.joined,
        "errors": states["error"] + states["bypass"],
        "lookup_p50_ms": round(1000 * percentile(pool.lookups, 0.5), 3),
        "lookup_p99_ms": round(1000 * percentile(pool.lookups, 0.99), 3),
        "requests_per_second": round(options.requests / seconds),
        "redis_reuse_pct": round(
            100 * (1 - info["total_connections_received"] / info["total_commands_processed"]), 3
        ),
        "concurrency": options.concurrency,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=count, default=200_000)
    parser.add_argument("--rows", type=count, default=100_000, help="distinct rows to draw from")
    parser.add_argument("--exponent", type=amount, default=1.1, help="of Zipf's law")
    parser.add_argument("--concurrency", type=count, default=4)
    parser.add_argument("--timeout-ms", type=amount, default=50)
    parser.add_argument("--redis-url", metavar="URL")
    parser.add_argument(
        "--model", type=existing_path, metavar="PATH", help="a MOJO or the directory of a version"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON")
    options = parser.parse_args()
    end_in_order()
    try:
        with scratch_redis(options.redis_url) as url:
            figures = uvloop.run(measure(options, url))
    except (RedisError, OSError) as error:
        sys.exit(f"Redis does not answer: {error}")
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int) else str(value))
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    holds = figures["hit_rate"] > LEAST_HIT_RATE and figures["inferences"] == figures["misses"]
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
