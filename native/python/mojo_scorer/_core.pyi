"""Scores H2O-3 MOJO files natively."""

import os

import numpy


from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import numpy
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[numpy.float64]
Predictions: TypeAlias = dict[str, list[str] | NDArray[numpy.float64]]
Offset: TypeAlias = float | Sequence[float] | NDArray[Any]
Unseen: TypeAlias = Literal["na", "error"]

class ArrowTable(Protocol):
    """A data frame or table of any library that speaks the Arrow C stream interface."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

Rows: TypeAlias = Sequence[Mapping[str, object]]
Columns: TypeAlias = Mapping[str, Sequence[object] | NDArray[Any]]
Records: TypeAlias = Rows | Columns | ArrowTable | Matrix

class MojoError(Exception):
    pass

class FormatError(MojoError):
    pass

class UnsupportedError(MojoError):
    pass

class RowError(MojoError):
    pass

class Model:
    """A loaded MOJO. Immutable; may be used from several threads."""

    @property
    def algorithm(self) -> str:
        """H2O's short name, such as 'gbm' or 'stackedensemble'."""

    @property
    def main_algorithm(self) -> str:
        """
        The algorithm of a pipeline's main model; otherwise the same as algorithm.
        """

    @property
    def category(self) -> str:
        """'Binomial', 'Multinomial', 'Ordinal', 'Regression' or 'DimReduction'."""

    @property
    def feature_names(self) -> list[str]:
        """Input columns, in the order of score()'s matrix; a new list each time."""

    @property
    def domains(self) -> dict[str, list[str]]:
        """Levels of each categorical input column; a new dict each time."""

    @property
    def output_names(self) -> list[str]:
        """Names of score()'s columns: class labels, ['predict'] or ['PC1', ...]."""

    @property
    def response_domain(self) -> list[str] | None:
        """Class labels, or None where the target is no level."""

    @property
    def default_threshold(self) -> float:
        """Probability of the second class from which predict() names it."""

    @property
    def offset_column(self) -> str | None:
        """
        The column that predict() reads offsets from; None where the model has none or ignores it.
        """

    @property
    def h2o_version(self) -> str:
        """The H2O that wrote the file."""

    @property
    def mojo_version(self) -> str:
        """Version of the algorithm's format."""

    @property
    def uuid(self) -> str:
        """H2O's checksum of the model."""

    @property
    def deviations(self) -> list[str]:
        """
        Where genmodel, and so this scorer, departs from what a reader of H2O's documentation expects.
        """

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""

    def matrix(self, data: Records, *, unseen: Unseen = 'na') -> Matrix:
        """
        Turn records into the matrix that score() takes.

        Args:
            data: A list of n dicts (rows); a dict of n-long columns (lists or arrays); anything with
                __arrow_c_stream__ such as a pyarrow table, a pandas or a polars data frame, whose columns are read
                where they lie; or float64[n, k] that is such a matrix already. Unknown names are ignored; None,
                NaN, null and absent names are missing values. Levels are text; numbers may be text as Java writes it.
            unseen: What a level that training did not see becomes: 'na' a missing value, 'error' a RowError.

        Returns:
            float64[n, k], columns as in feature_names; level indices in categorical columns, NaN for missing.

        Raises:
            RowError: A value does not fit its column; the message names row and column.
        """

    def matrix_and_counts(self, data: Records, *, unseen: Unseen = 'na') -> tuple[Matrix, dict[str, dict[str, int]]]:
        """
        As matrix(), and count what could not be read as a value.

        Args:
            data: As for matrix().
            unseen: As for matrix().

        Returns:
            The matrix, and {'missing': ..., 'unseen': ...}: for each feature with any, how many of its values were
            missing, and how many named a level that training did not see (these are not counted as missing).

        Raises:
            RowError: As for matrix().
        """

    def score(self, rows: Matrix, offset: Offset | None = None) -> Matrix:
        """
        Score a matrix; the GIL is released meanwhile.

        Args:
            rows: float64[n, k], C-contiguous, as matrix() makes it. Nothing is converted: another type or
                layout is a TypeError. No other thread may write to it meanwhile.
            offset: One number for all rows or one per row, added to the margin before the link (XGBoost: in
                place of the base score). A model with an offset_column does not score without it; algorithms
                for which H2O has no offset refuse any but 0; DRF and multinomial models ignore it.

        Returns:
            float64[n, m], one column per output name: probabilities, the prediction, or the components.

        Raises:
            RowError: The width is wrong, an offset is missing or refused, or the model refuses a row (a GLM
                that was trained to fill no gaps).
        """

    def predict(self, data: Records, offset: Offset | None = None, *, unseen: Unseen = 'na') -> Predictions:
        """
        Score records and name the classes.

        Args:
            data: As for matrix(). Where the model has an offset_column and no offset is given, the offsets are
                read from that column.
            offset: As for score().
            unseen: As for matrix().

        Returns:
            Under 'predict' n class labels, chosen as h2o-genmodel does (default_threshold for two classes),
            or n values; then one float64[n] per further output name.

        Raises:
            RowError: As for matrix() and score().
        """

    def word_vector(self, word: str) -> NDArray[numpy.float32] | None:
        """
        Look up a word of a Word2Vec model, as h2o-genmodel's transform0.

        Args:
            word: Compared exactly.

        Returns:
            float32[k], or None for a word that training did not see.

        Raises:
            UnsupportedError: The model is no Word2Vec.
        """

    def sentence_vector(self, words: Sequence[str]) -> NDArray[numpy.float32]:
        """
        Average the vectors of the known words, in float32 as h2o-genmodel.

        Args:
            words: The words of the sentence; unknown ones are left out.

        Returns:
            float32[k]; NaN where no word is known.

        Raises:
            UnsupportedError: The model is no Word2Vec.
        """

def load(path: str | os.PathLike[str]) -> Model:
    """
    Load a MOJO file; the GIL is released meanwhile.

    Args:
        path: A MOJO zip. It must not be cut short while it is read: publish files by rename.

    Returns:
        The model, independent of the file.

    Raises:
        FormatError: The file is damaged or no MOJO.
        UnsupportedError: The file holds something this scorer does not know, named in the message.
        OSError: The file cannot be opened.
    """
