"""Distances between meshes for the numba backend: from the middle of each triangle to the other mesh."""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.masks import Mask
from fastseg.backends.numba.nearest import PaddedSet, Padding
from fastseg.backends.numba.surfaces import Codes, Surfaces, surfaces_of
from fastseg.backends.numba.tally import TalliedDistances
from fastseg.backends.shared.geometry import ordered_codes
from fastseg.backends.shared.offsets import box_offsets
from fastseg.inputs.arrays import Spacing
from fastseg.measures.meshes import mesh_measures, meshes, triangle_shapes
from fastseg_kernels.cpu import meshes as mesh_kernels
from fastseg_kernels.cpu.meshes import BLOCK

# What a triangle costs, on the scale of `threads.LEAST_COST`.
_COST_OF_A_TRIANGLE = 1 << 9
# How many lists there are of cells that lie within a distance.
_LEVELS = 12
# Bounds that are a little less than what is computed.
_ROUNDED = 1 - 1e-12

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class _Tables(NamedTuple):
    """What the kernel takes that depends on the spacing and on the order of the axes alone, as it is named there."""

    steps: Floats
    unit: int
    places: Integers
    place_of: Integers
    kinds: Codes
    corners: Integers
    shapes: Floats
    triangles: Integers
    starts: Integers
    boxes: Integers
    near: Floats
    limits: Floats
    levels: Floats
    masks: NDArray[np.uint64]
    wide: Floats


@functools.lru_cache(maxsize=4)
def _tables(spacing: Spacing, reverse: bool) -> _Tables:
    """Make them, which takes some milliseconds; those of volumes have up to 20 MB."""
    ndim = len(spacing)
    table = meshes(ndim, behind=reverse)
    others = (1.0,) * (3 - ndim)
    steps = np.array(spacing + others if reverse else others + spacing)
    different, triangles = np.unique(table.corners.reshape(-1, 9), axis=0, return_inverse=True)
    corners, triangles = different.reshape(-1), triangles.reshape(-1).astype(np.int64)
    boxes = np.zeros((len(table.starts) - 1, 3, 2), np.int64)
    for code, (start, stop) in enumerate(itertools.pairwise(table.starts.tolist())):
        if start < stop:
            of_code = table.corners[start:stop].reshape(-1, 3)
            boxes[code] = np.stack([of_code.min(axis=0), of_code.max(axis=0)], axis=1)
    shapes = triangle_shapes(different.reshape(-1, 3, 3), steps).reshape(-1)
    near = np.empty(len(table.middles) * 27 * 256)
    room = np.empty(len(different))
    mesh_kernels.near_table(
        *(table.middles, corners, shapes, triangles, table.starts, steps, table.unit),
        *(room, near),
    )
    own = slice(0, ndim) if reverse else slice(3 - ndim, 3)
    to_side = np.minimum(table.middles, table.unit - table.middles)[:, own]
    limits = [
        ((to_side + cells * table.unit) * steps[own]).min(axis=1) ** 2 * _ROUNDED
        for cells in (1, 2)
    ]
    levels, masks = _levels(table.middles, table.unit, steps, reverse)
    return _Tables(
        steps,
        table.unit,
        table.middles,
        table.middle_of,
        mesh_measures(spacing)[1],
        corners,
        shapes,
        triangles,
        table.starts,
        boxes.reshape(-1),
        near,
        np.stack(limits, axis=1),
        levels,
        masks,
        np.zeros(len(table.middles) * 125 * 256),  # no memory is taken where nothing is written
    )


def _levels(
    places: Integers, unit: int, steps: Floats, reverse: bool
) -> tuple[Floats, NDArray[np.uint64]]:
    """Tell which of the 98 cells around 27 are nearer to each place than some levels, the last of which is inf."""
    offsets = box_offsets((2, 2, 2))
    offsets = offsets[np.abs(offsets).max(axis=1) == 2]
    start = (offsets[:, ::-1] if reverse else offsets) * unit - places[:, None]
    gaps = np.maximum(np.maximum(start, -start - unit), 0) * steps
    squares = (gaps**2).sum(axis=2)
    levels = np.quantile(squares, np.arange(1, _LEVELS) / _LEVELS, axis=1).T
    levels = np.concatenate([levels, np.full((len(places), 1), np.inf)], axis=1)
    z, y, x = (offsets + 2).T
    bits = np.uint64(1) << (z % 2 * 25 + y * 5 + x).astype(np.uint64)
    masks = np.zeros((len(places), _LEVELS, 3), np.uint64)
    for third in range(3):
        nearer = (squares[:, None] <= levels[..., None] / _ROUNDED) & (z // 2 == third)
        masks[..., third] = np.where(nearer, bits, np.uint64(0)).sum(axis=2)
    return np.ascontiguousarray(levels), masks


def distances_between(masks: tuple[Mask, Mask], spacing: Spacing) -> TalliedDistances:
    """Measure from the middle of each triangle to the nearest point of the other mesh, both ways."""
    ndim, reverse = masks[0].ndim, masks[0].volume.reverse
    in_order = np.arange(2**2**ndim, dtype=np.float64)
    kinds = ordered_codes(in_order, ndim, reverse).astype(np.uint8)
    surfaces = surfaces_of(masks, spacing, "mesh", kinds)
    del masks
    tables = _tables(tuple(map(float, spacing)), reverse)
    sides = _Side(surfaces, 0, 1, tables), _Side(surfaces, 1, 0, tables)
    cost = _COST_OF_A_TRIANGLE * (sides[0].n + sides[1].n)
    slabs = threads.slabs(surfaces.geometry.shape[0], cost)
    tasks = itertools.product(sides, slabs)
    found = threads.run(lambda task: task[0].searched(*task[1]), tasks, cost)
    (there, of_first), (back, of_second) = (
        tuple(map(np.concatenate, zip(*side, strict=True)))
        for side in (found[: len(slabs)], found[len(slabs) :])
    )
    return TalliedDistances(there, back, of_first, of_second, mesh_measures(spacing)[0])


class _Side:
    """The search from the triangles of one mesh to the other."""

    def __init__(self, surfaces: Surfaces, side: int, other: int, tables: _Tables) -> None:
        self._queries, self._targets = surfaces.sets[side], surfaces.sets[other]
        codes, targets = surfaces.codes[side], surfaces.codes[other]
        assert codes is not None
        assert targets is not None
        self._codes, self._target_codes = codes, targets
        self._tables = tables
        padding = Padding.of(surfaces.geometry)
        self._padding = padding
        self._reverse = int(surfaces.geometry.reverse)
        self._of_code = np.diff(tables.starts)
        self._starts = np.concatenate([[0], np.cumsum(self._queries.counts)])
        self.n = int(self._of_code[codes].sum())
        self._known = _known(self._targets) if len(targets) else None

    def searched(self, first: int, stop: int) -> tuple[Floats, Codes]:
        """Give the distances and the kinds of the triangles of some slices."""
        first, stop = first + self._padding.z, stop + self._padding.z
        codes = self._codes[self._starts[first] : self._starts[stop]]
        n = int(self._of_code[codes].sum())
        found, kinds = np.empty(n), np.empty(n, np.uint8)
        tables = self._tables
        if self._known is None:
            found[:] = np.inf
            which = _ranges(tables.starts[codes], self._of_code[codes])
            return found, tables.kinds[which]
        mesh_kernels.mesh_distances(
            self._queries.words,
            codes,
            self._targets.words,
            self._target_codes,
            self._known[0],
            self._targets.coarse,
            self._known[1],
            self._padding.y,
            self._reverse,
            *tables,
            first,
            stop,
            np.empty(54, np.int64),
            found,
            kinds,
        )
        return np.sqrt(found, out=found), kinds


def _known(targets: PaddedSet) -> tuple[NDArray[np.int32], Integers]:
    """Count the targets before each word, and tell where one is and in which slices and rows all are."""
    counts = np.bitwise_count(targets.words).reshape(-1)
    ranks = np.empty(len(counts), np.int32)
    ranks[0] = 0
    np.cumsum(counts[:-1], out=ranks[1:])
    word = int(np.argmax(counts > 0))
    z, y, w = np.unravel_index(word, targets.words.shape)
    bits = int(targets.words[z, y, w])
    x = 64 * int(w) + (bits & -bits).bit_length() - 1
    used = np.bitwise_or.reduce(targets.coarse, axis=2) != 0
    ends = []
    for axis in (1, 0):
        blocks, size = np.flatnonzero(used.any(axis=axis)), targets.words.shape[1 - axis]
        ends += [int(blocks[0]) * BLOCK, min((int(blocks[-1]) + 1) * BLOCK, size)]
    return ranks, np.array([int(z), int(y), x, *ends])


def _ranges(starts: Integers, counts: Integers) -> Integers:
    """List the numbers of several ranges, one after the other."""
    before = np.cumsum(counts) - counts
    return np.asarray(np.arange(int(counts.sum())) + np.repeat(starts - before, counts))
