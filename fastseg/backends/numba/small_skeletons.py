"""The skeletons of small structures for the numba backend: all of them in one compiled loop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.batches import COST_OF_A_WORD, Candidates, Packed
from fastseg.backends.numba.skeletons import euler_changes
from fastseg.measures.regions import Measured, Request
from fastseg.measures.skeletons import SkeletonOverlap
from fastseg_kernels._thinning import VOXELS
from fastseg_kernels.cpu import structure_skeletons as kernels

Integers = NDArray[np.int64]

#: the measurements that are made here
OFFERED = frozenset(("skeleton_overlap",))

# A structure may be so many times as large as others are in loops: thinning looks at few words again and again.
_LARGER = 64
# Thinning takes so much longer than a look at each word.
_COST = 8 * COST_OF_A_WORD


def measure(candidates: Candidates, request: Request) -> list[Measured | None]:
    """Measure the skeletons of those structures that are small; None for the others."""
    measured: list[Measured | None] = [None] * len(candidates.regions)
    volume = candidates.volume
    reach = np.array([int(axis >= 3 - volume.ndim) for axis in range(3)])
    packed = candidates.small(np.arange(len(candidates.regions)), reach, _LARGER)
    if not len(packed.places):
        return measured
    n_words = int(packed.n_words.sum())
    parts = threads.run(
        lambda chunk: _measured(packed, *chunk), packed.chunks(n_words), _COST * n_words
    )
    rows = (row for part in parts for row in part.tolist())
    for place, row in zip(packed.places.tolist(), rows, strict=True):
        measured[place] = {"skeleton_overlap": SkeletonOverlap(*row)}
    return measured


def _measured(packed: Packed, first: int, stop: int) -> Integers:
    """Pack some structures, and thin them."""
    volume = packed.volume
    boxes = packed.boxes[first:stop]
    masks = packed.words(first, stop)
    sizes = boxes[:, 3:]
    if volume.reverse:
        sizes = sizes[:, [0, 2, 1] if volume.ndim == 2 else [2, 1, 0]]
    n_rows = (sizes[:, 0] + 2) * (sizes[:, 1] + 2)
    most_words = max(64, int((n_rows * -(-sizes[:, 2] // VOXELS)).max()))
    found = np.empty((stop - first, kernels.NUMBERS), np.int64)
    kernels.overlap_skeletons(
        masks,
        boxes,
        volume.ndim,
        int(volume.reverse),
        *euler_changes(),
        np.zeros(int(packed.n_words[first:stop].max()) + 1, np.uint64),
        np.empty((5, most_words), np.uint64),
        np.empty(int(n_rows.max()), np.uint8),
        found,
    )
    return found
