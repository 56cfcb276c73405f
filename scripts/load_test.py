"""Constant load on the prediction API while its champion changes: latencies, and every answer checked.

    python scripts/load_test.py [--rate 1000] [--seconds 60] [--swap-every 10] [--mode features|entity|mixed]
                                [--offload auto|always] [--cache auto|always|off] [--output J.json]

Two versions of the flights model that the demo published take turns as champion; the demo runs first where
there are none. The server, its Postgres and its Redis are started and ended here, on ports of their own.
Every request is another stored row, or (in mode `mixed`, one in five) its key. The client compares every
answer with what the version it names gives for that row, computed beforehand, so it finds:

stale             an answer of a version that was no longer champion when the request was due, a second
                  after the server had reported the new generation
mixed_versions    a body that names one version and holds another one's number
errors            anything but 200

Ends with 1 where one of these is not 0, where less than 99 % of the rate was sent, or where the heartbeat
of another client was late.
"""

import argparse
import json
import pickle
import secrets
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
from rich.console import Console
from rich.table import Table

from mojoline.features.fetch import fetch_rows
from mojoline.model_spec import ModelSpec, load_spec
from mojoline.registry.filesystem_registry import FilesystemRegistry, open_registry
from mojoline.runtime.scoring_model import ScoringModel
from mojoline.settings import Settings, load_settings
from mojoline.stack.local_stack import up
from mojoline.stack.stack_state import StackState

sys.path.insert(0, str(Path(__file__).parent))
from load_servers import Heartbeat, await_generation, echoing, read_metrics, rss_mb, serving

ROOT = Path(__file__).parents[1]
MODEL = "flights"
DATA = ("postgres", "cache", "reservoir")
MOST_ROWS = 60_000
CONTROL_RATE = 50.0  # requests a second to the echo server
HEARTBEAT_LIMIT_MS = 100.0
GRACE = 1.0  # seconds after the new generation was reported
ENTITY_SHARE = {"features": 0.0, "mixed": 0.2, "entity": 1.0}


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


def main() -> int:
    options = read_options()
    console = Console()
    settings = load_settings()
    spec = load_spec(settings.models_dir / f"{MODEL}.yaml")
    stack = up(settings, only=DATA)
    registry = open_registry(settings.registry_url)
    versions = two_versions(registry)
    rows = list(islice(fetch_rows(stack.database_url, spec, since=None, until=None), MOST_ROWS))
    bodies, sent_rows = make_bodies(spec, rows, options.mode)
    expected = {version: expected_scores(registry, spec, version, sent_rows) for version in versions}
    differing = float(np.mean(expected[versions[0]] != expected[versions[1]]))
    if differing <= 0.99:
        raise SystemExit(
            f"the two versions differ in {differing:.1%} of the rows only: nothing would be proven"
        )
    with tempfile.TemporaryDirectory() as scratch:
        figures = run(options, settings, stack, registry, versions, bodies, Path(scratch))
    answers, champions = figures.pop("answers"), figures.pop("champions")
    figures |= judge(options, answers, champions, expected, figures.pop("origin"))
    figures |= {"model": MODEL, "distinct_rows": len(sent_rows), "mode": options.mode}
    figures |= {"connections": options.connections, "cache": options.cache, "offload": options.offload}
    show(console, figures)
    if options.output:
        options.output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if holds(options, figures, console) else 1


def two_versions(registry: FilesystemRegistry) -> list[str]:
    """The two newest versions; the demo makes them where they are missing."""
    if len(registry.versions(MODEL)) < 2:
        subprocess.run([sys.executable, "-m", "mojoline.cli.main", "demo", "--exit"], check=True, cwd=ROOT)
        up(load_settings(), only=DATA)
    return registry.versions(MODEL)[-2:]


def make_bodies(
    spec: ModelSpec, rows: list[dict[str, Any]], mode: str
) -> tuple[list[bytes], list[dict[str, Any]]]:
    """One request body for each row: its features, or in the mode's share of them its key."""
    share, bodies = ENTITY_SHARE[mode], []
    for number, row in enumerate(rows):
        if share and (number * share) % 1 < share:
            bodies.append(orjson.dumps({"model": spec.name, "entities": [row[spec.source.entity_key]]}))
        else:
            known = {name: row[name] for name in spec.features.names if row.get(name) is not None}
            bodies.append(orjson.dumps({"model": spec.name, "rows": [known]}))
    return bodies, rows


def expected_scores(
    registry: FilesystemRegistry, spec: ModelSpec, version: str, rows: list[dict[str, Any]]
) -> np.ndarray:
    """float64[n]: the positive class's probability of every row in one version."""
    manifest = registry.manifest(spec.name, version)
    path = registry.directory(spec.name, version) / "mojo.zip"
    model = ScoringModel.load(path, impute=manifest.reduction.impute)
    known = [{n: row[n] for n in spec.features.names if row.get(n) is not None} for row in rows]
    return model.score(known)[:, model.output_names.index(spec.target.positive or "")]


def run(
    options: argparse.Namespace,
    settings: Settings,
    stack: StackState,
    registry: FilesystemRegistry,
    versions: list[str],
    bodies: list[bytes],
    scratch: Path,
) -> dict[str, Any]:
    """Server, echo server, two clients and the swaps; what they saw."""
    file = scratch / "bodies"
    file.write_bytes(b"\n".join(bodies))
    (scratch / "echo").write_bytes(b"{}")
    before = promote(registry, versions[0])
    token = secrets.token_hex(16)
    champions = Champions(versions[0])
    log = (settings.home / "logs" / "load_test.log").open("wb")
    with log, serving(options, settings, stack, token, log) as (server, api, admin), echoing() as echo:
        await_generation(MODEL, admin, token, before)
        warm(api, bodies)
        memory = rss_mb(server)
        client = start_client(options, api, file, scratch / "answers", options.rate)
        control = start_client(options, echo, scratch / "echo", scratch / "control", CONTROL_RATE, 4)
        pulse = Heartbeat(api)
        pulse.start()
        ends = time.monotonic() + options.seconds
        turn = 0
        while client.poll() is None:
            pause = min(options.swap_every or options.seconds, max(ends - time.monotonic(), 0) + 1)
            if wait_for(client, pause) or time.monotonic() > ends - GRACE or not options.swap_every:
                continue
            turn += 1
            swap(registry, admin, token, versions[turn % 2], champions)
        pulse.stop()
        control.wait(30)
        metrics = read_metrics(api)
        after = rss_mb(server)
    origin, late, answers = pickle.loads((scratch / "answers").read_bytes())  # noqa: S301 - our own client
    _, _, stalls = pickle.loads((scratch / "control").read_bytes())  # noqa: S301
    return {
        "origin": origin,
        "answers": answers,
        "champions": champions,
        "swaps": len(champions.reported),
        "waited_for_a_connection": late,
        "rss_mb_before": memory,
        "rss_mb_after": after,
        "heartbeat_max_ms": pulse.longest_ms,
        "control_worst_second_p99_ms": worst_second(stalls, CONTROL_RATE),
        **metrics,
    }


def judge(
    options: argparse.Namespace,
    answers: list[tuple[int, float, int, bytes]],
    champions: Champions,
    expected: dict[str, np.ndarray],
    origin: float,
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
        got = content["predictions"][0]["probabilities"]["yes"]
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


def worst_second(answers: list[tuple[int, float, int, bytes]], rate: float) -> float:
    """The largest 99th percentile, in milliseconds, of the requests due within one second."""
    seconds: dict[int, list[float]] = {}
    for number, latency, _, _ in answers:
        seconds.setdefault(int(number / rate), []).append(latency * 1000)
    return round(max(float(np.percentile(values, 99)) for values in seconds.values()), 3)


def holds(options: argparse.Namespace, figures: dict[str, Any], console: Console) -> bool:
    """Whether the run proves what it should; says what it does not."""
    wanted = options.rate * options.seconds
    problems = [f"{name}: {figures[name]}" for name in ("errors", "stale", "mixed_versions") if figures[name]]
    if figures["sent"] < 0.99 * wanted:
        problems.append(f"sent {figures['sent']} of {wanted:.0f}")
    if figures["heartbeat_max_ms"] >= HEARTBEAT_LIMIT_MS:
        problems.append(f"heartbeat_max_ms: {figures['heartbeat_max_ms']}")
    for problem in problems:
        console.print(f"[red]{problem}[/red]")
    return not problems


def start_client(
    options: argparse.Namespace,
    port: int,
    bodies: Path,
    output: Path,
    rate: float,
    connections: int | None = None,
) -> subprocess.Popen[bytes]:
    """A client process of its own."""
    command = [sys.executable, "scripts/load_client.py", "--port", str(port), "--rate", str(rate)]
    command += ["--seconds", str(options.seconds), "--connections", str(connections or options.connections)]
    return subprocess.Popen([*command, "--bodies", str(bodies), "--output", str(output)], cwd=ROOT)


def swap(registry: FilesystemRegistry, admin: int, token: str, version: str, champions: Champions) -> None:
    """Make `version` champion, tell the server, and wait until it says so."""
    champions.asked.append(time.time())
    champions.versions.append(version)
    generation = promote(registry, version)
    httpx.post(
        f"http://127.0.0.1:{admin}/admin/models/{MODEL}/sync",
        json={"generation": generation},
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    ).raise_for_status()
    await_generation(MODEL, admin, token, generation)
    champions.reported.append(time.time())


def promote(registry: FilesystemRegistry, version: str) -> int:
    generation = registry.aliases(MODEL).generation
    moved = registry.move_champion(
        MODEL, version, expected_generation=generation, by="load test", reason="a swap under load"
    )
    return moved.generation


def warm(port: int, bodies: list[bytes]) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for body in bodies[-200:]:
            client.post(
                "/predict", content=body, headers={"Content-Type": "application/json"}
            ).raise_for_status()


def wait_for(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process ended within `seconds`."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def show(console: Console, figures: dict[str, Any]) -> None:
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int | float) else str(value))
    console.print(table)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=1000, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--swap-every", type=float, default=10, help="seconds; 0: never")
    parser.add_argument("--mode", choices=list(ENTITY_SHARE), default="mixed")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--offload", choices=["auto", "always", "never"], default="auto")
    parser.add_argument("--cache", choices=["auto", "always", "off"], default="auto")
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
