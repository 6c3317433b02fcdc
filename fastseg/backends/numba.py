"""The default backend: the numba kernels, driven over slabs on the thread pool.

An array is seen as a volume (z, y, x) with x the fastest axis: C order as it is, Fortran order transposed, fewer
axes as a volume of one slice or one row. `reverse` remembers a transposition, since distances are summed in the
order of the image's own axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastseg import distances as distances_module
from fastseg import threads
from fastseg.arrays import Array, Spacing
from fastseg.backends import _nearest, _transform
from fastseg.backends._packed import as_unsigned, as_volume, as_word, is_reversed, ordered_codes
from fastseg.backends._padding import Geometry, Padding
from fastseg.backends._steps import ball
from fastseg.distances import BandCounts, Boundary, SurfaceDistances
from fastseg.distributions import Distribution, SurfaceDistributions
from fastseg.joint import Box, JointHistogram
from fastseg.surfels import surfel_measures
from fastseg_kernels.cpu import bits, boundary, confusion, surfel, tally
from fastseg_kernels.cpu import surface as surface_kernels

Words = NDArray[np.uint64]

_FEWEST_PAIRS = 1 << 10  # room for pairs of labels that a slab starts with
# A ball of more offsets than this is slower than a transform.
_LARGEST_BALL = 20_000
_MOST_DIFFERENT = 1 << 15  # pairs of distance and code, of which a table stays in the cache
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


# glibc gives freed memory back to the system where more of it lies free than twice the largest block that was ever
# freed, and taking a page again costs 2.4 µs: a third of the time of a 256³ pair (21 ms with, 14 ms without). So one
# block of 24 MB is freed here, without ever being touched. With another allocator this does nothing.
np.empty(24 << 20, np.uint8)


def unsupported(function: str, ndim: int) -> str | None:
    """Why a function is not offered for so many axes."""
    if ndim > 3 and function != "distance_transform_edt":
        return f"numba kernels take up to 3 axes, not {ndim}"
    return None


# ------------------------------------------------------------------------------------------ counts


def joint_histogram(reference: Array, prediction: Array) -> JointHistogram:
    """Count the pairs of labels in one pass over both volumes."""
    first = as_volume(reference)
    references, predictions = as_unsigned(first.array), as_unsigned(as_volume(prediction).array)
    rows = references.shape[0] * references.shape[1]

    def count(slab: tuple[int, int]) -> JointHistogram:
        pairs, counts, boxes = _count_rows(references, predictions, *slab)
        stops, starts = boxes[:, :6:2], -boxes[:, 1:6:2]  # x, y, z
        axes = list(range(first.ndim))[:: 1 if first.reverse else -1]
        found = [labels.astype(references.dtype).view(reference.dtype) for labels in pairs]
        return JointHistogram(found[0], found[1], counts, starts[:, axes], stops[:, axes])

    return JointHistogram.merged(threads.run(count, threads.slabs(rows, references.size)))


def _count_rows(
    reference: Array, prediction: Array, row: int, stop: int
) -> tuple[tuple[Words, Words], NDArray[np.int64], NDArray[np.int64]]:
    """Drive the kernel over rows, making room whenever it asks for more."""
    kernel = confusion.joint_histogram[reference.dtype]
    dense = reference.itemsize == 1
    room, known = max(_FEWEST_PAIRS, 2 * reference.shape[2]), 0
    pairs = (np.empty(room, np.uint64), np.empty(room, np.uint64))
    counts, boxes = np.empty(room, np.int64), np.empty((room, confusion.BOX_COLUMNS), np.int64)
    table = np.full(confusion.DENSE_SLOTS if dense else _power_of_two(2 * room), -1, np.int32)
    changes = np.empty(reference.shape[2], np.uint64)
    ends = np.empty(reference.shape[2] + confusion.SPARE_ENDS, np.uint64)
    while True:
        row, known = kernel(
            reference, prediction, row, stop, pairs, counts, boxes, table, changes, ends, known
        )
        if row == stop:
            return (pairs[0][:known], pairs[1][:known]), counts[:known], boxes[:known]
        room *= 4
        pairs = (_grown(pairs[0], room), _grown(pairs[1], room))
        counts, boxes = _grown(counts, room), _grown(boxes, room)
        if not dense:
            table = np.full(_power_of_two(2 * room), -1, np.int32)
            confusion.index_pairs(pairs, known, table)


def _grown(array: Array, room: int) -> Array:
    larger = np.empty((room, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()


# ------------------------------------------------------------------------------------------- masks


@dataclass(frozen=True)
class PackedMask:
    """A mask, 64 voxels to a word along its last axis."""

    words: Words  # (nz, ny, ceil(nx / 64)); bits beyond nx are 0
    shape: tuple[int, int, int]
    ndim: int
    reverse: bool
    whole: bool = False  # of a whole image, which may be much larger than what is in the mask

    @property
    def last_bits(self) -> np.uint64:
        """The bits of a row's last word that are voxels."""
        return _ALL >> np.uint64(-self.shape[2] % 64)

    def spacing(self, spacing: Spacing) -> Spacing:
        """The spacing along z, y, x."""
        ordered = spacing[::-1] if self.reverse else spacing
        return (1.0,) * (3 - len(spacing)) + tuple(ordered)


def select(
    labels: Array, values: Sequence[int], box: Box | None = None, ignored: PackedMask | None = None
) -> PackedMask:
    """Pack the voxels of a box whose label is one of `values`."""
    volume, ndim, reverse = as_volume(labels)
    slices = tuple(slice(0, size) for size in labels.shape) if box is None else box
    ordered = slices[::-1] if reverse else slices
    ordered = (slice(0, 1),) * (3 - ndim) + tuple(ordered)
    corner = np.array([part.start for part in ordered], np.int64)
    nz, ny, nx = (part.stop - part.start for part in ordered)
    words = np.empty((nz, ny, -(-nx // 64)), np.uint64)
    wanted = [word for value in values if (word := as_word(value, labels.dtype)) is not None]
    if wanted:
        source, found = as_unsigned(volume), np.array(wanted, np.uint64)
        kernel = bits.select[source.dtype]
        threads.run(
            lambda slab: kernel(source, found, *slab, corner, nx, words),
            threads.slabs(nz, nz * ny * nx, 1 << 22),
        )
    else:
        words[:] = 0
    if ignored is not None:
        words &= ~ignored.words
    return PackedMask(words, (nz, ny, nx), ndim, reverse, whole=box is None)


def surface(mask: NDArray[np.bool_], connectivity: int, edge: str) -> NDArray[np.bool_]:
    """Pack, take the surface, unpack."""
    packed = select(mask, (1,))
    surface_words = np.empty_like(packed.words)
    if connectivity == 1 and edge == "background":
        _surface(packed, Part.of(packed), surface_words)
    else:
        outside = _ALL if edge == "ignore" else np.uint64(0)
        threads.run(
            lambda slab: surface_kernels.erosion_surface(
                packed.words,
                *slab,
                packed.ndim,
                connectivity,
                packed.last_bits,
                outside,
                surface_words,
            ),
            threads.slabs(packed.shape[0], packed.words.size),
        )
    out = np.empty(packed.shape, np.uint8)
    bits.unpack(surface_words, out)
    ordered = out.view(bool).reshape(packed.shape[3 - packed.ndim :])
    return ordered.T if packed.reverse else ordered


def _surface(mask: PackedMask, part: Part, out: Words) -> Words:
    """The surface of a part for face neighbours, with nothing beyond it; `out` may have a margin."""
    threads.run(
        lambda slab: surface_kernels.face_surface(mask.words, part.edges, *slab, mask.ndim, out),
        threads.slabs(part.shape[0], part.n_words),
    )
    return out


# --------------------------------------------------------------------------------------- distances


def surface_distances(
    reference: PackedMask, prediction: PackedMask, spacing: Spacing, boundary: Boundary
) -> SurfaceDistances:
    """Ask, for each surface element of one mask, for the nearest one of the other."""
    part = _used_part(reference, prediction) if reference.whole else Part.of(reference)
    ndim, reverse = reference.ndim, reference.reverse
    geometry = _geometry(reference, part, spacing, boundary)
    first, second = _surfaces(reference, prediction, part, geometry, boundary)
    if boundary == "voxel":
        return SurfaceDistances(*_nearest.distances(first, second, geometry))
    codes = _codes(reference, part, first), _codes(prediction, part, second)
    measures = ordered_codes(surfel_measures(spacing), ndim, reverse)
    del reference, prediction  # a third of all memory, if nobody else holds them
    directed = _nearest.distances(first, second, geometry)
    return SurfaceDistances(*directed, *codes, measures, distribution_of)


def surface_distributions(
    reference: PackedMask, prediction: PackedMask, spacing: Spacing, boundary: Boundary
) -> SurfaceDistributions:
    """Count how often each distance occurs."""
    if boundary == "surfel":
        found = surface_distances(reference, prediction, spacing, boundary)
        return SurfaceDistributions(*found.distributions)
    part = Part.of(reference)
    geometry = _geometry(reference, part, spacing, boundary)
    surfaces = _surfaces(reference, prediction, part, geometry, boundary)
    del reference, prediction  # a third of all memory, if nobody else holds them
    return SurfaceDistributions(*_nearest.distributions(*surfaces, geometry))


class Part(NamedTuple):
    """A box within packed masks, in whole words along x."""

    start: tuple[int, int, int]
    words: tuple[int, int, int]
    width: int  # voxels along x

    @classmethod
    def of(cls, mask: PackedMask) -> Part:
        """All of a mask."""
        nz, ny, nw = mask.words.shape
        return cls((0, 0, 0), (nz, ny, nw), mask.shape[2])

    @property
    def shape(self) -> tuple[int, int, int]:
        """In voxels."""
        return *self.words[:2], self.width

    @property
    def edges(self) -> NDArray[np.int64]:
        """As kernels take it."""
        return np.array([self.start, self.words])

    @property
    def n_words(self) -> int:
        """How many it holds."""
        return math.prod(self.words)

    def lattice(self, ndim: int) -> tuple[int, int, int]:
        """How many corners there are along each axis: one more than voxels, where the image has the axis."""
        nz, ny, nx = self.shape
        return nz + (ndim >= 3), ny + (ndim >= 2), nx + 1


def _used_part(reference: PackedMask, prediction: PackedMask) -> Part:
    """The box of both masks; what lies beyond is background anyway."""
    edges = []
    for used in _occupied((reference, prediction)):
        places = np.flatnonzero(used)
        if not len(places):
            return Part.of(reference)
        edges.append((int(places[0]), int(places[-1]) + 1))
    start_z, start_y, start_w = (start for start, _ in edges)
    nz, ny, nw = (stop - start for start, stop in edges)
    width = min(64 * nw, reference.shape[2] - 64 * start_w)
    return Part((start_z, start_y, start_w), (nz, ny, nw), width)


def _occupied(masks: Sequence[PackedMask]) -> list[Words]:
    """For each slice, row and column of words something that is not 0 if any of the masks has a voxel there."""
    words = masks[0].words

    def look(slab: tuple[int, int]) -> list[Words]:
        found = [np.zeros(size, np.uint64) for size in words.shape]
        for mask in masks:
            bits.occupied(mask.words, *slab, *found)
        return found

    parts = threads.run(look, threads.slabs(len(words), words.size))
    return [np.bitwise_or.reduce(found) for found in zip(*parts, strict=True)]


def _geometry(mask: PackedMask, part: Part, spacing: Spacing, boundary: Boundary) -> Geometry:
    """Of a part's voxels, or of the corners of their lattice."""
    shape = part.shape if boundary == "voxel" else part.lattice(mask.ndim)
    return Geometry(shape, mask.ndim, mask.spacing(spacing), mask.reverse)


def _surfaces(
    reference: PackedMask,
    prediction: PackedMask,
    part: Part,
    geometry: Geometry,
    boundary: Boundary,
) -> tuple[Words, Words]:
    """Both surfaces, padded."""
    padding = Padding.of(geometry)
    take = _surface if boundary == "voxel" else _corners
    return (
        take(reference, part, padding.around(geometry)),
        take(prediction, part, padding.around(geometry)),
    )


def _corners(mask: PackedMask, part: Part, out: Words) -> Words:
    slices, _, width = part.lattice(mask.ndim)
    words = -(-width // 64)
    threads.run(
        lambda slab: surfel.corner_surface(mask.words, part.edges, *slab, mask.ndim, words, out),
        threads.slabs(slices, part.n_words),
    )
    return out


def _codes(mask: PackedMask, part: Part, corners: Words) -> NDArray[np.uint8]:
    codes = np.empty(bits.count(corners.reshape(-1)), np.uint8)
    words = -(-part.lattice(mask.ndim)[2] // 64)
    surfel.corner_codes(mask.words, part.edges, corners, mask.ndim, words, codes)
    return codes


def distribution_of(
    distances: NDArray[np.float64],
    codes: NDArray[np.uint8] | None,
    measures: NDArray[np.float64] | None,
) -> Distribution:
    """Sort what is different only; see :func:`fastseg.distances.distribution_of`."""
    if codes is None or measures is None:
        return distances_module.distribution_of(distances, codes, measures)
    room = min(len(distances) // 4, _MOST_DIFFERENT)
    found_bits, found_codes = np.empty(room, np.uint64), np.empty(room, np.uint8)
    counts = np.empty(room, np.int64)
    table = np.full(_power_of_two(2 * max(room, 1)), -1, np.int32)
    n = tally.tally(distances.view(np.uint64), codes, found_bits, found_codes, counts, table)
    if n < 0:
        return distances_module.distribution_of(distances, codes, measures)
    different = Distribution(found_bits[:n].view(np.float64), counts[:n], measures[found_codes[:n]])
    return Distribution.joined(different)


def band_counts(
    reference: PackedMask, prediction: PackedMask, spacing: Spacing, width: float
) -> BandCounts:
    """Dilate each surface by a ball, inside its mask, and count."""
    bands = [
        _band(mask, mask.spacing(spacing), width).reshape(-1) for mask in (reference, prediction)
    ]
    counts = bits.count(bands[0]), bits.count(bands[1]), bits.count_both(*bands)
    return BandCounts(*map(int, counts))


def _band(mask: PackedMask, spacing: Spacing, width: float) -> Words:
    surface_words = _surface(mask, Part.of(mask), np.empty_like(mask.words))
    offsets = ball(spacing, mask.shape, mask.reverse, width, _LARGEST_BALL)
    if offsets is None:
        geometry = Geometry(mask.shape, mask.ndim, spacing, mask.reverse)
        return (
            mask.words & select(_nearest.transform_of(surface_words, geometry) < width, (1,)).words
        )
    out = np.empty_like(mask.words)
    threads.run(
        lambda slab: boundary.band(mask.words, surface_words, offsets, *slab, out),
        threads.slabs(mask.shape[0], mask.words.size * len(offsets)),
    )
    return out


def distance_transform_edt(
    foreground: Array, spacing: Spacing, indices: bool, dtype: DTypeLike
) -> tuple[NDArray[Any], NDArray[np.int32] | None]:
    """Transform in the memory order of the array, summing in the order of its axes."""
    reverse = is_reversed(foreground)
    ordered = foreground.T if reverse else np.ascontiguousarray(foreground)
    axes = tuple(range(foreground.ndim))
    distances, where = _transform.transform(
        ordered,
        spacing[::-1] if reverse else spacing,
        axes[::-1] if reverse else axes,
        dtype=dtype,
        indices=indices,
    )
    if not reverse:
        return distances, where
    if where is not None:
        where = np.ascontiguousarray(where[::-1].transpose(0, *range(foreground.ndim, 0, -1)))
    return distances.T, where
