"""Is a prediction as good as a human? Its score with the raters, over the raters' score with each other."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_DRAWS = 2000


def mean_of_pairs(between: NDArray[np.float64]) -> float:
    """Mean of what two different raters have, (raters, raters); nan where no pair has a value."""
    return mean_of(between[np.triu_indices(len(between), 1)])


def mean_of(values: NDArray[np.float64]) -> float:
    """Mean of the values that are there."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else math.nan


def relative_score(
    own: NDArray[np.float64], between: NDArray[np.float64], seed: int
) -> tuple[float, float, float]:
    """Divide the mean score of a prediction with the raters by that of the raters with each other.

    Parameters
    ----------
    own : float64 ndarray (raters,)
        Of the prediction with each rater.
    between : float64 ndarray (raters, raters)
        Of every two raters.
    seed : int
        Of the bootstrap.

    Returns
    -------
    tuple of three floats
        The ratio and its 95 % interval: percentiles of 2000 draws of as many raters, with replacement. Two draws of one
        rater are no pair. The interval is nan for fewer than three raters.
    """
    ratio = _ratio(mean_of(own), mean_of_pairs(between))
    raters = len(own)
    if raters < 3 or math.isnan(ratio):
        return ratio, math.nan, math.nan
    drawn = np.random.default_rng(seed).integers(0, raters, (_DRAWS, raters))
    many = np.zeros((_DRAWS, raters))
    np.add.at(many, (np.arange(_DRAWS)[:, None], drawn), 1.0)
    of_own, known = np.nan_to_num(own), ~np.isnan(own)
    pairs = np.triu(np.nan_to_num(between), 1)
    pairs_known = np.triu(~np.isnan(between), 1).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        first = many @ of_own / (many @ known.astype(float))
        second = _quadratic(many, pairs) / _quadratic(many, pairs_known)
        ratios = first / second
    ratios = ratios[np.isfinite(ratios)]
    if not len(ratios):
        return ratio, math.nan, math.nan
    low, high = np.percentile(ratios, [2.5, 97.5])
    return ratio, float(low), float(high)


def _quadratic(many: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.einsum("di,ij,dj->d", many, matrix, many)
    return result


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole and not math.isnan(whole) else math.nan
