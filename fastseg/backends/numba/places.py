"""Where distances begin, for the numba backend: surfaces and masks are kept as bits until somebody asks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba import nearest
from fastseg.backends.numba.masks import Mask
from fastseg.backends.numba.surfaces import Surfaces, surfaces_of
from fastseg.backends.shared.offsets import Words
from fastseg.inputs.arrays import Spacing
from fastseg.measures.surface_distances import SurfaceDistances
from fastseg_kernels.cpu import nearest as nearest_kernels

_NO_OFFSETS = np.empty(0, np.int64)
_COST_OF_A_PLACE = 1 << 3


@dataclass(frozen=True)
class PackedPlaces:
    """What :class:`fastseg.measures.surface_distances.PlacedDistances` tells, of packed masks."""

    distances: SurfaceDistances
    surfaces: Surfaces
    words: tuple[Words, Words]

    @classmethod
    def of(cls, masks: tuple[Mask, Mask], spacing: Spacing) -> PackedPlaces:
        """Take both surfaces of two masks, which are packed as a whole, and measure between them."""
        first, second = masks
        words = first.words, second.words
        surfaces = surfaces_of(masks, spacing, "voxel")
        return cls(
            SurfaceDistances(*nearest.distances(*surfaces.sets, surfaces.geometry)), surfaces, words
        )

    def places(self, side: int, chosen: NDArray[np.intp] | None = None) -> NDArray[np.int64]:
        """List the set bits: a search along no offsets at all leaves every query over."""
        found, geometry = self.surfaces.sets[side], self.surfaces.geometry
        padding = nearest.Padding.of(geometry)
        inside = found.counts[padding.z : padding.z + geometry.shape[0]]
        before = np.concatenate([[0], np.cumsum(inside)])
        first, end = 0, geometry.shape[0]
        if chosen is not None:  # in as few slices as hold them
            first, end = (np.searchsorted(before, chosen[[0, -1]], "right") - [1, 0]).tolist()
        slabs = [
            (first + start, first + stop)
            for start, stop in threads.slabs(end - first, _COST_OF_A_PLACE * found.words.size)
        ]
        offset = int(before[first])
        places = np.empty((int(before[end]) - offset, 3), np.int64)

        def take(part: int) -> None:
            start, stop = slabs[part]
            nearest_kernels.shells(
                found.words,
                found.words,
                found.coarse,
                np.zeros(3, np.int64),
                padding.y,
                _NO_OFFSETS,
                _NO_OFFSETS.astype(np.uint64),
                _NO_OFFSETS.astype(np.float64),
                0,
                start + padding.z,
                stop + padding.z,
                np.empty(0, np.uint8),
                np.zeros((0, 1), np.int64),
                places[before[start] - offset : before[stop] - offset],
                np.empty(0),
            )

        threads.run(take, range(len(slabs)), _COST_OF_A_PLACE * found.words.size)
        if chosen is not None:
            places = places[chosen - offset]
        z, y, x = self.surfaces.start
        for axis, moved in enumerate((z - padding.z, y - padding.y, x)):
            places[:, axis] += moved  # along short rows it takes three times as long
        kept = places[:, 3 - geometry.ndim :]
        return kept[:, ::-1] if geometry.reverse else kept

    def within(self, side: int, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Look up the bits of some voxels."""
        geometry, words = self.surfaces.geometry, self.words[side]
        ordered = places[:, ::-1] if geometry.reverse else places
        *before, x = ordered.T
        row: NDArray[np.int64] | int = 0
        for size, along in zip(words.shape[2 - len(before) : 2], before, strict=True):
            row = row * size + along
        word = words.reshape(-1)[row * words.shape[2] + (x >> 6)]
        bits = word >> (x & 63).astype(np.uint64)
        return np.asarray(bits & np.uint64(1), bool)
