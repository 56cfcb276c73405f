"""The error of the local stack."""

from mojoline.errors import MojolineError


class StackError(MojolineError):
    """A server of the local stack cannot be started, reached or stopped; the message says what to do."""
