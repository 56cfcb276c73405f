"""What must hold for a draft before it may be published: one check per proof, each blocking."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg

from assets.publication import DRAFT
from assets.stage import asset_key, shown_errors
from mojoline.model_spec import ModelSpec
from mojoline.registry.manifest import ManifestFacts
from mojoline.registry.proofs import Proof, prove_equality, prove_latency, prove_loads, prove_pins, prove_size
from mojoline.training.package import Package

Prove = Callable[[Path, ManifestFacts], Proof]

CHECKS: dict[str, tuple[Prove, str]] = {
    "loads": (prove_loads, "The MOJO loads in the native scorer."),
    "equality": (prove_equality, "The scorer gives the training cluster's own predictions on the golden rows."),
    "pins": (prove_pins, "The MOJO was written by the pinned versions."),
    "size": (prove_size, "The artifact is inside the byte budget of the model spec."),
    "latency": (prove_latency, "Scoring one row is inside the latency budget of the model spec."),
}


def package_checks(spec: ModelSpec) -> list[dg.AssetChecksDefinition]:
    """The blocking checks on the package of `spec`."""
    return [_package_check(spec, name, prove, text) for name, (prove, text) in CHECKS.items()]


def _package_check(spec: ModelSpec, name: str, prove: Prove, text: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset_key(spec, "package"), name=name, description=text, blocking=True)
    def check(package: Package) -> dg.AssetCheckResult:
        with shown_errors():
            proof = prove(package.file(DRAFT), package.facts)
        return dg.AssetCheckResult(
            passed=proof.passed,
            severity=dg.AssetCheckSeverity.ERROR,
            description=proof.message,
            metadata=dict(proof.figures),
        )

    return check
