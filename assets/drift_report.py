"""The drift report: what the server scored lately against what the champion was trained on."""

import dagster as dg
from pydantic import Field

from assets.code_version import code_version
from assets.plots import Metadata, bar_plot, table
from assets.stage import asset_key, shown_errors, stage_arguments
from mojoline.drift.baseline import Baseline
from mojoline.drift.drift_report import DriftReport, build_report
from mojoline.drift.reservoir_reader import read_reservoir
from mojoline.model_spec import ModelSpec
from mojoline.registry.filesystem_registry import FilesystemRegistry, open_registry
from mojoline.settings import load_settings

VERDICT_COLOURS = {"stable": "good", "warn": "warn", "alert": "alert", "insufficient": "muted"}


class Watched(dg.Config):
    """Which version is looked at."""

    version: str = Field(default="", description="a published version; empty: the champion")


def drift_report_asset(spec: ModelSpec) -> dg.AssetsDefinition:
    """The asset that compares the reservoir of `spec` with the baseline of the version that scored it."""
    left_out = ", ".join(spec.drift.exclude) or "none"

    @dg.asset(
        **stage_arguments(spec, group="monitor", kinds={"redis"}),
        deps=[asset_key(spec, "champion")],
        code_version=code_version("mojoline/drift"),
        description=(
            "Population stability index of every watched feature: rows sampled by the server against the "
            f"training baseline inside the version. Warns above {spec.drift.warn}, alerts above "
            f"{spec.drift.alert}, both only if chance alone would not give as much. Left out: {left_out}."
        ),
    )
    def drift_report(context: dg.AssetExecutionContext, config: Watched) -> dg.Output[DriftReport]:
        with shown_errors():
            settings = load_settings()
            registry = open_registry(settings.registry_url)
            version = config.version or _champion(registry, spec.name)
            rows = read_reservoir(
                settings.require_reservoir_redis_url(), spec.name, version, size=spec.drift.reservoir
            )
            baseline = Baseline.model_validate_json(
                (registry.directory(spec.name, version) / "baseline.json").read_bytes()
            )
            report = build_report(
                baseline,
                rows,
                model=spec.name,
                version=version,
                warn=spec.drift.warn,
                alert=spec.drift.alert,
                min_samples=spec.drift.min_samples,
                exclude=_left_out(spec),
            )
        context.log.info(f"{len(rows)} sampled rows of {version}")
        return dg.Output(report, metadata={"rows": len(rows), **_describe(report, spec)})

    return drift_report


def _champion(registry: FilesystemRegistry, name: str) -> str:
    champion = registry.aliases(name).champion
    if champion is None:
        raise dg.Failure(f"{name} has no champion yet: run {name}_train_and_publish first")
    return champion.version


def _left_out(spec: ModelSpec) -> list[str]:
    """The features nobody watches: calendar columns drift by themselves."""
    watched = spec.features.names if spec.drift.columns == "all" else spec.drift.columns
    return sorted({*spec.drift.exclude, *spec.features.names} - ({*watched} - {*spec.drift.exclude}))


def _describe(report: DriftReport, spec: ModelSpec) -> Metadata:
    ordered = sorted(report.features, key=lambda feature: feature.psi, reverse=True)
    return {
        "model_version": report.version,
        "psi_max": ordered[0].psi if ordered else 0.0,
        "drifted": sum(feature.verdict in ("warn", "alert") for feature in ordered),
        "psi_plot": bar_plot(
            "Population stability index by feature",
            [(feature.name, feature.psi, VERDICT_COLOURS[feature.verdict]) for feature in ordered],
            marks={"warn": spec.drift.warn, "alert": spec.drift.alert},
        ),
        "psi": table(
            [
                {
                    "feature": feature.name,
                    "psi": feature.psi,
                    "verdict": feature.verdict,
                    "critical": feature.critical,
                    "n_ref": feature.n_ref,
                    "n_cur": feature.n_cur,
                }
                for feature in ordered
            ]
        ),
    }
