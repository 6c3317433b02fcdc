"""Distances between solid masks, every voxel a point: what scikit-image and ITK call the Hausdorff distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastseg import dispatch
from fastseg.inputs.arrays import Spacing

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


def directed_distances(first: Mask, second: Mask, spacing: Spacing) -> tuple[Floats, Floats]:
    """Measure from each voxel of one mask to the nearest voxel of the other, both ways, in C order.

    Parameters
    ----------
    first, second : bool ndarray
        Of one shape; neither is empty.
    spacing : tuple of float
        Along the array's axes.
    """
    box = _box(first | second)
    masks = [np.ascontiguousarray(mask[box]) for mask in (first, second)]
    operations = dispatch.choose("distance_transform_edt", first.ndim).operations

    def to(mask: Mask) -> Floats:
        distances: Floats = operations.distance_transform_edt(~mask, spacing, False, np.float64)[0]
        return distances

    return to(masks[1])[masks[0]], to(masks[0])[masks[1]]


def _box(mask: Mask) -> tuple[slice, ...]:
    """Find the smallest box that holds all of a mask."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        used = np.flatnonzero(mask.any(axis=others))
        box.append(slice(int(used[0]), int(used[-1]) + 1))
    return tuple(box)
