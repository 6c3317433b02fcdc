"""The distribution of probabilities for the numba backend: the kernel driven over chunks that a table has room for."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.measures.probability_bins import Cuts, Moments
from fastseg_kernels.cpu import probabilities as kernels

# What a voxel costs, on the scale of `threads.LEAST_COST`.
_COST_OF_A_VOXEL = 2


def probability_moments(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.uint8],
    class_of_label: NDArray[np.int64],
    cuts: Cuts,
) -> Moments:
    """Count voxels in fine bins; sums are whole numbers, so that slabs change nothing."""
    n_classes = int(class_of_label.max()) + 1
    shape = max(n_classes, 2), cuts.rows, 2

    def slab(start: int, stop: int) -> tuple[NDArray[np.int64], int]:
        total, wrong = np.zeros((2, cuts.rows, 3), np.int64), 0
        folded = np.empty(kernels.BLOCK, np.float32)
        places = np.empty((2, kernels.BLOCK), np.uint32)
        edges = [*range(start, stop, kernels.MOST_VOXELS - 1), stop]
        for first, last in itertools.pairwise(edges):
            table = np.zeros(shape, np.uint64)
            wrong += kernels.probability_moments(
                probabilities[first:last],
                labels[first:last],
                class_of_label,
                cuts.split,
                cuts.beyond,
                folded,
                folded.view(np.uint32),
                places,
                table,
            )
            for own in range(2):
                rows = table[own, :, 0].nonzero()[0]
                joined, squares = table[own, rows].T
                total[own, rows, 0] += (joined >> np.uint64(kernels.COUNT_SHIFT)).astype(np.int64)
                low = joined & np.uint64((1 << kernels.COUNT_SHIFT) - 1)
                total[own, rows, 1] += low.astype(np.int64)
                total[own, rows, 2] += squares.astype(np.int64)
        return total, wrong

    cost = _COST_OF_A_VOXEL * probabilities.size
    found = threads.run(
        lambda ends: slab(*ends), threads.slabs(probabilities.size, cost, sides=1), cost
    )
    total, wrong = found[0]
    for other, more in found[1:]:
        total += other
        wrong += more
    return Moments.of(total, wrong)
