"""The proofs a draft must pass before it is published, and how the UI shows them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import dagster as dg

from assets.plots import table
from mojoline.registry.manifest import ManifestFacts
from mojoline.registry.proof import Proof
from mojoline.registry.proofs import (
    prove_equality,
    prove_latency,
    prove_loads,
    prove_pins,
    prove_size,
)

Prove = Callable[[Path, ManifestFacts], Proof]

DRAFT_PROOFS: dict[str, tuple[Prove, str]] = {
    "loads": (prove_loads, "The MOJO loads in the native scorer and takes and gives what its schema says."),
    "equality": (prove_equality, "The scorer gives the training cluster's own predictions on golden rows."),
    "pins": (prove_pins, "The MOJO was written by the pinned H2O release."),
    "size": (prove_size, "The MOJO is inside the byte budget of the model spec."),
    "latency": (prove_latency, "Scoring one row is inside the latency budget of the model spec."),
}


def prove_draft(draft: Path, facts: ManifestFacts) -> list[Proof]:
    """All proofs of a draft, also those after a failed one."""
    return [prove(draft, facts) for prove, _ in DRAFT_PROOFS.values()]


def describe_proofs(proofs: Sequence[Proof]) -> dg.TableMetadataValue:
    """One row per proof: name, outcome, and what was found."""
    return table([{"proof": proof.name, "passed": proof.passed, "found": proof.message} for proof in proofs])


def require_proofs(proofs: Sequence[Proof], *, subject: str) -> None:
    """dg.Failure naming every proof that does not hold for `subject`."""
    failed = [proof for proof in proofs if not proof.passed]
    if failed:
        reasons = "; ".join(f"{proof.name}: {proof.message}" for proof in failed)
        raise dg.Failure(
            description=f"{subject} is refused: {reasons}",
            metadata={"proofs": describe_proofs(proofs)},
            allow_retries=False,
        )
