"""The publication: a proven draft becomes an immutable version in the registry."""

import dagster as dg
from mojoline.training.package import Package

from assets.code_version import code_version
from assets.draft_proofs import describe_proofs, prove_draft, require_proofs
from assets.package import DRAFT
from assets.stage import asset_key, shown_errors, stage_asset
from mojoline.model_spec import ModelSpec
from mojoline.registry.filesystem_registry import open_registry
from mojoline.registry.manifest import Manifest, ManifestFacts
from mojoline.settings import load_settings


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
            draft = package.file(DRAFT)
            facts = _with_origin(
                package.facts, context.run.run_id, asset_key(spec, "publication").to_user_string()
            )
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


def _with_origin(facts: ManifestFacts, run_id: str, key: str) -> ManifestFacts:
    """The facts, with the run that publishes them: the builder of a package knows nothing of runs."""
    training = facts.training.model_copy(update={"dagster_run_id": run_id, "asset_key": key})
    return facts.model_copy(update={"training": training})
