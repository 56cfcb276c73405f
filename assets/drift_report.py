"""The drift report: what the server scored lately against what the champion was trained on."""

import dagster as dg
from pydantic import Field

from assets.code_version import code_version
from assets.plots import Cell, Metadata, bar_plot, rounded, table
from assets.stage import read_moment, shown_errors, stage_asset
from mojoline.drift.baseline import Baseline
from mojoline.drift.drift_report import DriftReport, FeatureDrift, build_report
from mojoline.model_spec import ModelSpec
from mojoline.registry.filesystem_registry import FilesystemRegistry, open_registry
from mojoline.settings import load_settings

VERDICT_COLOURS = {"stable": "good", "warn": "warn", "alert": "alert", "insufficient": "muted"}


class Watched(dg.Config):
    """Which version is looked at, and which of the hours it scored.

    The sample is uniform over all hours together. Rows of a replay are better asked for by their own time:
    next to an hour of heavy traffic only a few of them would count, and another few after more traffic.
    """

    version: str = Field(default="", description="a published version; empty: the champion")
    since: str | None = Field(default=None, description="event times from this hour on; empty: all there are")
    until: str | None = Field(
        default=None, description="event times before this moment; empty: all there are"
    )


def drift_report_asset(spec: ModelSpec) -> dg.AssetsDefinition:
    """The asset that compares the reservoir of `spec` with the baseline of the version that scored it."""
    left_out = ", ".join(spec.drift.exclude) or "none"

    @stage_asset(
        spec,
        group="monitor",
        kinds={"redis"},
        after=["champion"],
        code=code_version("mojoline/drift"),
        description=(
            "Population stability index of every watched feature: rows sampled by the server against the "
            f"training baseline inside the version. Warns above {spec.drift.warn}, alerts above "
            f"{spec.drift.alert}, both only if chance alone would not give as much. Left out: {left_out}."
        ),
    )
    def drift_report(context: dg.AssetExecutionContext, config: Watched) -> dg.MaterializeResult[DriftReport]:
        from mojoline.drift.reservoir_reader import read_reservoir  # redis is slow to import

        with shown_errors():
            settings = load_settings()
            registry = open_registry(settings.registry_url)
            version = config.version or _champion(registry, spec.name)
            rows = read_reservoir(
                settings.require_reservoir_redis_url(),
                spec.name,
                version,
                since=read_moment(config.since),
                until=read_moment(config.until),
                size=spec.drift.reservoir,
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
        return dg.MaterializeResult(
            value=report, metadata={"dagster/row_count": len(rows), **_describe(report, spec)}
        )

    return drift_report


def _champion(registry: FilesystemRegistry, name: str) -> str:
    champion = registry.aliases(name).champion
    if champion is None:
        raise dg.Failure(f"{name} has no champion yet: run {name}_train_and_publish first")
    return champion.version


def _left_out(spec: ModelSpec) -> list[str]:
    """The features nobody watches, such as calendar columns, which drift by themselves."""
    watched = set(spec.features.names if spec.drift.columns == "all" else spec.drift.columns)
    return sorted(set(spec.features.names) - (watched - set(spec.drift.exclude)))


def _describe(report: DriftReport, spec: ModelSpec) -> Metadata:
    watched = [*report.features, *([report.prediction] if report.prediction else [])]
    return {
        "model_version": report.version,
        "verdict": report.verdict,
        "psi_max": rounded(max((feature.psi for feature in report.features), default=0.0)),
        "features_drifted": sum(feature.verdict in ("warn", "alert") for feature in report.features),
        "window": f"{report.window.start} to {report.window.end}",
        "left_out": ", ".join(_left_out(spec)) or "none",
        "psi_plot": bar_plot(
            "Population stability index",
            [(feature.name, feature.psi, VERDICT_COLOURS[feature.verdict]) for feature in watched],
            marks={"warn": report.warn, "alert": report.alert},
        ),
        "psi": table([_row(feature) for feature in watched]),
    }


def _row(feature: FeatureDrift) -> dict[str, Cell]:
    largest = feature.top_bins[0] if feature.top_bins else None
    return {
        "feature": feature.name,
        "psi": feature.psi,
        "verdict": feature.verdict,
        "chance": feature.critical,
        "n_ref": feature.n_ref,
        "n_cur": feature.n_cur,
        "missing": feature.missing_rate,
        "unseen": feature.unseen_rate,
        "out_of_range": feature.out_of_range_rate,
        "largest_shift": f"{largest.bin}: {largest.expected:.1%} -> {largest.actual:.1%}"
        if largest
        else None,
    }
