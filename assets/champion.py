"""The champion: whether the new version takes over, decided on rows its training never saw."""

from collections.abc import Callable
from typing import Any, Literal

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field

from assets.code_version import code_version
from assets.draft_proofs import require_proofs
from assets.plots import rounded
from assets.stage import shown_errors, stage_asset
from mojoline.errors import MojolineError
from mojoline.features.snapshot import Snapshot
from mojoline.model_spec import ModelSpec
from mojoline.registry.filesystem_registry import FilesystemRegistry, open_registry
from mojoline.registry.manifest import Manifest
from mojoline.registry.promotion import Decision, decide_promotion
from mojoline.registry.proofs import prove_version
from mojoline.runtime.evaluation import LabelledRows, evaluate_version
from mojoline.settings import load_settings
from mojoline.training.reduction import Reduction
from mojoline.training.test_rows import read_test_rows

Outcome = Literal["promoted", "promoted by override", "already champion", "not promoted"]


class Promotion(dg.Config):
    """A person may overrule the comparison; the reason is kept in the registry."""

    override_reason: str = Field(
        default="", description="promote although the comparison says no, and record this reason"
    )


class ChampionRecord(BaseModel):
    """What was decided about one version, and on what grounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Outcome
    reason: str
    version: str
    champion: str | None
    generation: int
    metric_name: str
    challenger_metric: float | None = None
    champion_metric: float | None = None
    rows: int = 0


def decide_outcome(
    decision: Decision, *, mode: Literal["auto", "manual"], override: str
) -> tuple[Outcome, str]:
    """What happens to a challenger: the comparison decides, unless a person must or already did."""
    if decision.promote and mode == "auto":
        return "promoted", decision.reason
    if override:
        return "promoted by override", f"{override} ({decision.reason})"
    if decision.promote:
        return "not promoted", f"promotion.mode is manual: it waits for a person ({decision.reason})"
    return "not promoted", decision.reason


def champion_asset(spec: ModelSpec) -> dg.AssetsDefinition:
    """The asset that promotes the published version of `spec`, or records why not."""

    @stage_asset(
        spec,
        group="publish",
        kinds={"json"},
        reads=["publication", "snapshot", "reduction"],
        code=code_version("mojoline/registry", "mojoline/runtime"),
        description=(
            "The version that serves. Challenger and champion are scored on the same rows, untouched by the "
            f"challenger's training; the limit is {spec.promotion.not_worse:+.1%}. `not promoted` is an "
            "outcome with a reason, not a failure: the version then waits as challenger."
        ),
    )
    def champion(
        context: dg.AssetExecutionContext,
        config: Promotion,
        publication: Manifest,
        snapshot: Snapshot,
        reduction: Reduction,
    ) -> dg.MaterializeResult[ChampionRecord]:
        with shown_errors():
            registry = open_registry(load_settings().registry_url)
            record = decide_champion(
                spec,
                registry,
                publication,
                lambda: read_test_rows(spec, snapshot, reduction),
                config.override_reason,
            )
            record = _write(registry, spec.name, record, by=f"dagster run {context.run.run_id}")
        context.log.info(f"{record.outcome}: {record.reason}")
        known = record.model_dump(mode="json", exclude_none=True)
        shown = {name: rounded(value) for name, value in known.items()}
        return dg.MaterializeResult(value=record, metadata={**shown, "alias_generation": record.generation})

    return champion


def decide_champion(
    spec: ModelSpec,
    registry: FilesystemRegistry,
    manifest: Manifest,
    read: Callable[[], LabelledRows],
    override: str,
) -> ChampionRecord:
    """What should happen to the version of `manifest`; nothing is written."""
    aliases = registry.aliases(spec.name)
    current = None if aliases.champion is None else aliases.champion.version
    known: dict[str, Any] = {
        "version": manifest.version,
        "champion": current,
        "generation": aliases.generation,
        "metric_name": manifest.metric_name,
    }
    if current == manifest.version:
        return ChampionRecord(outcome="already champion", reason="this version serves already", **known)
    directory = registry.directory(spec.name, manifest.version)
    require_proofs(prove_version(directory, manifest), subject=f"{spec.name} {manifest.version}")
    rows = read()
    own = evaluate_version(directory, manifest, rows)
    theirs = None
    try:
        if current is not None:
            theirs = _evaluate_champion(registry, spec.name, current, manifest.metric_name, rows)
    except MojolineError as error:
        # a champion that is damaged or of another target must not lock out the version that could replace it
        decision = Decision(
            promote=False,
            reason=f"champion {current} cannot be scored: {error}. Promote by override_reason, or roll back",
        )
    else:
        decision = decide_promotion(
            theirs, own, lower_is_better=manifest.lower_is_better, not_worse=spec.promotion.not_worse
        )
    outcome, reason = decide_outcome(decision, mode=spec.promotion.mode, override=override)
    return ChampionRecord(
        outcome=outcome, reason=reason, challenger_metric=own, champion_metric=theirs, rows=len(rows), **known
    )


def _evaluate_champion(
    registry: FilesystemRegistry, name: str, version: str, metric_name: str, rows: LabelledRows
) -> float:
    """The champion by the challenger's metric: it may have been chosen by another one."""
    manifest = registry.manifest(name, version).model_copy(update={"metric_name": metric_name})
    return evaluate_version(registry.directory(name, version), manifest, rows)


def _write(registry: FilesystemRegistry, name: str, record: ChampionRecord, by: str) -> ChampionRecord:
    """Move the aliases as decided; ConflictError if they are no longer those the decision rests on."""
    at: dict[str, Any] = {"expected_generation": record.generation, "by": by, "reason": record.reason}
    if record.outcome == "already champion":
        return record
    if record.outcome == "not promoted":
        aliases = registry.set_challenger(name, record.version, **at)
    else:
        override = record.reason if record.outcome == "promoted by override" else None
        aliases = registry.move_champion(name, record.version, override=override, **at)
    return record.model_copy(update={"generation": aliases.generation})
