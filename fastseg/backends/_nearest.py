"""Distances for the numba backend: between packed sets, and the transform of a volume."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.arrays import Spacing
from fastseg_kernels.cpu import bits, edt, nearest

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]
Offsets = NDArray[np.int64]

# A ball of 4 voxels: beyond it a search along rows is cheaper than one more shell.
_MOST_OFFSETS = 257
# Blocks that the search may look at for each voxel of the box before a transform is cheaper: a block takes 5 to
# 10 ns, the transform 10 to 20 ns a voxel.
_BLOCKS_PER_VOXEL = 2
# A ball of more offsets than this is slower than a transform.
_LARGEST_BALL = 20_000


class Geometry(NamedTuple):
    """Where packed voxels lie: sizes and spacing along z, y, x; `reverse` if the image's axes are x, y, z."""

    shape: tuple[int, int, int]
    ndim: int
    spacing: Spacing
    reverse: bool


def _squares(size: int, spacing: float) -> Floats:
    """The square of 0, 1, 2 … steps, rounded as SciPy rounds it."""
    return np.asarray((np.arange(size) * spacing) ** 2)


def _squared_norms(offsets: Offsets, spacing: Spacing, reverse: bool) -> Floats:
    z, y, x = ((offsets[:, axis] * spacing[axis]) ** 2 for axis in range(3))
    return np.asarray((x + y) + z if reverse else (z + y) + x)


def _box_offsets(half: Sequence[int]) -> Offsets:
    grid = np.meshgrid(*(np.arange(-size, size + 1) for size in half), indexing="ij")
    return np.stack([part.ravel() for part in grid], axis=1)


@functools.lru_cache(maxsize=256)
def _shells(spacing: Spacing, ndim: int, reverse: bool) -> tuple[Offsets, Floats]:
    """The nearest offsets in order of distance, complete up to the last one's distance."""
    axes = range(3 - ndim, 3)
    volume = math.prod(spacing[axis] for axis in axes)
    unit_ball = {1: 2.0, 2: math.pi, 3: 4 / 3 * math.pi}[ndim]
    radius = (_MOST_OFFSETS * volume / unit_ball) ** (1 / ndim)
    half = [min(int(radius / spacing[axis]) + 1, 63) if axis in axes else 0 for axis in range(3)]
    # beyond the box nothing is known
    limit = min((half[axis] + 1) * spacing[axis] for axis in axes) ** 2
    offsets = _box_offsets(half)
    squares = _squared_norms(offsets, spacing, reverse)
    order = np.argsort(squares, kind="stable")
    order = order[squares[order] < limit * (1 - 1e-9)]
    if len(order) > 2 * _MOST_OFFSETS:  # keep whole distances only
        order = order[squares[order] < squares[order[2 * _MOST_OFFSETS]]]
    return np.ascontiguousarray(offsets[order]), np.ascontiguousarray(squares[order])


def ball(
    spacing: Spacing, shape: tuple[int, int, int], reverse: bool, width: float
) -> Offsets | None:
    """All offsets shorter than `width`, nearest first; None if they are too many to be worth it."""
    half = [min(int(width / step) + 1, size - 1) for step, size in zip(spacing, shape, strict=True)]
    if math.prod(2 * size + 1 for size in half) > 2 * _LARGEST_BALL:
        return None
    offsets = _box_offsets(half)
    lengths = np.sqrt(_squared_norms(offsets, spacing, reverse))
    order = np.argsort(lengths, kind="stable")
    return np.ascontiguousarray(offsets[order[lengths[order] < width]])


def distances(queries: Words, targets: Words, geometry: Geometry) -> Floats:
    """Distance of each set voxel of `queries`, in C order, to the nearest one of `targets`; inf if there is none."""
    edges = threads.slabs(queries.shape[0], queries.size)
    sizes = [bits.count(queries[first:stop].reshape(-1)) for first, stop in edges]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    squared = np.full(starts[-1], np.inf)
    if not len(squared) or not targets.any():
        return squared
    offsets, squares = _shells(geometry.spacing, geometry.ndim, geometry.reverse)
    remaining = np.empty_like(queries)

    def search(part: tuple[tuple[int, int], int, int]) -> None:
        slab, start, stop = part
        nearest.shells(queries, targets, offsets, squares, *slab, remaining, squared[start:stop])

    threads.run(search, list(zip(edges, starts[:-1].tolist(), starts[1:].tolist(), strict=True)))
    left = np.flatnonzero(np.isinf(squared))
    if len(left):
        squared[left] = _far(remaining, len(left), targets, geometry)
    return np.sqrt(squared)


def _far(queries: Words, n: int, targets: Words, geometry: Geometry) -> Floats:
    """Squared distances of the queries that the shells left."""
    places = np.empty((n, 3), np.int64)
    bits.positions(queries, places)
    coarse = np.zeros(
        (-(-targets.shape[0] // 8), -(-targets.shape[1] // 8), targets.shape[2]), np.uint64
    )
    nearest.coarse_rows(targets, coarse)
    tables = [
        _squares(size, step) for size, step in zip(geometry.shape, geometry.spacing, strict=True)
    ]
    squared = np.empty(n)

    def search(first: int, budget: int) -> int:
        stopped: int = nearest.far(
            places, targets, coarse, *tables, int(geometry.reverse), first, n, budget, squared
        )
        return stopped

    # A sixteenth of the budget shows whether all of it could be enough.
    budget = _BLOCKS_PER_VOXEL * math.prod(geometry.shape)
    done = search(0, budget // 16)
    if done < n and done * 16 >= n:
        done = search(done, budget)
    if done < n:
        volume = transform_of(targets, geometry, squared=True)
        z, y, x = places[done:].T
        squared[done:] = volume[z, y, x]
    return squared


def transform_of(words: Words, geometry: Geometry, squared: bool = False) -> Floats:
    """Distance of every voxel of the volume to the nearest set voxel."""
    foreground = np.empty(geometry.shape, np.uint8)
    bits.unpack(words, foreground)
    foreground ^= 1
    axes = (2, 1, 0) if geometry.reverse else (0, 1, 2)
    return transform(foreground, geometry.spacing, axes, squared=squared)[0]


def transform(
    foreground: NDArray[np.uint8],
    spacing: Spacing,
    axes: tuple[int, ...],
    indices: bool = False,
    squared: bool = False,
) -> tuple[Floats, NDArray[np.int32] | None]:
    """Distance transform of a C-contiguous volume of any number of axes, passing over `axes` in that order."""
    shape = foreground.shape
    volume = np.empty(shape)
    largest = sum(((size - 1) * step) ** 2 for size, step in zip(shape, spacing, strict=True))
    where: list[NDArray[np.int32]] = []
    if not indices:
        _first_axis(foreground, axes[0], spacing[axes[0]], volume)
    else:  # the sweeps of the first pass know how far, not which way
        volume[...] = np.where(foreground, np.inf, 0.0)
    for axis in axes if indices else axes[1:]:
        chosen = _later_axis(axis, spacing[axis], largest, indices, volume)
        if indices:
            # A line without background so far has no minimiser (-1); what it carries is never chosen later.
            carried = np.maximum(chosen, 0)
            where = [np.take_along_axis(before, carried, axis) for before in where] + [chosen]
    if not squared:
        flat = volume.reshape(-1)
        threads.run(
            lambda slab: edt.square_roots(*slab, flat), threads.slabs(flat.size, flat.size, 1 << 22)
        )
    if not indices:
        return volume, None
    by_axis = dict(zip(axes, where, strict=True))
    return volume, np.stack([by_axis[axis] for axis in range(len(shape))])


def _split(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """The shape as (axes before, the axis, axes after)."""
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def _first_axis(foreground: NDArray[np.uint8], axis: int, step: float, volume: Floats) -> None:
    view = _split(volume.shape, axis)
    source, target = foreground.reshape(view), volume.reshape(view)
    tiles = view[0] * -(-view[2] // edt.LANES)
    threads.run(
        lambda slab: edt.first_pass(source, step, *slab, target),
        threads.slabs(tiles, volume.size),
    )


def _later_axis(
    axis: int, step: float, largest: float, indices: bool, volume: Floats
) -> NDArray[np.int32]:
    """Add an axis to the squared distances; gives the minimisers along it, if they are wanted."""
    view = _split(volume.shape, axis)
    lines = volume.reshape(view)
    chosen = np.empty(view if indices else (0, 0, 0), np.int32)
    tiles = view[0] * -(-view[2] // edt.LANES) if view[2] > 1 else -(-view[0] // edt.LANES)
    squares = _squares(view[1], step)
    # Rounding errors of the largest value, a few units of 2^-53 of it, against the square of a step.
    monotone = int(largest * 2.0**-50 < step**2)
    threads.run(
        lambda slab: edt.later_pass(step, squares, monotone, int(indices), *slab, lines, chosen),
        threads.slabs(tiles, volume.size),
    )
    return chosen.reshape(volume.shape) if indices else chosen
