"""Squares of steps along the axes, rounded as SciPy rounds them, and what rounding leaves alone. NumPy only."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.arrays import Spacing

Floats = NDArray[np.float64]
Offsets = NDArray[np.int64]
Words = NDArray[np.uint64]


def squares(size: int, spacing: float) -> Floats:
    """The square of 0, 1, 2 … steps."""
    return np.asarray((np.arange(size) * spacing) ** 2)


def squared_norms(offsets: Offsets, spacing: Spacing, reverse: bool) -> Floats:
    """Squared lengths of offsets (dz, dy, dx), summed in the order z, y, x or, if `reverse`, x, y, z."""
    z, y, x = ((offsets[:, axis] * spacing[axis]) ** 2 for axis in range(3))
    return np.asarray((x + y) + z if reverse else (z + y) + x)


def box_offsets(half: Sequence[int]) -> Offsets:
    """All offsets of up to so many steps along each axis, either way."""
    grid = np.meshgrid(*(np.arange(-size, size + 1) for size in half), indexing="ij")
    return np.stack([part.ravel() for part in grid], axis=1)


def ball(
    spacing: Spacing, shape: tuple[int, int, int], reverse: bool, width: float, most: int
) -> Offsets | None:
    """All offsets shorter than `width`, nearest first; None if they are about more than `most`."""
    half = tuple(
        min(int(min(width / step, size)) + 1, size - 1)
        for step, size in zip(spacing, shape, strict=True)
    )
    if math.prod(2 * size + 1 for size in half) > 2 * most:
        return None
    return _ball(spacing, half, reverse, width)


@functools.lru_cache(maxsize=16)
def _ball(spacing: Spacing, half: tuple[int, ...], reverse: bool, width: float) -> Offsets:
    """Kept, since most labels of a volume have the same: made anew it took a tenth of all 22 metrics' time."""
    offsets = box_offsets(half)
    lengths = np.sqrt(squared_norms(offsets, spacing, reverse))
    order = np.argsort(lengths, kind="stable")
    found = np.ascontiguousarray(offsets[order[lengths[order] < width]])
    found.flags.writeable = False
    return found


def sums_are_exact(shape: tuple[int, ...], spacing: Spacing, dtype: np.dtype[Any]) -> bool:
    """Whether every squared distance is a number of this type, so that no sum is ever rounded."""
    steps = [Fraction(step) ** 2 for step in spacing]  # whole numbers over powers of two
    unit = max(square.denominator for square in steps)
    largest = sum((n - 1) ** 2 * square for n, square in zip(shape, steps, strict=True))
    limits = np.finfo(dtype)
    fits = float(limits.tiny) < 1 / unit and float(largest) < float(limits.max) / 4
    return fits and largest * unit < 2 ** (limits.nmant + 1)


def is_monotone(shape: tuple[int, ...], spacing: Spacing, dtype: np.dtype[Any]) -> bool:
    """Whether rounding errors of all values stay below the square of the smallest step, in this type's range."""
    largest = sum(((n - 1) * step) ** 2 for n, step in zip(shape, spacing, strict=True))
    limits = np.finfo(dtype)
    least = min(spacing) ** 2
    within = largest < float(limits.max) / 4 and least > float(limits.tiny) * 1e6
    return within and largest * 4 * float(limits.eps) < least
