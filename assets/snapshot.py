"""The snapshot: training rows as one transaction saw them, whatever was written meanwhile."""

import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from assets.code_version import code_version
from assets.plots import Metadata
from assets.stage import Window, read_moment, shown_errors, stage_asset
from mojoline.features.snapshot import Snapshot, extract_snapshot
from mojoline.model_spec import ModelSpec
from mojoline.settings import load_settings
from mojoline.stage_cache import run_stage, stage_key

ABANDONED_SECONDS = 6 * 3600


def snapshot_asset(spec: ModelSpec) -> dg.AssetsDefinition:
    """The asset that reads the training rows of `spec` out of PostgreSQL."""

    @stage_asset(
        spec,
        group="extract",
        kinds={"postgres", "parquet"},
        after=["source_table"] if spec.source.load else [],
        code=code_version("mojoline/features"),
        description=(
            f"Training rows of `{spec.source.table}` read in one REPEATABLE READ, READ ONLY transaction, as "
            "Parquet. The data version is the digest of the rows: the same rows give the same version, and "
            "every later stage that has seen them is not redone."
        ),
    )
    def snapshot(context: dg.AssetExecutionContext, config: Window) -> dg.MaterializeResult[Snapshot]:
        with shown_errors():
            settings = load_settings()
            root = settings.work_dir / spec.name / "snapshot"
            with _scratch_directory(root) as scratch:
                fresh = extract_snapshot(
                    settings.require_database_url(),
                    spec,
                    scratch,
                    since=read_moment(config.since),
                    until=read_moment(config.until),
                )
                kept, reused = _keep(root, scratch, fresh)
        used = f"{kept.rows} rows, isolation {kept.isolation_level}, snapshot {kept.snapshot_id}"
        if reused:
            used = f"kept: {used}; snapshot {fresh.snapshot_id} read the same rows"
        context.log.info(used)
        return dg.MaterializeResult(
            value=kept,
            metadata={
                **_describe(kept, config),
                "dagster/uri": kept.file(kept.parquet).as_uri(),
                "reused": reused,
                **({"same_rows_read_again": fresh.snapshot_id} if reused else {}),
            },
            data_version=dg.DataVersion(kept.digest),
        )

    return snapshot


@contextmanager
def _scratch_directory(root: Path) -> Iterator[Path]:
    """An empty directory to extract into; those of runs that were killed long ago are removed."""
    root.mkdir(parents=True, exist_ok=True)
    for leftover in root.glob(".extracting-*"):
        if time.time() - leftover.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)
    scratch = root / f".extracting-{uuid.uuid4().hex}"
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _keep(root: Path, scratch: Path, fresh: Snapshot) -> tuple[Snapshot, bool]:
    """The snapshot under the key of its content, and whether the same rows had been kept before.

    The key is known only after the rows were read, so reading is never skipped; it is the cheap part.
    """

    def move(directory: Path) -> Snapshot:
        for file in scratch.iterdir():
            file.rename(directory / file.name)
        return fresh

    key = stage_key("snapshot", fresh.digest, str(fresh.since), str(fresh.until))
    return run_stage(root, key, Snapshot, move)


def _describe(kept: Snapshot, config: Window) -> Metadata:
    """The rows that later stages see, and the transaction that read them, be it of an earlier run."""
    columns = [dg.TableColumn(column.name, column.type) for column in kept.columns]
    return {
        "dagster/row_count": kept.rows,
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns=columns)),
        "isolation_level": kept.isolation_level,
        "snapshot_id": kept.snapshot_id,
        "lsn": kept.lsn,
        "digest": kept.digest,
        "since": config.since or "all",
        "until": config.until or "all",
    }
