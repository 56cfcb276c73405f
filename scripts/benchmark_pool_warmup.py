"""What a warm pool of database connections saves the first requests.

`python scripts/benchmark_pool_warmup.py [--requests 100] [--concurrency 10] [--rounds 5] [--database-url URL]
[--output FILE]`

The first requests of a server for entity features are timed with a pool that opens its connections when they
are asked for (cold), with the minimum of connections opened before (connected), and with the query planned on
each of them too (warm). Rounds alternate. Without a URL a Postgres is started for the purpose and ended; with
one, its database gets a table `warmup_entities` meanwhile.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import uvloop
from option_types import count
from orderly_end import end_in_order
from rich.console import Console
from rich.table import Table
from scratch_servers import scratch_postgres

from mojoline.features.hot import HotQuery, fetch_hot, prepare_query
from mojoline.model_spec import ModelSpec
from mojoline.settings import FeatureSettings
from serving.entity_pool import EntityPool, PoolSize
from serving.offload import percentile

ENTITIES = 20_000
FEATURES = [f"f{number}" for number in range(20)]
POOLS = {"cold": PoolSize(0, 50), "connected": PoolSize(10, 50), "warm": PoolSize(10, 50)}
PATIENT = FeatureSettings(
    timeout_ms=10_000, acquire_ms=10_000
)  # nothing is refused: the wait is what is measured


async def make_table(url: str) -> HotQuery:
    """A table of entities; the query of a model over all of its features."""
    spec = ModelSpec.model_validate(
        {
            "name": "warmup",
            "source": {
                "table": "warmup_entities",
                "entity_key": "id",
                "event_time": "at",
                "available_at": "at",
            },
            "target": {"column": "y", "task": "regression"},
            "features": {"hot": FEATURES},
        }
    )
    connection = await asyncpg.connect(url)
    columns = ", ".join(f"random() AS {name}" for name in FEATURES)
    await connection.execute(
        "DROP TABLE IF EXISTS warmup_entities;"  # noqa: S608 - names of our own
        f"CREATE TABLE warmup_entities AS SELECT i AS id, now() AS at, 0 AS y, {columns}"
        f" FROM generate_series(1, {ENTITIES}) i; ALTER TABLE warmup_entities ADD PRIMARY KEY (id)"
    )
    query = await prepare_query(connection, spec, dict.fromkeys(FEATURES, "numeric"))
    await connection.close()
    return query


async def first_requests(url: str, query: HotQuery, kind: str, options: argparse.Namespace) -> list[float]:
    """Seconds of each of the first requests, in the order they were sent."""
    pool = EntityPool(url, POOLS[kind], PATIENT)
    pool.start()
    while pool.last_error is not None:
        await asyncio.sleep(0.01)
    if kind == "warm":
        await pool.use_each(lambda connection: fetch_hot(connection, query, []))
    seconds = [0.0] * options.requests
    numbers = iter(range(options.requests))

    async def call() -> None:
        for number in numbers:
            started = time.perf_counter()
            key = str(1 + number)
            await pool.use(lambda connection, key=key: fetch_hot(connection, query, [key]))
            seconds[number] = time.perf_counter() - started

    await asyncio.gather(*(call() for _ in range(options.concurrency)))
    await pool.close()
    return seconds


async def measure(url: str, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Rounds in turn, so that both meet the same machine; the figures of all rounds together."""
    query = await make_table(url)
    taken: dict[str, list[list[float]]] = {kind: [] for kind in POOLS}
    for _ in range(options.rounds):
        for kind, rounds in taken.items():
            rounds.append(await first_requests(url, query, kind, options))
    connection = await asyncpg.connect(url)
    await connection.execute("DROP TABLE warmup_entities")
    await connection.close()
    return {name: summary(rounds) for name, rounds in taken.items()}


def summary(rounds: list[list[float]]) -> dict[str, float]:
    """Milliseconds over all rounds; `first` is the very first request of each."""
    together = [seconds for one in rounds for seconds in one]
    firsts = [one[0] for one in rounds]
    values = {
        "first_p50": percentile(firsts, 0.5),
        "first_max": max(firsts),
        "p50": percentile(together, 0.5),
        "p99": percentile(together, 0.99),
        "max": max(together),
    }
    return {name: round(1000 * value, 2) for name, value in values.items()}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=count, default=100)
    parser.add_argument("--concurrency", type=count, default=10)
    parser.add_argument("--rounds", type=count, default=5)
    parser.add_argument("--database-url", metavar="URL")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON")
    options = parser.parse_args()
    end_in_order()
    load = os.getloadavg()[0]
    try:
        with scratch_postgres(options.database_url) as url:
            figures = uvloop.run(measure(url, options))
    except (asyncpg.PostgresError, OSError, ValueError) as error:
        sys.exit(f"the database cannot be used: {error}")
    table = Table("pool", *(f"{name} ms" for name in figures["warm"]))
    for name, values in figures.items():
        table.add_row(name, *(f"{value:,}" for value in values.values()))
    print(f"the first {options.requests} requests, {options.rounds} rounds, load {load:.1f}")
    Console().print(table)
    if options.output:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        report = {"at": at, "load": load, "rounds": options.rounds, "requests": options.requests, **figures}
        options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
