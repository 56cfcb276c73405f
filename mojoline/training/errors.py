"""Errors of training.

TrainingError
├── ClusterError     the H2O cluster did not start, or died
└── NoWinnerError    no candidate fits the serving budget
"""

from mojoline.errors import MojolineError


class TrainingError(MojolineError):
    """Training cannot go on; the message names the value seen, the limit and the next step."""


class ClusterError(TrainingError):
    """The H2O cluster did not start or died; the message ends with its last log lines."""


class NoWinnerError(TrainingError):
    """No candidate is inside the serving budget; the message names the closest one."""
