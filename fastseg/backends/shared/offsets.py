"""Offsets between voxels and their squared lengths, rounded as SciPy rounds them. NumPy only."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Spacing

Floats = NDArray[np.float64]
Offsets = NDArray[np.int64]
Words = NDArray[np.uint64]


def squares(size: int, spacing: float) -> Floats:
    """Square the distances of 0, 1, 2 … voxels along an axis."""
    return np.asarray((np.arange(size) * spacing) ** 2)


def squared_norms(offsets: Offsets, spacing: Spacing, reverse: bool) -> Floats:
    """Square the lengths of offsets (dz, dy, dx), summed in the order z, y, x or, if `reverse`, x, y, z."""
    z, y, x = ((offsets[:, axis] * spacing[axis]) ** 2 for axis in range(3))
    return np.asarray((x + y) + z if reverse else (z + y) + x)


def box_offsets(half: Sequence[int]) -> Offsets:
    """List all offsets of up to so many voxels along each axis, either way."""
    grid = np.meshgrid(*(np.arange(-size, size + 1) for size in half), indexing="ij")
    return np.stack([part.ravel() for part in grid], axis=1)


def ball(
    spacing: Spacing, shape: tuple[int, int, int], reverse: bool, width: float, most: int
) -> Offsets | None:
    """List all offsets shorter than `width`, nearest first; None if they are about more than `most`."""
    half = tuple(
        min(int(min(width / step, size)) + 1, size - 1)
        for step, size in zip(spacing, shape, strict=True)
    )
    if math.prod(2 * size + 1 for size in half) > 2 * most:
        return None
    return _ball(spacing, half, reverse, width)


@functools.lru_cache(maxsize=16)
def _ball(spacing: Spacing, half: tuple[int, ...], reverse: bool, width: float) -> Offsets:
    """List them; kept, since most labels of a volume have the same ball (benchmarks: evaluate labels, all metrics)."""
    offsets = box_offsets(half)
    lengths = np.sqrt(squared_norms(offsets, spacing, reverse))
    order = np.argsort(lengths, kind="stable")
    found = np.ascontiguousarray(offsets[order[lengths[order] < width]])
    found.flags.writeable = False
    return found
