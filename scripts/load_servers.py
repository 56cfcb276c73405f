"""What a load test runs against: a server of its own, an echo server, the heartbeat of another client."""

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import redis
from api_process import ApiProcess, await_answer
from load_subjects import Subject

from mojoline.settings import Settings
from mojoline.stack.ports import find_free_ports
from mojoline.stack.stack_state import StackState

ROOT = Path(__file__).parents[1]
HEARTBEAT_SECONDS = 0.05


def start_api(
    options: argparse.Namespace, settings: Settings, stack: StackState, subject: Subject, log: BinaryIO
) -> ApiProcess:
    """A server of its own over the stack's Postgres and Redis; what our environment says holds for it too."""
    environment = {
        **os.environ,
        "MOJOLINE_MODELS_DIR": str(subject.models_dir),
        "MOJOLINE_SERVING__OFFLOAD": options.offload,
        "MOJOLINE_CACHE__MODE": options.cache,
        "DATABASE_URL": stack.database_url,
        "REDIS_URL": stack.redis_url,
        "RESERVOIR_REDIS_URL": stack.reservoir_redis_url,
    }
    return ApiProcess(subject.registry.root, settings.home, environment, log)


@contextmanager
def echoing() -> Iterator[int]:
    """The echo server; its port."""
    [port] = find_free_ports(1)
    process = subprocess.Popen([sys.executable, "scripts/load_client.py", "--echo", str(port)], cwd=ROOT)
    try:
        await_answer(f"http://127.0.0.1:{port}/")
        yield port
    finally:
        process.terminate()
        process.wait()


class Heartbeat(threading.Thread):
    """Asks `/v2/health/live` every 50 ms and remembers the longest wait."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10)
        self._stopped = threading.Event()
        self.longest_ms = 0.0

    def run(self) -> None:
        """Ask until stopped."""
        while not self._stopped.wait(HEARTBEAT_SECONDS):
            started = time.perf_counter()
            self._client.get("/v2/health/live").raise_for_status()
            self.longest_ms = max(self.longest_ms, round((time.perf_counter() - started) * 1000, 3))

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        self.join()
        self._client.close()


class RedisCounters:
    """What one Redis counted since this was made, by its own INFO."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)
        self._before = self._read()

    def report(self) -> dict[str, Any]:
        """Commands, the share of them on connections that were there, and connections it refused."""
        connections, commands, rejected = (
            after - before for after, before in zip(self._read(), self._before, strict=True)
        )
        self._client.close()
        reuse = 100 * (1 - connections / commands) if commands else 100.0
        return {
            "redis_commands": commands,
            "redis_reuse_pct": round(reuse, 3),
            "redis_connections_refused": rejected,
        }

    def _read(self) -> tuple[int, int, int]:
        info: Any = self._client.info("stats")
        return (
            info["total_connections_received"],
            info["total_commands_processed"],
            info["rejected_connections"],
        )


def read_metrics(port: int) -> dict[str, Any]:
    """The loop's lag and warnings, and waits for a pool in vain, from the server's own metrics."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    buckets: list[tuple[float, float]] = []
    warnings = 0.0
    vain = {"redis": 0.0, "postgres": 0.0}
    for line in text.splitlines():
        if line.startswith("mojoline_loop_lag_seconds_bucket"):
            bound = line.split('le="')[1].split('"')[0]
            buckets.append((float(bound.replace("+Inf", "inf")), float(line.rsplit(" ", 1)[1])))
        if line.startswith("mojoline_loop_blocked_total") and 'cause="blocked"' in line:
            warnings += float(line.rsplit(" ", 1)[1])
        if line.startswith("mojoline_pool_waits_timed_out_total{"):
            vain[line.split('pool="')[1].split('"')[0]] += float(line.rsplit(" ", 1)[1])
    total = buckets[-1][1] if buckets else 0.0
    p99 = next((bound for bound, count in sorted(buckets) if count >= 0.99 * total), 0.0)
    return {
        "loop_lag_p99_ms": p99 * 1000,
        "loop_warnings": int(warnings),
        **{f"{pool}_pool_waits_timed_out": int(count) for pool, count in vain.items()},
    }
