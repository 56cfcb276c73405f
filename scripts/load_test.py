"""Constant load on the prediction API while its champion changes: latencies, and every answer checked.

    python scripts/load_test.py [--rate 1000] [--seconds 60] [--swap-every 10] [--mode features|entity|mixed]
                                [--offload auto|always] [--cache auto|always|off] [--output J.json]
    python scripts/load_test.py --versions A.zip,B.zip [...]    # two plain MOJOs over the same columns
    python scripts/load_test.py --saturate [...]                # the highest rate at p99 < 50 ms, no swaps

Two versions of the flights model that the demo published take turns as champion; the demo runs first where
there are none. With `--versions` two MOJOs are published as versions of a model of their own; its features
are the flights' columns they name. All are copied into a registry that is removed afterwards, each twice, so
that each swap loads its version anew. The server is started and ended here, on ports of its own.
Every request is another stored row, or (in mode `mixed`, one in five) its key. The client compares every
answer with what the version it names gives for that row, computed beforehand, so it finds:

stale             an answer of a version that was no longer champion when the request was due, a second
                  after the server had reported the new generation
mixed_versions    a body that names one version and holds another one's number
errors            anything but 200

Ends with 1 where one of these is not 0, where less than 99 % of the rate was sent, where the heartbeat of
another client was late, a call blocked the event loop, a second had a p99 of 50 ms or more, or the cache's
Redis refused a connection, let one wait in vain, or got 5 % of its commands on new ones.
"""

import argparse
import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from mojoline.settings import Settings, load_settings
from mojoline.stack.local_stack import up
from mojoline.stack.stack_state import StackState

sys.path.insert(0, str(Path(__file__).parent))
from api_process import ApiProcess
from figures import report
from flight_models import FEATURES
from load_servers import Heartbeat, RedisCounters, echoing, read_metrics, start_api
from load_subjects import DATA, Subject, demo_subject, misfit, timetable_subject
from load_verdict import GRACE, Champions, holds, judge, worst_second
from option_types import amount, count
from orderly_end import end_in_order

ROOT = Path(__file__).parents[1]
LEAST_DIFFERING = 0.99
SEARCH_SECONDS = 3
CONTROL_RATE = 50.0  # requests a second to the echo server
WARM_SECONDS = 30
ENTITY_SHARE = {"features": 0.0, "mixed": 0.2, "entity": 1.0}


def main() -> int:
    options = read_options()
    end_in_order()
    settings = load_settings()
    stack = up(settings, only=DATA, progress=lambda service, text: print(f"{service}: {text}", flush=True))
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        subject = (
            timetable_subject(options.versions, stack, place)
            if options.versions
            else demo_subject(settings, stack, place)
        )
        expected = subject.expected()
        first, second = subject.versions[:2]
        differing = float(np.mean(expected[first] != expected[second]))
        if differing <= LEAST_DIFFERING:
            raise SystemExit(f"the versions differ in {differing:.1%} of the rows: nothing would be proven")
        if options.saturate:
            figures = find_limit(options, settings, stack, subject, place)
        else:
            figures = run(options, settings, stack, subject, place)
            answers, champions = figures.pop("answers"), figures.pop("champions")
            figures |= judge(options, answers, champions, expected, figures.pop("origin"), subject)
    figures |= {"model": options.name or subject.spec.name, "distinct_rows": len(subject.rows)}
    figures |= {"connections": options.connections, "mode": options.mode}
    figures |= {"cache": options.cache, "offload": options.offload}
    report(figures, options.output)
    return 0 if options.saturate or holds(options, figures) else 1


def make_bodies(subject: Subject, mode: str) -> list[bytes]:
    """One request body for each row: its features, or in the mode's share of them its key."""
    share, bodies = ENTITY_SHARE[mode], []
    name, key = subject.spec.name, subject.spec.source.entity_key
    for number, row in enumerate(subject.rows):
        if share and (number * share) % 1 < share:
            bodies.append(orjson.dumps({"model": name, "entities": [row[key]]}))
        else:
            bodies.append(orjson.dumps({"model": name, "rows": [subject.features(row)]}))
    return bodies


def find_limit(
    options: argparse.Namespace, settings: Settings, stack: StackState, subject: Subject, scratch: Path
) -> dict[str, Any]:
    """The highest rate at which 99 of 100 answers take less than 50 ms."""
    file = scratch / "bodies"
    file.write_bytes(b"\n".join(make_bodies(subject, options.mode)))
    generation = promote(subject, subject.versions[0])
    log = (settings.home / "logs" / "load_test.log").open("wb")
    with log, start_api(options, settings, stack, subject, log) as api:
        api.await_generation(subject.spec.name, generation)
        client = [sys.executable, "scripts/load_client.py", "--saturate", "--port", str(api.port)]
        client += ["--connections", str(options.connections), "--seconds", str(SEARCH_SECONDS)]
        done = subprocess.run([*client, "--bodies", str(file)], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return dict(json.loads(done.stdout))


def run(
    options: argparse.Namespace,
    settings: Settings,
    stack: StackState,
    subject: Subject,
    scratch: Path,
) -> dict[str, Any]:
    """Server, echo server, two clients and the swaps; what they saw."""
    file = scratch / "bodies"
    bodies = make_bodies(subject, options.mode)
    file.write_bytes(b"\n".join(bodies))
    (scratch / "echo").write_bytes(b"{}")
    before = promote(subject, subject.versions[0])
    champions = Champions(subject.versions[0])
    log = (settings.home / "logs" / "load_test.log").open("wb")
    with (
        log,
        start_api(options, settings, stack, subject, log) as api,
        echoing() as echo,
        ExitStack() as running,
    ):
        api.await_generation(subject.spec.name, before)
        warm(api.port, bodies)
        memory, _ = api.measure()
        counters, at_start = RedisCounters(stack.redis_url), read_metrics(api.port)
        print(f"asking {options.rate:g} times a second for {options.seconds:g} s", flush=True)
        client = running.enter_context(calling(options, api.port, file, scratch / "answers", options.rate))
        control = running.enter_context(
            calling(options, echo, scratch / "echo", scratch / "control", CONTROL_RATE, 4)
        )
        pulse = Heartbeat(api.port)
        pulse.start()
        running.callback(pulse.stop)
        ends = time.monotonic() + options.seconds
        turn = 0
        while client.poll() is None:
            pause = min(options.swap_every or options.seconds, max(ends - time.monotonic(), 0) + 1)
            if wait_for(client, pause) or time.monotonic() > ends - GRACE or not options.swap_every:
                continue
            turn += 1
            swap(subject, api, subject.versions[turn % len(subject.versions)], champions)
        pulse.stop()
        control.wait(30)
        metrics = {**read_metrics(api.port), **counters.report()}
        metrics["loop_warnings"] -= at_start["loop_warnings"]  # what the start was held up by is no load's
        after, _ = api.measure()
    origin, late, answers = pickle.loads((scratch / "answers").read_bytes())  # noqa: S301 - our own client
    _, _, stalls = pickle.loads((scratch / "control").read_bytes())  # noqa: S301
    return {
        "origin": origin,
        "answers": answers,
        "champions": champions,
        "swaps": len(champions.reported),
        "waited_for_a_connection": late,
        "rss_mb_before": round(memory, 1),
        "rss_mb_after": round(after, 1),
        "heartbeat_max_ms": pulse.longest_ms,
        "control_worst_second_p99_ms": worst_second(stalls, CONTROL_RATE),
        **metrics,
    }


@contextmanager
def calling(
    options: argparse.Namespace,
    port: int,
    bodies: Path,
    output: Path,
    rate: float,
    connections: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A client process of its own, until it has ended or the block does."""
    command = [sys.executable, "scripts/load_client.py", "--port", str(port), "--rate", str(rate)]
    command += ["--seconds", str(options.seconds), "--connections", str(connections or options.connections)]
    command += ["--bodies", str(bodies), "--output", str(output)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def swap(subject: Subject, api: ApiProcess, version: str, champions: Champions) -> None:
    """Make `version` champion, tell the server, and wait until it says so."""
    champions.asked.append(time.time())
    champions.versions.append(version)
    generation = promote(subject, version)
    api.sync(subject.spec.name, generation)
    champions.reported.append(time.time())


def promote(subject: Subject, version: str) -> int:
    generation = subject.registry.aliases(subject.spec.name).generation
    moved = subject.registry.move_champion(
        subject.spec.name, version, expected_generation=generation, by="load test", reason="a swap under load"
    )
    return moved.generation


def warm(port: int, bodies: list[bytes]) -> None:
    """Ask for a few; those of entities are refused until the pool of their database is open."""
    kind = {"Content-Type": "application/json"}
    until_open = Retrying(
        retry=retry_if_exception_type(httpx.HTTPStatusError),
        stop=stop_after_delay(WARM_SECONDS),
        wait=wait_fixed(0.1),
        reraise=True,
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for body in bodies[-200:]:
            until_open(
                lambda body=body: client.post("/predict", content=body, headers=kind).raise_for_status()
            )


def wait_for(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process ended within `seconds`."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=amount, default=1000, help="requests a second")
    parser.add_argument("--seconds", type=amount, default=60)
    parser.add_argument("--swap-every", type=float, default=10, help="seconds; 0: never")
    parser.add_argument("--mode", choices=list(ENTITY_SHARE), default="mixed")
    parser.add_argument(
        "--versions", type=_two_mojos, metavar="A.zip,B.zip", help="serve these models of flight_models.py"
    )
    parser.add_argument("--name", help="what the model is called in the report")
    parser.add_argument("--saturate", action="store_true", help="look for the highest rate instead")
    parser.add_argument("--connections", type=count, default=64)
    parser.add_argument("--offload", choices=["auto", "always", "never"], default="auto")
    parser.add_argument("--cache", choices=["auto", "always", "off"], default="auto")
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    return parser.parse_args()


def _two_mojos(text: str) -> list[Path]:
    paths = [Path(part) for part in text.split(",")]
    if len(paths) != 2 or not all(path.is_file() for path in paths):
        raise argparse.ArgumentTypeError(f"{text!r} names no two files: A.zip,B.zip")
    if reason := next(filter(None, map(misfit, paths)), None):
        raise argparse.ArgumentTypeError(
            f"{reason}: give two classifiers of late flights over {', '.join(FEATURES)}, such as "
            "gbm_50x6.zip and gbm_100x6.zip that benchmark_scorer.py leaves in .mojoline/benchmark"
        )
    return paths


if __name__ == "__main__":
    sys.exit(main())
