"""What goes wrong while samples are written, read and compared."""

from mojoline.errors import MojolineError


class DriftError(MojolineError):
    """A baseline or a sample cannot be used; the message names the column and the value."""
