"""The distribution of probabilities for the numba backend: the kernel driven over chunks that a table has room for.

The kernel's rows are the upper bits of what it folds, most of which no probability has; rows of the measure are bins in
order of p.
"""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.measures.probability_bins import BINS, LOWER_BINS, TOP, Cuts, Moments
from fastseg_kernels.cpu import probabilities as kernels

# What a voxel costs, on the scale of `threads.LEAST_COST`.
_COST_OF_A_VOXEL = 2
# Where the sign of a folded number begins, as a key, and the least 1 - p that is not 0.
_SIGN = kernels.KEYS >> 1
_LEAST_REST = TOP - (BINS - 2)
# The keys that numbers from 0 to 1 have.
_RANGES = (
    slice(0, LOWER_BINS),
    slice(_SIGN, _SIGN + 1),
    slice(_SIGN + _LEAST_REST, _SIGN + TOP - LOWER_BINS + 1),
)


@functools.cache
def _keys() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List the keys that probabilities have, and the bin of each."""
    keys = np.concatenate([np.arange(part.start, part.stop) for part in _RANGES])
    rest = keys - _SIGN
    bins = np.where(rest < 0, keys, np.where(rest == 0, BINS - 1, TOP - rest))
    return keys, bins


class _Splits(NamedTuple):
    """Where bins are split, by keys."""

    least: np.float32
    coarse: NDArray[np.uint8]
    split: NDArray[np.uint16]
    beyond: NDArray[np.int32]

    @classmethod
    def of(cls, cuts: Cuts) -> _Splits:
        keys, bins = _keys()
        split = np.full(kernels.KEYS, 1 << kernels.LOW_BITS, np.uint16)
        split[keys] = cuts.split[bins]
        beyond = np.zeros(kernels.KEYS, np.int32)
        beyond[keys] = cuts.beyond[bins] - BINS + kernels.KEYS
        parted = keys[cuts.split[bins] < 1 << kernels.LOW_BITS]
        coarse = np.zeros(1 << (32 - kernels.COARSE_BITS), np.uint8)
        coarse[parted >> (kernels.COARSE_BITS - kernels.LOW_BITS)] = 1
        folded = ((parted & (_SIGN - 1)) << kernels.LOW_BITS).astype(np.uint32).view(np.float32)
        return cls(np.float32(min(folded.tolist(), default=2.0)), coarse, split, beyond)


def probability_moments(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.uint8],
    class_of_label: NDArray[np.int64],
    cuts: Cuts,
) -> Moments:
    """Count voxels in fine bins; sums are whole numbers, so that slabs change nothing."""
    n_classes = int(class_of_label.max()) + 1
    n_parts = len(cuts.values)
    shape = max(n_classes, 2), kernels.KEYS + n_parts, 2
    splits = _Splits.of(cuts)
    _, bins = _keys()
    bins = np.concatenate([bins, BINS + np.arange(n_parts)])
    ranges = (*_RANGES, slice(kernels.KEYS, shape[1]))

    def slab(start: int, stop: int) -> tuple[NDArray[np.int64], int]:
        total, wrong = np.zeros((2, cuts.rows, 3), np.int64), 0
        folded = np.empty(kernels.GROUP, np.float32)
        edges = [*range(start, stop, kernels.MOST_VOXELS - 1), stop]
        for first, last in itertools.pairwise(edges):
            table = np.zeros(shape, np.uint64)
            part = probabilities[first:last]
            wrong += kernels.probability_moments(
                part,
                part.view(np.uint32),
                labels[first:last],
                class_of_label,
                splits.least,
                splits.coarse,
                splits.split,
                splits.beyond,
                folded,
                folded.view(np.uint32),
                table,
            )
            for own in range(2):
                words = np.concatenate([table[own, part] for part in ranges])
                there = words[:, 0].nonzero()[0]
                joined, squares = words[there].T
                rows = bins[there]
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
