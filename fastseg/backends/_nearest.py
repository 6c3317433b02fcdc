"""Distances for the numba backend: between packed sets, and the transform of a volume."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.arrays import Spacing
from fastseg.backends._steps import Floats, Offsets, box_offsets, squared_norms, squares
from fastseg.backends._transform import exact_dtype, transform
from fastseg_kernels.cpu import bits, nearest

Words = NDArray[np.uint64]

# A ball of 4 voxels: beyond it a search along rows is cheaper than one more shell.
_MOST_OFFSETS = 257
# Of these, so many are always tried: distances up to 2 voxels.
_CORE_OFFSETS = 33
# Looks at blocks of rows that the search may take for each voxel of the box before a transform is cheaper: a look
# takes 4 to 8 ns, the transform 4 ns a voxel in float32 and 8 in float64.
_LOOKS_PER_VOXEL = 0.2


class Geometry(NamedTuple):
    """Where packed voxels lie: sizes and spacing along z, y, x; `reverse` if the image's axes are x, y, z."""

    shape: tuple[int, int, int]
    ndim: int
    spacing: Spacing
    reverse: bool


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
    offsets = box_offsets(half)
    lengths = squared_norms(offsets, spacing, reverse)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] < limit * (1 - 1e-9)]
    if len(order) > 2 * _MOST_OFFSETS:  # keep whole distances only
        order = order[lengths[order] < lengths[order[2 * _MOST_OFFSETS]]]
    return np.ascontiguousarray(offsets[order]), np.ascontiguousarray(lengths[order])


class Padding(NamedTuple):
    """Slices and rows of zeros at either end of a padded set, as many as the furthest offset; and one word a row."""

    z: int
    y: int

    @classmethod
    def of(cls, geometry: Geometry) -> Padding:
        """As the nearest offsets of this geometry ask for."""
        offsets, _ = _shells(geometry.spacing, geometry.ndim, geometry.reverse)
        return cls(*(int(reach) for reach in np.abs(offsets[:, :2]).max(axis=0)))

    @classmethod
    def found(cls, padded: Words, geometry: Geometry) -> Padding:
        """That of a set which has one."""
        z, y = ((padded.shape[axis] - geometry.shape[axis]) // 2 for axis in range(2))
        return cls(z, y)

    def around(self, geometry: Geometry) -> Words:
        """Room for a set of this geometry, to be filled, within slices and rows of zeros.

        The ends of the rows between are for the kernel that fills them, which has them in the cache: done here, in
        one thread, they take 1.5 of the 45 ms that surface distances of a 512³ pair take.
        """
        nz, ny, nx = geometry.shape
        # zeros all over would be written twice: 0.4 ms of the 5 that the two surfaces of a 256³ pair take
        padded = np.empty((nz + 2 * self.z, ny + 2 * self.y, -(-nx // 64) + 2), np.uint64)
        for axis, margin in enumerate((self.z, self.y)):
            across = padded.swapaxes(0, axis)
            across[:margin] = across[len(across) - margin :] = 0
        return padded

    def inside(self, padded: Words) -> Words:
        """The set without its padding."""
        slices, rows, words = padded.shape
        return np.ascontiguousarray(
            padded[self.z : slices - self.z, self.y : rows - self.y, 1 : words - 1]
        )


def distances(queries: Words, targets: Words, geometry: Geometry) -> Floats:
    """Distance of each set voxel of `queries`, in C order, to the nearest one of `targets`; inf if there is none.

    Both are padded sets.
    """
    padding = Padding.found(queries, geometry)
    edges = [
        (first + padding.z, stop + padding.z)
        for first, stop in threads.slabs(geometry.shape[0], queries.size)
    ]
    sizes = [bits.count(queries[first:stop].reshape(-1)) for first, stop in edges]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    if not starts[-1] or not bits.count(targets.reshape(-1)):
        return np.full(starts[-1], np.inf)
    squared = np.empty(starts[-1])
    offsets, squares = _shells(geometry.spacing, geometry.ndim, geometry.reverse)
    steps, shifts = _for_words(offsets, targets)

    def search(part: tuple[tuple[int, int], int, int]) -> None:
        slab, start, stop = part
        offsets = (steps, shifts, squares, _CORE_OFFSETS)
        nearest.shells(queries, targets, padding.y, *offsets, *slab, squared[start:stop])

    threads.run(search, list(zip(edges, starts[:-1].tolist(), starts[1:].tolist(), strict=True)))
    left = np.flatnonzero(np.isinf(squared))
    if len(left):
        places = np.empty((len(left), 3), np.int64)
        bits.positions(queries, left, places)
        squared[left] = _far(places, targets, geometry, padding)
    return np.sqrt(squared, out=squared)


def _for_words(offsets: Offsets, padded: Words) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Each offset as words to go in a padded set, and bits to shift there."""
    dz, dy, dx = offsets.T
    steps = (dz * padded.shape[1] + dy) * padded.shape[2] + (dx >> 6)
    return np.ascontiguousarray(steps), (dx & 63).astype(np.uint64)


def _far(places: Offsets, targets: Words, geometry: Geometry, padding: Padding) -> Floats:
    """Squared distances from the places, in the padded set, that the shells left."""
    n = len(places)
    coarse = np.zeros(
        (-(-targets.shape[0] // 8), -(-targets.shape[1] // 8), targets.shape[2]), np.uint64
    )
    nearest.coarse_rows(targets, coarse)
    sizes = (*targets.shape[:2], 64 * targets.shape[2])
    tables = [squares(size, step) for size, step in zip(sizes, geometry.spacing, strict=True)]
    squared = np.empty(n)

    def search(first: int, budget: int) -> int:
        stopped: int = nearest.far(
            places, targets, coarse, *tables, int(geometry.reverse), first, n, budget, squared
        )
        return stopped

    # A sixteenth of the budget shows whether all of it could be enough.
    budget = int(_LOOKS_PER_VOXEL * math.prod(geometry.shape))
    done = search(0, budget // 16)
    if done < n and done * 16 >= n:
        done = search(done, budget)
    if done < n:
        at = tuple(np.ascontiguousarray((places[done:] - (padding.z, padding.y, 64)).T))
        inside = padding.inside(targets)
        squared[done:] = transform_of(inside, geometry, squared=True, at=at)[at]
    return squared


def transform_of(
    words: Words,
    geometry: Geometry,
    squared: bool = False,
    at: tuple[NDArray[np.int64], ...] | None = None,
) -> Floats:
    """Distance of every voxel of the volume, or of those `at` some coordinates, to the nearest set voxel."""
    foreground = np.empty(geometry.shape, np.uint8)
    bits.unpack(words, foreground)
    foreground ^= 1
    axes = (2, 1, 0) if geometry.reverse else (0, 1, 2)
    dtype = exact_dtype(geometry.shape, geometry.spacing) if squared else np.float64
    return transform(foreground, geometry.spacing, axes, dtype=dtype, squared=squared, at=at)[0]
