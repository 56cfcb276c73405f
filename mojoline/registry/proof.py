"""What a proof of a version is, and how one is carried out."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mojoline.errors import MojolineError

Figures = dict[str, float | str]


@dataclass(frozen=True)
class Proof:
    """One property of a version: whether it holds, the numbers, and a sentence for the reader."""

    name: str
    passed: bool
    message: str
    figures: Figures = field(default_factory=dict)


def carry_out(name: str, check: Callable[[], tuple[bool, str, Figures]]) -> Proof:
    """A proof that cannot be carried out has failed; its message is that of the error."""
    try:
        passed, message, figures = check()
    except (MojolineError, OSError) as error:
        return Proof(name, passed=False, message=str(error))
    return Proof(name, passed=passed, message=message, figures=figures)
