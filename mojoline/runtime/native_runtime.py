"""H2O-3 MOJOs, scored by mojo_scorer."""

from collections.abc import Mapping
from pathlib import Path

import mojo_scorer
import numpy as np
from numpy.typing import NDArray

from mojoline.runtime.errors import RowRefusedError, RuntimeModelError
from mojoline.runtime.imputation import impute
from mojoline.runtime.scoring_runtime import Columns, Rows


class NativeRuntime:
    """The `ScoringRuntime` of mojo_scorer."""

    def __init__(self, archive: Path) -> None:
        try:
            self._model = mojo_scorer.load(archive)
        except (mojo_scorer.MojoError, OSError) as error:
            raise RuntimeModelError(f"{archive} cannot be loaded: {error}") from error
        model = self._model
        self.feature_names: list[str] = list(model.feature_names)
        self.domains: dict[str, list[str]] = dict(model.domains)
        self.output_names: list[str] = list(model.output_names)
        domain = model.response_domain
        self.response_domain: list[str] | None = None if domain is None else list(domain)
        self.default_threshold = float(model.default_threshold)
        self.algorithm = str(model.main_algorithm)  # of a pipeline, its main model's
        self.h2o_version = str(model.h2o_version)
        self.mojo_version = str(model.mojo_version)
        self.nbytes = int(model.nbytes)

    def matrix(self, data: Rows | Columns, fill: Mapping[str, float]) -> NDArray[np.float64]:
        """Rows or columns as the model's inputs: float64[n, k], levels by index, gaps and unseen filled."""
        try:
            return impute(self._model.matrix(data), self.feature_names, fill)
        except mojo_scorer.RowError as error:
            raise RowRefusedError(str(error)) from error
        except mojo_scorer.MojoError as error:
            raise RuntimeModelError(str(error)) from error

    def score(self, data: Rows | Columns, fill: Mapping[str, float]) -> NDArray[np.float64]:
        """As `ScoringRuntime.score`."""
        return self.score_matrix(self.matrix(data, fill))

    def score_matrix(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scores of what `matrix` made."""
        try:
            scores: NDArray[np.float64] = self._model.score(matrix)
        except mojo_scorer.MojoError as error:
            raise RuntimeModelError(str(error)) from error
        return scores
