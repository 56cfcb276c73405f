"""Kill the demo at a random point of every stage, start it again, and see that it always gets to the end.

    python scripts/demo_torture.py [--small] [--seed N] [--output J.json]

Each round kills with SIGKILL either the demo alone or it together with every server and worker it started.
The training JVM is never killed directly: it has to notice by itself that its run died. Where the demo alone
is killed the run goes on in Dagster, as for anybody who closes a terminal. The last round runs to the end:
its report must hold, and no JVM may be left. Everything happens in a home directory of its own, which goes.
"""

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))
from own_environment import free_ports, own_environment, port_settings

ROOT = Path(__file__).parents[1]
STAGES = {  # stage -> the longest wait in seconds after its start
    "stack": 6.0,
    "load": 3.0,
    "extract": 0.7,
    "reduce": 6.0,
    "train": 12.0,
    "package": 1.0,
    "publish": 0.3,
    "promote": 0.3,
    "swap": 3.0,
    "roll back": 0.3,
    "replay": 3.0,
    "drift": 1.0,
}
ROUND_SECONDS = {True: 600, False: 1800}  # what only a hanging demo needs
JVM_SECONDS = 15


def start_demo(home: Path, ports: dict[str, int], small: bool, report: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mojoline.cli.main", "demo", "--exit", "--report", str(report)]
    return subprocess.Popen(
        command + (["--small"] if small else []),
        cwd=ROOT,
        env={**own_environment(), **port_settings(ports), "MOJOLINE_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def follow(demo: subprocess.Popen[str], stage: str | None, seconds: float) -> tuple[list[str], bool]:
    """The demo's lines until `start <stage>` (True) or until its end (False), killed after `seconds`."""
    lines: list[str] = []
    over = threading.Event()
    patience = threading.Timer(seconds, lambda: (over.set(), demo.kill()))  # also of a demo that says nothing
    patience.start()
    try:
        for line in demo.stdout or ():
            lines.append(line.rstrip())
            if stage is not None and line.startswith(f"start {stage}"):
                return lines, True
        demo.wait()
    finally:
        patience.cancel()
    if over.is_set():
        raise SystemExit("\n".join([*lines, f"no end of this round within {seconds:.0f} s"]))
    return lines, False


def started_below(home: Path) -> list[psutil.Process]:
    """Every living process that was given `home`, the training JVM and its guard left out."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if is_jvm(process) or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if environment.get("MOJOLINE_HOME") == str(home) or str(home) in " ".join(
            process.info["cmdline"] or []
        ):
            found.append(process)
    return found


def kill_started_below(home: Path) -> None:
    """Kill until nothing is left: meanwhile one may start another or end by itself."""
    while found := started_below(home):
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, timeout=1)


def is_jvm(process: psutil.Process) -> bool:
    return any("h2o.jar" in part or "jvm_guard" in part for part in process.info["cmdline"] or [])


def wait_for_jvm_to_go(home: Path) -> bool:
    deadline = time.monotonic() + JVM_SECONDS
    while time.monotonic() < deadline:
        commands = [" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]) if is_jvm(p)]
        if not any(str(home) in command for command in commands):
            return True
        time.sleep(0.2)
    return False


def describe_jvm(gone: bool | None) -> str:
    return {True: "gone by itself", False: "LEFT RUNNING", None: "goes on with its run"}[gone]


def kill_in(stage: str, home: Path, ports: dict[str, int], small: bool, rng: random.Random) -> dict[str, Any]:
    demo = start_demo(home, ports, small, home / "unused.json")
    lines, reached = follow(demo, stage, ROUND_SECONDS[small])
    if not reached:
        raise SystemExit("\n".join([*lines, f"the demo ended with {demo.returncode} before stage {stage}"]))
    delay, everything = rng.uniform(0, STAGES[stage]), rng.random() < 0.5
    time.sleep(delay)
    demo.kill()
    if everything:
        kill_started_below(home)
    demo.wait()
    gone = wait_for_jvm_to_go(home) if everything else None
    return {
        "stage": stage,
        "after_s": round(delay, 2),
        "killed": "all" if everything else "demo",
        "jvm_gone": gone,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="the small demo")
    parser.add_argument("--seed", type=int, default=None, help="repeat the run with this seed")
    parser.add_argument("--stages", nargs="*", default=list(STAGES), choices=list(STAGES))
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    rng, ports, console = random.Random(seed), free_ports(), Console()
    console.print(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="mojoline-", ignore_cleanup_errors=True) as scratch:
        home, rounds = Path(scratch) / "home", []
        home.mkdir()
        try:
            for stage in options.stages:
                rounds.append(kill_in(stage, home, ports, options.small, rng))
                console.print(f"killed in {stage}: {rounds[-1]}", markup=False)
            report = home / "report.json"
            last = start_demo(home, ports, options.small, report)
            lines, _ = follow(last, None, ROUND_SECONDS[options.small])
        finally:
            kill_started_below(home)
        if last.returncode != 0:
            raise SystemExit("\n".join([*lines, f"the last demo ended with {last.returncode}"]))
        final = json.loads(report.read_text(encoding="utf-8"))
        left = not wait_for_jvm_to_go(home)
    table = Table("stage", "killed after s", "what was killed", "JVM")
    for row in rounds:
        table.add_row(
            str(row["stage"]), str(row["after_s"]), str(row["killed"]), describe_jvm(row["jvm_gone"])
        )
    console.print(table)
    figures = {"seed": seed, "rounds": rounds, "jvm_left_running": left, "report": final}
    if options.output:
        options.output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    survived = left or any(row["jvm_gone"] is False for row in rounds)
    if survived or final["swap"]["errors"] or final["versions_published"] != 2:
        raise SystemExit("the line did not recover: see the table and the report")


if __name__ == "__main__":
    main()
