"""Small structures of a pair of maps, taken together: their boxes, and the labels or components of each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.components import Components
from fastseg.backends.shared.offsets import Words
from fastseg.backends.shared.volume import Volume
from fastseg.measures.regions import ManyRegions, Measured, Region, Request
from fastseg_kernels._boxes import words_of
from fastseg_kernels.cpu import structures

# Words of a mask, with the zeros between its rows, up to which a structure is small: the copies that are at work then
# lie in the second cache.
_MOST_WORDS = 1 << 13
# Words of the masks that are packed together, before they are measured.
_CHUNK_WORDS = 1 << 14
# What a word costs, on the scale of `threads.LEAST_COST`.
COST_OF_A_WORD = 64

Integers = NDArray[np.int64]
Map = Volume | Components


class LabelSide(NamedTuple):
    """The labels of each structure on one side, as the bits that they are."""

    volume: Volume
    values: Words
    starts: Integers

    @classmethod
    def of(cls, volume: Volume, labels: Sequence[tuple[int, ...]]) -> LabelSide:
        """Take the labels that the volume's type can hold."""
        values: list[int] = []
        starts = [0]
        for own in labels:
            values += volume.bits_of(own)
            starts.append(len(values))
        return cls(volume, np.array(values, np.uint64), np.array(starts, np.int64))

    def taken(self, places: Integers) -> LabelSide:
        """Take the structures at some places."""
        return self._replace(**_taken(self.values, self.starts, places))

    def pack(self, boxes: Integers, reach: Integers, first: int, stop: int, words: Words) -> None:
        """Set the bits of some structures, which have these boxes."""
        labels, starts = self.volume.labels, self.starts[first : stop + 1]
        structures.pack[labels.dtype](labels, self.values, starts, boxes, reach, words)


class NumberSide(NamedTuple):
    """The components of each structure on one side."""

    components: Components
    values: Words
    starts: Integers

    @classmethod
    def of(cls, components: Components, numbers: Sequence[tuple[int, ...]]) -> NumberSide:
        """Take the numbers of each."""
        counts = list(map(len, numbers))
        values = list(itertools.chain.from_iterable(numbers))
        return cls(components, np.array(values, np.uint64), np.cumsum([0, *counts]))

    def taken(self, places: Integers) -> NumberSide:
        """Take the structures at some places."""
        return self._replace(**_taken(self.values, self.starts, places))

    @property
    def volume(self) -> Volume:
        """What they were found in."""
        return self.components.volume

    def pack(self, boxes: Integers, reach: Integers, first: int, stop: int, words: Words) -> None:
        """Set the bits of some structures, which have these boxes."""
        row_bits, slice_bits, n_words, guard = words_of(*boxes.T[3:], *reach)
        first_bits = 64 * (np.cumsum(n_words) - n_words + guard)
        layout = np.stack([row_bits, slice_bits, first_bits], axis=1)
        self.components.take(self.values, self.starts[first : stop + 1], boxes, layout, words)


def _taken(values: Words, starts: Integers, places: Integers) -> dict[str, Any]:
    """Take the values of some structures."""
    counts = starts[places + 1] - starts[places]
    ends = np.cumsum(counts)
    own = np.repeat(starts[places] - ends + counts, counts) + np.arange(int(counts.sum()))
    return {"values": values[own], "starts": np.concatenate([np.zeros(1, np.int64), ends])}


class Candidates:
    """Structures of a pair of maps, of which several loops take those that are small for them.

    Attributes
    ----------
    regions : sequence of Region
    ignored : tuple of int
        Labels of the reference whose voxels belong to neither mask.
    boxes : int64 ndarray (n, 6)
        Start and size along z, y, x.
    sides : list of LabelSide or NumberSide
        What each is made of, on either side.
    volume : Volume
        That of the reference, or what its components were found in.
    """

    def __init__(
        self, maps: tuple[Map, Map], regions: Sequence[Region], ignored: tuple[int, ...] = ()
    ) -> None:
        self.regions, self.ignored = regions, ignored
        self.volume = volume = maps[0] if isinstance(maps[0], Volume) else maps[0].volume
        labels: tuple[Sequence[tuple[int, ...]], ...]
        if isinstance(regions, ManyRegions):
            starts, sizes = regions.starts, regions.stops - regions.starts
            if volume.reverse:
                starts, sizes = starts[:, ::-1], sizes[:, ::-1]
            boxes = np.ones((len(regions), 6), np.int64)
            boxes[:, : 3 - volume.ndim] = 0
            boxes[:, 3 - volume.ndim : 3], boxes[:, 6 - volume.ndim :] = starts, sizes
            labels = regions.reference, regions.prediction
        else:
            parts = []
            labels = reference, prediction = [], []
            for region in regions:
                parts.append(volume.part(region.box))
                reference.append(region.reference)
                prediction.append(region.prediction)
            boxes = np.array(parts, np.int64).reshape(-1, 6)
        self.boxes = boxes
        self.sides: list[LabelSide | NumberSide] = []
        for of_side, own in zip(maps, labels, strict=True):
            kind: Any = LabelSide if isinstance(of_side, Volume) else NumberSide
            self.sides.append(kind.of(of_side, own))

    def small(self, places: Integers, reach: Integers, times: int = 1) -> Packed:
        """Take those at some places that are small, or so many times as large.

        Between rows lie as many zeros as an offset may lead.
        """
        boxes = self.boxes if len(places) == len(self.boxes) else self.boxes[places]
        if len(boxes) == 1:  # most often, and whole numbers are faster than arrays of one
            sizes = boxes[0, 3:].tolist(), reach.tolist()
            n_words = np.array(words_of(*sizes[0], *sizes[1])[2:3], np.int64)
        else:
            _, _, n_words, _ = words_of(*boxes.T[3:], *reach)
        small = n_words <= times * _MOST_WORDS
        if not small.all():
            places, boxes, n_words = places[small], boxes[small], n_words[small]
        sides = self.sides
        if len(places) < len(self.boxes):
            sides = [side.taken(places) for side in sides]
        ignored = None
        if self.ignored:
            ignored = LabelSide.of(self.volume, [self.ignored] * len(places))
        return Packed(places, boxes, n_words, reach, sides, ignored, self.volume)


class Packed(NamedTuple):
    """Small structures of a pair, ready to be packed into bits, some at a time.

    Attributes
    ----------
    places : int64 ndarray (n,)
        Which of the regions they are.
    boxes : int64 ndarray (n, 6)
        Start and size along z, y, x.
    n_words : int64 ndarray (n,)
        Words of each one's masks.
    reach : int64 ndarray (3,)
        How far the furthest offset leads along z, y, x.
    sides : list of LabelSide or NumberSide
    ignored : LabelSide or None
        Voxels that belong to neither mask.
    volume : Volume
        What the boxes lie in.
    """

    places: Integers
    boxes: Integers
    n_words: Integers
    reach: Integers
    sides: list[LabelSide | NumberSide]
    ignored: LabelSide | None
    volume: Volume

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

    def words(self, first: int, stop: int) -> Words:
        """Pack the masks of some of them, one behind the other: uint64 (2, n)."""
        boxes, n_words = self.boxes[first:stop], self.n_words[first:stop]
        masks = np.zeros((2, int(n_words.sum())), np.uint64)
        for side, words in zip(self.sides, masks, strict=True):
            side.pack(boxes, self.reach, first, stop, words)
        if self.ignored is not None:
            left_out = np.zeros_like(masks[0])
            self.ignored.pack(boxes, self.reach, first, stop, left_out)
            masks &= ~left_out
        return masks


Loops = Sequence[tuple[frozenset[str], Callable[[Candidates, Request], list[Measured | None]]]]


def measure_in_loops(
    loops: Loops,
    maps: tuple[Map, Map],
    regions: Sequence[Region],
    request: Request,
    one_by_one: Callable[[Sequence[Region], Request], Sequence[Measured]],
) -> list[Measured]:
    """Measure regions: in the loop that has a measurement, and what it leaves one by one.

    Parameters
    ----------
    loops : sequence of pairs
        The measurements of each loop, and what measures those structures that are small, and gives None for others or
        less than was wanted.
    maps : pair of Volume or Components
    regions : sequence of Region
    request : Request
    one_by_one : callable
        Measures some regions by themselves.
    """
    candidates = Candidates(maps, regions, request.ignored)
    found: list[Measured | None] = [None] * len(regions)
    left: dict[int, frozenset[str]] = {}
    in_loops: frozenset[str] = frozenset()
    for offered, of_small in loops:
        if not (wanted := request.measurements & offered):
            continue
        answers = of_small(candidates, request._replace(measurements=wanted))
        if not in_loops:
            found = answers
        for place, one in enumerate(answers):
            if one is None or len(one) < len(wanted):
                left[place] = left.get(place, frozenset()) | (wanted - (one or {}).keys())
            if one is not None and in_loops:
                found[place] = {**(found[place] or {}), **one}
        in_loops |= wanted
    if others := request.measurements - in_loops:
        for place in range(len(regions)):
            left[place] = left.get(place, frozenset()) | others
    if left:
        _measure_one_by_one(regions, request, left, one_by_one, found)
    return cast(list[Measured], found)


def _measure_one_by_one(
    regions: Sequence[Region],
    request: Request,
    left: Mapping[int, frozenset[str]],
    one_by_one: Callable[[Sequence[Region], Request], Sequence[Measured]],
    found: list[Measured | None],
) -> None:
    """Measure what is left to be measured of some regions, those together of which the same is."""
    alike: dict[frozenset[str], list[int]] = {}
    for place, wanted in left.items():
        alike.setdefault(wanted, []).append(place)
    for wanted, places in alike.items():
        rest = regions if len(places) == len(regions) else [regions[place] for place in places]
        answers = one_by_one(rest, request._replace(measurements=wanted))
        for place, one in zip(places, answers, strict=True):
            found[place] = {**(found[place] or {}), **one}
