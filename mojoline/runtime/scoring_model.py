"""A model as serving, proofs and training use it: its runtime with the imputation before it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mojoline.runtime.errors import ContributionsError, RuntimeModelError
from mojoline.runtime.scoring_runtime import (
    Columns,
    ExplainingRuntime,
    MatrixRuntime,
    Rows,
    RuntimeName,
    ScoringRuntime,
    open_runtime,
)

__all__ = ["Columns", "Rows", "ScoringModel"]


class ScoringModel:
    """One archive and the values that fill its missing inputs. Safe to score from several threads at once."""

    def __init__(self, runtime: ScoringRuntime, fill: Mapping[str, float]) -> None:
        self._runtime = runtime
        # asked once: the check of a protocol looks at every method, which is dear for each request
        self._matrix = runtime if isinstance(runtime, MatrixRuntime) else None
        self._fill = dict(fill)
        self.feature_names = runtime.feature_names
        self.domains = runtime.domains
        self.output_names = runtime.output_names
        self.response_domain = runtime.response_domain

    @classmethod
    def load(cls, mojo: Path, impute: Mapping[str, float], runtime: RuntimeName | None = None) -> Self:
        """Load `mojo`; `impute` is the manifest's `reduction.impute` (column -> value), {} for none.

        The runtime is chosen by what the archive is; `runtime` insists on one.

        Raises:
            RuntimeModelError: the file is missing, malformed, of a kind no runtime knows, or for another one.
        """
        return cls(open_runtime(mojo, runtime), impute)

    @property
    def algorithm(self) -> str:
        """The algorithm that decides: of a pipeline, its main model's (`gbm`, `glm`, ...); `mojo2`."""
        return self._runtime.algorithm

    @property
    def is_pipeline(self) -> bool:
        """Whether a reducer stands before the main model."""
        return isinstance(self._runtime, ExplainingRuntime) and self._runtime.is_pipeline

    @property
    def nbytes(self) -> int:
        """Bytes the loaded model holds in memory."""
        return self._runtime.nbytes

    @property
    def h2o_version(self) -> str:
        """The H2O (or Driverless AI) release that wrote the archive."""
        return self._runtime.h2o_version

    @property
    def mojo_version(self) -> str:
        """The format version written in the archive."""
        return self._runtime.mojo_version

    def score(self, data: Rows | Columns) -> NDArray[np.float64]:
        """Scores float64[n, m], one column per entry of `output_names`: probabilities, or the value.

        Args:
            data: dicts, one per row, or a dict of columns; None, NaN and an absent column are missing.

        Raises:
            RowRefusedError: a value is neither missing nor a number or level its column can hold.
            RuntimeModelError: the scorer failed.
        """
        return self._runtime.score(data, self._fill)

    @property
    def has_matrix(self) -> bool:
        """Whether `matrix` and `score_matrix` may be called."""
        return self._matrix is not None

    def matrix(self, data: Rows | Columns) -> NDArray[np.float64]:
        """The model's inputs: float64[n, k], levels by index, gaps filled. Equal rows have equal scores.

        Raises:
            RowRefusedError: a value is neither missing nor a number or level its column can hold.
            RuntimeModelError: the runtime failed, or has no such form of a row.
        """
        return self._matrix_runtime().matrix(data, self._fill)

    def score_matrix(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """As `score`, of what `matrix` made."""
        return self._matrix_runtime().score_matrix(matrix)

    def _matrix_runtime(self) -> MatrixRuntime:
        if self._matrix is None:
            raise RuntimeModelError(f"{self.algorithm} archives are scored from rows only")
        return self._matrix

    @property
    def contribution_names(self) -> list[str]:
        """The columns of `contributions`, the bias last; ContributionsError where the model has none."""
        return self._explaining_runtime().contribution_names()

    def contributions(self, data: Rows | Columns) -> NDArray[np.float32]:
        """What each input added to each row's margin (TreeSHAP): float32[n, k], see `contribution_names`.

        Of a pipeline those of its main model, in that model's columns.

        Raises:
            ContributionsError: the model has none; the message says why.
            RowRefusedError: as for `score`.
        """
        return self._explaining_runtime().contributions(data, self._fill)

    def _explaining_runtime(self) -> ExplainingRuntime:
        if not isinstance(self._runtime, ExplainingRuntime):
            raise ContributionsError(f"{self.algorithm} archives have no contributions")
        return self._runtime

    def label(self, scores: NDArray[np.float64]) -> list[str] | None:
        """The label of each row of `scores` (float64[n, m] of `score`); None for a regression.

        Two classes are told apart by the model's default threshold, as H2O does; more by the largest score.
        """
        labels = self.response_domain
        if labels is None:
            return None
        if len(labels) == 2:
            threshold = self._runtime.default_threshold
            return [labels[row[1] >= threshold] for row in scores.tolist()]
        return [labels[int(index)] for index in scores.argmax(axis=1)]
