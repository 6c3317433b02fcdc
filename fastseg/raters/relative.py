"""Is a prediction as good as a human? Its score with the raters, over theirs with each other; intervals of means."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_DRAWS = 2000
# Fewer than so many have no interval.
_FEWEST = 3


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
    if raters < _FEWEST or math.isnan(ratio):
        return ratio, math.nan, math.nan
    many = _drawn(raters, seed)
    pairs = np.triu(between, 1)
    pairs[np.tril_indices(raters)] = math.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = _means(many, own) / _means_of_pairs(many, pairs)
    return ratio, *_interval(ratios)


def mean_intervals(values: NDArray[np.float64], seed: int) -> list[tuple[float, float]]:
    """Give a 95 % interval of the mean of each column of what was found in cases, (cases, columns).

    Percentiles of 2000 draws of as many cases, with replacement; nan where fewer than three cases have a value.
    """
    many = _drawn(len(values), seed)
    intervals = []
    for column in values.T:
        enough = np.count_nonzero(~np.isnan(column)) >= _FEWEST
        intervals.append(_interval(_means(many, column)) if enough else (math.nan, math.nan))
    return intervals


def _drawn(number: int, seed: int) -> NDArray[np.float64]:
    """Tell how often each of some things is in each draw, (draws, things)."""
    drawn = np.random.default_rng(seed).integers(0, number, (_DRAWS, number))
    many = np.zeros((_DRAWS, number))
    np.add.at(many, (np.arange(_DRAWS)[:, None], drawn), 1.0)
    return many


def _means(many: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Work out the mean of each draw; nan where it has no value, infinite where one of its values is."""
    finite = np.isfinite(values)
    known = many @ finite.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (many @ np.where(finite, values, 0.0)) / known
    infinite = many[:, np.isinf(values)].any(axis=1)
    return np.where(infinite, math.inf, means)


def _means_of_pairs(many: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Work out the same of pairs, (things, things), of which nan are none."""
    finite = np.isfinite(values)
    known = _quadratic(many, finite.astype(float))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = _quadratic(many, np.where(finite, values, 0.0)) / known
    infinite = _quadratic(many, np.isinf(values).astype(float)) > 0
    return np.where(infinite, math.inf, means)


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Take the percentiles of draws; those without a value are none."""
    there = values[~np.isnan(values)]
    if not len(there):
        return math.nan, math.nan
    if np.isfinite(there).all():
        low, high = np.percentile(there, [2.5, 97.5])
    else:  # nothing lies between a number and infinity
        low, high = np.percentile(there, [2.5, 97.5], method="inverted_cdf")
    return float(low), float(high)


def _quadratic(many: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.einsum("di,ij,dj->d", many, matrix, many)
    return result


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
