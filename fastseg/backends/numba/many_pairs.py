"""The joint histogram of maps with so many pairs of labels that their table lies in no cache: runs dealt out first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.shared.offsets import Words
from fastseg.backends.shared.volume import Volume
from fastseg.errors import InputError
from fastseg.inputs.arrays import Array
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.threads import lazy
from fastseg_kernels.cpu import confusion

Longs = NDArray[np.int64]
# labels of each pair in either map, counts, starts and stops (n, 3) along z, y, x
Pairs = tuple[Array, Array, Longs, Longs, Longs]

# Runs of a part, whose table and pairs stay in the second-level cache.
_RUNS_OF_PART = 1 << 12
_MOST_PART_BITS = 16
# Runs that are dealt out at a time, a word and two labels each; more are taken in several readings of the volume.
_RUNS_AT_ONCE = 1 << 22


class ManyPairs(JointHistogram):
    """A joint histogram whose boxes, which take more memory than all else, are found when they are first asked for.

    Made anew from its fields, as by ``dataclasses.replace``, it has them as any other histogram.
    """

    _volumes: tuple[Volume, Volume, int]

    @classmethod
    def of(cls, reference: Volume, prediction: Volume, in_turn: int) -> ManyPairs:
        """Count the pairs of two volumes, which are kept until there are boxes."""
        first, second, counts, *_ = count_many_pairs(
            reference.labels, prediction.labels, in_turn, boxes=False
        )
        histogram = cls.__new__(cls)
        histogram.__dict__.update(
            reference_labels=first.view(reference.dtype),
            prediction_labels=second.view(reference.dtype),
            counts=counts,
            _volumes=(reference, prediction, in_turn),
        )
        return histogram

    @lazy
    def _boxes(self) -> list[Longs]:
        reference, prediction, in_turn = self._volumes
        *_, counts, starts, stops = count_many_pairs(
            reference.labels, prediction.labels, in_turn, boxes=True
        )
        if not np.array_equal(counts, self.counts):  # pairs come in one order each time
            raise InputError("the label maps were changed while they were being evaluated")
        own = [part[:, 3 - reference.ndim :] for part in (starts, stops)]  # of z, y, x
        return [part[:, ::-1] if reference.reverse else part for part in own]

    @lazy
    def starts(self) -> Longs:
        """Where boxes start."""
        return self._boxes[0]

    @lazy
    def stops(self) -> Longs:
        """Where boxes stop."""
        return self._boxes[1]


def count_many_pairs(reference: Array, prediction: Array, in_turn: int, boxes: bool) -> Pairs:
    """Count the pairs of two volumes by parts of all pairs, each by its own table."""
    _, height, width = reference.shape
    n_rows = reference.shape[0] * height
    bits = max(1, min(_MOST_PART_BITS, (reference.size // _RUNS_OF_PART).bit_length()))
    n_parts = 1 << bits
    kernel = confusion.deal_runs[reference.dtype]
    slabs = threads.slabs(n_rows, reference.size)
    counts = np.zeros((len(slabs), n_parts), np.int64)

    def deal(slab: int, parts: tuple[int, int], places: Longs, labels: Array, spans: Words) -> None:
        changes, ends = (
            np.empty(width, np.uint64),
            np.empty(width + confusion.SPARE_ENDS, np.uint64),
        )
        rows = slabs[slab]
        options = in_turn, 64 - bits, changes, ends
        kernel(reference, prediction, *rows, *options, *parts, places, labels, spans)

    nothing = np.empty((0, 2), reference.dtype), np.empty(0, np.uint64)
    threads.run(lambda s: deal(s, (0, n_parts), counts[s], *nothing), range(len(slabs)))
    edges = np.concatenate([[0], np.cumsum(counts.sum(axis=0))])
    found: list[Pairs] = []
    first = 0
    while first < n_parts:
        most = edges[first] + _RUNS_AT_ONCE
        stop = max(first + 1, int(np.searchsorted(edges, most, side="right")) - 1)
        inside = edges[first : stop + 1] - edges[first]
        n = int(inside[-1])
        runs = np.empty((n, 2), reference.dtype), np.empty(n, np.uint64)
        of_slabs = counts[:, first:stop]
        places = np.zeros_like(counts)
        places[:, first:stop] = inside[:-1] + np.cumsum(of_slabs, axis=0) - of_slabs
        if n:
            work = [(s, (first, stop), places[s], *runs) for s in range(len(slabs))]
            threads.run(lambda of: deal(*of), work)
            found.append(_tallied(*runs, inside, height, width, boxes))
        first = stop
    if len(found) == 1:
        return found[0]
    joined: Any = tuple(map(np.concatenate, zip(*found, strict=True)))
    return joined  # type: ignore[no-any-return]


def _tallied(
    labels: Array, spans: Words, edges: Longs, height: int, width: int, boxes: bool
) -> Pairs:
    """Count the pairs of some parts, each thread those of some of them, into one set of arrays."""
    n = len(spans)
    pairs: Pairs = (
        *(np.empty(n, labels.dtype), np.empty(n, labels.dtype), np.empty(n, np.int64)),
        *(np.empty((n * boxes, 3), np.int64), np.empty((n * boxes, 3), np.int64)),
    )
    slots = 1 << (2 * int(np.diff(edges).max()) - 1).bit_length()
    kernel = confusion.tally_runs[labels.dtype]
    pieces = threads.slabs(len(edges) - 1, n)

    def tally(piece: tuple[int, int]) -> int:
        own = edges[piece[0] : piece[1] + 1]
        room = [column[own[0] : own[-1]] for column in pairs]
        return int(kernel(labels, spans, own, height, width, np.empty(slots, np.int32), *room))

    known = 0
    for (first, _), size in zip(pieces, threads.run(tally, pieces), strict=True):
        start = edges[first]
        for column in pairs:
            if len(column):
                column[known : known + size] = column[start : start + size]
        known += size
    kept: Any = tuple(column[:known] for column in pairs)
    if 2 * known < n:  # let go of the room that was not needed
        kept = tuple(map(np.copy, kept))
    return kept  # type: ignore[no-any-return]
