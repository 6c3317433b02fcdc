"""Percentiles of distributions of distances with the bits of ``torch.quantile``."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from fastseg.measures.distributions import Distribution
from fastseg.measures.many_distributions import Segments

_QUANTILE_LIMIT = 1 << 24  # elements that torch.quantile takes before version 2.14


def percentiles(
    distributions: Sequence[Distribution], percentile: float | None
) -> NDArray[np.float32]:
    """Take the maxima, or what torch.quantile gives of the distances rounded to float32, however many there are.

    Parameters
    ----------
    distributions : sequence of Distribution
        None of them empty.
    percentile : float or None
        0 to 100; None and 0 are the maximum.
    """
    if not percentile or not distributions:
        return np.array([each.distances[-1] for each in distributions], np.float32)
    each = Segments.of(distributions)
    last = each.totals - 1
    share = np.float32(percentile / 100)
    ranks = np.float64(share) * last
    if _ranks_are_short():
        short = last < _QUANTILE_LIMIT
        ranks[short] = share * last[short].astype(np.float32)
    below, above = np.floor(ranks), np.ceil(ranks)
    nearer, farther = (
        torch.from_numpy(each.elements(ranks_.astype(np.int64)).astype(np.float32))
        for ranks_ in (below, above)
    )
    between = torch.lerp(nearer, farther, torch.from_numpy((ranks - below).astype(np.float32)))
    found: NDArray[np.float32] = between.numpy()
    return found


@functools.cache
def _ranks_are_short() -> bool:
    """Tell whether torch.quantile finds its place in float32, as it does before version 2.14, or in float64."""
    steps = torch.tensor([0.0] * 30 + [1.0] * 2)
    # 29 and the fraction that is asked for
    return bool(torch.quantile(steps, 0.95) == np.float32(0.95) * np.float32(31) - np.float32(29))
