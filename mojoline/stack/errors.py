"""Errors of the local stack.

StackError
└── RunFailedError    a Dagster run failed; see mojoline.stack.dagster_client
"""

from mojoline.errors import MojolineError


class StackError(MojolineError):
    """A server of the local stack cannot be started, reached or stopped; the message says what to do."""
