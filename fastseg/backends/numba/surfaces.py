"""Surfaces for the numba backend: of both masks of a region, as padded sets for the search between them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.masks import ALL_BITS, Mask
from fastseg.backends.numba.nearest import PaddedSet, Padding
from fastseg.backends.shared.geometry import Geometry
from fastseg.backends.shared.offsets import Words
from fastseg.backends.shared.volume import Volume
from fastseg.inputs.arrays import Spacing
from fastseg.measures.surface_distances import Boundary
from fastseg_kernels.cpu import masks as mask_kernels
from fastseg_kernels.cpu.nearest import BLOCK, coarse_rows
from fastseg_kernels.cpu.surface import corners, faces

# Words of a mask that are packed, and looked at by the surface kernel, before the next ones: 256 KB, which stay in the
# second cache, but of large slices 16, since the one before and the one behind are packed again. Whole masks of a head
# and neck CT's organs take a seventh longer and a third of all memory (benchmarks: evaluate labels).
_CHUNK = 1 << 15
_CHUNK_SLICES = 16

Codes = NDArray[np.uint8]
_Task = tuple[
    tuple[Mask, PaddedSet], tuple[int, int]
]  # a mask, where its surface goes, blocks of slices


class Part(NamedTuple):
    """A box within masks, in whole words along x."""

    start: tuple[int, int, int]
    words: tuple[int, int, int]
    width: int  # voxels along x

    @classmethod
    def of(cls, mask: Mask) -> Part:
        """Take all of a mask."""
        nz, ny, nx = mask.shape
        return cls((0, 0, 0), (nz, ny, -(-nx // 64)), nx)

    @classmethod
    def used(cls, masks: Sequence[Mask]) -> Part:
        """Take the box that holds all voxels of the masks; what lies beyond is background anyway."""
        edges = []
        for used in _occupied(masks):
            places = np.flatnonzero(used)
            if not len(places):
                return cls.of(masks[0])
            edges.append((int(places[0]), int(places[-1]) + 1))
        start_z, start_y, start_w = (start for start, _ in edges)
        nz, ny, nw = (stop - start for start, stop in edges)
        width = min(64 * nw, masks[0].shape[2] - 64 * start_w)
        return cls((start_z, start_y, start_w), (nz, ny, nw), width)

    def rows_separated(self, mask: Mask) -> int:
        """Return 1 if at least one bit of 0 lies between the last voxel of a row and the first of the next.

        Shifting a row by one voxel can then only bring in background, and a kernel may treat the rows of a slice as
        one run of words.
        """
        return int(self.width % 64 != 0 or self.words[2] < mask.row_words)

    def chunks(self, first: int, stop: int) -> Iterator[tuple[int, int]]:
        """Cut slices into runs that are small enough to stay in the cache."""
        _, ny, nw = self.words
        step = max(_CHUNK_SLICES, _CHUNK // (ny * nw))
        for start in range(first, stop, step):
            yield start, min(start + step, stop)

    def blocks(
        self, padding: Padding, depth: int, slab: tuple[int, int]
    ) -> Iterator[tuple[tuple[int, int], int, int]]:
        """Cut blocks of the padded slices into such runs; each with those of `depth` slices that lie in it."""
        step = max(_CHUNK_SLICES, _CHUNK // math.prod(self.words[1:]), BLOCK) // BLOCK
        for start in range(*slab, step):
            end = min(start + step, slab[1])
            first = max(start * BLOCK - padding.z, 0)
            stop = max(end * BLOCK - padding.z, 0)
            yield (start, end), min(first, depth), min(stop, depth)

    def packed(self, mask: Mask, first: int, stop: int) -> tuple[Words, NDArray[np.int64]]:
        """Pack slices of this part of a mask into words, and tell where the part lies in these."""
        start_z, start_y, start_w = self.start
        words = mask.slices(start_z + first, start_z + stop)
        return words, np.array([(0, start_y, start_w), (stop - first, *self.words[1:])])


def _occupied(masks: Sequence[Mask]) -> list[Words]:
    """Mark each slice, row and column of words in which any of the masks has a voxel by a number that is not 0."""
    words = [mask.words for mask in masks]

    def look(slab: tuple[int, int]) -> list[Words]:
        found = [np.zeros(size, np.uint64) for size in words[0].shape]
        for mask in words:
            mask_kernels.occupied(mask, *slab, *found)
        return found

    parts = threads.run(look, threads.slabs(len(words[0]), words[0].size))
    return [np.bitwise_or.reduce(found) for found in zip(*parts, strict=True)]


class Surfaces(NamedTuple):
    """Both surfaces of a region.

    Attributes
    ----------
    sets : tuple of 2 PaddedSet
        The surface voxels, or the corners that the surface passes.
    geometry : Geometry
        Of the voxels, or of the lattice of corners, without the padding.
    codes : tuple of 2 uint8 ndarray, or of 2 None
        Which voxels around each corner are set, in C order, as the kinds of these codes; None for voxels.
    start : tuple of 3 int
        Where they begin in the box of the masks, along z, y, x.
    """

    sets: tuple[PaddedSet, PaddedSet]
    geometry: Geometry
    codes: tuple[Codes, Codes] | tuple[None, None] = (None, None)
    start: tuple[int, int, int] = (0, 0, 0)


def surfaces_of(
    masks: tuple[Mask, Mask], spacing: Spacing, boundary: Boundary, kinds: Codes | None = None
) -> Surfaces:
    """Take both surfaces of a region; codes of surface elements come as their `kinds`, or as themselves.

    Masks are packed a few slices at a time, so that no whole mask is ever in memory.
    """
    volume, part = masks[0].volume, Part.used(masks) if masks[0].whole else Part.of(masks[0])
    box = Geometry(
        (*part.words[:2], part.width), volume.ndim, volume.spacing(spacing), volume.reverse
    )
    if boundary == "voxel":
        geometry, take = box, _take_faces
    else:
        if kinds is None:
            kinds = np.arange(2**2**volume.ndim, dtype=np.uint8)
        geometry, take = box.lattice(), partial(_take_corners, np.resize(kinds, 256))
    padding = Padding.of(geometry)
    sets = padding.around(geometry), padding.around(geometry)
    cost = 2 * math.prod(geometry.shape)  # to pack both masks is to read their boxes
    slabs = threads.slabs(len(sets[0].coarse), cost, sides=2)  # of whole blocks
    tasks = itertools.product(zip(masks, sets, strict=True), slabs)
    found = threads.run(partial(take, part, geometry), tasks, cost)
    if boundary == "voxel":
        z, y, word = part.start
        return Surfaces(sets, geometry, start=(z, y, 64 * word))
    n = len(slabs)
    first, second = (
        np.concatenate([*itertools.chain(*of_mask)]) for of_mask in (found[:n], found[n:])
    )
    return Surfaces(sets, geometry, (first, second))


def _take_faces(part: Part, geometry: Geometry, task: _Task) -> list[Codes]:
    """Mark the voxels of some slices that have a face neighbour outside the mask."""
    (mask, out), slab = task
    padding, separated = Padding.of(geometry), part.rows_separated(mask)
    for blocks, first, stop in part.blocks(padding, geometry.shape[0], slab):
        below, above = max(first - 1, 0), min(stop + 1, part.words[0])
        words, edges = part.packed(mask, below, above)
        where = slice(below, above + 2 * padding.z)
        faces.face_surface(
            words,
            edges,
            first - below,
            stop - below,
            geometry.ndim,
            separated,
            out.words[where],
            out.counts[where],
        )
        del words  # before the next are packed: two chunks were a tenth of an organ's memory
        coarse_rows(out.words, *blocks, out.coarse)
    return []


def _take_corners(table: Codes, part: Part, geometry: Geometry, task: _Task) -> list[Codes]:
    """Mark the corners of some slices of the lattice that the surface passes, and give their codes."""
    (mask, out), slab = task
    padding, separated = Padding.of(geometry), part.rows_separated(mask)
    behind = geometry.shape[0] - part.words[0]  # whether corners lie behind the last slice
    row_words = -(-geometry.shape[2] // 64)
    codes = []
    for blocks, first, stop in part.blocks(padding, geometry.shape[0], slab):
        # corners of slice z lie between slices z - 1 and z of the voxels
        below, above = max(first - behind, 0), min(stop, part.words[0])
        words, edges = part.packed(mask, below, above)
        where = slice(below, above + behind + 2 * padding.z)
        arguments = words, edges, first - below, stop - below, geometry.ndim, row_words
        lattice = out.words[where]
        corners.corner_surface(*arguments, separated, lattice, out.counts[where])
        n = out.counts[first + padding.z : stop + padding.z].sum()
        codes.append(np.empty(n, np.uint8))
        corners.corner_codes(*arguments, lattice, table, codes[-1])
        del words, arguments  # as above
        coarse_rows(out.words, *blocks, out.coarse)
    return codes


def face_surface(mask: Mask) -> Words:
    """Pack the voxels of a mask that have a face neighbour outside it, without padding."""
    words, part = mask.words, Part.of(mask)
    out, counts = np.empty_like(words), np.empty(len(words), np.int64)
    everything, separated = np.array([part.start, part.words]), part.rows_separated(mask)
    threads.run(
        lambda slab: faces.face_surface(
            words, everything, *slab, mask.ndim, separated, out, counts
        ),
        threads.slabs(len(words), words.size),
    )
    return out


def surface_of(array: NDArray[np.bool_], connectivity: int, edge: str) -> NDArray[np.bool_]:
    """Find the surface voxels of a bool array: pack, take the surface, unpack."""
    mask = Mask.of(Volume.of(array), (1,), None)
    if connectivity == 1 and edge == "background":
        found = face_surface(mask)
    else:
        words, found = mask.words, np.empty_like(mask.words)
        outside = ALL_BITS if edge == "ignore" else np.uint64(0)
        options = mask.ndim, connectivity, mask.last_bits, outside
        threads.run(
            lambda slab: faces.erosion_surface(words, *slab, *options, found),
            threads.slabs(len(words), words.size),
        )
    voxels = np.empty(mask.shape, np.uint8)
    mask_kernels.unpack(found, voxels)
    restored: NDArray[np.bool_] = mask.volume.restored(voxels.view(bool))
    return restored
