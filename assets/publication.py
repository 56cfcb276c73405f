"""The publication: a proven draft becomes an immutable version in the registry."""

import dagster as dg

from assets.code_version import code_version
from assets.draft_proofs import describe_proofs, prove_draft, require_proofs
from assets.stage import asset_key, shown_errors, stage_asset
from mojoline.model_spec import ModelSpec
from mojoline.registry.filesystem_registry import open_registry
from mojoline.registry.manifest import Manifest, ManifestFacts
from mojoline.settings import load_settings
from mojoline.training.package import Package


def publication_asset(spec: ModelSpec) -> dg.AssetsDefinition:
    """The asset that publishes the draft of `spec`."""

    @stage_asset(
        spec,
        group="publish",
        kinds={"json"},
        reads=["package"],
        code=code_version("mojoline/registry"),
        description=(
            "An immutable version in the registry, its manifest written last. The proofs are run "
            "again here and a failed one refuses the version, because a later run can step around a blocking "
            "check. The same content is the same version: publishing twice changes nothing."
        ),
    )
    def publication(context: dg.AssetExecutionContext, package: Package) -> dg.MaterializeResult[Manifest]:
        with shown_errors():
            draft = package.file(package.draft)
            facts = complete_facts(package.facts, spec, context.run.run_id)
            proofs = prove_draft(draft, facts)
            require_proofs(proofs, subject=f"the draft of {spec.name}")
            registry = open_registry(load_settings().registry_url)
            manifest = registry.publish(spec.name, draft, facts)
        return dg.MaterializeResult(
            value=manifest,
            metadata={
                "version": manifest.version,
                "seq": manifest.seq,
                "reused": manifest.training.dagster_run_id != context.run.run_id,
                "artifact_bytes": sum(entry.bytes for entry in manifest.files),
                "files": dg.MetadataValue.json({entry.path: entry.bytes for entry in manifest.files}),
                "proofs": describe_proofs(proofs),
                "dagster/uri": registry.directory(spec.name, manifest.version).as_uri(),
            },
            data_version=dg.DataVersion(manifest.version),
        )

    return publication


def complete_facts(facts: ManifestFacts, spec: ModelSpec, run_id: str) -> ManifestFacts:
    """The facts with what the builder of a package does not know: the run, and what the server samples by."""
    origin = {"dagster_run_id": run_id, "asset_key": asset_key(spec, "publication").to_user_string()}
    sampling = {
        "entity_key": spec.source.entity_key,
        "event_time": spec.source.event_time,
        "reservoir": str(spec.drift.reservoir),
    }
    return facts.model_copy(
        update={"training": facts.training.model_copy(update=origin), "tags": {**facts.tags, **sampling}}
    )
