"""The default backend: the numba kernels, driven over slabs on the thread pool.

An array is seen as a volume (z, y, x) with x the fastest axis: C order as it is, Fortran order transposed, fewer
axes as a volume of one slice or one row. `reverse` remembers a transposition, since distances are summed in the
order of the image's own axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastseg import distances as distances_module
from fastseg import threads
from fastseg.arrays import Array, Spacing
from fastseg.backends import _nearest, _transform
from fastseg.backends._packed import as_unsigned, as_volume, is_reversed, ordered_codes
from fastseg.backends._padding import Geometry
from fastseg.backends._selection import ALL_BITS, Selection, select
from fastseg.backends._steps import Words, ball
from fastseg.backends._surfaces import Part, bands_by_chunks, corner_surfaces, voxel_surfaces
from fastseg.distances import BandCounts, Boundary, SurfaceDistances
from fastseg.distributions import Distribution, SurfaceDistributions
from fastseg.joint import JointHistogram
from fastseg.surfels import surfel_measures
from fastseg_kernels.cpu import bits, confusion, tally
from fastseg_kernels.cpu import surface as surface_kernels

_FEWEST_PAIRS = 1 << 10  # room for pairs of labels that a slab starts with
_COLLISION = 1 << 14  # bytes that addresses may differ by and still be nearly the same
# A ball of more offsets than this is slower than a transform.
_LARGEST_BALL = 20_000
_MOST_DIFFERENT = 1 << 15  # pairs of distance and code, of which a table stays in the cache


# glibc gives freed memory back to the system where more of it lies free than twice the largest block that was ever
# freed, and taking a page again costs 2.4 µs: a third of the time of a 256³ pair (21 ms with, 14 ms without). So one
# block of 31 MB is freed here, the largest that glibc heeds, without ever being touched. With another allocator this
# does nothing.
np.empty(31 << 20, np.uint8)


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
    changes, in_turn = np.empty(reference.shape[2], np.uint64), int(_collide(reference, prediction))
    ends = np.empty(reference.shape[2] + confusion.SPARE_ENDS, np.uint64)
    while True:
        row, known = kernel(
            reference,
            prediction,
            row,
            stop,
            pairs,
            counts,
            boxes,
            table,
            in_turn,
            changes,
            ends,
            known,
        )
        if row == stop:
            return (pairs[0][:known], pairs[1][:known]), counts[:known], boxes[:known]
        room *= 4
        pairs = (_grown(pairs[0], room), _grown(pairs[1], room))
        counts, boxes = _grown(counts, room), _grown(boxes, room)
        if not dense:
            table = np.full(_power_of_two(2 * room), -1, np.int32)
            confusion.index_pairs(pairs, known, table)


def _collide(first: Array, second: Array) -> bool:
    """Whether two volumes lie so that reading both at one index is slow.

    That is where they are larger than the last cache and their addresses are nearly the same but for whole huge pages,
    as those of two arrays of 512³ bytes are that were allocated one after the other: 19 instead of 9 ms for the pair.
    """
    apart = (second.ctypes.data - first.ctypes.data + _COLLISION) % (1 << 21)
    return first.nbytes >= 1 << 25 and bool(apart < 2 * _COLLISION)


def _grown(array: Array, room: int) -> Array:
    larger = np.empty((room, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()


# ---------------------------------------------------------------------------------------- surfaces


def surface(mask: NDArray[np.bool_], connectivity: int, edge: str) -> NDArray[np.bool_]:
    """Pack, take the surface, unpack."""
    packed = select(mask, (1,))
    if connectivity == 1 and edge == "background":
        surface_words = _voxel_surface(packed)
    else:
        surface_words = np.empty_like(packed.words)
        outside = ALL_BITS if edge == "ignore" else np.uint64(0)
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


def _voxel_surface(mask: Selection) -> Words:
    """Of all of a mask, without padding."""
    out = np.empty_like(mask.words)
    part, counts = Part.of(mask), np.empty(len(out), np.int64)
    everything, apart = np.array([part.start, part.words]), part.rows_apart(mask)
    threads.run(
        lambda slab: surface_kernels.face_surface(
            mask.words, everything, *slab, mask.ndim, apart, out, counts
        ),
        threads.slabs(mask.shape[0], mask.words.size),
    )
    return out


# --------------------------------------------------------------------------------------- distances


def surface_distances(
    reference: Selection, prediction: Selection, spacing: Spacing, boundary: Boundary
) -> SurfaceDistances:
    """Ask, for each surface element of one mask, for the nearest one of the other."""
    masks = [reference, prediction]
    del reference, prediction
    ndim, reverse = masks[0].ndim, masks[0].reverse
    part = Part.used(masks) if masks[0].whole else Part.of(masks[0])
    geometry = part.geometry(masks[0], spacing, boundary)
    if boundary == "voxel":
        first, second = voxel_surfaces(masks, part, geometry)
        masks.clear()  # of whole images half of all memory, if nobody else holds them
        return SurfaceDistances(*_nearest.distances(first, second, geometry))
    (first, second), codes = corner_surfaces(masks, part, geometry)
    masks.clear()
    measures = ordered_codes(surfel_measures(spacing), ndim, reverse)
    directed = _nearest.distances(first, second, geometry)
    return SurfaceDistances(*directed, codes[0], codes[1], measures, distribution_of)


def surface_distributions(
    reference: Selection, prediction: Selection, spacing: Spacing, boundary: Boundary
) -> SurfaceDistributions:
    """Count how often each distance occurs."""
    masks = [reference, prediction]
    del reference, prediction
    if boundary == "surfel":
        found = surface_distances(masks.pop(0), masks.pop(), spacing, boundary)
        return SurfaceDistributions(*found.distributions)
    part = Part.of(masks[0])
    geometry = part.geometry(masks[0], spacing, boundary)
    first, second = voxel_surfaces(masks, part, geometry)
    masks.clear()  # they are packed if someone has asked for more than distances
    return SurfaceDistributions(*_nearest.distributions(first, second, geometry))


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
    reference: Selection, prediction: Selection, spacing: Spacing, width: float
) -> BandCounts:
    """Dilate each surface by a ball, inside its mask, and count."""
    masks, steps = (reference, prediction), reference.spacing(spacing)
    offsets = ball(steps, reference.shape, reference.reverse, width, _LARGEST_BALL)
    if offsets is None:
        bands = [_band_by_transform(mask, steps, width) for mask in masks]
        return BandCounts(*_counts_of(*bands))

    def count(slab: tuple[int, int]) -> list[int]:
        chunks = bands_by_chunks(masks, offsets, *slab)
        return [sum(counts) for counts in zip(*(_counts_of(*pair) for pair in chunks), strict=True)]

    cost = reference.words.size * len(offsets)
    parts = threads.run(count, threads.slabs(reference.shape[0], cost))
    return BandCounts(*map(sum, zip(*parts, strict=True)))


def _counts_of(first: Words, second: Words) -> tuple[int, int, int]:
    """Set bits of each, and of both."""
    first, second = first.reshape(-1), second.reshape(-1)
    return bits.count(first), bits.count(second), bits.count_both(first, second)


def _band_by_transform(mask: Selection, spacing: Spacing, width: float) -> Words:
    """For a ball of too many offsets."""
    geometry = Geometry(mask.shape, mask.ndim, spacing, mask.reverse)
    distances = _nearest.transform_of(_voxel_surface(mask), geometry)
    return np.asarray(mask.words & select(distances < width, (1,)).words)


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
