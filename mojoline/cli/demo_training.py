"""The demo's training runs: launched in Dagster like anybody's, and followed stage by stage on the screen."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from mojoline.cli.demo_plan import DemoPlan, Window
from mojoline.cli.demo_screen import DemoScreen, StageLine
from mojoline.stack.dagster_client import DagsterClient
from mojoline.stack.dagster_events import RunEvent

Metadata = Mapping[str, Any]

TITLES = {
    "source_table": "load",
    "snapshot": "extract",
    "reduction": "reduce",
    "trained_model": "train",
    "package": "package",
    "publication": "publish",
    "champion": "promote",
}


def run_config(model: str, plan: DemoPlan, window: Window, override_reason: str) -> dict[str, Any]:
    """The launchpad's run config for one training run of the demo."""
    until = window.end.isoformat()
    since = None if window.start is None else window.start.isoformat()
    configs = {
        "source_table": {"until": plan.loaded_until(window).isoformat()},
        "snapshot": {"since": since, "until": until},
        "trained_model": plan.training.model_dump(exclude_none=True),
        "champion": {"override_reason": override_reason},
    }
    return {"ops": {f"{model}__{stage}": {"config": config} for stage, config in configs.items()}}


def describe_stage(stage: str, seen: Metadata) -> str:
    """The figures of a finished stage in one line, from what its asset recorded."""
    kept = "kept from an earlier run: " if seen.get("reused") else ""
    match stage:
        case "source_table":
            text = f"{seen['dagster/row_count']:,} rows in {seen['dagster/table_name']}"
        case "snapshot":
            text = f"{seen['dagster/row_count']:,} rows, {seen['isolation_level']}, {seen['snapshot_id']}"
        case "reduction":
            share = f", {seen['variance_kept']:.1%} of the variance" if "variance_kept" in seen else ""
            text = f"{seen['features_in']} numeric features to {seen['components_kept']} components{share}"
        case "trained_model":
            text = (
                f"{seen['models_tried']} models, best {seen['algorithm']}: {seen['metric_name']} "
                f"{seen['metric']:.4f}, {seen['score_us_p50']:.1f} us a row"
            )
        case "package":
            text = f"mojo.zip of {seen['artifact_bytes']:,} bytes"
        case "publication":
            text = f"version {seen['version']}"
        case _:
            text = f"{seen['outcome']}: {seen['reason']}"
    return kept + text


@dataclass
class TrainingRun:
    """Follows one run: opens a line when a stage starts, closes it with its figures when it ends."""

    screen: DemoScreen
    suffix: str
    on_stage_done: Callable[[str], None] = lambda _stage: None
    recorded: dict[str, Metadata] = field(default_factory=dict)

    def follow(self, dagster: DagsterClient, job: str, config: Mapping[str, Any]) -> dict[str, Metadata]:
        """Launch `job` and wait for its end: stage -> what its asset recorded.

        Raises:
            RunFailedError: the run failed; the message holds the stage and its error.
        """
        with ExitStack() as lines:
            dagster.wait(dagster.launch(job, config), lambda event: self._show(event, lines))
        return self.recorded

    def _show(self, event: RunEvent, lines: ExitStack) -> None:
        stage = (event.step or "").rpartition("__")[2]
        if stage not in TITLES:
            return
        if event.kind == "STEP_START":
            self._line: StageLine = lines.enter_context(self.screen.stage(TITLES[stage] + self.suffix))
        elif event.kind == "ASSET_MATERIALIZATION":
            self.recorded[stage] = event.metadata
            self._line.show(describe_stage(stage, event.metadata))
        elif event.kind == "STEP_SUCCESS":
            lines.pop_all().close()
            self.on_stage_done(stage)
        elif event.kind == "LOG":
            self._line.show(event.message)
