"""Boundary bands for the numba backend: the voxels of a mask that lie nearer to its surface than a width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fastseg import threads
from fastseg.backends.numba.masks import Mask
from fastseg.backends.numba.nearest import transform_of
from fastseg.backends.numba.surfaces import Part, face_surface
from fastseg.backends.shared.geometry import Geometry
from fastseg.backends.shared.offsets import Offsets, Words, ball
from fastseg.backends.shared.volume import Volume
from fastseg.inputs.arrays import Spacing
from fastseg.measures.overlap import Overlap
from fastseg_kernels.cpu import masks as mask_kernels
from fastseg_kernels.cpu.surface import band as band_kernels
from fastseg_kernels.cpu.surface import faces

# A ball of more offsets than this is slower than a transform.
_LARGEST_BALL = 20_000


def band_overlap(masks: tuple[Mask, Mask], spacing: Spacing, width: float) -> Overlap:
    """Count the voxels of both masks' bands, and those in both: each surface dilated by a ball, inside its mask."""
    volume, shape = masks[0].volume, masks[0].shape
    steps = volume.spacing(spacing)
    offsets = ball(steps, shape, volume.reverse, width, _LARGEST_BALL)
    if offsets is None:
        geometry = Geometry(shape, volume.ndim, steps, volume.reverse)
        return _overlap(*(_band_by_transform(mask, geometry, width) for mask in masks))

    def count(slab: tuple[int, int]) -> list[Overlap]:
        return [_overlap(*bands) for bands in _bands_by_chunks(masks, offsets, *slab)]

    nz, ny, nx = shape
    cost = nz * ny * -(-nx // 64) * len(offsets)
    parts = threads.run(count, threads.slabs(nz, cost))
    return Overlap(*map(sum, zip(*(overlap for part in parts for overlap in part), strict=True)))


def bands_within(
    masks: tuple[Mask, Mask],
    core: tuple[tuple[int, int], tuple[int, int]],
    spacing: Spacing,
    width: float,
) -> Overlap | None:
    """Count the voxels of both bands in some slices and rows, or None where the ball has too many offsets.

    As far as the offsets lead, and a voxel farther, the masks must be those of the whole image.
    """
    volume, (slices, rows) = masks[0].volume, core
    steps = volume.spacing(spacing)
    offsets = ball(steps, masks[0].shape, volume.reverse, width, _LARGEST_BALL)
    if offsets is None:
        return None

    def count(slab: tuple[int, int]) -> list[Overlap]:
        within = slice(*rows)
        return [
            _overlap(*(np.ascontiguousarray(band[:, within]) for band in bands))
            for bands in _bands_by_chunks(masks, offsets, *slab)
        ]

    pieces = [
        (slices[0] + first, slices[0] + stop)
        for first, stop in threads.slabs(slices[1] - slices[0], threads.LEAST_COST)
    ]
    parts = threads.run(count, pieces)
    return Overlap(*map(sum, zip(*(one for part in parts for one in part), strict=True)))


def _overlap(first: Words, second: Words) -> Overlap:
    first, second = first.reshape(-1), second.reshape(-1)
    sizes = (
        mask_kernels.count_both(first, first),  # one kernel less to compile in a first call
        mask_kernels.count_both(second, second),
        mask_kernels.count_both(first, second),
    )
    return Overlap(*map(int, sizes))


def _bands_by_chunks(
    masks: Sequence[Mask], offsets: Offsets, first: int, stop: int
) -> Iterator[list[Words]]:
    """Yield, a few slices at a time, each mask's inner boundary band.

    That is the voxels of the mask from which one of the offsets leads to its surface.
    """
    part = Part.of(masks[0])
    separated, reach = part.rows_separated(masks[0]), int(np.abs(offsets[:, 0]).max(initial=0))
    for start, end in part.chunks(first, stop):
        # surfaces as far as the offsets lead, and the masks one slice further, which the surfaces need
        low, high = max(start - reach, 0), min(end + reach, part.words[0])
        below, above = max(low - 1, 0), min(high + 1, part.words[0])
        bands = []
        for mask in masks:
            words, edges = part.packed(mask, below, above)
            surfaces, band = np.zeros_like(words), np.empty_like(words)
            counts = np.empty(len(words), np.int64)
            slices = low - below, high - below
            faces.face_surface(words, edges, *slices, mask.ndim, separated, surfaces, counts)
            inside = slice(start - below, end - below)
            band_kernels.band(words, surfaces, offsets, inside.start, inside.stop, band)
            bands.append(band[inside])
        yield bands


def _band_by_transform(mask: Mask, geometry: Geometry, width: float) -> Words:
    """Take the band by the distance of every voxel, for a ball of too many offsets."""
    near = transform_of(face_surface(mask), geometry) < width
    return np.asarray(mask.words & Mask.of(Volume.of(near), (1,), None).words)
