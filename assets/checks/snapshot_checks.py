"""What must hold for the extracted rows before anything is trained on them."""

import dagster as dg

from assets.code_version import code_version
from assets.plots import table
from assets.stage import asset_key, shown_errors
from mojoline.features.leakage import LeakReport, find_leaks
from mojoline.features.source_table import read_script, require_load
from mojoline.features.staging import digest_files, locate_files
from mojoline.model_spec import ModelSpec
from mojoline.settings import Settings, load_settings
from mojoline.stage_cache import run_stage, stage_key

LINES = 2500  # of each file: two days of flights, tested in about a second


def snapshot_checks(spec: ModelSpec) -> list[dg.AssetChecksDefinition]:
    """The checks on the snapshot of `spec`; only a table that is loaded here can be built again."""
    return [_leakage_check(spec)] if spec.source.load and spec.source.load.future else []


def _leakage_check(spec: ModelSpec) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset_key(spec, "snapshot"),
        name="no_leakage",
        blocking=True,
        description=(
            f"No feature changes when `{require_load(spec).future}` rewrites what nobody knew yet. The table "
            f"is built twice from the first {LINES} lines of each file; the same files are tested "
            "once."
        ),
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        with shown_errors():
            report, reused = _test(spec, load_settings())
        context.log.info(report.describe())
        return dg.AssetCheckResult(
            passed=not report.leaks,
            severity=dg.AssetCheckSeverity.ERROR,
            description=report.describe(),
            metadata={
                "at": str(report.moment),
                "rows_compared": report.rows,
                "outcomes_altered": report.altered,
                "leaks": table([leak.model_dump() for leak in report.leaks]),
                "reused": reused,
            },
        )

    return check


def _test(spec: ModelSpec, settings: Settings) -> tuple[LeakReport, bool]:
    """The report on files and scripts as they are, and whether it was there already."""
    load = require_load(spec)
    key = stage_key(
        "leakage",
        digest_files(locate_files(load, settings.models_dir)),
        *(read_script(settings.models_dir, name) for name in (load.sql, load.future) if name),
        spec.model_dump_json(include={"source", "target", "features"}),
        code_version("mojoline/features", "assets/checks/snapshot_checks.py"),
    )
    return run_stage(
        settings.work_dir / spec.name / "leakage",
        key,
        LeakReport,
        lambda _directory: find_leaks(
            settings.require_database_url(), spec, settings.models_dir, lines=LINES
        ),
    )
