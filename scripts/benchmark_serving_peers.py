"""How many requests a second this server answers beside others that serve the same model, p99 below 50 ms.

    python scripts/benchmark_serving_peers.py [--output J.json] [--home DIR] [--rounds 3] [--seconds 2]
        [--models gbm_50x6,gbm_1000x10] [--servers mojoline,java_http,...]

One server at a time on one core, one client on another, 64 kept connections, one row as JSON in each request,
the same rows for all, cache off. `load_client.py --saturate` looks for the rate; the servers take turns, and
the median of the rounds counts. Every Python peer calls mojo-scorer too; `java_http` is the JDK's own HTTP
server around genmodel (`native/oracle/ModelServer.java`). Peers get environments of their own in `home`.

The report: `rps_at_p99_50ms.{server}` by model, and in `rounds` what each of them is the median of.
"""

import argparse
import csv
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import mojo_scorer
import orjson
from flight_models import CATEGORICAL, make_models, make_rows
from genmodel import oracle_command
from option_types import amount, count
from orderly_end import end_in_order
from own_environment import free_ports, own_environment, port_settings
from peer_environment import NUMPY, make_environment
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also where nothing is installed

from mojoline.stack.ports import find_free_ports

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "scripts" / "serving_peers"
READY_SECONDS = 60
SERVER_CORE, CLIENT_CORE = "0", "1"


@dataclass(frozen=True)
class Launch:
    """What one server is given: a model, a port, a directory, the environment with its packages."""

    mojo: Path
    port: int
    scratch: Path
    bin: Path


@dataclass(frozen=True)
class Server:
    """One of the servers that are compared."""

    command: Callable[[Launch], list[str]]
    packages: tuple[str, ...] = ()
    path: str = "/predict"
    settings: Callable[[Launch], dict[str, str]] = field(default=lambda _: {})


def mojoline_settings(launch: Launch) -> dict[str, str]:
    return {
        "MOJOLINE_HOME": str(launch.scratch),
        "MOJOLINE_CACHE__MODE": "off",
        "MOJOLINE_SERVING__DRAIN_DELAY_SECONDS": "0",
        **port_settings({**free_ports(), "rest": launch.port}),
    }


def java_command(launch: Launch) -> list[str]:
    options = ["-XX:+UseSerialGC", "-Xmx1g", "-Dsun.net.httpserver.nodelay=true"]
    return oracle_command("serve", str(launch.mojo), str(launch.port), options=options)


def bentoml_command(launch: Launch) -> list[str]:
    address = ["--host", "127.0.0.1", "--port", str(launch.port)]
    return [str(launch.bin / "bentoml"), "serve", "bentoml_peer:Scorer", *address]


def mlserver_command(launch: Launch) -> list[str]:
    free = find_free_ports(2)
    names = ("host", "http_port", "grpc_port", "metrics_port", "parallel_workers")
    server = dict(zip(names, ("127.0.0.1", launch.port, *free, 0), strict=True))
    model = {"name": "model", "implementation": "mlserver_peer.Scorer"}
    for name, content in (("settings", server), ("model-settings", model)):
        (launch.scratch / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return [str(launch.bin / "mlserver"), "start", str(launch.scratch)]


def program(name: str) -> Callable[[Launch], list[str]]:
    return lambda launch: [str(launch.bin / "python"), str(PEERS / name)]


# FastAPI, uvicorn and NumPy as in versions.env, so that the servers differ and not what they stand on; the
# others were the newest on the day in `peer_environment`.
SERVERS = {
    "mojoline": Server(
        lambda launch: [sys.executable, "-m", "serving", "--model", f"model={launch.mojo}"],
        settings=mojoline_settings,
    ),
    "fastapi_plain": Server(
        program("fastapi_plain.py"), ("fastapi==0.165.0", "uvicorn[standard]==0.54.0", NUMPY)
    ),
    "litserve": Server(program("litserve_peer.py"), ("litserve==0.2.19", NUMPY)),
    "bentoml": Server(bentoml_command, ("bentoml==1.4.40", NUMPY)),
    "mlserver": Server(mlserver_command, ("mlserver==1.7.1", NUMPY), "/v2/models/model/infer"),
    "java_http": Server(java_command),
}


def find_programs(home: Path, name: str, packages: tuple[str, ...]) -> Path:
    """The `bin` of an environment with `packages` and this project's mojo-scorer."""
    if not packages:
        return Path(sys.executable).parent
    place = home / f"{name}-env"
    programs = make_environment(place, packages)
    scorer = Path(mojo_scorer.__file__).parent  # the same version of Python: it need not be built again
    target = next(place.glob("lib/python*/site-packages")) / scorer.name
    shutil.copytree(scorer, target, dirs_exist_ok=True)
    return programs


def write_bodies(rows: Path, scratch: Path) -> dict[str, Path]:
    """A request for each row, by the path it is sent to."""
    with rows.open(encoding="utf-8") as file:
        read = [
            {name: value if name in CATEGORICAL else float(value) for name, value in row.items()}
            for row in csv.DictReader(file)
        ]
    tensors = [
        [
            {"name": n, "shape": [1], "datatype": "BYTES" if n in CATEGORICAL else "FP64", "data": [v]}
            for n, v in row.items()
        ]
        for row in read
    ]
    contents = {
        "/predict": [{"rows": [row]} for row in read],
        "/v2/models/model/infer": [{"inputs": inputs} for inputs in tensors],
    }
    files = {path: scratch / path.rpartition("/")[2] for path in contents}
    for path, bodies in contents.items():
        files[path].write_bytes(b"\n".join(map(orjson.dumps, bodies)))
    return files


@contextmanager
def running(server: Server, launch: Launch, path: str, body: bytes) -> Iterator[None]:
    """The server on its core, until it answers `body`; ended with all its processes."""
    environment = {**own_environment(), "PEER_MODEL": str(launch.mojo), "PEER_PORT": str(launch.port)}
    environment |= {"PYTHONPATH": f"{PEERS}:{ROOT}", **server.settings(launch)}
    with (launch.scratch / "log").open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *server.command(launch)],
            env=environment,
            cwd=PEERS if server.packages else ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            await_prediction(process, f"http://127.0.0.1:{launch.port}{path}", body, launch.scratch / "log")
            yield
        finally:
            # Where all its processes have ended there is no group any more.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def await_prediction(process: subprocess.Popen[bytes], url: str, body: bytes, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.post(
                url, content=body, headers={"Content-Type": "application/json"}, trust_env=False
            ).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit(
        f"{url} gives no prediction; its log ends with\n{log.read_text(errors='replace')[-3000:]}"
    )


def measure(name: str, mojo: Path, bodies: dict[str, Path], home: Path, seconds: float) -> float:
    """Requests a second of one server in one round."""
    server = SERVERS[name]
    file = bodies[server.path]
    with tempfile.TemporaryDirectory() as scratch, file.open("rb") as lines:
        programs = find_programs(home, name, server.packages)
        launch = Launch(mojo, find_free_ports(1)[0], Path(scratch), programs)
        with running(server, launch, server.path, lines.readline()):
            client = [sys.executable, str(ROOT / "scripts" / "load_client.py"), "--saturate"]
            client += ["--port", str(launch.port), "--path", server.path, "--bodies", str(file)]
            done = subprocess.run(
                ["taskset", "-c", CLIENT_CORE, *client, "--seconds", str(seconds)],
                check=True,
                stdout=subprocess.PIPE,
            )
    return float(json.loads(done.stdout)["rps_at_p99_50ms"])


def show(console: Console, report: dict[str, dict[str, float]]) -> None:
    table = Table("requests/s at p99 < 50 ms", *SERVERS)
    for model, rates in report.items():
        ours = rates.get("mojoline", 0.0)
        cells = [f"{rates[n]:,.0f} ({ours / rates[n]:.1f}x)" if rates.get(n) else "-" for n in SERVERS]
        table.add_row(model, *cells)
    console.print(table)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, default=Path(".mojoline/benchmark"), help="models, environments")
    parser.add_argument("--models", default="gbm_50x6,gbm_1000x10")
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--rounds", type=count, default=3)
    parser.add_argument("--seconds", type=amount, default=2.0, help="of each of six runs of a search")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON")
    options = parser.parse_args()
    end_in_order()
    names = options.servers.split(",")
    if unknown := set(names) - set(SERVERS):
        parser.error(f"argument --servers: {min(unknown)!r} is none of {', '.join(SERVERS)}")
    home = options.home.resolve()
    models = make_models(home, options.models.split(","))
    rounds: dict[str, dict[str, list[float]]] = {model: {name: [] for name in names} for model in models}
    with tempfile.TemporaryDirectory() as scratch:
        bodies = write_bodies(make_rows(home), Path(scratch))
        for _ in range(options.rounds):
            for model, mojo in models.items():
                for name in names:
                    rate = measure(name, mojo, bodies, home, options.seconds)
                    rounds[model][name].append(rate)
                    print(f"{model} {name}: {rate:,.0f}", flush=True)
    medians = {m: {n: statistics.median(rates) for n, rates in of.items()} for m, of in rounds.items()}
    show(Console(width=160), medians)
    if options.output:
        report = {m: {"rps_at_p99_50ms": medians[m], "rounds": rounds[m]} for m in models}
        options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
