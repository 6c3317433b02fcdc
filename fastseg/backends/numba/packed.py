"""Packed masks for the numba backend: of structures that were gathered slab by slab, or of windows of large ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.bands import bands_within
from fastseg.backends.numba.components import Components
from fastseg.backends.numba.masks import ALL_BITS, Mask
from fastseg.backends.numba.nearest import PaddedSet, Padding, Search
from fastseg.backends.numba.nearest import distributions as between_sets
from fastseg.backends.numba.regions import areas_of_codes, measured
from fastseg.backends.numba.surfaces import Surfaces, surfaces_of
from fastseg.backends.numba.tally import Codes, tallied
from fastseg.backends.shared.geometry import Geometry
from fastseg.backends.shared.offsets import Floats, Offsets, Words, squares
from fastseg.backends.shared.packed import (
    Near,
    PackedPair,
    Places,
    Range,
    places_of,
    runs_of,
    squared_limits,
    without_borders,
)
from fastseg.backends.shared.volume import Volume
from fastseg.inputs.arrays import Array, Box, Spacing
from fastseg.measures.distributions import Distribution
from fastseg.measures.overlap import Overlap
from fastseg.measures.regions import Measured, Request
from fastseg.measures.surface_areas import CODE_MEASURES
from fastseg.measures.surface_distances import Boundary
from fastseg_kernels.cpu import dilation as dilation_kernels
from fastseg_kernels.cpu import nearest as nearest_kernels

#: bytes that the search within a window takes for each of its voxels: masks, surfaces and copies of these as bits
BYTES_PER_VOXEL = 0.8

# Queries of a part of their own.
_LEAST_PART = 16
_NO_LIMIT = np.iinfo(np.int64).max


def pack(labels: Array, wanted: tuple[int, ...], box: Box, reverse: bool) -> Words:
    """Pack the voxels of a box that have one of some labels."""
    words: Words = Mask.of(Volume.of(labels, reverse), wanted, box).words
    return words


def _masks(pair: PackedPair) -> tuple[Mask, Mask]:
    """See packed words as masks, whose labels are gone."""
    nothing = np.empty((0, 0, 0), np.uint8)
    volume = Volume(nothing, nothing.dtype, pair.ndim, pair.reverse)
    masks = []
    for words in pair.masks:
        masks.append(Mask(volume, np.empty(0, np.uint64), (0, 0, 0), pair.shape))
        masks[-1].__dict__["words"] = words
    return masks[0], masks[1]


def components(words: Words, width: int, connectivity: int, reverse: bool) -> Components:
    """Find the components of packed rows."""
    nothing = np.empty((0, 0, 0), np.uint8)
    volume = Volume(nothing, nothing.dtype, 3, reverse)
    shape = words.shape[0], words.shape[1], width
    return Components.of_words(words, volume, shape, connectivity)


def dilated(words: Words, width: int, iterations: int) -> Words:
    """Dilate slabs of slices, step by step."""
    nz, ny, _ = words.shape
    last = ALL_BITS >> np.uint64(-width % 64)
    either = words[..., 0].copy()
    for column in range(1, words.shape[2]):  # faster than to look for any along so short an axis
        either |= words[..., column]
    occupied = (either != 0).view(np.uint8)
    slabs = threads.slabs(nz, nz * ny * width)
    for _ in range(iterations):
        before = words, occupied
        words, occupied = np.zeros_like(words), np.zeros_like(occupied)

        def step(
            slab: tuple[int, int], before: Any = before, after: Any = (words, occupied)
        ) -> None:
            dilation_kernels.dilate(*before, last, *slab, *after)

        threads.run(step, slabs)
    return words


def measure(pair: PackedPair, tolerance: float, request: Request) -> Measured:
    """Measure a structure all of which is there."""
    return measured(lambda: _masks(pair), tolerance, request)


def distributions(
    pair: PackedPair, codes: tuple[Codes, Codes], areas: Floats, spacing: Spacing
) -> tuple[Distribution, Distribution]:
    """Search between sets that are given as they are, not as the surfaces of masks."""
    geometry = Geometry(pair.shape, pair.ndim, pair.steps(spacing), pair.reverse)
    padding = Padding.of(geometry)
    nz, ny, _ = pair.shape
    sets = []
    for words in pair.masks:
        padded = padding.around(geometry)
        padded.words[:] = 0
        rows = slice(padding.y, padding.y + ny)
        padded.words[padding.z : padding.z + nz, rows, : words.shape[2]] = words
        padded.counts[padding.z : padding.z + nz] = np.bitwise_count(words).sum(
            axis=(1, 2), dtype=np.int64
        )
        nearest_kernels.coarse_rows(padded.words, 0, len(padded.coarse), padded.coarse)
        sets.append(padded)
    return between_sets(sets[0], sets[1], geometry, codes, areas)


def near(
    pair: PackedPair,
    core: tuple[Range, Range],
    spacing: Spacing,
    boundary: Boundary,
    most: int,
) -> tuple[tuple[Words, Words], Iterator[Near]]:
    """Search both ways for the surface elements of a core, within its window; also give the core's surfaces."""
    areas = kinds = None
    if boundary in CODE_MEASURES:
        areas, kinds = areas_of_codes(boundary, spacing, pair.reverse)
    surfaces = surfaces_of(_masks(pair), spacing, boundary, kinds)
    own = pair.elements(core, lattice=boundary in CODE_MEASURES)
    padding = Padding.of(surfaces.geometry)
    (first_z, stop_z), (first_y, stop_y) = own
    inside = (
        slice(first_z + padding.z, stop_z + padding.z),
        slice(first_y + padding.y, stop_y + padding.y),
    )
    row_words = -(-surfaces.geometry.shape[2] // 64)
    there, back = (one.words[inside][..., :row_words] for one in surfaces.sets)
    nothing = np.empty((0, 0, 0), np.uint64)
    known = pair._replace(reference=nothing, prediction=nothing)  # the masks are no longer needed
    return (there, back), _answers(known, surfaces, own, areas, most)


def _answers(
    pair: PackedPair,
    surfaces: Surfaces,
    own: tuple[Range, Range],
    areas: Floats | None,
    most: int,
) -> Iterator[Near]:
    geometry = surfaces.geometry
    sides = [_Side(pair, surfaces, side, own) for side in (0, 1)]
    limit = _least_limit(pair, own, geometry)

    def answer(part: tuple[int, Range]) -> Near:
        side, slab = part
        queries, targets = sides[side], sides[1 - side].targets
        codes = queries.codes_of(slab)
        search = Search(queries.queries, targets, geometry, False, [slab], codes, areas, math.inf)
        # none that lead outside the window, where there might be others as near
        search.n_offsets = int(search.offsets.squares.searchsorted(limit, "right"))
        search.try_offsets(0)
        missed = search.missed[0]
        far = np.empty(len(missed))
        if len(missed):
            _search(missed, targets, geometry, far)
        return _sorted_out(search, pair, far, side)

    parts = [(side, slab) for side in (0, 1) for slab in sides[side].slabs(most)]
    at_once = 2 * threads.get_num_threads()
    for start in range(0, len(parts), at_once):
        yield from threads.run(answer, parts[start : start + at_once])


def _least_limit(pair: PackedPair, own: tuple[Range, Range], geometry: Geometry) -> float:
    """Tell below which squared distance nothing outside the window is, from any element of the core."""
    corners = np.array([(own[0][i] - i, own[1][j] - j, 0) for i in (0, 1) for j in (0, 1)])
    return float(squared_limits(corners, pair, geometry.shape, geometry.spacing).min())


def _sorted_out(search: Search, pair: PackedPair, far: Floats, side: int) -> Near:
    """Tell which answers hold whatever lies outside the window."""
    geometry, padding, areas = search.geometry, search.padding, search.areas
    places = search.missed[0][:, :3] - np.array([padding.z, padding.y, 0])
    final = far <= squared_limits(places, pair, geometry.shape, geometry.spacing)
    left = places[~final].astype(np.int32)
    found = search.offsets.distribution(search.counts.sum(axis=0), areas)
    if areas is None:
        if final.any():
            found = Distribution.joined(found, Distribution.of(np.sqrt(far[final])))
        return Near(side, found, left, None)
    codes = search.missed[0][:, 3].astype(np.uint8)
    if final.any():
        found = Distribution.joined(found, tallied(np.sqrt(far[final]), codes[final], areas))
    return Near(side, found, left, areas[codes[~final]])


class _Side:
    """One surface of a window: all of it that is known, as targets, and what is in the core, as queries."""

    def __init__(
        self, pair: PackedPair, surfaces: Surfaces, side: int, own: tuple[Range, Range]
    ) -> None:
        padding, shape = Padding.of(surfaces.geometry), surfaces.geometry.shape
        whole = surfaces.sets[side]
        self._own, self._padding = own, padding
        self._codes = surfaces.codes[side]
        self._all = whole
        words = whole.words
        self._starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(whole.counts)])
        cut = own[1] != (0, shape[1])  # so that rows of the window are not of the core
        cleared = words.copy() if cut else words
        without_borders(
            cleared[padding.z : padding.z + shape[0], padding.y : padding.y + shape[1]],
            pair,
            shape,
        )
        self.targets = PaddedSet(cleared, whole.counts, whole.coarse)
        self.queries = whole
        if cut:
            (first_z, stop_z), (first_y, stop_y) = own
            queries = np.zeros_like(words)
            inside = (
                slice(first_z + padding.z, stop_z + padding.z),
                slice(first_y + padding.y, stop_y + padding.y),
            )
            queries[inside] = words[inside]
            counts = np.bitwise_count(queries).sum(axis=(1, 2), dtype=np.int64)
            self.queries = PaddedSet(queries, counts, whole.coarse)

    def slabs(self, most: int) -> list[Range]:
        """Cut the slices of the core into runs of no more queries than some, or single slices."""
        first, stop = self._own[0]
        counts = self.queries.counts[first + self._padding.z : stop + self._padding.z]
        most = min(most, int(counts.sum()) // (4 * threads.get_num_threads()) + 1)
        return [(first + start, first + end) for start, end in runs_of(counts, most)]

    def codes_of(self, slab: Range) -> Codes | None:
        """Give the codes of the queries of some slices; None if they are voxels."""
        if self._codes is None:
            return None
        first, stop = slab[0] + self._padding.z, slab[1] + self._padding.z
        codes = self._codes[self._starts[first] : self._starts[stop]]
        if self.queries is self._all:
            return codes
        rows = places_of(self._all.words[first:stop])[:, 1] - self._padding.y
        first_y, stop_y = self._own[1]
        return codes[(rows >= first_y) & (rows < stop_y)]


def _search(coordinates: Offsets, targets: PaddedSet, geometry: Geometry, out: Any) -> None:
    """Search by rows for queries that lie within the rows of a set, though not always in its slices and rows."""
    nz, ny, nw = targets.words.shape
    sizes = [
        max(size, int(coordinates[:, axis].max()) + 1, size - int(coordinates[:, axis].min()))
        + nearest_kernels.BLOCK
        for axis, size in enumerate((nz, ny))
    ]
    tables = [
        squares(size, step) for size, step in zip((*sizes, 64 * nw), geometry.spacing, strict=True)
    ]
    nearest_kernels.far(
        coordinates,
        targets.words,
        targets.coarse,
        *tables,
        int(geometry.reverse),
        0,
        len(coordinates),
        _NO_LIMIT,
        out,
    )


def nearest(
    pair: PackedPair, queries: tuple[Places, Places], spacing: Spacing, boundary: Boundary
) -> tuple[Floats, Floats]:
    """Give the squared distance from positions in or around a window to the nearest known element of either surface."""
    surfaces = surfaces_of(_masks(pair), spacing, boundary)
    geometry, padding = surfaces.geometry, Padding.of(surfaces.geometry)
    shape = geometry.shape
    found: list[NDArray[np.float64]] = []
    tasks = []
    for coordinates, targets in zip(queries, surfaces.sets[::-1], strict=True):
        rows = slice(padding.y, padding.y + shape[1])
        without_borders(targets.words[padding.z : padding.z + shape[0], rows], pair, shape)
        found.append(np.empty(len(coordinates)))
        at = coordinates.astype(np.int64) + np.array([padding.z, padding.y, 0])
        n = min(len(at) // _LEAST_PART + 1, 4 * threads.get_num_threads())
        edges = [len(at) * i // n for i in range(n + 1)]
        tasks += [
            (at[first:stop], targets, found[-1][first:stop])
            for first, stop in itertools.pairwise(edges)
            if stop > first
        ]
    threads.run(lambda task: _search(task[0], task[1], geometry, task[2]), tasks)
    return found[0], found[1]


def band_overlap(
    pair: PackedPair, core: tuple[Range, Range], spacing: Spacing, width: float
) -> Overlap | None:
    """Count the voxels of both bands within a core of a window; None where they are too wide to be counted so."""
    return bands_within(_masks(pair), core, spacing, width)
