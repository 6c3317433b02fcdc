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


def _bins_of(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the bins of keys that probabilities have."""
    rest = keys - _SIGN
    return np.where(rest < 0, keys, np.where(rest == 0, BINS - 1, TOP - rest))


def _keys() -> NDArray[np.int64]:
    """List the keys that probabilities have."""
    return np.concatenate([np.arange(part.start, part.stop) for part in _RANGES])


class _Splits(NamedTuple):
    """Where bins are split, by keys."""

    least: np.float32
    coarse: NDArray[np.uint8]
    split: NDArray[np.uint16]
    beyond: NDArray[np.int32]


@functools.lru_cache(maxsize=4)
def _splits(cut_values: bytes) -> _Splits:
    """Lay cuts out by keys; callers ask for the same ones again and again."""
    cuts = Cuts(np.frombuffer(cut_values, np.float32))
    keys = _keys()
    bins = _bins_of(keys)
    split = np.full(kernels.KEYS, 1 << kernels.LOW_BITS, np.uint16)
    split[keys] = cuts.split[bins]
    beyond = np.zeros(kernels.KEYS, np.int32)
    beyond[keys] = cuts.beyond[bins] - BINS + kernels.KEYS
    parted = keys[cuts.split[bins] < 1 << kernels.LOW_BITS]
    coarse = np.zeros(1 << (32 - kernels.COARSE_BITS), np.uint8)
    coarse[parted >> (kernels.COARSE_BITS - kernels.LOW_BITS)] = 1
    folded = ((parted & (_SIGN - 1)) << kernels.LOW_BITS).astype(np.uint32).view(np.float32)
    return _Splits(np.float32(min(folded.tolist(), default=2.0)), coarse, split, beyond)


def probability_moments(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.uint8],
    class_of_label: NDArray[np.int64],
    cuts: Cuts,
) -> Moments:
    """Count voxels in fine bins; sums are whole numbers, so that slabs change nothing."""
    n_classes = int(class_of_label.max()) + 1
    shape = max(n_classes, 2), kernels.KEYS + len(cuts.values), 2
    splits = _splits(cuts.values.tobytes())

    def slab(start: int, stop: int) -> list[Moments]:
        found = []
        folded = np.empty(kernels.GROUP, np.float32)
        edges = [*range(start, stop, kernels.MOST_VOXELS - 1), stop]
        for first, last in itertools.pairwise(edges):
            table = np.zeros(shape, np.uint64)
            part = probabilities[first:last]
            wrong = kernels.probability_moments(
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
            found.append(_moments_of(table, wrong))
        return found

    cost = _COST_OF_A_VOXEL * probabilities.size
    slabs = threads.run(
        lambda ends: slab(*ends), threads.slabs(probabilities.size, cost, sides=1), cost
    )
    found = list(itertools.chain.from_iterable(slabs))
    if len(found) == 1:
        return found[0]
    total = np.zeros((2, cuts.rows, 3), np.int64)
    for one in found:
        total[:, one.rows] += one.moments
    return Moments.of(total, sum(one.wrong for one in found))


def _moments_of(table: NDArray[np.uint64], wrong: int) -> Moments:
    """Take what there is of a table, in the order of bins."""
    counts = table[:2, :, 0]
    parts = slice(kernels.KEYS, table.shape[1])
    there = np.concatenate(
        [
            (counts[0, part] | counts[1, part]).nonzero()[0] + part.start
            for part in (*_RANGES, parts)
        ]
    )
    rows = np.where(there < kernels.KEYS, _bins_of(there), there - kernels.KEYS + BINS)
    order = np.argsort(rows)
    joined, squares = np.moveaxis(table[:2, there[order]], 2, 0)
    moments = np.empty((2, len(rows), 3), np.int64)
    moments[:, :, 0] = joined >> np.uint64(kernels.COUNT_SHIFT)
    moments[:, :, 1] = joined & np.uint64((1 << kernels.COUNT_SHIFT) - 1)
    moments[:, :, 2] = squares
    return Moments(rows[order], moments, wrong)
