"""The one imputation: training columns, golden rows and serving call this function, so they cannot differ."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mojoline.runtime.errors import RuntimeModelError


def impute(
    matrix: NDArray[np.float64], feature_names: Sequence[str], fill: Mapping[str, float]
) -> NDArray[np.float64]:
    """`matrix` with the missing values (NaN) of the columns in `fill` replaced; others stay as they are.

    Args:
        matrix: float64[n, k], one column per feature; never written to.
        feature_names: the k names, in the order of the columns.
        fill: column -> value in the column's own unit. A name that is no feature is passed over, because
            H2O drops columns that were constant in training.

    Returns:
        float64[n, k], C-contiguous; `matrix` itself where nothing is to be filled.

    Raises:
        RuntimeModelError: the shape does not fit the names, or a fill value is not finite.
    """
    if matrix.ndim != 2 or matrix.shape[1] != len(feature_names):
        raise RuntimeModelError(
            f"a matrix of shape {matrix.shape} does not fit {len(feature_names)} features: pass float64[n, k]"
        )
    return fill_gaps(matrix, fill_values(feature_names, fill))


def fill_gaps(matrix: NDArray[np.float64], values: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """As `impute`, by what `fill_values` made for all matrices of these columns."""
    if values is None:
        return np.ascontiguousarray(matrix)
    return np.ascontiguousarray(np.where(np.isnan(matrix), values, matrix))


def fill_values(feature_names: Sequence[str], fill: Mapping[str, float]) -> NDArray[np.float64] | None:
    """The fill of each column, float64[k], NaN for none; None if no column has one."""
    for name, value in fill.items():
        if not math.isfinite(value):
            raise RuntimeModelError(f"column {name!r} cannot be filled with {value}: pass a finite number")
    values = np.array([fill.get(name, math.nan) for name in feature_names], dtype=np.float64)
    return None if np.isnan(values).all() else values
