"""Sums, means and percentiles with the bits of torch's, for scripts that average its tensors.

A sum runs through several vectors at once and adds them up in the end, so that its last digit depends on how many
numbers a vector holds: 256 bits of them on all x86 processors of the last decade.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.distributions import Distribution
from fastseg.measures.many_distributions import Segments

_VECTOR_BYTES = 32
# Accumulators that a vector of values goes to in turn, and levels that each has.
_IN_TURN, _LEVELS = 4, 4


def torch_sum(values: NDArray[Any]) -> Any:
    """Add up float32 or float64 values, which lie one after another, as one thread does."""
    lanes = _VECTOR_BYTES // values.itemsize
    zero = values.dtype.type(0)
    if len(values) < lanes:
        return _in_turn(values[:, None])[0]
    vectors = len(values) // lanes
    of_lanes = _in_turn(values[: vectors * lanes].reshape(vectors, lanes))
    total = zero
    for value in (*values[vectors * lanes :], *of_lanes):
        total = total + value
    return total


def _in_turn(rows: NDArray[Any]) -> NDArray[Any]:
    """Add up rows, every fourth to one accumulator, and in the end the accumulators."""
    each = len(rows) // _IN_TURN
    sums = _by_levels(rows[: each * _IN_TURN].reshape(each, _IN_TURN, rows.shape[1]))
    for row in rows[each * _IN_TURN :]:
        sums[0] = sums[0] + row
    total: NDArray[Any] = sums[0]
    for other in sums[1:]:
        total = total + other
    return total


def _by_levels(rows: NDArray[Any]) -> NDArray[Any]:
    """Add up along the first axis, in runs whose sums go to the next of four levels."""
    size = len(rows)
    power = max(4, math.ceil(math.log2(size)) // _LEVELS) if size > 1 else 4
    run = 1 << power
    levels = np.zeros((_LEVELS, *rows.shape[1:]), rows.dtype)
    done = 0
    while done + run <= size:
        for row in rows[done : done + run]:
            levels[0] += row
        done += run
        for level in range(1, _LEVELS):
            levels[level] += levels[level - 1]
            levels[level - 1] = 0
            if done & ((run - 1) << (level * power)):
                break
    for row in rows[done:]:
        levels[0] += row
    total: NDArray[Any] = levels[0]
    for level in range(1, _LEVELS):
        total = total + levels[level]
    return total


def torch_mean(values: NDArray[Any]) -> Any:
    """Average float32 or float64 values; nan if there are none."""
    if not len(values):
        return values.dtype.type(np.nan)
    return torch_sum(values) / values.dtype.type(len(values))


def torch_percentiles(distributions: list[Distribution], percentile: float) -> NDArray[np.float32]:
    """Take a percentile of each of some distributions, none of them empty, as torch.quantile does from version 2.14.

    Distances are rounded to float32 before. Earlier versions look for its place in float32, too.
    """
    each = Segments.of(distributions)
    last = each.totals - 1
    ranks = np.float64(np.float32(percentile / 100)) * last
    below = np.floor(ranks)
    nearer, farther = (
        each.elements(place.astype(np.int64)).astype(np.float32)
        for place in (below, np.ceil(ranks))
    )
    weights = (ranks - below).astype(np.float32)
    steps = farther - nearer
    # one rounding of product and sum, as a fused multiply-add has it
    from_near = weights.astype(np.float64) * steps + nearer
    from_far = (weights - np.float32(1)).astype(np.float64) * steps + farther
    found: NDArray[np.float32] = np.where(np.abs(weights) < 0.5, from_near, from_far).astype(
        np.float32
    )
    return found
