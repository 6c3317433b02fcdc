"""Small structures for the numba backend: many of them in one compiled loop, instead of one by one in a dozen calls."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.components import Components
from fastseg.backends.numba.nearest import nearest_offsets
from fastseg.backends.shared.offsets import Floats, Offsets, Words, ball
from fastseg.backends.shared.volume import Volume
from fastseg.inputs.arrays import Spacing
from fastseg.measures.distributions import (
    Distribution,
    SurfaceDistributions,
    SurfaceReductions,
)
from fastseg.measures.many_distributions import ManyDistributions, OneOfMany
from fastseg.measures.overlap import Overlap
from fastseg.measures.regions import ManyRegions, Measured, Region, Request
from fastseg.measures.surface_distances import SurfaceDistances
from fastseg_kernels.cpu import structures

# Words of a mask, with the zeros between its rows, up to which a structure is small: the copies that are at work then
# lie in the second cache.
_MOST_WORDS = 1 << 13
# Words of the masks that are packed together, before they are measured.
_CHUNK_WORDS = 1 << 14
# Pairs of voxels that may be compared where the nearest offsets do not answer: as long as the general way takes.
_MOST_PAIRS = 1 << 18
# Surface voxels of which the coordinates are kept to compare them.
_MOST_PLACES = 1 << 13
# Offsets of a band: with more, the zeros between the rows would be most of the words.
_LARGEST_BALL = 1 << 10
# What a word costs, on the scale of `threads.LEAST_COST`.
_COST_OF_A_WORD = 64
# From so many structures on, metrics are found for all of them at once.
_MANY = 8

# What the loop finds in one go: distances are counted or listed.
_OFFERED = (
    frozenset(("surface_distributions", "band_overlap")),
    frozenset(("surface_distances", "band_overlap")),
)

Integers = NDArray[np.int64]
Map = Volume | Components


class _Shifts(NamedTuple):
    """What the loop goes through: the offsets of distances and of a band, nearest first, and how far they lead."""

    near: Offsets
    kinds: Integers
    distances: Floats
    ball: Offsets
    reach: Integers


@functools.lru_cache(maxsize=64)
def _shifts(
    spacing: Spacing, ndim: int, reverse: bool, distances: bool, width: float | None
) -> _Shifts | None:
    """List the offsets for distances, if these are wanted, and for a band of some width; None if these are too many."""
    nothing = np.empty((0, 3), np.int64)
    near, kinds, different = nothing, np.empty(0, np.int64), np.empty(0)
    if distances:
        offsets = nearest_offsets(spacing, ndim, reverse)
        near, (different, kinds) = offsets.offsets, offsets.kinds
    of_band: Offsets | None = nothing
    if width is not None:
        most = (1 << 20 if ndim >= 3 else 1, 1 << 20 if ndim >= 2 else 1, 1 << 20)
        of_band = ball(spacing, most, reverse, width, _LARGEST_BALL)
    if of_band is None:
        return None
    least = [int(axis >= 3 - ndim) for axis in range(3)]  # a step of one is taken for the surface
    reach = np.abs(np.concatenate([near, of_band, [least]])).max(axis=0)
    return _Shifts(near, kinds, different, of_band, reach)


class _Batch(NamedTuple):
    """Small structures that are measured alike.

    Attributes
    ----------
    places : int64 ndarray (n,)
        Which of the regions they are.
    boxes : int64 ndarray (n, 6)
        Start and size along z, y, x.
    n_words : int64 ndarray (n,)
        Words of each one's masks.
    shifts : _Shifts
    """

    places: Integers
    boxes: Integers
    n_words: Integers
    shifts: _Shifts

    @classmethod
    def of(cls, places: Integers, boxes: Integers, shifts: _Shifts) -> _Batch:
        """Take those structures that are small."""
        if len(boxes) == 1:  # most often, and whole numbers are faster than arrays of one
            sizes = boxes[0, 3:].tolist(), shifts.reach.tolist()
            n_words = np.array(structures.words_of(*sizes[0], *sizes[1])[2:3], np.int64)
        else:
            _, _, n_words, _ = structures.words_of(*boxes.T[3:], *shifts.reach)
        small = n_words <= _MOST_WORDS
        if small.all():
            return cls(places, boxes, n_words, shifts)
        return cls(places[small], boxes[small], n_words[small], shifts)

    def chunks(self, n_words: int) -> Iterator[tuple[int, int]]:
        """Cut them into runs whose words lie in the cache together, and of which each thread has some."""
        if len(self.n_words) == 1:
            yield 0, 1
            return
        step = min(_CHUNK_WORDS, n_words // (4 * threads.get_num_threads()) + 1)
        before = np.cumsum(self.n_words) - self.n_words
        first = 0
        while first < len(before):
            stop = int(np.searchsorted(before, before[first] + step, side="left"))
            yield first, stop
            first = stop


class _Labels(NamedTuple):
    """The labels of each structure on one side, as the bits that they are."""

    volume: Volume
    values: Words
    starts: Integers

    @classmethod
    def of(
        cls, volume: Volume, labels: Sequence[tuple[int, ...]], places: Sequence[int]
    ) -> _Labels:
        """Take the labels at some places that the volume's type can hold."""
        values: list[int] = []
        starts = [0]
        for place in places:
            values += volume.bits_of(labels[place])
            starts.append(len(values))
        return cls(volume, np.array(values, np.uint64), np.array(starts, np.int64))

    def pack(self, boxes: Integers, reach: Integers, first: int, stop: int, words: Words) -> None:
        """Set the bits of some structures, which have these boxes."""
        labels, starts = self.volume.labels, self.starts[first : stop + 1]
        structures.pack[labels.dtype](labels, self.values, starts, boxes, reach, words)


class _Numbers(NamedTuple):
    """The components of each structure on one side."""

    components: Components
    values: Words
    starts: Integers

    @classmethod
    def of(
        cls, components: Components, numbers: Sequence[tuple[int, ...]], places: Sequence[int]
    ) -> _Numbers:
        """Take the numbers at some places."""
        counts = [len(numbers[place]) for place in places]
        values = [number for place in places for number in numbers[place]]
        return cls(components, np.array(values, np.uint64), np.cumsum([0, *counts]))

    @property
    def volume(self) -> Volume:
        """What they were found in."""
        return self.components.volume

    def pack(self, boxes: Integers, reach: Integers, first: int, stop: int, words: Words) -> None:
        """Set the bits of some structures, which have these boxes."""
        row_bits, slice_bits, n_words, guard = structures.words_of(*boxes.T[3:], *reach)
        first_bits = 64 * (np.cumsum(n_words) - n_words + guard)
        layout = np.stack([row_bits, slice_bits, first_bits], axis=1)
        self.components.take(self.values, self.starts[first : stop + 1], boxes, layout, words)


class _Found(NamedTuple):
    """What was found of some structures: as `ManyDistributions` takes it, -1 for an end of what was given up.

    Or distances one by one, in the order of the volume, and no counts.
    """

    distances: Floats
    counts: Integers
    ends: Integers
    bands: Integers


def measure(
    maps: tuple[Map, Map], regions: Sequence[Region], request: Request
) -> list[Measured | None]:
    """Measure those regions that are small, of label maps or components; None for every other one."""
    measured: list[Measured | None] = [None] * len(regions)
    if request.boundary != "voxel" or not any(map(request.measurements.issubset, _OFFERED)):
        return measured
    widths: Sequence[float | None] = [None] * len(regions)
    if "band_overlap" in request.measurements:
        widths = (
            regions.tolerances
            if isinstance(regions, ManyRegions)
            else [region.tolerance for region in regions]
        )
    by_width: dict[float | None, list[int]] = {}
    for place, one in enumerate(widths):
        by_width.setdefault(one, []).append(place)
    for width, places in by_width.items():
        _measure_alike(maps, regions, request, width, places, measured)
    return measured


def _measure_alike(
    maps: tuple[Map, Map],
    regions: Sequence[Region],
    request: Request,
    width: float | None,
    places: list[int],
    measured: list[Measured | None],
) -> None:
    """Measure those of some regions that are small, with bands of one width or none."""
    in_order = "surface_distances" in request.measurements
    volume = maps[0] if isinstance(maps[0], Volume) else maps[0].volume
    order = 2 if in_order and request.one_way else int(in_order)
    wants_distances = in_order or "surface_distributions" in request.measurements
    spacing = volume.spacing(request.spacing)
    shifts = _shifts(spacing, volume.ndim, volume.reverse, wants_distances, width)
    if shifts is None:
        return
    boxes, *labels = _unpacked(volume, regions, places)
    batch = _Batch.of(np.array(places), boxes, shifts)
    small = batch.places.tolist()
    if not small:
        return
    sides = [
        _Labels.of(of_side, labels[side], small)
        if isinstance(of_side, Volume)
        else _Numbers.of(of_side, labels[side], small)
        for side, of_side in enumerate(maps)
    ]
    ignored = None
    if request.ignored:
        ignored = _Labels.of(volume, [request.ignored], [0] * len(small))
    n_words = int(batch.n_words.sum())
    parts = threads.run(
        lambda chunk: _measured(batch, sides, ignored, spacing, order, *chunk),
        batch.chunks(n_words),
        _COST_OF_A_WORD * n_words,
    )
    wanted = wants_distances, in_order, width is not None
    for place, found in zip(small, _each(parts, *wanted), strict=True):
        measured[place] = found


def _unpacked(
    volume: Volume, regions: Sequence[Region], places: list[int]
) -> tuple[Integers, Sequence[tuple[int, ...]], Sequence[tuple[int, ...]]]:
    """Give the boxes of some regions, start and size along z, y, x, and the labels of all, on either side."""
    if isinstance(regions, ManyRegions):
        starts, sizes = regions.starts[places], regions.stops[places] - regions.starts[places]
        if volume.reverse:
            starts, sizes = starts[:, ::-1], sizes[:, ::-1]
        boxes = np.ones((len(places), 6), np.int64)
        boxes[:, : 3 - volume.ndim] = 0
        boxes[:, 3 - volume.ndim : 3], boxes[:, 6 - volume.ndim :] = starts, sizes
        return boxes, regions.reference, regions.prediction
    parts, reference, prediction = [], [], []
    for region in regions:
        reference.append(region.reference)
        prediction.append(region.prediction)
    for place in places:
        parts.append(volume.part(regions[place].box))  # noqa: PERF401
    return np.array(parts, np.int64).reshape(-1, 6), reference, prediction


def _measured(
    batch: _Batch,
    sides: Sequence[_Labels | _Numbers],
    ignored: _Labels | None,
    spacing: Spacing,
    in_order: int,
    first: int,
    stop: int,
) -> _Found:
    """Pack some structures of a batch, and measure them; distances are listed as the kernel's `in_order` says."""
    volume, shifts = sides[0].volume, batch.shifts
    boxes, n_words = batch.boxes[first:stop], batch.n_words[first:stop]
    masks = np.zeros((2, int(n_words.sum())), np.uint64)
    for side, words in zip(sides, masks, strict=True):
        side.pack(boxes, shifts.reach, first, stop, words)
    if ignored is not None:
        left_out = np.zeros_like(masks[0])
        ignored.pack(boxes, shifts.reach, first, stop, left_out)
        masks &= ~left_out
    largest = int(n_words.max())
    most_places, n_kinds = min(64 * largest, _MOST_PLACES), len(shifts.distances)
    room = (
        np.empty((3, largest), np.uint64),
        np.empty(max(len(shifts.near), len(shifts.ball)), np.int64),
        np.empty(n_kinds, np.int64),
        np.empty((2, 3, most_places)),
        np.empty(most_places + 8),
    )
    n = stop - first
    bands, ends = np.empty((n, 3), np.int64), np.empty((n, 2), np.int64)
    voxel_size, reverse = np.array(spacing), int(volume.reverse)
    # what the largest one may need, at least
    most = 128 * largest if in_order else 2 * (n_kinds + most_places) + 16 * n
    distances: list[Floats] = []
    counts: list[Integers] = []
    done, n_found = 0, 0
    while done < n:
        out = np.empty(most), np.empty(0 if in_order else most, np.int64)
        reached = structures.measure(
            masks,
            boxes,
            shifts.reach,
            done,
            volume.ndim,
            shifts.near,
            shifts.kinds,
            shifts.distances,
            shifts.ball,
            voxel_size,
            reverse,
            _MOST_PAIRS,
            in_order,
            *room,
            bands,
            ends,
            *out,
        )
        of_these = ends[done:reached]
        n_out = int(of_these.max(initial=0))
        of_these[of_these >= 0] += n_found
        distances.append(out[0][:n_out])
        counts.append(out[1][:n_out])
        n_found += n_out
        done = reached
    return _Found(np.concatenate(distances), np.concatenate(counts), ends, bands)


def _each(
    parts: Sequence[_Found], wants_distances: bool, in_order: bool, wants_bands: bool
) -> Iterator[Measured | None]:
    """Give what was measured of each structure; None for one that was given up."""
    found = parts[0]
    if len(parts) > 1:
        shift, ends = 0, []
        for part in parts:
            ends.append(np.where(part.ends < 0, -1, part.ends + shift))
            shift += len(part.distances)
        distances, counts, _, bands = map(np.concatenate, zip(*parts, strict=True))
        found = _Found(distances, counts, np.concatenate(ends), bands)
    is_kept = found.ends[:, 0] >= 0
    name = "surface_distances" if in_order else "surface_distributions"
    of_each = _lists if in_order else _distributions
    kept_distances = of_each(found, found.ends[is_kept]) if wants_distances else iter(())
    overlaps = found.bands.tolist() if wants_bands else ()
    for place, kept in enumerate(is_kept.tolist()):
        measured: dict[str, Any] = {}
        if wants_bands:
            measured["band_overlap"] = Overlap(*overlaps[place])
        if kept and wants_distances:
            measured[name] = next(kept_distances)
        yield measured if kept else None


def _lists(found: _Found, ends: Integers) -> Iterator[SurfaceReductions]:
    """Give the distances of those structures that have ends."""
    first = 0
    for middle, end in ends.tolist():
        yield SurfaceDistances(found.distances[first:middle], found.distances[middle:end])
        first = end


def _distributions(found: _Found, ends: Integers) -> Iterator[SurfaceReductions]:
    """Give the distributions of those structures that have ends, of many ones with what is found for all at once."""
    if len(ends) >= _MANY:
        many = ManyDistributions(found.distances, found.counts, ends)
        for place in range(len(ends)):
            yield OneOfMany(many, place)
        return
    first = 0
    for both in ends.tolist():
        directions = []
        for end in both:
            of_one = Distribution(found.distances[first:end], found.counts[first:end])
            in_order = bool((of_one.distances[1:] > of_one.distances[:-1]).all())
            directions.append(of_one if in_order else Distribution.joined(of_one))
            first = end
        yield SurfaceDistributions(*directions)
