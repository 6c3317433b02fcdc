"""Voronoi regions for the numba backend: the distance transform of numbers that have an instance in their lowest bits.

Squared distances that are whole numbers are shifted to the left by as many bits as the numbers of all instances take,
and each voxel of an instance starts with its number in place of 0. What the passes of the transform then find, the
least sum, is the least distance and, of equally near instances, the lowest number: one transform for all of them, of
the same candidates and as exact as long as 53 bits hold it all.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba import transform as _transform
from fastseg.backends.numba.histogram import joint_histogram
from fastseg.backends.shared.plan import DOUBLE, Plan
from fastseg.backends.shared.volume import is_reversed
from fastseg.inputs.arrays import Array, Box, Spacing

Floats = NDArray[np.float64]
Places = tuple[NDArray[np.int64], ...]

_MANTISSA = 53
# Sums that are looked up while they are in the cache.
_AT_ONCE = 1 << 16
# Voxels along each side of the blocks for which it is asked which instances may be the nearest.
_BLOCK = 8
# What it takes that a bound is one although it was rounded.
_SLACK = 1 - 1e-12


def voronoi_regions(
    instances: Array, spacing: Spacing, first_voxel: bool, at: Places | None
) -> Array:
    """Give each voxel, or some, the number of the nearest instance."""
    reverse = is_reversed(instances)
    ordered = instances.T if reverse else np.ascontiguousarray(instances)
    axes = tuple(range(ordered.ndim))
    steps = spacing
    if reverse:
        steps, axes, at = spacing[::-1], axes[::-1], None if at is None else at[::-1]
    regions = (
        _by_first_voxel(ordered, reverse, steps, axes, at)
        if first_voxel
        else _by_lowest_number(ordered, steps, axes, at)
    )
    return regions.T if reverse else regions  # a list of voxels has one axis


def _by_lowest_number(
    instances: Array, steps: Spacing, axes: tuple[int, ...], at: Places | None
) -> Array:
    inside = np.flatnonzero(instances)
    numbers = instances.reshape(-1)[inside]
    bits = _even(int(numbers.max()).bit_length())
    if _fits(instances.shape, steps, bits):
        sums = _least_sums(instances.shape, inside, numbers, steps, bits, at)
        return _looked_up(sums, bits, None, instances.dtype)
    table, ranks = np.unique(numbers, return_inverse=True)
    table = np.insert(table, 0, 0)
    ranks = ranks.reshape(-1) + 1
    bits = _even(len(table).bit_length())
    if _fits(instances.shape, steps, bits):
        sums = _least_sums(instances.shape, inside, ranks, steps, bits, at)
        return _looked_up(sums, bits, table, instances.dtype)
    ranked = np.zeros(instances.size, np.int32)
    ranked[inside] = ranks
    regions = _one_by_one(ranked.reshape(instances.shape), steps, axes)
    return table[regions if at is None else regions[at]]


def _by_first_voxel(
    instances: Array, reverse: bool, steps: Spacing, axes: tuple[int, ...], at: Places | None
) -> Array:
    """Number the voxels in Fortran order of the map's own axes, and look up the instance of the least one."""
    bits = _even(instances.size.bit_length())
    if _fits(instances.shape, steps, bits):
        inside = np.flatnonzero(instances)
        order: Literal["C", "F"] = "C" if reverse else "F"
        numbers = np.ravel_multi_index(
            np.unravel_index(inside, instances.shape), instances.shape, order=order
        )
        sums = _least_sums(instances.shape, inside, numbers, steps, bits, at)
        if at is None:
            return _looked_up(sums, bits, instances.ravel(order=order), instances.dtype)
        voxels = _looked_up(sums, bits, None, np.dtype(np.int64))
        of_voxels: Array = instances[np.unravel_index(voxels, instances.shape, order=order)]
        return of_voxels
    background = (instances == 0).view(np.uint8)
    _, where = _transform.transform(background, steps, axes, indices=True)
    assert where is not None
    chosen = tuple(each if at is None else each[at] for each in where)
    nearest: Array = instances[chosen]
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
    shape: tuple[int, ...],
    inside: NDArray[np.intp],
    numbers: Array,
    steps: Spacing,
    bits: int,
    at: Places | None,
) -> Floats:
    """Transform numbers below 2^bits of the voxels inside instances, in the units of the lowest bit."""
    volume = np.full(shape, np.inf)
    volume.reshape(-1)[inside] = numbers
    axes = [axis for axis in reversed(range(len(shape))) if shape[axis] > 1]
    plan = Plan(DOUBLE, tuple(axes), True)
    for axis in axes:
        add, last = _transform.add_axis, axis == axes[-1]
        add(volume, axis, steps[axis] * 2.0 ** (bits // 2), plan, at if last else None)
    return volume if at is None else volume[at]


def _looked_up(sums: Floats, bits: int, table: Array | None, dtype: np.dtype[Any]) -> Array:
    """Give the numbers in the lowest bits of sums, or what a table has for them."""
    regions = np.empty(sums.shape, dtype)
    given, found = sums.reshape(-1), regions.reshape(-1)
    mask = (1 << bits) - 1

    def look_up(slab: tuple[int, int]) -> None:
        for start in range(*slab, _AT_ONCE):
            part = slice(start, min(start + _AT_ONCE, slab[1]))
            lowest = given[part].astype(np.int64) & mask
            found[part] = lowest if table is None else table[lowest]

    threads.run(look_up, threads.slabs(given.size, given.size))
    return regions


def _one_by_one(ranks: Array, steps: Spacing, axes: tuple[int, ...]) -> NDArray[np.intp]:
    """Compare the rounded distances to each instance, in the box in which it may be the nearest, with the least."""
    least, _ = _transform.transform((ranks == 0).view(np.uint8), steps, axes)
    regions = np.zeros(ranks.shape, np.intp)
    farthest = _largest_of_blocks(least)
    side = joint_histogram(ranks, ranks).sides[0]
    starts, stops = (ends.tolist() for ends in side.boxes)
    for rank, start, stop in zip(side.labels.tolist(), starts, stops, strict=True):
        if rank == 0:
            continue
        reach = _reach(tuple(map(slice, start, stop)), farthest, ranks.shape, steps)
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
