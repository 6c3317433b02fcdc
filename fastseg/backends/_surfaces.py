"""Surfaces for the numba backend: of two selections, as padded sets for the search between them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.arrays import Spacing
from fastseg.backends._padding import Geometry, PaddedSet, Padding
from fastseg.backends._selection import Selection
from fastseg.backends._steps import Offsets, Words
from fastseg.distances import Boundary
from fastseg_kernels.cpu import bits, boundary, surface, surfel

_Result = TypeVar("_Result")

# Words of a mask that are made, and looked at by the surface kernel, before the next ones: 128 KB, which stay in the
# second cache, but of large slices 16, since the one before and the one behind are made again. Whole masks of a head
# and neck CT's organs took a seventh longer and a third of all memory.
_CHUNK = 1 << 14
_CHUNK_SLICES = 16


class Part(NamedTuple):
    """A box within selections, in whole words along x."""

    start: tuple[int, int, int]
    words: tuple[int, int, int]
    width: int  # voxels along x

    @classmethod
    def of(cls, mask: Selection) -> Part:
        """All of a mask."""
        nz, ny, nx = mask.shape
        return cls((0, 0, 0), (nz, ny, mask.row_words), nx)

    @classmethod
    def used(cls, masks: Sequence[Selection]) -> Part:
        """The box that holds what is in the masks; what lies beyond is background anyway."""
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

    def rows_apart(self, mask: Selection) -> int:
        """1 if there is something between the last voxel of a row and the first of the next, and nothing in it."""
        return int(self.width % 64 != 0 or self.words[2] < mask.row_words)

    def geometry(self, mask: Selection, spacing: Spacing, boundary: Boundary) -> Geometry:
        """Of its voxels, or of the corners of their lattice: one more along each axis that the image has."""
        nz, ny, nx = *self.words[:2], self.width
        if boundary == "surfel":
            nz, ny, nx = nz + (mask.ndim >= 3), ny + (mask.ndim >= 2), nx + 1
        return Geometry((nz, ny, nx), mask.ndim, mask.spacing(spacing), mask.reverse)


def _occupied(masks: Sequence[Selection]) -> list[Words]:
    """For each slice, row and column of words something that is not 0 if any of the masks has a voxel there."""
    words = [mask.words for mask in masks]

    def look(slab: tuple[int, int]) -> list[Words]:
        found = [np.zeros(size, np.uint64) for size in words[0].shape]
        for mask in words:
            bits.occupied(mask, *slab, *found)
        return found

    parts = threads.run(look, threads.slabs(len(words[0]), words[0].size))
    return [np.bitwise_or.reduce(found) for found in zip(*parts, strict=True)]


def voxel_surfaces(masks: Sequence[Selection], part: Part, geometry: Geometry) -> list[PaddedSet]:
    """The voxels of each mask with a face neighbour outside it, padded."""
    padding = Padding.of(geometry)
    surfaces = [padding.around(geometry) for _ in masks]
    apart = part.rows_apart(masks[0])

    def take(mask: Selection, out: PaddedSet, slab: tuple[int, int]) -> None:
        for first, stop in _chunks(part, *slab):
            below, above = max(first - 1, 0), min(stop + 1, part.words[0])
            words, edges = _packed(mask, part, below, above)
            where = slice(below, above + 2 * padding.z)
            slices = first - below, stop - below
            inside = out.words[where], out.counts[where]
            surface.face_surface(words, edges, *slices, mask.ndim, apart, *inside)

    _on_slabs(take, masks, surfaces, geometry)
    return surfaces


def corner_surfaces(
    masks: Sequence[Selection], part: Part, geometry: Geometry
) -> tuple[list[PaddedSet], list[NDArray[np.uint8]]]:
    """The corners of the voxel lattice that each mask's surface passes, padded, and their codes."""
    padding = Padding.of(geometry)
    surfaces = [padding.around(geometry) for _ in masks]
    beyond = geometry.shape[0] - part.words[0]  # whether corners lie behind the last slice
    row_words, apart = -(-geometry.shape[2] // 64), part.rows_apart(masks[0])

    def take(mask: Selection, out: PaddedSet, slab: tuple[int, int]) -> list[NDArray[np.uint8]]:
        codes = []
        for first, stop in _chunks(part, *slab):
            # corners of slice z lie between slices z - 1 and z of the voxels
            below, above = max(first - beyond, 0), min(stop, part.words[0])
            words, edges = _packed(mask, part, below, above)
            where = slice(below, above + beyond + 2 * padding.z)
            slices = first - below, stop - below
            corners = out.words[where]
            arguments = words, edges, *slices, mask.ndim, row_words
            surfel.corner_surface(*arguments, apart, corners, out.counts[where])
            n = out.counts[first + padding.z : stop + padding.z].sum()
            codes.append(np.empty(n, np.uint8))
            surfel.corner_codes(*arguments, corners, codes[-1])
        return codes

    found = _on_slabs(take, masks, surfaces, geometry)
    return surfaces, [np.concatenate([*itertools.chain(*of_slabs)]) for of_slabs in found]


def bands_by_chunks(
    masks: Sequence[Selection], offsets: Offsets, first: int, stop: int
) -> Iterator[list[Words]]:
    """The voxels of each mask that one of the offsets leads to its surface from, some slices at a time."""
    part = Part.of(masks[0])
    apart, reach = part.rows_apart(masks[0]), int(np.abs(offsets[:, 0]).max(initial=0))
    for start, end in _chunks(part, first, stop):
        # surfaces as far as the offsets lead, and the masks one slice further, which the surfaces need
        low, high = max(start - reach, 0), min(end + reach, part.words[0])
        below, above = max(low - 1, 0), min(high + 1, part.words[0])
        bands = []
        for mask in masks:
            words, edges = _packed(mask, part, below, above)
            made, band = np.zeros_like(words), np.empty_like(words)
            counts = np.empty(len(words), np.int64)
            slices = low - below, high - below
            surface.face_surface(words, edges, *slices, mask.ndim, apart, made, counts)
            inside = slice(start - below, end - below)
            boundary.band(words, made, offsets, inside.start, inside.stop, band)
            bands.append(band[inside])
        yield bands


def _on_slabs(
    take: Callable[[Selection, PaddedSet, tuple[int, int]], _Result],
    masks: Sequence[Selection],
    surfaces: Sequence[PaddedSet],
    geometry: Geometry,
) -> list[list[_Result]]:
    """Take every mask's surface by slabs; what that gives, by masks."""
    cost = math.prod(geometry.shape)  # to pack a mask is to read its box
    slabs = threads.slabs(geometry.shape[0], cost)
    tasks = [(*pair, slab) for pair in zip(masks, surfaces, strict=True) for slab in slabs]
    found = threads.run(lambda task: take(*task), tasks, cost)
    return [found[i : i + len(slabs)] for i in range(0, len(found), len(slabs))]


def _chunks(part: Part, first: int, stop: int) -> Iterator[tuple[int, int]]:
    _, ny, nw = part.words
    step = max(_CHUNK_SLICES, _CHUNK // (ny * nw))
    for start in range(first, stop, step):
        yield start, min(start + step, stop)


def _packed(mask: Selection, part: Part, first: int, stop: int) -> tuple[Words, NDArray[np.int64]]:
    """Slices of a part of a mask as words, and where the part lies in these."""
    start_z, start_y, start_w = part.start
    words = mask.slices(start_z + first, start_z + stop)
    return words, np.array([(0, start_y, start_w), (stop - first, *part.words[1:])])
