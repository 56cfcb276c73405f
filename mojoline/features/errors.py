"""Errors of reading and building features.

FeatureError
└── LeakageError    a feature knows the future
"""

from mojoline.errors import MojolineError


class FeatureError(MojolineError):
    """Rows that cannot be loaded or read as the model spec asks; the message says what to change."""


class LeakageError(FeatureError):
    """A feature that knows what nobody could know when the prediction was made."""
