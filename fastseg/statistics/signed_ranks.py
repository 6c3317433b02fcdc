"""Wilcoxon's signed-rank test of all pairs of algorithms, of the cases and of bootstrap samples of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from fastseg import dispatch


def p_values(
    values: NDArray[np.float64], weights: NDArray[np.float64], larger_is_better: bool
) -> NDArray[np.float64]:
    """Test one-sidedly whether an algorithm is better than another, by the normal approximation.

    Parameters
    ----------
    values : float64 ndarray (n_cases, n_algorithms)
    weights : float64 ndarray (n_samples, n_cases)
        How often each case is in each sample.
    larger_is_better : bool

    Returns
    -------
    float64 ndarray (n_samples, n_algorithms, n_algorithms)
        Of the row's algorithm being better than the column's: zero differences left out, tied ones given their mean
        rank, with a correction for continuity, as ``wilcox.test(paired=TRUE, exact=FALSE)`` of R and
        ``scipy.stats.wilcoxon(method="approx", correction=True)``. Cases that one of both lacks are left out; nan where
        no difference is left.
    """
    n_cases, many = values.shape
    pairs = [(one, other) for one in range(many) for other in range(one + 1, many)]
    firsts, seconds = (values[:, [pair[side] for pair in pairs]].T for side in range(2))
    with np.errstate(invalid="ignore"):  # infinite values of both are equal
        differences = np.where(firsts == seconds, 0.0, firsts - seconds)
    backend = dispatch.choose("signed_rank_sums", 1)
    twice, n, tied = backend.operations.signed_rank_sums(
        np.ascontiguousarray(differences).reshape(len(pairs), n_cases), weights.astype(np.uint16)
    ).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(n * (n + 1) * (2 * n + 1) / 24 - tied / 48)
        away = twice / 2 - n * (n + 1) / 4
        greater, less = special.ndtr(-(away - 0.5) / spread), special.ndtr((away + 0.5) / spread)
    found = np.full((len(weights), many, many), np.nan)
    for place, (one, other) in enumerate(pairs):
        first_is_better = greater[place] if larger_is_better else less[place]
        second_is_better = less[place] if larger_is_better else greater[place]
        found[:, one, other], found[:, other, one] = first_is_better, second_is_better
    return found


def holm(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust p-values along the last axis by Holm's method, nan aside."""
    order = np.argsort(found, axis=-1)
    ascending = np.take_along_axis(found, order, -1)
    tested = (~np.isnan(found)).sum(-1, keepdims=True)
    factors = np.maximum(tested - np.arange(found.shape[-1]), 1)
    adjusted = np.minimum(np.maximum.accumulate(ascending * factors, axis=-1), 1.0)
    result = np.empty_like(found)
    np.put_along_axis(result, order, adjusted, -1)
    return result
