"""H2O-3 MOJOs, scored by mojo_scorer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mojo_scorer
import numpy as np
from numpy.typing import NDArray

from mojoline.runtime.errors import ContributionsError, RowRefusedError, RuntimeModelError
from mojoline.runtime.imputation import fill_gaps, fill_values
from mojoline.runtime.scoring_runtime import Columns, Rows


class NativeRuntime:
    """The `ScoringRuntime` of mojo_scorer."""

    def __init__(self, archive: Path) -> None:
        try:
            self._model = mojo_scorer.load(archive)
        except (mojo_scorer.MojoError, OSError) as error:
            raise RuntimeModelError(f"{archive} cannot be loaded: {error}") from error
        model = self._model
        if model.category == "WordEmbedding":
            raise RuntimeModelError(f"{archive} holds the vectors of words (word2vec): it predicts no rows")
        self.feature_names: list[str] = list(model.feature_names)
        self._width = len(self.feature_names)
        self._offset: str | None = model.offset_column
        if self._offset is not None and self._offset not in self.feature_names:
            self.feature_names.append(self._offset)  # an input like others to whoever sends rows
        self._fill: tuple[Mapping[str, float], NDArray[np.float64] | None] | None = None
        self.domains: dict[str, list[str]] = dict(model.domains)
        self.output_names: list[str] = list(model.output_names)
        domain = model.response_domain
        self.response_domain: list[str] | None = None if domain is None else list(domain)
        self.default_threshold = float(model.default_threshold)
        self.algorithm = str(model.main_algorithm)  # of a pipeline, its main model's
        self.h2o_version = str(model.h2o_version)
        self.mojo_version = str(model.mojo_version)
        self.nbytes = int(model.nbytes)
        self.is_pipeline = str(model.algorithm) == "pipeline"

    def matrix(self, data: Rows | Columns, fill: Mapping[str, float]) -> NDArray[np.float64]:
        """Rows or columns as the model's inputs: float64[n, k], levels by index, gaps and unseen filled."""
        try:
            matrix = self._model.matrix(data)
        except mojo_scorer.MojoError as error:
            raise _as_ours(error) from error
        if len(self.feature_names) > self._width:
            matrix = np.column_stack([matrix, self._offsets(data, len(matrix))])
        return fill_gaps(matrix, self._values(fill))

    def score(self, data: Rows | Columns, fill: Mapping[str, float]) -> NDArray[np.float64]:
        """As `ScoringRuntime.score`: what `score_matrix` says of `matrix`, where possible in one call."""
        if self._offset is not None:
            return self.score_matrix(self.matrix(data, fill))
        try:
            scores: NDArray[np.float64] = self._model.score_records(data, fill=self._values(fill))
        except mojo_scorer.MojoError as error:
            raise _as_ours(error) from error
        return scores

    def score_matrix(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scores of what `matrix` made."""
        inputs, offset = matrix, None
        if self._offset is not None:
            offset = np.ascontiguousarray(matrix[:, self.feature_names.index(self._offset)])
            inputs = np.ascontiguousarray(matrix[:, : self._width])
        try:
            scores: NDArray[np.float64] = self._model.score(inputs, offset)
        except mojo_scorer.MojoError as error:
            raise _as_ours(error) from error
        return scores

    def _values(self, fill: Mapping[str, float]) -> NDArray[np.float64] | None:
        known = self._fill  # the caller's is the same for each request
        if known is None or known[0] is not fill:
            known = self._fill = (fill, fill_values(self.feature_names, fill))
        return known[1]

    def _offsets(self, data: Rows | Columns, rows: int) -> NDArray[np.float64]:
        """The offset of each of so many rows: float64[n], NaN where it is missing."""
        name = str(self._offset)
        values: Sequence[object] | NDArray[np.generic]
        if isinstance(data, Mapping):
            values = data.get(name, [None] * rows)
        else:
            values = [row.get(name) for row in data]
        try:
            return np.array(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise RowRefusedError(f"column {name!r}: an offset is a number, or missing") from error

    def contribution_names(self) -> list[str]:
        """As `ExplainingRuntime.contribution_names`."""
        with _explained():
            model: Any = self._model
            return list(model.contribution_names)

    def contributions(self, data: Rows | Columns, fill: Mapping[str, float]) -> NDArray[np.float32]:
        """As `ExplainingRuntime.contributions`."""
        with _explained():
            model: Any = self._model
            shares: NDArray[np.float32] = model.contributions(_filled(data, fill))
            return shares


def _as_ours(error: mojo_scorer.MojoError) -> RuntimeModelError:
    return (RowRefusedError if isinstance(error, mojo_scorer.RowError) else RuntimeModelError)(str(error))


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except AttributeError as error:
        raise ContributionsError("this build of the scorer computes no contributions") from error
    except mojo_scorer.UnsupportedError as error:
        raise ContributionsError(str(error)) from error
    except mojo_scorer.MojoError as error:
        raise _as_ours(error) from error
    except OSError as error:
        raise RuntimeModelError(str(error)) from error


def _filled(data: Rows | Columns, fill: Mapping[str, float]) -> Rows | Columns:
    """The data with its gaps filled, as `matrix` fills them; text stays text."""
    if not fill:
        return data
    if isinstance(data, Mapping):
        names = list(data)
        data = [dict(zip(names, row, strict=True)) for row in zip(*data.values(), strict=True)]
    return [{**fill, **{name: value for name, value in row.items() if value is not None}} for row in data]
