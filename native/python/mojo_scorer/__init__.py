"""Scores H2O-3 MOJO files natively: no JVM, the numbers of h2o-genmodel.

MojoError is the root of FormatError (damaged file), UnsupportedError
(names what is unknown) and RowError (bad input).
"""

import copyreg
from typing import NoReturn

from mojo_scorer._core import FormatError, Model, MojoError, RowError, UnsupportedError, load

__all__ = ["FormatError", "Model", "MojoError", "RowError", "UnsupportedError", "load"]


def refuse_to_copy(model: Model) -> NoReturn:
    """Say what to do instead of pickling or copying a model."""
    raise TypeError(
        f"a {type(model).__name__} can be neither pickled nor copied: load the file in each process, "
        "share one among threads"
    )


copyreg.pickle(Model, refuse_to_copy)
