"""How to transform: which passes, in which order, in which precision."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from fastseg.backends.shared.exactness import Unit, common_unit, is_monotone, sums_are_exact
from fastseg.inputs.arrays import Spacing

DOUBLE = np.dtype(np.float64)
SINGLE = np.dtype(np.float32)


class Plan(NamedTuple):
    """How to transform.

    Attributes
    ----------
    dtype : dtype
        In which squares are summed.
    axes : tuple of int
        In which order; axes of one voxel need no pass and are left out.
    monotone : bool
        Whether the nearest voxel moves only forward along a line, rounding included.
    unit : Unit or None
        Of squared distances, where no sum is rounded.
    """

    dtype: np.dtype[Any]
    axes: tuple[int, ...]
    monotone: bool
    unit: Unit | None = None


@functools.lru_cache(maxsize=256)  # fractions take longer than the passes over a small image
def plan_for(
    shape: tuple[int, ...],
    spacing: Spacing,
    order: tuple[int, ...],
    narrowest: np.dtype[Any],
    *,
    indices: bool = False,
    may_round: bool = False,
    thin: bool = False,
) -> Plan:
    """Take the narrowest type that is exact, and contiguous rows first wherever the order of the axes does not show.

    Of thin arrays the longest axis comes first, whose pass is then two sweeps.

    It shows in sums that are rounded, and in the indices: of several nearest voxels SciPy gives the one that passes in
    the image's own order lead to.

    Parameters
    ----------
    shape, spacing : tuple
        Of the array.
    order : tuple of int
        The array's axes in the order in which the image's own axes come: squares are summed in this order.
    narrowest : float32 or float64
        The type to try first.
    indices : bool
        Whether indices of the nearest voxels are wanted.
    may_round : bool
        Whether the answers need not have the bits of SciPy's.
    thin : bool
        Whether one axis is so long, and lines along it are so few, that the other passes hardly count.
    """
    long = tuple(axis for axis in order if shape[axis] > 1) or order[-1:]
    sizes = tuple(shape[axis] for axis in long)
    steps = tuple(spacing[axis] for axis in long)
    rows_first = long if indices else tuple(sorted(long, reverse=True))
    in_order = long
    if thin and not indices:
        longest = max(long, key=shape.__getitem__)
        rows_first = _with_first(longest, rows_first)
        if longest in long[:2]:  # a sum of two has no order
            in_order = _with_first(longest, long)
    for dtype in dict.fromkeys((narrowest, DOUBLE)):
        if sums_are_exact(sizes, steps, dtype):
            return Plan(dtype, rows_first, True, common_unit(sizes, steps))
        if may_round and dtype != DOUBLE and is_monotone(sizes, steps, dtype):
            return Plan(dtype, rows_first, True)
    return Plan(DOUBLE, rows_first if may_round else in_order, is_monotone(sizes, steps, DOUBLE))


def _with_first(axis: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    return axis, *(other for other in axes if other != axis)
