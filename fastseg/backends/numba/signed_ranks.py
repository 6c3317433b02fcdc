"""Signed ranks of bootstrap samples for the numba backend: pairs shared among threads, samples in blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.shared.signed_ranks import Ordered
from fastseg_kernels.cpu.signed_ranks import signed_ranks

# Samples whose lanes stay in the first cache, and whose weights of a case are a line of it.
_BLOCK = 64
# What a case of a sample costs, on the scale of `threads.LEAST_COST`.
_COST_OF_A_CASE = 1


def signed_rank_sums(
    differences: NDArray[np.float64], weights: NDArray[np.uint16]
) -> NDArray[np.int64]:
    """Sum up the ranks of each pair's positive differences, in each sample."""
    n_pairs, n_samples = len(differences), len(weights)
    found = np.zeros((3, n_pairs, n_samples), np.int64)
    blocks = [
        np.ascontiguousarray(weights[start : start + _BLOCK].T)
        for start in range(0, n_samples, _BLOCK)
    ]

    def of_pair(pair: int) -> None:
        order = Ordered.of(differences[pair]).packed
        for number, block in enumerate(blocks):
            lanes = np.zeros((3, block.shape[1]), np.int64)
            own = np.zeros((3, block.shape[1]), np.int64)
            signed_ranks(order, block, lanes, own)
            start = number * _BLOCK
            found[:, pair, start : start + block.shape[1]] = own

    threads.run(of_pair, range(n_pairs), _COST_OF_A_CASE * differences.size * n_samples)
    return found
