"""Proofs as the UI shows them, and the refusal of what they do not hold for."""

from collections.abc import Sequence

import dagster as dg

from assets.plots import table
from mojoline.registry.proofs import Proof


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
