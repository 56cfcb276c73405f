"""How large a tree model may be within a latency budget: trees x depth -> one row, a batch, bytes, load.

    python scripts/benchmark_model_complexity.py [--home DIR] [--budget-ms 20] [--output J.json]

Three models from the flights (GBM of depth 6 and 10, DRF of depth 20) are cut to their first trees, so that a
row of the table differs from the next in nothing but its trees. One thread, the best of the turns.
"""

import argparse
import json
import re
import sys
import tempfile
import zipfile
from pathlib import Path

from benchmark_scorer import HOME, best, native_turn, tree_bytes
from flight_models import make_models, make_rows
from rich.console import Console
from rich.table import Table

CUTS = {
    "gbm_200x6": [50, 100, 200],
    "gbm_1000x10": [50, 200, 500, 1000],
    "drf_50x20": [10, 50],
}
TREE = re.compile(r"trees/t\d+_(\d+)(_aux)?\.bin")


def cut(mojo: Path, trees: int, output: Path) -> None:
    """Write the MOJO of the first `trees` trees of every class; what only explanations need is left out."""
    with zipfile.ZipFile(mojo) as whole, zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as part:
        for name in whole.namelist():
            tree = TREE.fullmatch(name)
            if tree and (int(tree[1]) >= trees or tree[2]):
                continue
            content = whole.read(name)
            if name == "model.ini":
                content = re.sub(rb"(?m)^n_trees = \d+$", b"n_trees = %d" % trees, content)
            part.writestr(name, content)


def measure(mojo: Path, rows: Path, turns: int, seconds: float) -> dict[str, float]:
    """Microseconds per row, milliseconds of a load, megabytes in memory and in the file's trees."""
    done = [native_turn(mojo, rows, seconds) for _ in range(turns)]
    return {
        "single_row_us": best(done, "native"),
        "single_call_us": best(done, "native_array"),
        "batch_us_per_row": best(done, "batch"),
        "load_ms": best(done, "load_ms"),
        "mb": done[0]["nbytes"] / 1e6,
        "tree_mb": tree_bytes(mojo) / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, default=HOME, help="keeps the models")
    parser.add_argument("--budget-ms", type=float, default=20.0, help="for one row")
    parser.add_argument("--output", type=Path, help="where to write the figures as JSON")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement in a turn")
    arguments = parser.parse_args()
    home = arguments.home.resolve()
    rows = make_rows(home)
    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table(title=f"within {arguments.budget_ms:g} ms for one row")
    heads = [
        "model",
        "core us",
        "call us",
        "batch us/row",
        "load ms",
        "MB",
        "of the file",
        "budget / core",
    ]
    for head in heads:
        table.add_column(head, justify="left" if head == "model" else "right")
    report: dict[str, dict[str, float]] = {}
    models = make_models(home, CUTS)
    with tempfile.TemporaryDirectory() as scratch:
        for name, mojo in models.items():
            for trees in CUTS[name]:
                part = Path(scratch) / f"{trees}.zip"
                cut(mojo, trees, part)
                figures = measure(part, rows, arguments.turns, arguments.seconds)
                figures["budget_over_core"] = 1000 * arguments.budget_ms / figures["single_row_us"]
                label = f"{name.split('_')[0]} {trees} x {name.split('x')[1]}"
                report[label] = figures
                table.add_row(label, *(f"{value:.3g}" for value in figures.values()))
    console.print(table)
    if arguments.output:
        arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
