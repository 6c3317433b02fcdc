"""Errors of the grid: missing slices, coarse voxels."""

from __future__ import annotations

import numpy as np

from fastseg.stressing.registry import NUMBERS, error
from fastseg.stressing.structure import Damage, NotPossibleError, StressedStructure


@error(
    amounts=NUMBERS,
    unit="slices",
    what="so many of its slices, drawn by the seed, are empty; neither its first nor its last one",
    of="how many",
)
def missing_slice(structure: StressedStructure, amount: float) -> Damage:
    """Empty slices."""
    if structure.ndim < 3:
        raise NotPossibleError("a plane has no slices")
    axis, many = structure.slice_axis, int(amount)
    others = tuple(other for other in range(structure.ndim) if other != axis)
    occupied = np.flatnonzero(structure.mask.any(axis=others))[1:-1]
    if many > len(occupied):
        inner = f"{len(occupied)} slice{'s' * (len(occupied) != 1)}"
        raise NotPossibleError(f"it has {inner} between its first and its last one")
    drawn = structure.random("missing_slice").permutation(occupied)[:many]
    mask = structure.mask.copy()
    mask[(slice(None),) * axis + (drawn,)] = False
    return Damage(mask, structure.start)


@error(
    amounts=(2.0, 3.0, 4.0, 6.0, 8.0),
    unit="mm",
    what="sampled on a grid with voxels of this size and back, the nearest voxel each time; larger voxels stay",
    of="the size of a voxel",
)
def coarse_resampling(structure: StressedStructure, amount: float) -> Damage:
    """Sample the mask on a coarser grid of the image, and that on the image's own."""
    steps = [max(1.0, amount / step) for step in structure.spacing]
    mask, start = structure.window([int(step) + 1 for step in steps])
    places = []
    for first, size, step in zip(start, mask.shape, steps, strict=True):
        coarse = np.floor((np.arange(first, first + size) + 0.5) / step)
        places.append(np.floor((coarse + 0.5) * step).astype(np.intp) - first)
    # beyond the window lies background, but for the end of the image, behind which its last voxel is the nearest
    sampled = np.ones(mask.shape, np.bool_)
    for axis, (place, size, first) in enumerate(zip(places, mask.shape, start, strict=True)):
        beyond = place + first >= structure.shape[axis]
        place[beyond] = structure.shape[axis] - 1 - first
        outside = (place < 0) | (place >= size)
        place[outside] = 0
        sampled[(slice(None),) * axis + (outside,)] = False
    sampled &= mask[np.ix_(*places)]
    if not sampled.any():
        raise NotPossibleError("nothing of it would be left")
    return Damage(sampled, start)
