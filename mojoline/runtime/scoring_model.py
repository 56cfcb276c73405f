"""A model as serving, proofs and training use it: the native scorer with the imputation before it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import mojo_scorer
import numpy as np
from numpy.typing import NDArray

from mojoline.runtime.errors import RowRefusedError, RuntimeModelError
from mojoline.runtime.imputation import impute

Rows = Sequence[Mapping[str, object]]
Columns = Mapping[str, Sequence[object] | NDArray[np.generic]]


class ScoringModel:
    """One MOJO and the values that fill its missing inputs. Safe to score from several threads at once."""

    def __init__(self, model: mojo_scorer.Model, fill: Mapping[str, float]) -> None:
        self._model = model
        self._fill = dict(fill)
        self.feature_names: list[str] = list(model.feature_names)
        self.domains: dict[str, list[str]] = dict(model.domains)
        self.output_names: list[str] = list(model.output_names)
        domain = model.response_domain
        self.response_domain: list[str] | None = None if domain is None else list(domain)

    @classmethod
    def load(cls, mojo: Path, impute: Mapping[str, float]) -> Self:
        """Load `mojo`; `impute` is the manifest's `reduction.impute` (column -> value), {} for none.

        Raises:
            RuntimeModelError: the file is missing, malformed, or of a kind the scorer does not know.
        """
        try:
            return cls(mojo_scorer.load(mojo), impute)
        except (mojo_scorer.MojoError, OSError) as error:
            raise RuntimeModelError(f"{mojo} cannot be loaded: {error}") from error

    @property
    def algorithm(self) -> str:
        """The algorithm that decides: of a pipeline, its main model's (`gbm`, `glm`, `xgboost`)."""
        return str(self._model.main_algorithm)

    @property
    def nbytes(self) -> int:
        """Bytes the loaded model holds in memory."""
        return int(self._model.nbytes)

    @property
    def h2o_version(self) -> str:
        """The H2O release that wrote the MOJO."""
        return str(self._model.h2o_version)

    @property
    def mojo_version(self) -> str:
        """The format version written in the MOJO."""
        return str(self._model.mojo_version)

    def matrix(self, data: Rows | Columns) -> NDArray[np.float64]:
        """Rows or columns as the model's inputs: float64[n, k], levels by index, missing and unseen filled.

        Raises:
            RowRefusedError: a value is neither missing nor a number or level its column can hold.
        """
        try:
            return impute(self._model.matrix(data), self.feature_names, self._fill)
        except mojo_scorer.RowError as error:
            raise RowRefusedError(str(error)) from error
        except mojo_scorer.MojoError as error:
            raise RuntimeModelError(str(error)) from error

    def score(self, data: Rows | Columns) -> NDArray[np.float64]:
        """Scores float64[n, m], one column per entry of `output_names`: probabilities, or the value.

        Args:
            data: dicts, one per row, or a dict of columns; None, NaN and an absent column are missing.

        Raises:
            RowRefusedError: a value is neither missing nor a number or level its column can hold.
            RuntimeModelError: the scorer failed.
        """
        matrix = self.matrix(data)
        try:
            scores: NDArray[np.float64] = self._model.score(matrix)
        except mojo_scorer.MojoError as error:
            raise RuntimeModelError(str(error)) from error
        return scores

    def label(self, scores: NDArray[np.float64]) -> list[str] | None:
        """The label of each row of `scores` (float64[n, m] of `score`); None for a regression.

        Two classes are told apart by the model's default threshold, as H2O does; more by the largest score.
        """
        labels = self.response_domain
        if labels is None:
            return None
        if len(labels) == 2:
            positive = scores[:, 1] >= self._model.default_threshold
            return [labels[int(flag)] for flag in positive]
        return [labels[int(index)] for index in scores.argmax(axis=1)]
