"""How long a server takes from its start to its first ready answer, with a model of some size.

`python scripts/benchmark_cold_start.py [--model model.zip] [--home DIR] [--rounds 9] [--output J.json]`

Rounds alternate between a plain file (`--model`) and the same MOJO as the champion of a registry, where its
digests are compared and its golden rows scored before it serves. The first round of each warms the disk cache
and is not counted. Without a model one of 17 MB is trained and kept in `home`.

Keys: `model`, `mojo_mb`, `plain_s` and `registry_s` (median, lowest, highest). Ends with 1 if a median is 2 s
or more.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from flight_models import make_models
from option_types import count, existing_path
from orderly_end import end_in_order
from own_environment import free_ports, own_environment, port_settings
from rich.console import Console
from rich.table import Table
from scratch_servers import publish_mojo

from mojoline.registry.filesystem_registry import open_registry

ROOT = Path(__file__).parents[1]
STEP_SECONDS = 0.005
MODEL = "gbm_550x10"
LIMIT_SECONDS = 2.0


def start(arguments: list[str], environment: dict[str, str]) -> float:
    """Seconds to the first ready answer of a new server, which is ended then."""
    ports = free_ports()
    known = own_environment() | port_settings(ports)
    known.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed server has its bytecode
    command = [sys.executable, "-m", "serving", *arguments]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env={**known, **environment}, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{ports['rest']}", trust_env=False) as client:
            while True:
                try:
                    if client.get("/v2/health/ready").status_code == 200:
                        return time.perf_counter() - started
                except httpx.TransportError:
                    if process.poll() is not None:
                        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}") from None
                time.sleep(STEP_SECONDS)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def summary(seconds: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(seconds), 3),
        "lowest": round(min(seconds), 3),
        "highest": round(max(seconds), 3),
    }


def run(model: Path, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="mojoline-start-") as directory:
        place = Path(directory)
        registry = open_registry(f"file://{place}/registry")
        manifest = publish_mojo(registry, "started", model, place / "draft")
        registry.move_champion(
            "started", manifest.version, expected_generation=0, by="benchmark", reason="to be started"
        )
        settings = {"MOJOLINE_HOME": str(place / "home"), "MOJOLINE_SERVING__DRAIN_DELAY_SECONDS": "0"}
        with_registry = {
            **settings,
            "MOJOLINE_REGISTRY_URL": f"file://{registry.root}",
        }
        plain, published = [], []
        for _ in range(rounds + 1):
            plain.append(start(["--model", f"started={model.absolute()}"], settings))
            published.append(start([], with_registry))
    return {
        "model": str(model),
        "mojo_mb": round(model.stat().st_size / 1e6, 1),
        "rounds": rounds,
        "plain_s": summary(plain[1:]),
        "registry_s": summary(published[1:]),
    }


def show(figures: dict[str, Any]) -> None:
    table = Table("started with", "median s", "lowest s", "highest s")
    for way, name in (("plain_s", "a plain file"), ("registry_s", "a registry")):
        table.add_row(name, *(f"{seconds:.3f}" for seconds in figures[way].values()))
    print(f"{figures['model']}, {figures['mojo_mb']} MB, {figures['rounds']} rounds")
    Console().print(table)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=existing_path, help="the MOJO")
    parser.add_argument("--home", type=Path, default=Path(".mojoline/benchmark"), help="keeps the model made")
    parser.add_argument("--rounds", type=count, default=9)
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    end_in_order()
    model = options.model or make_models(options.home, [MODEL])[MODEL]
    figures = run(model, options.rounds)
    show(figures)
    if options.output is not None:
        options.output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    slowest = max(figures[way]["median"] for way in ("plain_s", "registry_s"))
    return 0 if slowest < LIMIT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
