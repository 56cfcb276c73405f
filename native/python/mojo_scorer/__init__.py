"""Scores H2O-3 MOJO files natively: no JVM, the numbers of h2o-genmodel.

Errors: MojoError > FormatError (damaged file), UnsupportedError (unknown content, named), RowError (bad input).
"""

from mojo_scorer._core import FormatError, Model, MojoError, RowError, UnsupportedError, load

__all__ = ["FormatError", "Model", "MojoError", "RowError", "UnsupportedError", "load"]
