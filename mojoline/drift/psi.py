"""The population stability index, and how large it gets by chance alone.

A PSI is only a finding when it is larger than chance would make it (`critical_value`) *and* large enough to
matter: with 100 rows in 10 bins the usual 0.1 fires four times out of ten with no drift at all.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mojoline.drift.errors import DriftError

SMOOTHING = 0.5

RowCounts: TypeAlias = Sequence[int] | NDArray[Any]


def psi(expected: RowCounts, actual: RowCounts) -> float:
    """PSI of two histograms (rows per bin); both are smoothed by +0.5 per bin, so it is always finite.

    Raises:
        DriftError: the histograms differ in their number of bins, or have none.
    """
    return float(psi_by_bin(expected, actual).sum())


def psi_by_bin(expected: RowCounts, actual: RowCounts) -> NDArray[np.float64]:
    """What each bin adds to the PSI (never negative); DriftError as in `psi`."""
    p, q = _shares(expected), _shares(actual)
    if p.shape != q.shape:
        raise DriftError(f"histograms of {len(p)} and {len(q)} bins cannot be compared")
    if not len(p):
        raise DriftError("a histogram without bins has no PSI")
    return np.asarray((q - p) * np.log(q / p))


def critical_value(bins: int, n_ref: int, n_cur: int, alpha: float = 0.05, features: int = 1) -> float:
    """The PSI that undrifted data exceeds with probability `alpha` over all `features` together.

    PSI / (1/n_ref + 1/n_cur) is about chi-square with `bins - 1` degrees of freedom; `alpha` is shared among
    the features (Bonferroni). With an empty sample there is no evidence at any PSI: infinity.
    """
    if n_ref <= 0 or n_cur <= 0:
        return math.inf
    if bins < 2:
        return 0.0
    return _chi_square_quantile(1 - alpha / max(features, 1), bins - 1) * (1 / n_ref + 1 / n_cur)


def _chi_square_quantile(probability: float, degrees: int) -> float:
    """Wilson-Hilferty: the cube root of chi-square/degrees is nearly normal (1 % off from 3 degrees on)."""
    spread = 2 / (9 * degrees)
    root = 1 - spread + NormalDist().inv_cdf(probability) * math.sqrt(spread)
    return degrees * max(root, 0.0) ** 3


def _shares(counts: RowCounts) -> NDArray[np.float64]:
    rows = np.asarray(counts, dtype=np.float64)
    return np.asarray((rows + SMOOTHING) / (rows.sum() + SMOOTHING * len(rows)))
