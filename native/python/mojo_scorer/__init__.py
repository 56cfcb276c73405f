"""Scores H2O-3 MOJO files natively: no JVM, the numbers of h2o-genmodel.

MojoError is the root of FormatError (damaged file), UnsupportedError
(names what is unknown) and RowError (bad input).
"""

from mojo_scorer._core import FormatError, Model, MojoError, RowError, UnsupportedError, load

__all__ = ["FormatError", "Model", "MojoError", "RowError", "UnsupportedError", "load"]
