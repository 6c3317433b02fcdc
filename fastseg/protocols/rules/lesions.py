"""Lesions of one side, as the BraTS family has them: components, of which those that lie near each other are one.

Everything happens in a window of the volume, with places in memory order, whichever that is. Numbers are those of cc3d:
of components in the order of their first voxels along x, y, z, x fastest, since nibabel gives arrays in Fortran order;
of what was dilated, z fastest, since SciPy gives those in C order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.protocol import PackedOperations
from fastseg.backends.shared.packed import PackedPair
from fastseg.backends.shared.volume import is_reversed
from fastseg.errors import InputError
from fastseg.inputs.arrays import Array, Box, Spacing
from fastseg.measures.components import RegionComponents
from fastseg.measures.distributions import SurfaceReductions
from fastseg.measures.regions import Request
from fastseg.measures.surface_distances import Boundary
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.rules.packed_masks import (
    Places,
    Words,
    places_of_bits,
    without_places,
)
from fastseg.threads import lazy

Numbers = NDArray[np.int64]
Labels = NDArray[Any]
Positions = tuple[Numbers, Numbers, Numbers]


@dataclass(frozen=True)
class Window:
    """A box of both maps, all of whose voxels have places in memory order.

    Attributes
    ----------
    pair : LabelPair
    box : tuple of 3 slice
        Along z, y, x.
    reverse : bool
        Whether x is the slowest axis in memory.
    inner : tuple of 2 slice, or None
        The slices and rows in memory order that hold something; None where that is to be looked for.
    """

    pair: LabelPair
    box: Box
    reverse: bool
    inner: tuple[slice, slice] | None = None

    @classmethod
    def around(
        cls, pair: LabelPair, labels: tuple[tuple[int, ...], tuple[int, ...]], margin: int
    ) -> Window | None:
        """Take the box of some labels of either side, and what lies around it; None where there is nothing."""
        if pair.ndim != 3:
            raise InputError(
                f"lesion by lesion: expected label maps of three axes, got {pair.ndim}"
            )
        box = pair.histogram.box(*labels)
        if box is None:
            return None
        wider = tuple(
            slice(max(0, part.start - margin), min(size, part.stop + margin))
            for part, size in zip(box, pair.shape, strict=True)
        )
        reverse = is_reversed(pair.reference.T)
        inside = [
            slice(part.start - room.start, part.stop - room.start)
            for part, room in zip(box, wider, strict=True)
        ]
        first, second = inside[:2] if reverse else inside[:0:-1]
        return cls(pair, wider[::-1], reverse, (first, second))

    @property
    def packed(self) -> PackedOperations:
        """What the backend does with bits."""
        operations = self.pair.backend.packed
        assert operations is not None
        return operations

    @lazy
    def shape(self) -> tuple[int, int, int]:
        """Voxels along the axes in memory order."""
        sizes = [part.stop - part.start for part in self.box]
        first, second, third = sizes[::-1] if self.reverse else sizes
        return first, second, third

    @property
    def width(self) -> int:
        """Voxels of a row."""
        return self.shape[2]

    def positions_of(self, places: Places) -> Positions:
        """Turn places into positions in memory order."""
        _, ny, nx = self.shape
        rows = places // nx
        slices = rows // ny
        return slices, rows - slices * ny, places - rows * nx

    def words_of(self, labels: Array, wanted: tuple[int, ...]) -> Words:
        """Pack the voxels that have one of some labels."""
        return self.packed.pack(labels.T, wanted, self.box, self.reverse)

    def components(self, words: Words, fastest: Literal["x", "z"], connectivity: int = 3) -> Parts:
        """Number components in the order of their first voxels."""
        reverse = self.reverse if fastest == "x" else not self.reverse
        return Parts(self.packed.components(words, self.width, connectivity, reverse), reverse)

    def along_xyz(self, labels: Labels) -> Array:
        """See a map in memory order with the axes of the image."""
        return labels if self.reverse else labels.T

    def axes_xyz(self, ends: Numbers) -> Numbers:
        """Bring columns in memory order into the order of the image's axes."""
        return ends if self.reverse else ends[:, ::-1]

    def measure(
        self, masks: tuple[Words, Words], spacing: Spacing, boundary: Boundary, furthest: float
    ) -> SurfaceReductions:
        """Measure between the surfaces of two packed masks."""
        request = Request(
            frozenset(("surface_distributions",)), spacing, boundary, furthest=furthest
        )
        reference, prediction = masks
        if self.inner is None:
            reference, prediction = _cropped(reference, prediction)
        else:
            reference = np.ascontiguousarray(reference[self.inner])
            prediction = np.ascontiguousarray(prediction[self.inner])
        shape = (*reference.shape[:2], self.width)
        pair = PackedPair(reference, prediction, shape, 3, not self.reverse)
        found: SurfaceReductions = self.packed.measure(pair, 0.0, request)["surface_distributions"]
        return found


@dataclass(frozen=True)
class Parts:
    """Components of a mask of a window, and whether their axes are those in memory order, reversed."""

    found: RegionComponents
    reverse: bool

    @property
    def count(self) -> int:
        """How many there are."""
        return self.found.count

    def numbers_at(self, positions: Positions) -> Numbers:
        """Tell the numbers of some voxels, 0 for those in none."""
        return self.found.numbers_at(positions[::-1] if self.reverse else positions)


@dataclass(frozen=True)
class Lesions:
    """The lesions of one side, numbered from 1.

    Attributes
    ----------
    window : Window
    words : uint64 ndarray
        The mask of all of them.
    places : int64 ndarray (n,)
        Their voxels.
    numbers : int64 ndarray (n,)
        The lesion of each voxel.
    count : int
        The greatest number; there may be none of some.
    positions : tuple of 3 int64 ndarray (n,)
        Their voxels' positions in memory order.
    reach : Parts or None
        The components of the dilated mask.
    lesion_of_reach : int64 ndarray
        The lesion in each of these, 0 where it has been removed.
    """

    window: Window
    words: Words
    places: Places
    numbers: Numbers
    count: int
    positions: Positions
    reach: Parts | None = None
    lesion_of_reach: Numbers | None = None

    @classmethod
    def components(
        cls,
        window: Window,
        labels: Array,
        wanted: tuple[int, ...],
        fastest: Literal["x", "z"] = "x",
        connectivity: int = 3,
    ) -> Lesions:
        """Take each component for a lesion, by faces, edges and corners unless told otherwise."""
        words = window.words_of(labels, wanted)
        parts = window.components(words, fastest, connectivity)
        places = places_of_bits(words, window.width)
        positions = window.positions_of(places)
        return cls(window, words, places, parts.numbers_at(positions), parts.count, positions)

    @classmethod
    def merged(
        cls,
        window: Window,
        labels: Array,
        wanted: tuple[int, ...],
        dilation: int,
        connectivity: int = 3,
    ) -> Lesions:
        """Take what lies in one component of the dilated mask for one lesion, with the number of that component."""
        words = window.words_of(labels, wanted)
        grown = window.packed.dilated(words, window.width, dilation)
        reach = window.components(grown, "z", connectivity)
        places = places_of_bits(words, window.width)
        positions = window.positions_of(places)
        numbers, same = reach.numbers_at(positions), np.arange(reach.count + 1)
        return cls(window, words, places, numbers, reach.count, positions, reach, same)

    @lazy
    def labels(self) -> Labels:
        """Make a map of the numbers in memory order."""
        labels = np.zeros(self.window.shape, _narrowest(self.count))
        labels.reshape(-1)[self.places] = self.numbers
        return labels

    @lazy
    def sizes(self) -> Numbers:
        """How many voxels there are of each number, from 0 on."""
        return np.bincount(self.numbers, minlength=self.count + 1)

    @property
    def ids(self) -> list[int]:
        """The numbers that there are, ascending."""
        found: list[int] = self.sizes.nonzero()[0].tolist()
        return found

    @lazy
    def boxes(self) -> tuple[Numbers, Numbers]:
        """Where the box of each number starts and stops along the image's axes, within the window."""
        starts = np.zeros((self.count + 1, 3), np.int64)
        stops = np.zeros((self.count + 1, 3), np.int64)
        if len(self.places):
            order = np.argsort(self.numbers, kind="stable")
            numbers = self.numbers[order]
            first = np.concatenate([[0], 1 + (numbers[1:] != numbers[:-1]).nonzero()[0]])
            for axis, along in enumerate(self.positions):
                positions = along[order]
                starts[numbers[first], axis] = np.minimum.reduceat(positions, first)
                stops[numbers[first], axis] = np.maximum.reduceat(positions, first) + 1
        return self.window.axes_xyz(starts), self.window.axes_xyz(stops)

    def renumbered(self, number_of: Numbers) -> Lesions:
        """Give every lesion another number, or that of another one; 0 removes it.

        Parameters
        ----------
        number_of : int64 ndarray (count + 1,)
            The first is 0.
        """
        numbers = number_of[self.numbers]
        kept = numbers > 0
        words, places, positions = self.words, self.places, self.positions
        if not kept.all():
            words = without_places(words, self.window.width, places[~kept])
            places, numbers = places[kept], numbers[kept]
            first, second, third = (along[kept] for along in positions)
            positions = first, second, third
        of_reach = None if self.lesion_of_reach is None else number_of[self.lesion_of_reach]
        return replace(
            self,
            words=words,
            places=places,
            numbers=numbers,
            count=int(number_of.max(initial=0)),
            positions=positions,
            lesion_of_reach=of_reach,
        )

    def larger_than(self, voxels: float) -> Lesions:
        """Leave out those that have so many voxels or fewer; the others keep their numbers."""
        number_of = np.where(self.sizes > voxels, np.arange(self.count + 1), 0)
        number_of[0] = 0
        return self if number_of.all(where=self.sizes > 0) else self.renumbered(number_of)

    def in_sequence(self) -> Lesions:
        """Number them without gaps, in the order that they have."""
        there = self.sizes > 0
        there[0] = False
        return self.renumbered(np.where(there, np.cumsum(there), 0))


def _narrowest(greatest: int) -> type[np.unsignedinteger[Any]]:
    """Choose a type for numbers of lesions: maps that are narrow are read faster, of which pages are taken fewer."""
    return np.uint8 if greatest < 256 else np.uint32


def _cropped(reference: Words, prediction: Words) -> tuple[Words, Words]:
    """Leave out slices and rows at the ends that hold nothing."""
    either = reference | prediction
    slices = np.flatnonzero(either.any(axis=(1, 2)))
    rows = np.flatnonzero(either.any(axis=(0, 2)))
    if not len(slices):
        return reference, prediction
    inside = slice(slices[0], slices[-1] + 1), slice(rows[0], rows[-1] + 1)
    return np.ascontiguousarray(reference[inside]), np.ascontiguousarray(prediction[inside])
