"""Small structures for the numba backend: many of them in one compiled loop, instead of one by one in a dozen calls."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.nearest import nearest_offsets
from fastseg.backends.shared.offsets import Floats, Offsets, Words, ball
from fastseg.backends.shared.volume import Volume
from fastseg.inputs.arrays import Spacing
from fastseg.measures.distributions import SurfaceDistributions
from fastseg.measures.many_distributions import ManyDistributions, OneOfMany
from fastseg.measures.overlap import Overlap
from fastseg.measures.regions import Region, Request
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

_OFFERED = frozenset(("surface_distributions", "band_overlap"))

Integers = NDArray[np.int64]


class _Shifts(NamedTuple):
    """What the loop goes through: the offsets of distances and of a band, nearest first, and how far they lead."""

    near: Offsets
    kinds: Integers
    distances: Floats
    ball: Offsets
    reach: tuple[int, int, int]


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
    z, y, x = np.abs(np.concatenate([near, of_band, [least]])).max(axis=0).tolist()
    return _Shifts(near, kinds, different, of_band, (z, y, x))


class _Batch(NamedTuple):
    """Small structures that are measured alike.

    Attributes
    ----------
    places : int64 ndarray (n,)
        Which of the regions they are.
    boxes : int64 ndarray (n, 6)
        Start and size along z, y, x.
    layouts : int64 ndarray (n, 5)
        Where each lies among the words of all, see `structures.pack`.
    shifts : _Shifts
    """

    places: Integers
    boxes: Integers
    layouts: Integers
    shifts: _Shifts

    @classmethod
    def of(cls, places: Integers, boxes: Integers, shifts: _Shifts) -> _Batch:
        """Take those structures that are small."""
        reach_z, reach_y, reach_x = shifts.reach
        nz, ny, nx = boxes[:, 3], boxes[:, 4], boxes[:, 5]
        row_bits = nx + reach_x
        rows = ny + reach_y
        guard = ((reach_z * rows + reach_y) * row_bits + reach_x) // 64 + 2
        bits = ((nz - 1) * rows + ny - 1) * row_bits + nx
        n_words = (bits + 63) // 64 + 2 * guard
        layouts = np.stack([n_words, n_words, guard, row_bits, rows * row_bits], axis=1)
        small = n_words <= _MOST_WORDS
        if not small.all():
            places, boxes, layouts = places[small], boxes[small], layouts[small]
        layouts[:, structures.BASE] = np.cumsum(layouts[:, structures.N_WORDS])
        layouts[:, structures.BASE] -= layouts[:, structures.N_WORDS]
        return cls(places, boxes, layouts, shifts)

    @property
    def n_words(self) -> int:
        """Words of all."""
        if not len(self.layouts):
            return 0
        last = self.layouts[-1]
        return int(last[structures.BASE] + last[structures.N_WORDS])

    def chunks(self) -> Iterator[tuple[int, int]]:
        """Cut them into runs whose words lie in the cache together, and of which each thread has some."""
        n = len(self.places)
        step = min(_CHUNK_WORDS, self.n_words // (4 * threads.get_num_threads()) + 1)
        bases = self.layouts[:, structures.BASE]
        first = 0
        while first < n:
            stop = int(np.searchsorted(bases, bases[first] + step, side="left"))
            yield first, stop
            first = stop


class _Labels(NamedTuple):
    """The labels of each structure on one side, as the bits that they are."""

    volume: Volume
    values: Words
    starts: Integers

    @classmethod
    def of(cls, volume: Volume, labels: Sequence[tuple[int, ...]]) -> _Labels:
        """Take the labels that the volume's type can hold."""
        bits = volume.bits_of
        values = [bits(of_one) for of_one in dict.fromkeys(labels)]
        known = dict(zip(dict.fromkeys(labels), values, strict=True))
        lists = [known[of_one] for of_one in labels]
        starts = np.zeros(len(lists) + 1, np.int64)
        np.cumsum([len(one) for one in lists], out=starts[1:])
        flat = np.array([value for one in lists for value in one], np.uint64)
        return cls(volume, flat, starts)

    def pack(self, batch: _Batch, first: int, stop: int, layouts: Integers, words: Words) -> None:
        """Set the bits of some structures of a batch."""
        labels = self.volume.labels
        starts = self.starts[first : stop + 1]
        structures.pack[labels.dtype](
            labels, self.values, starts, batch.boxes[first:stop], layouts, words
        )


class _Found(NamedTuple):
    """What was found of some structures: as `ManyDistributions` takes it, -1 for an end of what was given up."""

    distances: Floats
    counts: Integers
    ends: Integers
    bands: Integers


def measure(
    volumes: tuple[Volume, Volume], regions: Sequence[Region], request: Request
) -> list[dict[str, Any] | None]:
    """Measure those regions that are small; None for every other one."""
    measured: list[dict[str, Any] | None] = [None] * len(regions)
    if request.boundary != "voxel" or not request.measurements <= _OFFERED:
        return measured
    has_bands = "band_overlap" in request.measurements
    by_width: dict[float | None, list[int]] = {}
    for place, region in enumerate(regions):
        if region.box is not None:
            by_width.setdefault(region.tolerance if has_bands else None, []).append(place)
    for width, places in by_width.items():
        _measure_alike(volumes, regions, request, width, places, measured)
    return measured


def _measure_alike(
    volumes: tuple[Volume, Volume],
    regions: Sequence[Region],
    request: Request,
    width: float | None,
    places: list[int],
    measured: list[dict[str, Any] | None],
) -> None:
    """Measure those of some regions that are small, with bands of one width or none."""
    volume, wants_distances = volumes[0], "surface_distributions" in request.measurements
    spacing = volume.spacing(request.spacing)
    shifts = _shifts(spacing, volume.ndim, volume.reverse, wants_distances, width)
    if shifts is None:
        return
    boxes = np.array([sum(volume.part(regions[place].box), ()) for place in places], np.int64)
    batch = _Batch.of(np.array(places), boxes, shifts)
    if not len(batch.places):
        return
    chosen = [regions[place] for place in batch.places.tolist()]
    sides = [
        _Labels.of(volumes[0], [region.reference for region in chosen]),
        _Labels.of(volumes[1], [region.prediction for region in chosen]),
    ]
    ignored = None
    if request.ignored:
        ignored = _Labels.of(volumes[0], [request.ignored] * len(chosen))
    parts = threads.run(
        lambda chunk: _measured(batch, sides, ignored, spacing, *chunk),
        batch.chunks(),
        _COST_OF_A_WORD * batch.n_words,
    )
    for place, found in zip(
        batch.places.tolist(), _each(parts, wants_distances, width is not None), strict=True
    ):
        measured[place] = found


def _measured(
    batch: _Batch,
    sides: Sequence[_Labels],
    ignored: _Labels | None,
    spacing: Spacing,
    first: int,
    stop: int,
) -> _Found:
    """Pack some structures of a batch, and measure them."""
    volume, shifts = sides[0].volume, batch.shifts
    layouts = batch.layouts[first:stop].copy()
    layouts[:, structures.BASE] -= layouts[0, structures.BASE]
    n_words = int(layouts[-1, structures.BASE] + layouts[-1, structures.N_WORDS])
    masks = np.zeros((2, n_words), np.uint64)
    for side, words in zip(sides, masks, strict=True):
        side.pack(batch, first, stop, layouts, words)
    if ignored is not None:
        left_out = np.zeros(n_words, np.uint64)
        ignored.pack(batch, first, stop, layouts, left_out)
        masks &= ~left_out
    largest = int(layouts[:, structures.N_WORDS].max())
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
    most = 2 * (n_kinds + most_places) + 16 * n
    distances: list[Floats] = []
    counts: list[Integers] = []
    done, n_found = 0, 0
    while done < n:
        out = np.empty(most), np.empty(most, np.int64)
        reached = structures.measure(
            masks,
            layouts,
            done,
            volume.ndim,
            shifts.near,
            shifts.kinds,
            shifts.distances,
            shifts.ball,
            np.array(spacing),
            int(volume.reverse),
            _MOST_PAIRS,
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
    parts: Sequence[_Found], wants_distances: bool, wants_bands: bool
) -> Iterator[dict[str, Any] | None]:
    """Give what was measured of each structure; None for one that was given up."""
    shift, ends = 0, []
    for part in parts:
        ends.append(part.ends + np.where(part.ends < 0, 0, shift))
        shift += len(part.distances)
    all_ends = np.concatenate(ends)
    is_kept = all_ends[:, 0] >= 0
    distributions: Iterator[Any] = iter(())
    if wants_distances and is_kept.any():
        many = ManyDistributions(
            np.concatenate([part.distances for part in parts]),
            np.concatenate([part.counts for part in parts]),
            all_ends[is_kept],
        )
        distributions = (
            OneOfMany(many, place)
            if len(many) >= _MANY
            else SurfaceDistributions(*many.distributions(place))
            for place in range(len(many))
        )
    bands = np.concatenate([part.bands for part in parts]).tolist() if wants_bands else None
    for place, kept in enumerate(is_kept.tolist()):
        if not kept:
            yield None
            continue
        found: dict[str, Any] = {}
        if bands is not None:
            found["band_overlap"] = Overlap(*bands[place])
        if wants_distances:
            found["surface_distributions"] = next(distributions)
        yield found
