"""Small structures for the numba backend: many of them in one compiled loop, instead of one by one in a dozen calls."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.batches import COST_OF_A_WORD, Candidates, Packed
from fastseg.backends.numba.nearest import nearest_offsets
from fastseg.backends.shared.offsets import Floats, Offsets, ball
from fastseg.inputs.arrays import Spacing
from fastseg.measures.distributions import (
    Distribution,
    SurfaceDistributions,
    SurfaceReductions,
)
from fastseg.measures.many_distributions import ManyDistributions, OneOfMany
from fastseg.measures.overlap import Overlap
from fastseg.measures.regions import ManyRegions, Measured, Request
from fastseg.measures.surface_distances import SurfaceDistances
from fastseg_kernels.cpu import structures

# Pairs of voxels that may be compared where the nearest offsets do not answer: as long as the general way takes.
_MOST_PAIRS = 1 << 18
# Surface voxels of which the coordinates are kept to compare them.
_MOST_PLACES = 1 << 13
# Offsets of a band: with more, the zeros between the rows would be most of the words.
_LARGEST_BALL = 1 << 10
# From so many structures on, metrics are found for all of them at once.
_MANY = 8

# What the loop finds in one go: distances are counted or listed.
_OFFERED = (
    frozenset(("surface_distributions", "band_overlap")),
    frozenset(("surface_distances", "band_overlap")),
)

Integers = NDArray[np.int64]


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


class _Found(NamedTuple):
    """What was found of some structures: as `ManyDistributions` takes it, -1 for an end of what was given up.

    Or distances one by one, in the order of the volume, and no counts.
    """

    distances: Floats
    counts: Integers
    ends: Integers
    bands: Integers


def measure(candidates: Candidates, request: Request) -> list[Measured | None]:
    """Measure those structures that are small, of label maps or components; None for every other one."""
    regions = candidates.regions
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
        _measure_alike(candidates, request, width, places, measured)
    return measured


def _measure_alike(
    candidates: Candidates,
    request: Request,
    width: float | None,
    places: list[int],
    measured: list[Measured | None],
) -> None:
    """Measure those at some places that are small, with bands of one width or none."""
    in_order = "surface_distances" in request.measurements
    volume = candidates.volume
    order = 2 if in_order and request.one_way else int(in_order)
    wants_distances = in_order or "surface_distributions" in request.measurements
    spacing = volume.spacing(request.spacing)
    shifts = _shifts(spacing, volume.ndim, volume.reverse, wants_distances, width)
    if shifts is None:
        return
    packed = candidates.small(np.array(places), shifts.reach)
    small = packed.places.tolist()
    if not small:
        return
    n_words = int(packed.n_words.sum())
    parts = threads.run(
        lambda chunk: _measured(packed, shifts, spacing, order, *chunk),
        packed.chunks(n_words),
        COST_OF_A_WORD * n_words,
    )
    wanted = wants_distances, in_order, width is not None
    for place, found in zip(small, _each(parts, *wanted), strict=True):
        measured[place] = found


def _measured(
    packed: Packed,
    shifts: _Shifts,
    spacing: Spacing,
    in_order: int,
    first: int,
    stop: int,
) -> _Found:
    """Pack some structures, and measure them; distances are listed as the kernel's `in_order` says."""
    volume = packed.volume
    boxes, n_words = packed.boxes[first:stop], packed.n_words[first:stop]
    masks = packed.words(first, stop)
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
