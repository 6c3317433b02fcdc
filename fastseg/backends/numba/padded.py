"""Packed sets within padding of zeros, and the nearest offsets, for which the padding is wide enough."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.shared.geometry import Geometry
from fastseg.backends.shared.offsets import Floats, Offsets, Words, box_offsets, squared_norms
from fastseg.inputs.arrays import Spacing
from fastseg.measures.distributions import Distribution
from fastseg.threads import lazy

# A ball of 4 voxels: beyond it a search along rows is cheaper than one more shell.
_MOST_OFFSETS = 257


@dataclass(frozen=True)
class NearestOffsets:
    """Offsets (dz, dy, dx) in order of distance, all that are at most as far as the last, and their squared lengths."""

    offsets: Offsets
    squares: Floats

    @lazy
    def reach(self) -> tuple[int, int, int]:
        """How many slices, rows and voxels of a row they lead at most."""
        z, y, x = np.abs(self.offsets).max(axis=0)
        return int(z), int(y), int(x)

    @lazy
    def shifts(self) -> NDArray[np.uint64]:
        """How many bits into a word 64 voxels at each offset start."""
        return (self.offsets[:, 2] & 63).astype(np.uint64)

    def word_offsets(self, padded: Words) -> NDArray[np.int64]:
        """How many words further in a padded set that word lies."""
        z, y, words = self._whole_words
        return np.asarray((z * padded.shape[1] + y) * padded.shape[2] + words)

    @lazy
    def _whole_words(self) -> tuple[NDArray[np.int64], ...]:
        z, y, x = self.offsets.T
        return np.ascontiguousarray(z), np.ascontiguousarray(y), x >> 6

    @lazy
    def _distances(self) -> tuple[Floats, NDArray[np.intp]]:
        """What is different, and where it begins."""
        return np.unique(np.sqrt(self.squares), return_index=True)

    def distribution(self, counts: NDArray[np.int64]) -> Distribution:
        """How often each distance occurs, if each offset occurs so often."""
        distances, starts = self._distances
        counts = np.add.reduceat(counts, starts)
        occur = np.flatnonzero(counts)
        return Distribution(distances[occur], counts[occur])


@functools.lru_cache(maxsize=256)
def nearest_offsets(spacing: Spacing, ndim: int, reverse: bool) -> NearestOffsets:
    """About as many as `_MOST_OFFSETS`, complete up to the last one's distance."""
    axes = range(3 - ndim, 3)
    volume = math.prod(spacing[axis] for axis in axes)
    unit_ball = {1: 2.0, 2: math.pi, 3: 4 / 3 * math.pi}[ndim]
    radius = (_MOST_OFFSETS * volume / unit_ball) ** (1 / ndim)
    half = [min(int(radius / spacing[axis]) + 1, 63) if axis in axes else 0 for axis in range(3)]
    # beyond the box nothing is known
    limit = min((half[axis] + 1) * spacing[axis] for axis in axes) ** 2
    offsets = box_offsets(half)
    lengths = squared_norms(offsets, spacing, reverse)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] < limit * (1 - 1e-9)]
    if len(order) > 2 * _MOST_OFFSETS:  # keep whole distances only
        order = order[lengths[order] < lengths[order[2 * _MOST_OFFSETS]]]
    return NearestOffsets(np.ascontiguousarray(offsets[order]), lengths[order])


class PaddedSet(NamedTuple):
    """A packed set within its padding, and how many voxels each slice has."""

    words: Words
    counts: NDArray[np.int64]


class Padding(NamedTuple):
    """Zeros around a packed set: slices and rows at either end, and bits at the end of each row.

    As many as the furthest offset leads, and one row more: what lies before a row is the end of the row before. Rows of
    a small organ have two or three words, so a word of zeros for each was a quarter of the set.
    """

    z: int
    y: int
    x: int

    @classmethod
    def of(cls, geometry: Geometry) -> Padding:
        """As the nearest offsets of this geometry ask for."""
        offsets = nearest_offsets(geometry.spacing, geometry.ndim, geometry.reverse)
        reach_z, reach_y, reach_x = offsets.reach
        return cls(reach_z, reach_y + 1, reach_x)

    def around(self, geometry: Geometry) -> PaddedSet:
        """Room for a set of this geometry within slices of zeros.

        The rest of the padding is for the kernel that fills the set, which has it in the cache.
        """
        nz, ny, nx = geometry.shape
        words = -(-(nx + self.x) // 64)
        padded = np.empty((nz + 2 * self.z, ny + 2 * self.y, words), np.uint64)
        padded[: self.z] = padded[len(padded) - self.z :] = 0
        return PaddedSet(padded, np.zeros(len(padded), np.int64))

    def inside(self, words: Words, geometry: Geometry) -> Words:
        """Those of a padded set without its padding."""
        nz, ny, nx = geometry.shape
        return np.ascontiguousarray(
            words[self.z : self.z + nz, self.y : self.y + ny, : -(-nx // 64)]
        )
