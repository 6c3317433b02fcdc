"""How far voxels lie from the nearest of others, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Box
from fastseg.protocols.framework.label_pair import LabelPair

Bools = NDArray[np.bool_]


def box_of(*masks: Bools) -> Box:
    """Find the box of all voxels of some masks, of which each has at least one."""
    box = []
    ndim = masks[0].ndim
    for axis in range(ndim):
        others = tuple(other for other in range(ndim) if other != axis)
        lines = [np.flatnonzero(mask.any(axis=others)) for mask in masks]
        start, last = min(int(each[0]) for each in lines), max(int(each[-1]) for each in lines)
        box.append(slice(start, last + 1))
    return tuple(box)


def nearest_distances(pair: LabelPair, to: Bools, at: Bools) -> NDArray[np.float64]:
    """Measure from each voxel of one mask, in C order, to the nearest voxel of another, in the units of the spacing.

    Both masks have voxels, and are of the pair's shape or of a part of it.
    """
    box = box_of(to, at)
    away = np.ascontiguousarray(~to[box])
    found, _ = pair.backend.operations.distance_transform_edt(away, pair.spacing, False, np.float64)
    distances: NDArray[np.float64] = found[at[box]]
    return distances
