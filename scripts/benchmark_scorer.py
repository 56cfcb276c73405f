"""How fast mojo-scorer is beside genmodel, in turns on the same rows, one thread each (a load may use two).

    python scripts/benchmark_scorer.py --mojo M.zip --rows R.csv [--output J.json] [--peers]
    python scripts/benchmark_scorer.py [--home DIR]    # the project's own models, made from the flights

Ratios hold on a busy machine, absolute times do not: every figure is the best of several turns. `native`
scores one row after the other inside one call (the C++ time), `native_array` and `native_dict` are one row
per call from Python (`predict`: the label and its probabilities), `native_records` the scores of a dict alone
(`score_records`). Java's `score0` takes the same array, its EasyPredict the same record.
"""

import argparse
import json
import math
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import mojo_scorer
from flight_models import make_models, make_rows
from genmodel import OPTIONS, ScorerFailedError, first_words, java_scores, oracle_command
from native_turn import read_offsets, read_records
from rich.console import Console
from rich.table import Table

SCRIPTS = Path(__file__).parent
MODELS = [
    "gbm_1000x10",
    "gbm_50x6",
    "gbm_100x6",
    "gbm_200x6",
    "xgboost_50x6",
    "xgboost_100x6",
    "xgboost_200x6",
]
HOME = Path(".mojoline/benchmark")
HEAPS = ["16m", "24m", "32m", "48m", "64m", "96m", "128m", "256m"]


@dataclass(frozen=True)
class Finished:
    """A process that ran to its end."""

    output: str
    seconds: float
    rss_mb: float  # the highest


def run(command: list[str]) -> Finished:
    """Run a command to its end; ScorerFailedError with what it wrote about its failure."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, cwd=SCRIPTS
        )
        rss = 0.0
        while process.poll() is None:
            rss = max(rss, resident_peak(process.pid))
            time.sleep(0.002)
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            errors.seek(0)
            raise ScorerFailedError(first_words(errors.read()))
        output.seek(0)
        return Finished(output.read(), seconds, rss)


def resident_peak(pid: int) -> float:
    """The highest resident size of a process so far in MB; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return next(
        (int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0
    )


def java(arguments: list[str], heap: str = "2g") -> Finished:
    return run(oracle_command(*arguments, options=[*OPTIONS, f"-Xmx{heap}"]))


def java_turn(mojo: Path, rows: Path, seconds: float) -> dict[str, float]:
    try:
        return json.loads(java(["bench", str(mojo), str(rows), str(seconds)]).output)
    except ScorerFailedError as error:
        raise ScorerFailedError(
            f"h2o-genmodel cannot be timed with {mojo.name} and {rows.name}: {error}"
        ) from None


def native_turn(mojo: Path, rows: Path, seconds: float) -> dict[str, float]:
    try:
        return json.loads(run([sys.executable, "native_turn.py", str(mojo), str(rows), str(seconds)]).output)
    except ScorerFailedError as error:
        raise ScorerFailedError(
            f"mojo-scorer cannot be timed with {mojo.name} and {rows.name}: {error}"
        ) from None


def best(turns: list[dict[str, float]], key: str) -> float:
    return min(turn[key] for turn in turns)


def smallest_heap(mojo: Path, rows: Path, seconds: float, score0_us: float) -> tuple[str, float]:
    """The smallest -Xmx whose speed is within 10 % of the best, and the JVM's resident MB with it."""
    for heap in HEAPS:
        try:
            done = java(["bench", str(mojo), str(rows), str(seconds)], heap)
        except ScorerFailedError:
            continue  # it did not fit
        if json.loads(done.output)["score0_us"] <= 1.1 * score0_us:
            return heap, done.rss_mb
    return HEAPS[-1], done.rss_mb


def ulps_apart(mojo: Path, rows: Path) -> int:
    """The largest distance of an answer from genmodel's, in units of its last place; NaN equals NaN."""
    model, records = mojo_scorer.load(mojo), read_records(rows)
    scores = model.score(model.matrix(records), read_offsets(model, records))
    expected = java_scores(mojo, rows, scores.shape[1])
    pairs = zip(
        scores.T.ravel().tolist(),
        (float.fromhex(cell) for column in expected for cell in column),
        strict=True,
    )
    return max(ulps(ours, theirs) for ours, theirs in pairs)


def ulps(a: float, b: float) -> int:
    if math.isnan(a) and math.isnan(b):
        return 0
    x, y = (struct.unpack("<q", struct.pack("<d", value))[0] for value in (a, b))
    x, y = (bits if bits >= 0 else -(2**63) - bits for bits in (x, y))
    return abs(x - y)


def tree_bytes(mojo: Path) -> int:
    with zipfile.ZipFile(mojo) as archive:
        names = archive.infolist()
    return sum(n.file_size for n in names if n.filename.startswith("trees/") and "_aux" not in n.filename)


def benchmark(mojo: Path, rows: Path, *, turns: int = 3, seconds: float = 1.0) -> dict[str, object]:
    """All figures of one model: about `turns` * 9 * `seconds`, and a dozen starts of a JVM."""
    ours, theirs = [], []
    for _ in range(turns):
        ours.append(native_turn(mojo, rows, seconds))
        theirs.append(java_turn(mojo, rows, seconds))
    with tempfile.TemporaryDirectory() as scratch:
        one = Path(scratch) / "one.csv"
        with rows.open(encoding="utf-8") as file:
            one.write_text(file.readline() + file.readline(), encoding="utf-8")
        starts = [
            (
                run([sys.executable, "native_turn.py", str(mojo), str(one), "0"]).seconds,
                java(["bench", str(mojo), str(one), "0"]).seconds,
            )
            for _ in range(turns)
        ]
    score0 = best(theirs, "score0_us")
    heap, java_rss = smallest_heap(mojo, rows, seconds / 2, score0)
    single = {key: best(ours, key) for key in ("native", "native_array", "native_dict", "native_records")}
    single |= {"java": score0, "java_easy": best(theirs, "easy_us")}
    batch = {"native": best(ours, "batch"), "native_1000": best(ours, "batch_1000"), "java": score0}
    load = {"native": best(ours, "load_ms"), "java": best(theirs, "load_ms")}
    return {
        "model": mojo.name,
        "single_row_us": single,
        "batch_us_per_row": batch,
        "load_ms": load,
        "cold_start_s": {"native": min(s[0] for s in starts), "java": min(s[1] for s in starts)},
        "rss_mb": {"native": best(ours, "rss_mb"), "java": java_rss},
        "java_heap": heap,
        "nbytes": ours[0]["nbytes"],
        "tree_bytes": tree_bytes(mojo),
        "speedup_single": score0 / single["native"],
        "speedup_single_core": score0 / single["native"],
        "speedup_single_python": {
            "array": score0 / single["native_array"],
            "dict": single["java_easy"] / single["native_dict"],
            "records": single["java_easy"] / single["native_records"],
        },
        "speedup_batch": score0 / batch["native"],
        "speedup_batch_1000": score0 / batch["native_1000"],
        "speedup_load": load["java"] / load["native"],
        "max_ulp": ulps_apart(mojo, rows),
    }


def show(console: Console, reports: list[dict[str, object]]) -> None:
    table = Table(title="mojo-scorer beside genmodel: best times, and how many times faster")
    heads = [
        "model",
        "score0 us",
        "core us",
        "x",
        "array x",
        "dict x",
        "records x",
        "1000 rows x",
        "2000 rows x",
        "load ms",
        "x",
    ]
    for head in [*heads, "start s", "RSS MB", "JVM MB", "MB", "ulp"]:
        table.add_column(head, justify="left" if head == "model" else "right")
    for r in reports:
        single, load, python = r["single_row_us"], r["load_ms"], r["speedup_single_python"]
        figures = [single["java"], single["native"], r["speedup_single"], *python.values()]
        figures += [r["speedup_batch_1000"], r["speedup_batch"], load["native"], r["speedup_load"]]
        figures += [
            r["cold_start_s"]["native"],
            r["rss_mb"]["native"],
            r["rss_mb"]["java"],
            r["nbytes"] / 1e6,
        ]
        table.add_row(r["model"], *(f"{f:.3g}" for f in figures), str(r["max_ulp"]))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mojo", type=Path, help="a model; without it, models made from the flights")
    parser.add_argument("--rows", type=Path, help="its rows, CSV")
    parser.add_argument("--output", type=Path, help="where to write the figures as JSON")
    parser.add_argument("--peers", action="store_true", help="other scorers too, on 1000 trees x depth 10")
    parser.add_argument(
        "--home", type=Path, default=Path(".mojoline/benchmark"), help="keeps models and environments"
    )
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement in a turn")
    arguments = parser.parse_args()
    if (arguments.mojo is None) != (arguments.rows is None):
        parser.error("--mojo and --rows go together")
    console = Console(width=None if sys.stdout.isatty() else 180)
    home = arguments.home.resolve()
    if arguments.mojo:
        jobs = [(arguments.mojo.resolve(), arguments.rows.resolve())]
    else:
        jobs = [(path, make_rows(home)) for path in make_models(home, MODELS).values()]
    reports = []
    for mojo, rows in jobs:
        console.print(f"measuring {mojo.name}")
        try:
            reports.append(benchmark(mojo, rows, turns=arguments.turns, seconds=arguments.seconds))
        except ScorerFailedError as error:
            parser.error(str(error))
    show(console, reports)
    result: dict[str, object] = reports[0] if arguments.mojo else {"models": reports}
    if arguments.peers:
        from benchmark_peers import measure_peers

        peers = measure_peers(home)
        console.print_json(data=peers)
        for key in ("single_row_us", "batch_us_per_row"):
            result.setdefault(key, {}).update({name: figures[key] for name, figures in peers.items()})
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
