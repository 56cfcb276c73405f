"""All stages of one model spec, in the order of the line."""

import dagster as dg

from assets.champion import champion_asset
from assets.checks.package_checks import package_checks
from assets.checks.snapshot_checks import snapshot_checks
from assets.drift_report import drift_report_asset
from assets.package import package_asset
from assets.publication import publication_asset
from assets.reduction import reduction_asset
from assets.snapshot import snapshot_asset
from assets.source_table import source_table_asset
from assets.trained_model import trained_model_asset
from mojoline.model_spec import ModelSpec


def line_assets(spec: ModelSpec) -> list[dg.AssetsDefinition]:
    """Every asset of `spec`, under the key prefix of its name."""
    loaded = [source_table_asset(spec)] if spec.source.load else []
    stages = (
        snapshot_asset,
        reduction_asset,
        trained_model_asset,
        package_asset,
        publication_asset,
        champion_asset,
        drift_report_asset,
    )
    return [*loaded, *(stage(spec) for stage in stages)]


def line_checks(spec: ModelSpec) -> list[dg.AssetChecksDefinition]:
    """Every asset check of `spec`."""
    return [*snapshot_checks(spec), *package_checks(spec)]
