"""Voronoi regions for the numba backend: the distance transform of numbers that have an instance in their lowest bits.

Squared distances that are whole numbers are shifted to the left by as many bits as the numbers of all instances take,
and each voxel of an instance starts with its number in place of 0. What the passes of the transform then find, the
least sum, is the least distance and, of equally near instances, the lowest number: one transform for all of them, of
the same candidates and as exact as long as 53 bits hold it all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fastseg import threads
from fastseg.backends.numba import transform as _transform
from fastseg.backends.shared.plan import DOUBLE, Plan
from fastseg.backends.shared.volume import is_reversed
from fastseg.inputs.arrays import Array, Box, Spacing

Floats = NDArray[np.float64]

_MANTISSA = 53
# Voxels along each side of the blocks for which it is asked which instances may be the nearest.
_BLOCK = 8
# What it takes that a bound is one although it was rounded.
_SLACK = 1 - 1e-12


def voronoi_regions(instances: Array, spacing: Spacing, first_voxel: bool) -> Array:
    """Give each voxel the number of the nearest instance."""
    reverse = is_reversed(instances)
    ordered = instances.T if reverse else np.ascontiguousarray(instances)
    axes = tuple(range(ordered.ndim))
    steps, axes = (spacing[::-1], axes[::-1]) if reverse else (spacing, axes)
    regions = (
        _by_first_voxel(ordered, reverse, steps, axes)
        if first_voxel
        else _by_lowest_number(ordered, steps, axes)
    )
    return regions.T if reverse else regions


def _by_lowest_number(instances: Array, steps: Spacing, axes: tuple[int, ...]) -> Array:
    bits = _even(int(instances.max()).bit_length())
    if _fits(instances.shape, steps, bits):
        return _least_sums(instances, instances > 0, steps, bits, None)
    numbers, ranks = np.unique(instances, return_inverse=True)
    if numbers[0] != 0:  # no background: each voxel is the nearest to itself
        return instances
    ranks = ranks.reshape(instances.shape)
    bits = _even(len(numbers).bit_length())
    if _fits(instances.shape, steps, bits):
        return _least_sums(ranks, instances > 0, steps, bits, numbers)
    return numbers[_one_by_one(ranks, len(numbers), steps, axes)]


def _by_first_voxel(
    instances: Array, reverse: bool, steps: Spacing, axes: tuple[int, ...]
) -> Array:
    """Number the voxels in Fortran order of the map's own axes, and look up the instance of the least one."""
    bits = _even(instances.size.bit_length())
    if _fits(instances.shape, steps, bits):
        order: Any = "C" if reverse else "F"
        numbers = np.arange(instances.size).reshape(instances.shape, order=order)
        table = instances.ravel(order=order)
        return _least_sums(numbers, instances > 0, steps, bits, table)
    _, where = _transform.transform((instances == 0).view(np.uint8), steps, axes, indices=True)
    assert where is not None
    nearest: Array = instances[tuple(where)]
    return nearest


def _even(bits: int) -> int:
    """Round up to an even number of bits, by which squares are shifted when lengths are by half of it."""
    return bits + bits % 2


def _fits(shape: tuple[int, ...], steps: Spacing, bits: int) -> bool:
    """Tell whether all squared distances are whole numbers that leave so many bits free."""
    if not all(step.is_integer() for step in steps):
        return False
    squares = [((n - 1) * int(step)) ** 2 for n, step in zip(shape, steps, strict=True)]
    return (sum(squares) + 1) << bits < 1 << _MANTISSA


def _least_sums(
    numbers: Array,
    is_instance: NDArray[np.bool_],
    steps: Spacing,
    bits: int,
    table: Array | None,
) -> Array:
    """Transform numbers below 2^bits, and give those that are found, or what a table has for them."""
    volume = np.where(is_instance, numbers, np.inf)
    plan = Plan(DOUBLE, tuple(range(volume.ndim)), True)
    for axis in reversed(range(volume.ndim)):
        if volume.shape[axis] > 1:
            _transform._parabolas(volume, axis, steps[axis] * 2.0 ** (bits // 2), plan, False)
    regions = np.empty(volume.shape, numbers.dtype if table is None else table.dtype)
    sums, found = volume.reshape(-1), regions.reshape(-1)
    mask = (1 << bits) - 1

    def look_up(slab: tuple[int, int]) -> None:
        for start in range(slab[0], slab[1], 1 << 16):
            part = slice(start, min(start + (1 << 16), slab[1]))
            lowest = sums[part].astype(np.int64) & mask
            found[part] = lowest if table is None else table[lowest]

    threads.run(look_up, threads.slabs(sums.size, sums.size))
    return regions


def _one_by_one(
    ranks: Array, count: int, steps: Spacing, axes: tuple[int, ...]
) -> NDArray[np.intp]:
    """Compare the rounded distances to each instance, in the box in which it may be the nearest, with the least."""
    least, _ = _transform.transform((ranks == 0).view(np.uint8), steps, axes)
    regions = np.zeros(ranks.shape, np.intp)
    farthest = _largest_of_blocks(least)
    for rank, box in enumerate(ndimage.find_objects(ranks.astype(np.int32), count), start=1):
        if box is None:
            continue
        reach = _reach(box, farthest, ranks.shape, steps)
        others = (ranks[reach] != rank).view(np.uint8)
        distances, _ = _transform.transform(np.ascontiguousarray(others), steps, axes)
        part = regions[reach]
        part[(part == 0) & (distances == least[reach])] = rank
    return regions


def _largest_of_blocks(distances: Floats) -> Floats:
    for axis, size in enumerate(distances.shape):
        distances = np.maximum.reduceat(distances, np.arange(0, size, _BLOCK), axis)
    return distances


def _reach(box: Box, farthest: Floats, shape: tuple[int, ...], steps: Spacing) -> Box:
    """Find a box of blocks that holds all voxels to which nothing may be nearer than what is in a box."""
    bounds = np.zeros((1,) * len(shape))
    for axis, (part, size, step) in enumerate(zip(box, shape, steps, strict=True)):
        starts = np.arange(0, size, _BLOCK)
        stops = np.minimum(starts + _BLOCK, size)
        gaps = np.maximum(np.maximum(part.start - (stops - 1), starts - (part.stop - 1)), 0) * step
        bounds = bounds + np.expand_dims(
            gaps**2, [other for other in range(len(shape)) if other != axis]
        )
    places = np.nonzero(np.sqrt(bounds) * _SLACK <= farthest)
    return tuple(
        slice(int(place.min()) * _BLOCK, min((int(place.max()) + 1) * _BLOCK, size))
        for place, size in zip(places, shape, strict=True)
    )
