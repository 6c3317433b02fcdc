"""The joint histogram of maps with so many pairs of labels that their table lies in no cache: runs dealt out first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.shared.offsets import Words
from fastseg.inputs.arrays import Array
from fastseg_kernels.cpu import confusion

Longs = NDArray[np.int64]
# labels of each pair, counts, starts and stops along z, y, x
Pairs = tuple[Words, Words, Longs, Longs, Longs]

# Runs of a part, whose table and pairs stay in the second-level cache.
_RUNS_OF_PART = 1 << 12
_MOST_PART_BITS = 16
# Runs that are dealt out at a time, 32 bytes each; more are taken in several readings of the volume.
_RUNS_AT_ONCE = 1 << 22


def count_many_pairs(reference: Array, prediction: Array, in_turn: int) -> Pairs:
    """Count the pairs of two volumes by parts of all pairs, each by its own table."""
    _, height, width = reference.shape
    n_rows = reference.shape[0] * height
    bits = max(1, min(_MOST_PART_BITS, (reference.size // _RUNS_OF_PART).bit_length()))
    n_parts = 1 << bits
    kernel = confusion.deal_runs[reference.dtype]
    slabs = threads.slabs(n_rows, reference.size)
    counts = np.zeros((len(slabs), n_parts), np.int64)

    def deal(slab: int, first: int, stop: int, places: Longs, records: Words) -> None:
        changes, ends = (
            np.empty(width, np.uint64),
            np.empty(width + confusion.SPARE_ENDS, np.uint64),
        )
        rows, room = slabs[slab], (changes, ends)
        kernel(
            *(reference, prediction, *rows, in_turn, 64 - bits),
            *(*room, first, stop, places, records),
        )

    nothing = np.empty((0, confusion.RECORD_COLUMNS), np.uint64)
    threads.run(lambda s: deal(s, 0, n_parts, counts[s], nothing), range(len(slabs)))
    edges = np.concatenate([[0], np.cumsum(counts.sum(axis=0))])
    found: list[Pairs] = []
    first = 0
    while first < n_parts:
        most = edges[first] + _RUNS_AT_ONCE
        stop = max(first + 1, int(np.searchsorted(edges, most, side="right")) - 1)
        inside = edges[first : stop + 1] - edges[first]
        records = np.empty((int(inside[-1]), confusion.RECORD_COLUMNS), np.uint64)
        places = np.zeros_like(counts)
        before = np.cumsum(counts[:, first:stop], axis=0) - counts[:, first:stop]
        places[:, first:stop] = inside[:-1] + before
        if len(records):
            deal_all = [(s, first, stop, places[s], records) for s in range(len(slabs))]
            threads.run(lambda of: deal(*of), deal_all)
            pieces = threads.slabs(stop - first, len(records))
            found += threads.run(
                lambda piece: _tallied(records, inside[piece[0] : piece[1] + 1], height, width),  # noqa: B023
                pieces,
            )
        first = stop
    if len(found) == 1:
        return found[0]
    first_labels, second_labels, *others = map(np.concatenate, zip(*found, strict=True))
    return first_labels, second_labels, others[0], others[1], others[2]


def _tallied(records: Words, edges: Longs, height: int, width: int) -> Pairs:
    """Count the pairs of some parts."""
    most = int(edges[-1] - edges[0])
    largest = int(np.diff(edges).max())
    table = np.empty(1 << max(1, 2 * largest - 1).bit_length(), np.int32)
    labels = np.empty(most, np.uint64), np.empty(most, np.uint64)
    counts = np.empty(most, np.int64)
    boxes = np.empty((most, 3), np.int64), np.empty((most, 3), np.int64)
    n = confusion.tally_runs(records, edges, height, width, table, labels, counts, boxes)
    if 2 * n > most:
        return labels[0][:n], labels[1][:n], counts[:n], boxes[0][:n], boxes[1][:n]
    copies = labels[0][:n].copy(), labels[1][:n].copy(), counts[:n].copy()  # without the spare room
    return *copies, boxes[0][:n].copy(), boxes[1][:n].copy()
