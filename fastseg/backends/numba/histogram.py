"""The joint histogram for the numba backend: the kernel driven over rows, with as much room as it asks for."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.numba.many_pairs import ManyPairs
from fastseg.backends.shared.offsets import Words
from fastseg.backends.shared.volume import Volume
from fastseg.inputs.arrays import Array
from fastseg.measures.joint_histogram import JointHistogram
from fastseg_kernels.cpu import confusion

Counts = NDArray[np.int64]
_Counted = tuple[tuple[Words, Words], Counts, NDArray[np.int32]]

_kept = threading.local()

# What a byte of both maps costs, on the scale of `threads.LEAST_COST`.
_COST_OF_A_BYTE = 0.5

_FEWEST_PAIRS = 1 << 10  # room for pairs of labels that a slab starts with
# Pairs of a slab whose table is in no cache any more. With more, runs are dealt out first, unless the pairs come again
# and again where they came last, as those of cells do: fewer voxels a pair than this say that they do not
# (benchmarks: many pairs).
_MANY_PAIRS = 1 << 15
_FEW_VOXELS = 12
_LARGER_THAN_CACHES = 1 << 25  # bytes
_COLLISION = 1 << 14  # bytes that addresses may differ by and still be nearly the same


def joint_histogram(reference: Array, prediction: Array) -> JointHistogram:
    """Count the pairs of labels in one pass over both volumes."""
    first = Volume.of(reference)
    references, predictions = first.labels, Volume.of(prediction).labels
    in_turn = int(_collide(references, predictions))
    # of the map, for x, y, z
    axes = slice(first.ndim) if first.reverse else slice(first.ndim - 1, None, -1)

    if max(references.shape) >= confusion.LONG_AXIS:
        return ManyPairs.of(first, Volume.of(prediction), in_turn)
    rows = references.shape[0] * references.shape[1]
    cost = _COST_OF_A_BYTE * references.nbytes
    parts = threads.run(
        lambda slab: _count_rows(references, predictions, *slab, in_turn),
        threads.slabs(rows, cost),
        cost,
    )
    counted = list(filter(None, parts))
    if len(counted) < len(parts):
        del parts, counted
        return ManyPairs.of(first, Volume.of(prediction), in_turn)
    pairs, counts, ends = _merged(counted)
    labels, others = (side.astype(references.dtype).view(first.dtype) for side in pairs)
    starts, stops = -ends[:, 1:6:2], ends[:, :6:2]
    return JointHistogram(labels, others, counts, starts[:, axes], stops[:, axes])


def _merged(parts: Sequence[_Counted]) -> tuple[tuple[Words, Words], Counts, Counts]:
    """Join what parts of a volume have of each pair; of boxes the maxima of -starts and stops, as int64."""
    if len(parts) == 1:
        [(pairs, counts, ends)] = parts
        return pairs, counts, ends.astype(np.int64)
    first, second = (np.concatenate([part[0][side] for part in parts]) for side in (0, 1))
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    new = np.ones(len(order), bool)
    new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    groups = new.nonzero()[0]
    counts, ends = (np.concatenate([part[i] for part in parts])[order] for i in (1, 2))
    return (
        (first[groups], second[groups]),
        np.add.reduceat(counts, groups),
        np.maximum.reduceat(ends, groups).astype(np.int64),
    )


def _count_rows(
    reference: Array, prediction: Array, row: int, stop: int, in_turn: int
) -> _Counted | None:
    """Count the pairs of some rows, making room whenever the kernel asks for more; None where they are many."""
    kernel = confusion.joint_histogram[reference.dtype]
    dense = reference.itemsize == 1
    room, known = max(_FEWEST_PAIRS, 2 * min(reference.shape[2], confusion.LONG_ROW)), 0
    pairs = (np.empty(room, np.uint64), np.empty(room, np.uint64))
    counts, boxes = np.empty(room, np.int64), np.empty((room, confusion.BOX_COLUMNS), np.int32)
    table = _free_table() if dense else np.full(power_of_two(2 * room), -1, np.int32)
    changes = np.empty(reference.shape[2], np.uint64)
    ends = np.empty(reference.shape[2] + confusion.SPARE_ENDS, np.uint64)
    first = row
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
        if known < 0:
            return None
        if row == stop:
            if dense:
                table[(pairs[0][:known] << np.uint64(8)) | pairs[1][:known]] = -1
                _kept.table = table
            return (pairs[0][:known], pairs[1][:known]), counts[:known], boxes[:known]
        voxels = (row - first) * reference.shape[2]
        if known > _MANY_PAIRS and voxels < _FEW_VOXELS * known and not dense:
            return None
        room *= 4
        pairs = (_grown(pairs[0], room), _grown(pairs[1], room))
        counts, boxes = _grown(counts, room), _grown(boxes, room)
        if not dense:
            table = np.full(power_of_two(2 * room), -1, np.int32)
            confusion.index_pairs(pairs, known, table)


def _free_table() -> NDArray[np.int32]:
    """Give a table of all pairs of 8-bit labels that has none.

    A thread keeps its own, and leaves it free: to fill one takes a sixth of a small image's time (benchmarks: small).
    """
    table: NDArray[np.int32] | None = getattr(_kept, "table", None)
    _kept.table = None  # not free before its pairs are taken out, whatever happens
    return np.full(confusion.DENSE_SLOTS, -1, np.int32) if table is None else table


def _collide(first: Array, second: Array) -> bool:
    """Tell whether two volumes lie so that reading both at one index is slow.

    That is where their addresses are nearly the same but for whole huge pages, as those of two arrays of 512³ bytes are
    that were allocated one after the other: if they are larger than the last cache, counting takes twice as long
    (benchmarks: counts).
    """
    if first.nbytes < _LARGER_THAN_CACHES:
        return False
    apart = (second.ctypes.data - first.ctypes.data + _COLLISION) % (1 << 21)
    return bool(apart < 2 * _COLLISION)


def _grown(array: Array, room: int) -> Array:
    larger = np.empty((room, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


def power_of_two(least: int) -> int:
    """Find the smallest power of two that is at least `least`."""
    return 1 << (least - 1).bit_length()
