"""What must hold for a draft before it may be published: one blocking check per proof."""

import dagster as dg

from assets.draft_proofs import DRAFT_PROOFS, Prove
from assets.stage import asset_key, shown_errors
from mojoline.model_spec import ModelSpec
from mojoline.training.package import Package


def package_checks(spec: ModelSpec) -> list[dg.AssetChecksDefinition]:
    """The checks on the package of `spec`."""
    return [_package_check(spec, name, prove, text) for name, (prove, text) in DRAFT_PROOFS.items()]


def _package_check(spec: ModelSpec, name: str, prove: Prove, text: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset_key(spec, "package"), name=name, description=text, blocking=True)
    def check(package: Package) -> dg.AssetCheckResult:
        with shown_errors():
            proof = prove(package.file(package.draft), package.facts)
        return dg.AssetCheckResult(
            passed=proof.passed,
            severity=dg.AssetCheckSeverity.ERROR,
            description=proof.message,
            metadata=proof.figures,
        )

    return check
