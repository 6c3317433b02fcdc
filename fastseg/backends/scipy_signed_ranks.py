"""Signed ranks of bootstrap samples for the reference backend: each sample is made, and sorted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def signed_rank_sums(
    differences: NDArray[np.float64], weights: NDArray[np.uint16]
) -> NDArray[np.int64]:
    """Sum up the ranks of each pair's positive differences, in each sample, by sorting each sample."""
    from scipy import stats

    found = np.zeros((3, len(differences), len(weights)), np.int64)
    for sample, often in enumerate(weights):
        for pair, values in enumerate(np.repeat(differences, often, axis=1)):
            used = values[~np.isnan(values) & (values != 0)]
            ranks = stats.rankdata(np.abs(used))
            _, tied = np.unique(np.abs(used), return_counts=True)
            twice = int(2 * ranks[used > 0].sum())
            found[:, pair, sample] = twice, len(used), int((tied**3 - tied).sum())
    return found
