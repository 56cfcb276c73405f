"""The source table: the spec's files loaded into PostgreSQL, for data that does not already live there."""

import dagster as dg
from pydantic import Field

from assets.code_version import code_version
from assets.stage import read_moment, shown_errors, stage_asset
from mojoline.features.source_table import LoadResult, load_source
from mojoline.model_spec import ModelSpec
from mojoline.settings import load_settings


class LoadWindow(dg.Config):
    """How much of the files' history is loaded."""

    until: str | None = Field(default=None, description="rows known before this moment, ISO 8601; empty: all")


def source_table_asset(spec: ModelSpec) -> dg.AssetsDefinition:
    """The asset that loads `spec.source.load` into `spec.source.table`."""

    @stage_asset(
        spec,
        group="extract",
        kinds={"postgres", "csv"},
        code=code_version("mojoline/features"),
        description=(
            f"The table `{spec.source.table}`, loaded from the files of the model spec in one transaction. "
            "Loading the same files up to the same moment again changes nothing."
        ),
    )
    def source_table(
        context: dg.AssetExecutionContext, config: LoadWindow
    ) -> dg.MaterializeResult[LoadResult]:
        with shown_errors():
            settings = load_settings()
            loaded = load_source(
                settings.require_database_url(),
                spec,
                settings.models_dir,
                until=read_moment(config.until),
                progress=context.log.info,
            )
        return dg.MaterializeResult(
            value=loaded,
            metadata={
                "dagster/row_count": loaded.rows,
                "dagster/table_name": spec.source.table,
                "seconds": loaded.seconds,
                "until": config.until or "all",
                "reused": not loaded.loaded,
            },
        )

    return source_table
