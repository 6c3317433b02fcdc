"""Joint histogram of two label volumes, with a bounding box for each pair of labels.

Idea: label maps are made of runs. A row is first cut into runs of one (reference, prediction) pair: a vector of 64
bytes is compared with itself one voxel further on, which gives a word with a bit for every end of a run, and the bits
are written out as a list, four at a time whether there are so many or not. Only then, in a second loop, the pair of
each run is looked up, its count raised by the length of the run and its box widened. So no branch depends on where
runs end, but for one a block and one a row: following each run to its end mispredicts once a run, which takes four
times as long for each and twice as long in all (benchmarks: confusion_matrix/organs-512).

Cost: one read of both volumes, which is half of the time where runs are long, and a look-up, an addition and a vector
maximum a run.

Exactness: counts are int64; labels are compared as the bits they are, so that signed, unsigned and 64-bit ids need
no conversion; a pair is found by comparing both labels, never by its hash alone.
"""

import numpy as np
from numba import types

from fastseg_kernels._intrinsics import (
    either_unequal,
    flattened,
    insert,
    lanes_of,
    load,
    load_beside,
    maximum,
    popcount,
    splat,
    splat_beside,
    store,
    trailing_zeros,
    unequal,
)
from fastseg_kernels._jit import (
    TWICE_OPTIMISED,
    always_inlined,
    i32,
    i64,
    inlined,
    kernel,
    label_kernels,
    read,
    u64,
    write,
)

# Columns of `boxes`: a box is one vector, with its starts negated, so that one maximum widens it.
X_STOP, MINUS_X_START, Y_STOP, MINUS_Y_START, Z_STOP, MINUS_Z_START = range(6)
BOX_COLUMNS = 8

#: ends that may be written beyond the last one
SPARE_ENDS = 4

#: slots of the table where labels have 8 bits: one for every pair there is
DENSE_SLOTS = 1 << 16

#: rows longer than this need not find room for as many pairs; they end the count where room runs out
LONG_ROW = 1 << 16

_NOTHING = -(2**31)

#: an axis of so many voxels, or more, has no room in a box
LONG_AXIS = 2**31 - 1


@always_inlined
def _slot(reference_label, prediction_label, references, predictions, table):
    """Find the slot of the open-addressing table that holds the pair, or the free slot where it would go."""
    mask = np.uint64(table.size - 1)
    mixed = np.uint64(reference_label) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= np.uint64(prediction_label) * np.uint64(0xC2B2AE3D27D4EB4F)
    slot = (mixed ^ (mixed >> np.uint64(29))) & mask
    while True:
        entry = table[slot]
        if entry < 0:
            return slot
        if references[entry] == reference_label and predictions[entry] == prediction_label:
            return slot
        slot = (slot + np.uint64(1)) & mask


@always_inlined
def _run_ends(reference, prediction, start, stop, in_turn, changes, ends):
    """Write where the runs of the row from `start` to `stop` end, and return how many runs there are.

    With `in_turn` the whole row is read in one volume before it is read in the other, else vector by vector in turn.
    """
    one = np.uint64(1)
    lanes = lanes_of(reference)
    size = np.uint64(reference.size)
    if in_turn != 0:
        v = np.uint64(0)
        x = start
        while x < stop and x + lanes < size:
            changes[v] = unequal(load(reference, x), load(reference, x + one))
            v += one
            x += lanes
    n = np.uint64(0)
    v = np.uint64(0)
    x = start
    while x < stop and x + lanes < size:
        ahead, beyond = load(prediction, x), load(prediction, x + one)
        if in_turn != 0:
            changed = unequal(ahead, beyond) | changes[v]
            v += one
        else:
            changed = either_unequal(ahead, beyond, load(reference, x), load(reference, x + one))
        if stop - x <= lanes:  # the row ends here, whatever the next one begins with
            last = one << (stop - x - one)
            changed = (changed & (last - one)) | last
        if changed != 0:
            end = n
            n += np.uint64(popcount(changed))
            while end < n:
                for _ in range(4):
                    ends[end] = x + one + np.uint64(trailing_zeros(changed))
                    changed &= changed - one
                    end += one
        x += lanes
    while x < stop:  # no whole vector is left in the volume
        if (
            x + one == stop
            or reference[x] != reference[x + one]
            or prediction[x] != prediction[x + one]
        ):
            ends[n] = x + one
            n += one
        x += one
    return n


def _signature(label):
    return (
        read(label, 3),  # reference
        read(label, 3),  # prediction
        i64,  # row to start with (z, y flattened)
        i64,  # row to stop before
        types.Tuple((write(u64, 1), write(u64, 1))),  # pairs: the labels of each
        write(i64, 1),  # counts of the pairs
        write(i32, 2),  # boxes of the pairs
        write(i32, 1),  # table: pair or -1
        i64,  # in_turn: 1 to read a row in one volume before the other
        write(u64, 1),  # changes: room for a bit a voxel of a row
        write(u64, 1),  # ends: room for the ends of a row's runs
        i64,  # n_pairs: pairs known so far
    )


@label_kernels(_signature)
def joint_histogram(
    reference, prediction, row, stop, pairs, counts, boxes, table, in_turn, changes, ends, n_pairs
):
    """Count the rows from `row` on, until `stop` or until another row might not find room for its pairs.

    Returns the row reached and the number of pairs known. The caller makes room and calls again. The number is -1 where
    room ran out within a row longer than `LONG_ROW`, and all has to be counted anew.

    `table` holds -1 where it is free. It has `DENSE_SLOTS` slots for labels of 8 bits, else a power of two, at least
    twice as many as `counts` has rows. `changes` has a word for each vector of a row, `ends` room for a row and
    `SPARE_ENDS` more. Reading rows `in_turn` is slower by a twentieth, but where the two volumes lie so that they
    compete for the same lines of the cache (the caller finds out) it takes two thirds of the time
    (benchmarks: confusion_matrix/dense100-512).
    """
    references, predictions = pairs
    flat_reference = flattened(reference)
    flat_prediction = flattened(prediction)
    flat_boxes = flattened(boxes)
    height = np.uint64(reference.shape[1])
    width = np.uint64(reference.shape[2])
    needed = reference.shape[2] if reference.shape[2] <= LONG_ROW else 0
    while row < stop and n_pairs + needed <= counts.size:
        z = np.uint64(row) // height
        y = np.uint64(row) - z * height
        row_box = splat_beside(np.int32(_NOTHING), splat(np.int64(0)))  # as many lanes
        row_box = insert(row_box, Y_STOP, np.int32(y + np.uint64(1)))
        row_box = insert(row_box, MINUS_Y_START, np.int32(-np.int64(y)))
        row_box = insert(row_box, Z_STOP, np.int32(z + np.uint64(1)))
        row_box = insert(row_box, MINUS_Z_START, np.int32(-np.int64(z)))
        row_start = np.uint64(row) * width
        start = row_start
        runs = _run_ends(
            flat_reference, flat_prediction, start, start + width, in_turn, changes, ends
        )
        for run in range(runs):
            end = ends[run]
            reference_label = np.uint64(flat_reference[start])
            prediction_label = np.uint64(flat_prediction[start])
            if lanes_of(reference) == 64:
                slot = (reference_label << np.uint64(8)) | prediction_label
            else:
                slot = _slot(reference_label, prediction_label, references, predictions, table)
            pair = np.int64(table[slot])
            box = np.uint64(pair) * np.uint64(BOX_COLUMNS)
            if pair < 0:
                if n_pairs == counts.size:
                    return row, np.int64(-1)
                pair = n_pairs
                n_pairs += 1
                table[slot] = pair
                references[pair] = reference_label
                predictions[pair] = prediction_label
                counts[pair] = 0
                box = np.uint64(pair) * np.uint64(BOX_COLUMNS)
                store(flat_boxes, box, row_box)
            counts[np.uint64(pair)] += np.int64(end - start)
            run_box = insert(row_box, X_STOP, np.int32(end - row_start))
            run_box = insert(run_box, MINUS_X_START, np.int32(row_start - start))
            store(flat_boxes, box, maximum(load_beside(flat_boxes, box, row_box), run_box))
            start = end
        row += 1
    return row, n_pairs


@kernel(
    types.Tuple((read(u64, 1), read(u64, 1))),  # pairs: the labels of each
    i64,  # n_pairs
    write(i32, 1),  # table: pair or -1
)
def index_pairs(pairs, n_pairs, table):
    """Enter the first `n_pairs` pairs into a hash table that is still free."""
    references, predictions = pairs
    for pair in range(np.uint64(n_pairs)):
        slot = _slot(references[pair], predictions[pair], references, predictions, table)
        table[slot] = pair


# ---------------------------------------------------------------------------- millions of pairs
#
# A table of millions of pairs lies in no cache, and each run would wait for five lines of memory. So runs are first
# dealt out by the hash of their pair, to parts whose tables do: three passes in order, which take a tenth of the time.

#: a span is where a run starts in the flat volume, above so many bits of its length; longer runs are cut
SPAN_BITS = 24


@inlined
def _mixed(reference_label, prediction_label):
    """Mix both labels: the highest bits of the result choose the part, some of the others the slot."""
    mixed = np.uint64(reference_label) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= np.uint64(prediction_label) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= mixed >> np.uint64(32)
    return mixed * np.uint64(0xD6E8FEB86659FD93)


def _deal_signature(label):
    return (
        read(label, 3),  # reference
        read(label, 3),  # prediction
        i64,  # row to start with (z, y flattened)
        i64,  # row to stop before
        i64,  # in_turn, as in `joint_histogram`
        i64,  # shift: of a mixed pair to the number of its part
        write(u64, 1),  # changes: room for a bit a voxel of a row
        write(u64, 1),  # ends: room for the ends of a row's runs
        i64,  # first part
        i64,  # part to stop before
        write(
            i64, 1
        ),  # places of the parts: where the next record of each goes; else how many there are
        write(label, 2),  # labels (n, 2) of the runs; empty to count only
        write(u64, 1),  # spans of the runs
    )


@label_kernels(_deal_signature, TWICE_OPTIMISED)  # a fifth faster (benchmarks: many pairs)
def deal_runs(
    reference,
    prediction,
    row,
    stop,
    in_turn,
    shift,
    changes,
    ends,
    first_part,
    stop_part,
    places,
    labels,
    spans,
):
    """Count the runs of some rows by the part that their pair belongs to, or write them where their part is."""
    flat_reference = flattened(reference)
    flat_prediction = flattened(prediction)
    width = np.uint64(reference.shape[2])
    low, high = np.uint64(first_part), np.uint64(stop_part)
    longest = np.uint64((1 << SPAN_BITS) - 1)
    for r in range(np.uint64(row), np.uint64(stop)):
        start = r * width
        runs = _run_ends(
            flat_reference, flat_prediction, start, start + width, in_turn, changes, ends
        )
        for run in range(runs):
            end = ends[run]
            reference_label = np.uint64(flat_reference[start])
            prediction_label = np.uint64(flat_prediction[start])
            part = _mixed(reference_label, prediction_label) >> np.uint64(shift)
            while start < end and part >= low and part < high:
                place = np.uint64(places[part])
                places[part] += 1
                length = min(end - start, longest)
                if spans.size > 0:
                    labels[place, np.uint64(0)] = flat_reference[start]
                    labels[place, np.uint64(1)] = flat_prediction[start]
                    spans[place] = (start << np.uint64(SPAN_BITS)) | length
                start += length
            start = end


def _tally_signature(label):
    return (
        read(label, 2),  # labels (n, 2) of the runs, part after part
        read(u64, 1),  # spans of the runs
        read(i64, 1),  # edges: where each part starts, and where the last one ends
        i64,  # height
        i64,  # width
        write(
            i32, 1
        ),  # table: room for a power of two of slots, twice the runs of the largest part
        write(label, 1),  # references of the pairs
        write(label, 1),  # predictions of the pairs
        write(i64, 1),  # counts of the pairs
        write(i64, 2),  # starts (n, 3) of their boxes along z, y, x; empty if they are not wanted
        write(i64, 2),  # stops, likewise
    )


@label_kernels(_tally_signature, TWICE_OPTIMISED)
def tally_runs(
    labels, spans, edges, height, width, table, references, predictions, counts, starts, stops
):
    """Count the pairs of dealt runs, which are in one part each, and return how many there are."""
    n_pairs = np.int64(0)
    x, y, z = np.uint64(2), np.uint64(1), np.uint64(0)
    longest = np.uint64((1 << SPAN_BITS) - 1)
    for part in range(np.uint64(edges.size - 1)):
        first, stop = np.uint64(edges[part]), np.uint64(edges[part + np.uint64(1)])
        slots = np.uint64(1)
        while slots < np.uint64(2) * (stop - first):
            slots *= np.uint64(2)
        mask = slots - np.uint64(1)
        table[:slots] = -1
        for run in range(first, stop):
            reference_label = labels[run, np.uint64(0)]
            prediction_label = labels[run, np.uint64(1)]
            start = spans[run] >> np.uint64(SPAN_BITS)
            length = np.int64(spans[run] & longest)
            mixed = _mixed(np.uint64(reference_label), np.uint64(prediction_label))
            slot = (mixed >> np.uint64(16)) & mask
            while True:
                entry = table[slot]
                pair = np.uint64(entry)
                if entry < 0:
                    pair = np.uint64(n_pairs)
                    table[slot] = n_pairs
                    n_pairs += 1
                    references[pair] = reference_label
                    predictions[pair] = prediction_label
                    counts[pair] = length
                    if starts.shape[0] > 0:
                        starts[pair] = np.int64(0x7FFFFFFFFFFFFFFF)
                        stops[pair] = 0
                    break
                if references[pair] == reference_label and predictions[pair] == prediction_label:
                    counts[pair] += length
                    break
                slot = (slot + np.uint64(1)) & mask
            if starts.shape[0] > 0:
                row = start // np.uint64(width)
                slice_of_row = row // np.uint64(height)
                _widen(starts[pair], stops[pair], z, np.int64(slice_of_row), 1)
                _widen(
                    starts[pair],
                    stops[pair],
                    y,
                    np.int64(row - slice_of_row * np.uint64(height)),
                    1,
                )
                _widen(
                    starts[pair], stops[pair], x, np.int64(start - row * np.uint64(width)), length
                )
    return n_pairs


@inlined
def _widen(starts, stops, axis, start, length):
    """Widen a box along an axis."""
    starts[axis] = min(starts[axis], start)
    stops[axis] = max(stops[axis], start + length)
