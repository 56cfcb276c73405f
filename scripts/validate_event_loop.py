"""Find what blocks the event loop of an ASGI application.

`python scripts/validate_event_loop.py [--app serving.asgi:app] [--threshold-ms 10] [--requests 1000]
[--concurrency 100] [--output FILE]` serves the application, drives it from a process of its own, and reports
how late the loop was and each place that held it up, with file and line. Ends with 1 if there is one.

Driven are the predictions of every model (1, 20 and 1000 rows) and every page without parameters of the
OpenAPI description. Where the registry has no model, a small one that comes with the tests is served. Delays
in which the process waited for a core or slept are the machine's, machine_stall; where many short calls
followed each other the loop was busy. Neither is a finding.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
import uvloop
from option_types import amount, count
from rich.console import Console
from rich.table import Table
from uvicorn.importer import ImportFromStringError, import_from_string

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also where nothing is installed

from mojoline.registry.filesystem_registry import open_registry
from mojoline.settings import load_settings
from serving.loop_lag import Blockage, LoopLagMonitor
from serving.offload import percentile

BATCHES = (1, 1, 1, 1, 1, 1, 1, 20, 20, 1000)
READY_SECONDS = 60
OUR_PAGES = {
    **dict.fromkeys(("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models", "/metrics"), ("get",)),
    "/predict": ("post",),
}
"""What is driven where the OpenAPI page is switched off."""


class Findings:
    """What the monitor saw."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.no_findings: dict[str, list[float]] = {"machine_stall": [], "busy": []}
        self.places: dict[tuple[str, str], list[float]] = {}

    def report(self, blockage: Blockage) -> None:
        """Take one blockage of the monitor."""
        if blockage.cause in self.no_findings:
            self.no_findings[blockage.cause].append(blockage.seconds)
        else:
            self.places.setdefault((blockage.location, blockage.function), []).append(blockage.seconds)

    def summary(self) -> dict[str, object]:
        """Lag percentiles, findings and stalls, as they stand in the JSON."""
        shares = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}
        return {
            "lag_ms": {name: _ms(percentile(self.lags, share)) for name, share in shares.items()},
            "findings": [
                {"location": place, "function": function, "times": len(seconds), "max_ms": _ms(max(seconds))}
                for (place, function), seconds in sorted(self.places.items(), key=lambda item: -max(item[1]))
            ],
            **{
                cause: {"times": len(seconds), "max_ms": _ms(max(seconds, default=0.0))}
                for cause, seconds in self.no_findings.items()
            },
        }


async def examine(options: argparse.Namespace) -> dict[str, object]:
    """Serve the application on a free port, drive it, and tell what was seen."""
    app = import_from_string(options.app)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", access_log=False, ws="none"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        if serving.done():
            raise SystemExit(f"{options.app} did not start: {serving.exception() or 'see above'}")
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    findings = Findings()
    await _await_ready(url)
    monitor = LoopLagMonitor(
        options.threshold_ms / 1000, report=findings.report, observe=findings.lags.append
    )
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--drive", url),
        *("--requests", str(options.requests), "--concurrency", str(options.concurrency)),
        stdout=asyncio.subprocess.PIPE,
    )
    monitor.start()
    told, _ = await client.communicate()
    monitor.stop()
    server.should_exit = True
    await serving
    if client.returncode != 0:
        raise SystemExit("the client failed, see above")
    return {
        "app": options.app,
        "threshold_ms": options.threshold_ms,
        **json.loads(told),
        **findings.summary(),
    }


async def _await_ready(url: str) -> None:
    """Until the application is ready, if it says so at all; a model may still be loading."""
    deadline = time.monotonic() + READY_SECONDS
    async with httpx.AsyncClient(trust_env=False) as client:
        while (await client.get(f"{url}/v2/health/ready")).status_code == httpx.codes.SERVICE_UNAVAILABLE:
            if time.monotonic() > deadline:
                raise SystemExit(f"the application was not ready within {READY_SECONDS} s")
            await asyncio.sleep(0.1)


async def drive(url: str, requests: int, concurrency: int) -> dict[str, int]:
    """Send the requests, `concurrency` at a time; how many, and how many gave no answer or one with 5xx."""
    sent = failed = 0
    limits = httpx.Limits(max_connections=concurrency)
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, limits=limits) as client:
        calls = await _make_calls(client)

        async def work() -> None:
            nonlocal sent, failed
            while sent < requests:
                method, path, body = calls[sent % len(calls)]
                sent += 1
                try:
                    failed += (await client.request(method, path, content=body)).is_server_error
                except httpx.TransportError:  # the application dropped the connection, or did not answer
                    failed += 1

        await asyncio.gather(*(work() for _ in range(concurrency)))
    return {"requests": sent, "errors": failed}


async def _make_calls(client: httpx.AsyncClient) -> list[tuple[str, str, bytes | None]]:
    """(method, path, body) of every request to repeat."""
    described = await client.get("/openapi.json")
    paths = described.json()["paths"] if described.is_success else OUR_PAGES
    pages = [path for path, methods in paths.items() if "get" in methods and "{" not in path]
    calls: list[tuple[str, str, bytes | None]] = [("GET", path, None) for path in pages]
    if "/v2/models" in paths and "/predict" in paths:
        for model in (await client.get("/v2/models")).json()["models"]:
            inputs = (await client.get(f"/v2/models/{model}")).raise_for_status().json()["inputs"]
            for rows in BATCHES * 5:
                content = {"model": model, "rows": [_draw_row(inputs) for _ in range(rows)]}
                calls.append(("POST", "/predict", json.dumps(content).encode()))
    random.shuffle(calls)
    return calls


def _draw_row(inputs: list[dict[str, str]]) -> dict[str, object]:
    return {
        tensor["name"]: "unseen" if tensor["datatype"] == "BYTES" else round(random.gauss(0, 100), 3)
        for tensor in inputs
    }


@contextmanager
def some_model() -> Iterator[None]:
    """Let the settings name a registry with at least one model."""
    registry_url = load_settings().registry_url
    if registry_url.startswith("s3://") or open_registry(registry_url).names():
        yield
        return
    from tests.data.tiny_versions import tiny_draft, tiny_facts

    with tempfile.TemporaryDirectory() as place:
        os.environ["MOJOLINE_REGISTRY_URL"] = f"file://{place}/registry"
        registry = open_registry(os.environ["MOJOLINE_REGISTRY_URL"])
        made = registry.publish("small", tiny_draft("first", Path(place, "draft")), tiny_facts("first"))
        registry.move_champion("small", made.version, expected_generation=0, by="script", reason="to serve")
        yield


def draw_table(found: dict) -> Table:
    """The findings, or that there are none."""
    table = Table("blocked at", "in", "times", "longest ms")
    for place in found["findings"]:
        table.add_row(place["location"], place["function"], str(place["times"]), f"{place['max_ms']:.1f}")
    for cause in ("machine_stall", "busy"):
        table.add_row(f"({cause})", "", str(found[cause]["times"]), f"{found[cause]['max_ms']:.1f}")
    return table


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 3)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--app", default="serving.asgi:app", metavar="MODULE:NAME")
    parser.add_argument("--threshold-ms", type=amount, default=10.0)
    parser.add_argument("--requests", type=count, default=1000)
    parser.add_argument("--concurrency", type=count, default=100)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the findings as JSON")
    parser.add_argument("--drive", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        print(json.dumps(uvloop.run(drive(options.drive, options.requests, options.concurrency))))
        return 0
    try:
        with some_model():
            found = uvloop.run(examine(options))
    except (ImportFromStringError, ModuleNotFoundError) as error:
        parser.error(f"argument --app: {error}")
    lag = ", ".join(f"{name} {value:.1f}" for name, value in found["lag_ms"].items())
    print(f"{found['app']}: {found['requests']} requests, {found['errors']} errors, loop lag in ms: {lag}")
    Console(width=160).print(draw_table(found))
    if options.output:
        options.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 1 if found["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
