"""Errors of the registry.

RegistryError
├── NotFoundError         no such model, version or alias
├── ConflictError         somebody else moved the aliases first
├── CorruptVersionError   a file of a version is not what its manifest says
└── GoldenRowsError       golden.jsonl does not hold what it must
"""

from mojoline.errors import MojolineError


class RegistryError(MojolineError):
    """The registry could not do what was asked; the message names the path and the next step."""


class NotFoundError(RegistryError):
    """There is no such model, version or alias."""


class ConflictError(RegistryError):
    """The aliases moved since the caller read them: read again, decide again."""


class CorruptVersionError(RegistryError):
    """A version's directory does not hold what its manifest lists; names the first such file."""


class GoldenRowsError(RegistryError):
    """A golden.jsonl is not in the format its readers need; names the line."""
