"""`mojoline demo`: the whole line once, on real data, with what it found out as figures.

Train, publish and serve a first version, train a second one and swap it under load, roll back, then replay
later rows into the API and see which features drifted.
"""

import time
from pathlib import Path

import orjson
import psutil
from rich.console import Console

from mojoline.cli.demo_api import SWAP_TIMEOUT, DemoApi, DemoError
from mojoline.cli.demo_plan import DemoPlan, Window, read_demo
from mojoline.cli.demo_replay import known_features, replay_rows
from mojoline.cli.demo_report import DemoReport, LeaderboardRow, SwapFigures, print_summary
from mojoline.cli.demo_screen import DemoScreen
from mojoline.cli.demo_traffic import Traffic, find_errors, p99_ms
from mojoline.cli.demo_training import Metadata, TrainingRun, run_config
from mojoline.features.fetch import fetch_rows
from mojoline.features.source_table import load_source
from mojoline.model_spec import ModelSpec, load_spec
from mojoline.registry.filesystem_registry import open_registry
from mojoline.runtime.scoring_model import ScoringModel
from mojoline.settings import Settings
from mojoline.stack.dagster_client import DagsterClient
from mojoline.stack.local_stack import StackState, down, status, up

RATE = 200  # requests a second
LEAST_REQUESTS = 2_000
CALM_SECONDS = 3.0  # of traffic after each swap
ROWS_OF_TRAFFIC = 300


def run_demo(settings: Settings, *, small: bool, exit_when_done: bool, report: Path | None) -> None:
    """Run the demo, print the summary, and leave the servers up until Ctrl-C unless `exit_when_done`.

    Raises:
        MojolineError: a stage failed, or an answer was wrong; everything finished so far is kept.
    """
    if report is not None and not report.absolute().parent.is_dir():
        raise DemoError(f"--report {report}: there is no directory {report.absolute().parent}; make it first")
    console = Console()
    leave_running = console.is_terminal and not exit_when_done
    demo = Demo(settings, small, console)
    was_up = any(service.pid is not None for service in status(settings))
    try:
        demo.run()
        if report is not None:
            demo.report.write(report)
        demo.require_truth()
        if leave_running or was_up:
            demo.show_curl_line()
        if leave_running:
            demo.wait_for_the_end()
    finally:
        if was_up:
            console.print("the servers ran before this demo and go on; `mojoline down` stops them")
        else:
            down(settings)


class Demo:
    """One run: its servers, its two model versions, its figures."""

    def __init__(self, settings: Settings, small: bool, console: Console) -> None:
        file = read_demo(settings.models_dir)
        self.plan: DemoPlan = file.small if small else file.full
        self.spec: ModelSpec = load_spec(settings.models_dir / f"{file.model}.yaml")
        self.settings = settings
        self.console = console
        self.screen = DemoScreen(console)
        self.report = DemoReport()
        self.registry = open_registry(settings.registry_url)

    def run(self) -> None:
        """All stages, in order, then the summary."""
        started, self._started = time.monotonic(), time.time()
        with self.screen.running():
            with self.screen.stage("stack") as line:
                self.stack: StackState = up(
                    self.settings, progress=lambda name, text: line.show(f"{name} {text}")
                )
                line.show("Postgres, Redis, Dagster and the prediction API are up")
            self.api = DemoApi(self.stack, self.spec.name)
            with DagsterClient(self.stack.dagster_url) as self.dagster:
                first = self.train_first()
                second = self.swap_under_load(first)
                self.watch(first)
        self.report.versions_published = len({first, second} & set(self.registry.versions(self.spec.name)))
        self.report.jvm_left_running = _jvm_is_running(self.settings.work_dir)
        self.report.seconds = round(time.monotonic() - started, 1)
        print_summary(self.console, self.report)

    def train_first(self) -> str:
        """Train, publish and serve the first version; its name."""
        config = run_config(
            self.spec.name, self.plan, self.plan.first, "the demo starts with its first version"
        )
        seen = TrainingRun(self.screen, "").follow(self.dagster, self._job, config)
        version = str(seen["publication"]["version"])
        manifest = self.registry.manifest(self.spec.name, version)
        self.report.rows_extracted = int(seen["snapshot"]["dagster/row_count"])
        self.report.isolation_level = str(seen["snapshot"]["isolation_level"])
        self.report.features_in = int(seen["reduction"]["features_in"])
        self.report.components_kept = int(seen["reduction"]["components_kept"])
        self.report.leaderboard = _leaderboard(seen["trained_model"])
        self.report.mojo_bytes = int(seen["package"]["artifact_bytes"])
        self.report.parity_max_abs_diff = manifest.parity.max_abs_diff
        with self.screen.stage("serve") as line:
            self.api.await_served(version)
            moved = self._alias_moved()
            early = moved < self._started
            since = (
                "promoted by an earlier run" if early else f"{time.time() - moved:.1f} s after its promotion"
            )
            line.show(f"{version} answers, {since}")
        return version

    def swap_under_load(self, first: str) -> str:
        """Train a second version and swap it in while callers ask, then roll back; the second's name."""
        rows = self._rows(self.plan.first, ROWS_OF_TRAFFIC)
        positive = self.spec.target.positive or ""
        traffic = Traffic(self.stack.api_url, self.spec.name, rows, positive, RATE)

        def start_callers(stage: str) -> None:
            if stage == "trained_model":
                traffic.start()

        follower = TrainingRun(self.screen, " 2", start_callers)
        config = run_config(self.spec.name, self.plan, self.plan.second, "the demo shows a swap")
        try:
            seen = follower.follow(self.dagster, self._job, config)
            second, moved = str(seen["publication"]["version"]), self._alias_moved()
            with self.screen.stage("swap") as line:
                arrived = traffic.wait_for_version(second, 0.0, SWAP_TIMEOUT)
                if arrived is None:
                    raise DemoError(f"no answer named {second} within {SWAP_TIMEOUT:.0f} s of its promotion")
                time.sleep(CALM_SECONDS)
                line.show(f"{first} to {second} in {max(arrived - moved, 0):.2f} s under {RATE} requests/s")
            with self.screen.stage("roll back") as line:
                asked = time.time()
                self.api.roll_back("the demo shows a rollback")
                back = traffic.wait_for_version(first, asked, SWAP_TIMEOUT)
                if back is None:
                    raise DemoError(f"no answer named {first} within {SWAP_TIMEOUT:.0f} s of the rollback")
                self.report.rollback_seconds = round(back - asked, 3)
                line.show(f"back to {first} in {back - asked:.2f} s")
            with self.screen.stage("callers") as line:
                while traffic.count < LEAST_REQUESTS or time.time() < back + CALM_SECONDS:
                    done = f"{traffic.count:,} requests since the second training"
                    line.show(done, min(traffic.count / LEAST_REQUESTS, 1.0))
                    time.sleep(0.05)
        finally:
            answers = traffic.stop()
        with self.screen.stage("check") as line:
            wrong = find_errors(answers, lambda version: self._expected(version, rows))
            line.show(f"{len(answers):,} answers compared with the version each names, {len(wrong)} wrong")
            for sentence in wrong[:3]:
                self.screen.say(sentence)
        self.report.promotion = f"{seen['champion']['outcome']}: {seen['champion']['reason']}"
        self.report.swap = SwapFigures(
            seconds=round(max(arrived - moved, 0.0), 3),
            requests=len(answers),
            errors=len(wrong),
            p99_ms_before=p99_ms(answers, 0.0, moved),
            p99_ms_during=p99_ms(answers, moved, arrived + 0.5),
            p99_ms_after=p99_ms(answers, arrived + 0.5, asked),
        )
        return second

    def watch(self, version: str) -> None:
        """Replay later rows into the API and report which features drifted."""
        window = self.plan.replay
        with self.screen.stage("replay") as line:
            line.show("loading the rows that came later")
            load_source(self.stack.database_url, self.spec, self.settings.models_dir, until=window.end)
            stored = list(
                fetch_rows(self.stack.database_url, self.spec, since=window.start, until=window.end)
            )
            count = replay_rows(
                self.stack.api_url,
                self.spec,
                stored,
                lambda n: line.show(f"{n:,} of {len(stored):,} rows scored", n / len(stored)),
            )
            self.api.await_reservoir()
            line.show(f"{count:,} rows from {window.since} to {window.until} scored by {version}")
        with self.screen.stage("drift") as line:
            job = f"{self.spec.name}_drift_report"
            watched: dict[str, str] = {"version": version, "until": window.end.isoformat()}
            if window.start is not None:
                watched["since"] = window.start.isoformat()
            config = {"ops": {f"{self.spec.name}__drift_report": {"config": watched}}}
            self.dagster.wait(self.dagster.launch(job, config))
            found = self.dagster.materializations(f"{self.spec.name}/drift_report")
            watched_features = [row for row in found["psi"] if row["feature"] in self.spec.features.names]
            self.report.psi = {row["feature"]: row["psi"] for row in watched_features}
            self.report.drifted = [row["feature"] for row in watched_features if row["verdict"] == "alert"]
            line.show(f"{found['dagster/row_count']:,} sampled rows, drifted: {self.report.drifted_text}")

    def wait_for_the_end(self) -> None:
        """Leave the servers up until Ctrl-C."""
        self.console.print(f"Dagster UI      {self.stack.dagster_url}")
        self.console.print(f"prediction API  {self.stack.api_url}")
        self.console.print(
            f"Ctrl-C ends; what was made stays in {self.settings.home}, `make clean` forgets it"
        )
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            self.console.print("stopping")

    @property
    def _job(self) -> str:
        return f"{self.spec.name}_train_and_publish"

    def _rows(self, window: Window, limit: int) -> list[dict[str, object]]:
        found = fetch_rows(self.stack.database_url, self.spec, since=None, until=window.end, limit=limit)
        return [known_features(self.spec, row) for row in found]

    def _alias_moved(self) -> float:
        moved = self.registry.aliases(self.spec.name).updated_at
        return time.time() if moved is None else moved.timestamp()

    def _expected(self, version: str, rows: list[dict[str, object]]) -> list[float]:
        """The positive class's probability of every row as `version` of the registry gives it."""
        manifest = self.registry.manifest(self.spec.name, version)
        path = self.registry.directory(self.spec.name, version) / "mojo.zip"
        model = ScoringModel.load(path, impute=manifest.reduction.impute)
        column = model.output_names.index(self.spec.target.positive or "")
        return [float(value) for value in model.score(rows)[:, column]]

    def show_curl_line(self) -> None:
        """Print a request that works as printed while the servers run."""
        row = orjson.dumps({"rows": self._rows(self.plan.first, 1)}).decode()
        line = f"\ncurl -s {self.stack.api_url}/predict -H 'Content-Type: application/json' -d '{row}'\n"
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def require_truth(self) -> None:
        """DemoError where a figure is not what the demo is there to show."""
        swap = self.report.swap
        if swap is None or swap.errors:
            raise DemoError(f"{swap.errors if swap else 'all'} of the answers during the swap were wrong")
        if self.report.versions_published != 2:
            raise DemoError(f"{self.report.versions_published} versions were published, not 2")
        if self.report.jvm_left_running:
            raise DemoError("a training JVM is still running; `mojoline down` ends it")


def _leaderboard(seen: Metadata) -> list[LeaderboardRow]:
    known = LeaderboardRow.model_fields
    return [LeaderboardRow(**{k: v for k, v in row.items() if k in known}) for row in seen["leaderboard"]]


def _jvm_is_running(work_dir: Path) -> bool:
    """Whether an H2O server that was started in `work_dir` is alive."""
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if any("h2o.jar" in part for part in command) and any(str(work_dir) in part for part in command):
            return True
    return False
