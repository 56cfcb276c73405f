"""`python -m mojo_scorer inspect|score|bench FILE`: look at a MOJO, score files with it, time it."""

import argparse
import json
import sys
from pathlib import Path

from mojo_scorer import MojoError, load
from mojo_scorer.bench import bench_model
from mojo_scorer.file_scoring import Progress, check_columns, score_file
from mojo_scorer.input_table import open_csv
from mojo_scorer.inspection import describe, lines_of


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mojo_scorer", description="Scores H2O-3 MOJO files natively."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    inspect = commands.add_parser("inspect", help="what the model is: features, levels, outputs, deviations")
    score = commands.add_parser("score", help="score a CSV or Parquet file into a CSV file")
    bench = commands.add_parser("bench", help="load time, and time per row by batch size")
    for command in (inspect, score, bench):
        command.add_argument("file", type=Path, metavar="FILE", help="the MOJO")
    for command in (inspect, bench):
        command.add_argument("--json", action="store_true", help="print JSON")
    score.add_argument(
        "input", type=Path, metavar="INPUT", help="CSV with a header line, or .parquet (needs pyarrow)"
    )
    score.add_argument(
        "output", type=Path, metavar="OUTPUT", help="CSV: predict, then each output; rows as in INPUT"
    )
    score.add_argument(
        "--unseen", choices=["na", "error"], default="na", help="a level training did not see (na)"
    )
    score.add_argument(
        "--calibrated", action="store_true", help="also the calibrated probabilities: cal_p0, cal_p1"
    )
    score.add_argument("--quiet", action="store_true", help="no progress, no summary; warnings only")
    bench.add_argument("--rows", type=Path, metavar="CSV", help="rows to score; drawn by chance without")
    bench.add_argument("--seconds", type=float, default=0.5, help="per measurement (0.5)")
    return parser


def show_progress(progress: Progress) -> None:
    share = f", {progress.share:4.0%}" if progress.share else ""
    line = f"{progress.rows:,} rows, {progress.rows_per_second:,.0f} rows/s{share}"
    # A terminal gets one line that moves, a log file gets none before the summary.
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{line}")
        sys.stderr.flush()


def run_score(options: argparse.Namespace) -> None:
    quiet = options.quiet
    progress = score_file(
        load(options.file),
        options.input,
        options.output,
        calibrated=options.calibrated,
        unseen=options.unseen,
        report=None if quiet else show_progress,
    )
    said = []
    if not quiet:
        said = [f"{progress.rows:,} rows in {progress.seconds:.2f} s, {progress.rows_per_second:,.0f} rows/s"]
        for what, counts in [("missing values", progress.missing), ("unseen levels", progress.unseen)]:
            if counts:
                said.append(f"{what}: " + ", ".join(f"{name} {n:,}" for name, n in counts.most_common()))
    if progress.absent:
        said.append(f"warning: scored as missing, for no such column: {', '.join(progress.absent)}")
    if said:
        start = "\r" if sys.stderr.isatty() else ""
        sys.stderr.write(start + "\n".join(said) + "\n")


def run_inspect(options: argparse.Namespace) -> None:
    facts = describe(load(options.file))
    sys.stdout.write((json.dumps(facts, indent=2) if options.json else "\n".join(lines_of(facts))) + "\n")


def run_bench(options: argparse.Namespace) -> None:
    columns = None
    if options.rows:
        with open_csv(options.rows) as table:
            check_columns(load(options.file), table.names, options.rows)
            columns, _ = next(table.pieces)
        if not any(columns.values()):
            raise ValueError(f"{options.rows} has no rows")
    found = bench_model(options.file, columns, seconds=options.seconds)
    if options.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    for name, value in found.items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for part, number in parts:
            shown = f"{number:,.3f}" if isinstance(number, float) else str(number)
            sys.stdout.write(f"{name + (' ' + part if part else ''):28}{shown:>16}\n")


def main() -> int:
    options = make_parser().parse_args()
    run = {"inspect": run_inspect, "score": run_score, "bench": run_bench}[options.command]
    try:
        run(options)
    except (MojoError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
