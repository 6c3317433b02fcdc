"""Aggregates of each algorithm over cases, where each case counts with a weight: of the data, and of its samples."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError
from fastseg.inputs.choices import unknown

#: "mean", "median", or the share of a quantile
Aggregate = Literal["mean", "median"] | float
AGGREGATES = ("mean", "median")


def as_aggregate(aggregate: Aggregate) -> Aggregate:
    """Check how cases are aggregated."""
    if isinstance(aggregate, str):
        if aggregate not in AGGREGATES:
            raise unknown("aggregate", aggregate, AGGREGATES)
        return aggregate
    a_number = isinstance(aggregate, (int, float, np.number)) and not isinstance(aggregate, bool)
    if not a_number or not 0 <= aggregate <= 1:
        raise InputError(
            f'aggregate: expected "mean", "median" or the share of a quantile from 0 to 1, got {aggregate!r:.80}'
        )
    return float(aggregate)


def aggregated(
    values: NDArray[np.float64], weights: NDArray[np.float64], aggregate: Aggregate
) -> NDArray[np.float64]:
    """Aggregate the cases of each algorithm, without the undefined ones.

    Parameters
    ----------
    values : float64 ndarray (n_cases, n_algorithms)
    weights : float64 ndarray (n_samples, n_cases)
        How often each case is in each sample.
    aggregate : "mean", "median" or float

    Returns
    -------
    float64 ndarray (n_samples, n_algorithms)
        nan where none is defined; a mean over infinite values is infinite.
    """
    if aggregate == "mean":
        return _means(values, weights)
    share = 0.5 if aggregate == "median" else float(aggregate)
    columns = [_quantiles(column, weights, share) for column in values.T]
    return np.stack(columns, axis=-1) if columns else np.zeros((len(weights), 0))


def _means(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    defined = ~np.isnan(values)
    infinite = np.isinf(values)
    finite = np.where(defined & ~infinite, values, 0.0)
    with np.errstate(invalid="ignore"):
        # sums of whole numbers are exact, whichever way they are made
        counted = (
            weights.sum(1, keepdims=True) if defined.all() else weights @ defined.astype(np.float64)
        )
        found: NDArray[np.float64] = _sums(weights, finite) / counted
    for sign in (1.0, -1.0):
        of_sign = infinite & (np.sign(values) == sign)
        if of_sign.any():
            found = found + np.where(weights @ of_sign.astype(np.float64) > 0, sign * np.inf, 0.0)
    return found


def _sums(weights: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum up by cases; of the data itself in an order that other algorithms beside it do not change."""
    if len(weights) == 1:
        alone: NDArray[np.float64] = np.ascontiguousarray(values.T * weights[0]).sum(-1)[None]
        return alone
    found: NDArray[np.float64] = weights @ values
    return found


def _quantiles(
    column: NDArray[np.float64], weights: NDArray[np.float64], share: float
) -> NDArray[np.float64]:
    """Interpolate linearly between the two values around the share, as NumPy and R do unless told otherwise."""
    order = np.argsort(column, kind="stable")[: int((~np.isnan(column)).sum())]
    ascending = column[order]
    if not len(order):
        return np.full(len(weights), np.nan)
    upto = np.cumsum(weights[:, order], axis=1)
    place = share * (upto[:, -1] - 1)
    low = np.floor(place)
    found = np.full((2, len(weights)), np.nan)
    there = upto[:, -1] > 0
    for side, wanted in enumerate((low, np.ceil(place))):
        reached = (upto <= wanted[:, None]).sum(1)
        found[side, there] = ascending[reached[there]]
    with np.errstate(invalid="ignore"):
        between = found[0] + (found[1] - found[0]) * (place - low)
    held = np.where(np.isinf(found[0]), found[0] + found[1], between)
    chosen: NDArray[np.float64] = np.where(found[0] == found[1], found[0], held)
    return chosen
