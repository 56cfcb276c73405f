"""What a load test proves: every answer is looked at, and the figures are held against their limits."""

import argparse
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from load_subjects import Subject
from rich.console import Console

HEARTBEAT_LIMIT_MS = 100.0
P99_LIMIT_MS = 50.0
REUSE_LIMIT_PCT = 95.0
REDIS_SHARE = 0.01  # commands for each request, above which the cache counts as used
FEWEST_COMMANDS = 300  # with fewer, the connections of this program and of the server's start are too many
GRACE = 1.0  # seconds after the new generation was reported

Answers = list[tuple[int, float, int, bytes]]
"""Number of the request, seconds from its due time to its answer, status, body."""


@dataclass
class Champions:
    """Which version was champion when: each change is asked for, then reported by the server."""

    first: str
    asked: list[float] = field(default_factory=list)
    reported: list[float] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)

    def stale(self, version: str, due: float) -> bool:
        """Whether an answer of `version` to a request due then is an old one."""
        current = sum(moment + GRACE < due for moment in self.reported)
        allowed = {self.versions[current - 1] if current else self.first}
        allowed |= {v for v, moment in zip(self.versions[current:], self.asked[current:], strict=False)}
        return version not in allowed


def judge(
    options: argparse.Namespace,
    answers: Answers,
    champions: Champions,
    expected: dict[str, np.ndarray],
    origin: float,
    subject: Subject,
) -> dict[str, Any]:
    """Look at every answer."""
    errors = stale = mixed = 0
    told: set[str] = set()
    numbers = len(next(iter(expected.values())))
    for number, _, status, body in answers:
        if status != 200:
            errors += 1
            told.add(f"{status} {body[:200].decode(errors='replace')}")
            continue
        content = orjson.loads(body)
        version = content["model_version"]
        stale += champions.stale(version, origin + number / options.rate)
        got = content["predictions"][0]["probabilities"][subject.spec.target.positive]
        mixed += version not in expected or bool(got != expected[version][number % numbers])
    latencies = np.array([seconds for _, seconds, _, _ in answers]) * 1000
    p50, p99, p999 = np.percentile(latencies, [50, 99, 99.9])
    return {
        "sent": len(answers),
        "ok": len(answers) - errors,
        "errors": errors,
        "p50_ms": round(float(p50), 3),
        "p99_ms": round(float(p99), 3),
        "p999_ms": round(float(p999), 3),
        "worst_second_p99_ms": worst_second(answers, options.rate),
        "stale": stale,
        "mixed_versions": mixed,
        "error_texts": sorted(told)[:3],
    }


def worst_second(answers: Answers, rate: float) -> float:
    """The largest 99th percentile, in milliseconds, of the requests due within one second."""
    seconds: dict[int, list[float]] = {}
    for number, latency, _, _ in answers:
        seconds.setdefault(int(number / rate), []).append(latency * 1000)
    return round(max(float(np.percentile(values, 99)) for values in seconds.values()), 3)


def holds(options: argparse.Namespace, figures: dict[str, Any]) -> bool:
    """Whether the run proves what it should; says what it does not."""
    wanted = options.rate * options.seconds
    none = ("errors", "stale", "mixed_versions", "loop_warnings")
    none += ("redis_pool_waits_timed_out", "redis_connections_refused")
    problems = [f"{name}: {figures[name]}" for name in none if figures[name]]
    if figures["sent"] < 0.99 * wanted:
        problems.append(f"sent {figures['sent']} of {wanted:.0f}")
    if figures["heartbeat_max_ms"] >= HEARTBEAT_LIMIT_MS:
        problems.append(f"heartbeat_max_ms: {figures['heartbeat_max_ms']}")
    if figures["worst_second_p99_ms"] >= P99_LIMIT_MS:
        problems.append(f"worst_second_p99_ms: {figures['worst_second_p99_ms']}")
    asked = figures["redis_commands"] > max(FEWEST_COMMANDS, REDIS_SHARE * figures["sent"])
    if asked and figures["redis_reuse_pct"] <= REUSE_LIMIT_PCT:
        problems.append(f"redis_reuse_pct: {figures['redis_reuse_pct']}")
    for problem in problems:
        Console().print(f"[red]{problem}[/red]")
    return not problems
