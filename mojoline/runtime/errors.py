"""Errors of the runtime.

RuntimeModelError
├── RowRefusedError      a row cannot be turned into the model's inputs
└── ContributionsError   the model has no contributions of its inputs
"""

from mojoline.errors import MojolineError


class RuntimeModelError(MojolineError):
    """A MOJO cannot be loaded or scored; the message names the file and the reason."""


class RowRefusedError(RuntimeModelError):
    """A row holds something the model has no input for; the caller can mend the row."""


class ContributionsError(RuntimeModelError):
    """The model cannot say what each input contributed; the message says why."""
