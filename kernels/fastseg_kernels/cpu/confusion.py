"""Joint histogram of two label volumes, with a bounding box for each pair of labels.

Idea: label maps are made of runs. A row is cut into runs of one (reference, prediction) pair; the end of a run is
found 64 bytes at a time: a vector comparison gives a word of bits, whose lowest set bit is where the run ends, so that
a voxel inside a run costs a fraction of the time of loading it. Only at the end of a run the pair is looked up, its
count raised by the length of the run and its box widened.

Cost: one read of both volumes, plus a hash look-up a run. 300×512×512 uint8: see ``benchmarks/``.

Exactness: counts are int64; labels are compared as the bits they are, so that signed, unsigned and 64-bit ids need
no conversion; a pair is found by comparing both labels, never by its hash alone.
"""

import numpy as np
from numba import types

from fastseg_kernels._jit import i32, i64, inlined, kernel, label_kernels, read, u64, write
from fastseg_kernels._vectors import BYTES, load, splat, unequal
from fastseg_kernels._words import trailing_zeros

ALL = 0xFFFFFFFFFFFFFFFF

# columns of `boxes`
Z_START, Z_STOP, Y_START, Y_STOP, X_START, X_STOP = range(6)


@inlined
def _slot(reference_label, prediction_label, references, predictions, table):
    """Where the pair stands in the open-addressing table, or the free slot where it would go."""
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


@inlined
def _run_end(reference, prediction, start, stop):
    """First index of the flat volumes after `start` at which either leaves its label, or `stop`."""
    lanes = np.uint64(BYTES // reference.itemsize)
    reference_label = reference[start]
    prediction_label = prediction[start]
    references = splat(reference_label)
    predictions = splat(prediction_label)
    size = np.uint64(reference.size)
    x = start
    while x + np.uint64(4) * lanes <= stop:
        differ = unequal(load(reference, x), references) | unequal(load(prediction, x), predictions)
        if differ != 0:
            return x + np.uint64(trailing_zeros(differ))
        x += lanes
        # most runs are shorter than a vector; the long ones go on by three at once
        y = x + lanes
        z = y + lanes
        differ = (
            unequal(load(reference, x), references)
            | unequal(load(prediction, x), predictions)
            | unequal(load(reference, y), references)
            | unequal(load(prediction, y), predictions)
            | unequal(load(reference, z), references)
            | unequal(load(prediction, z), predictions)
        )
        if differ != 0:
            break
        x = z + lanes
    while x < stop:
        if x + lanes <= size:
            differ = unequal(load(reference, x), references)
            differ |= unequal(load(prediction, x), predictions)
            if stop - x < lanes:  # the next row does not belong to the run
                differ |= np.uint64(ALL) << (stop - x)
            if differ != 0:
                return x + np.uint64(trailing_zeros(differ))
            x += lanes
        elif reference[x] == reference_label and prediction[x] == prediction_label:
            x += np.uint64(1)
        else:
            return x
    return stop


def _signature(label):
    return (
        read(label, 3),  # reference
        read(label, 3),  # prediction
        i64,  # first row (z, y flattened)
        i64,  # row to stop before
        types.Tuple((write(u64, 1), write(u64, 1))),  # labels of the pairs
        write(i64, 1),  # count of each pair
        write(i64, 2),  # box of each pair
        write(i32, 1),  # hash table: pair or -1
        i64,  # pairs known already
    )


@label_kernels(_signature)
def joint_histogram(reference, prediction, row, stop, pairs, counts, boxes, table, known):
    """Count the rows from `row` on, until `stop` or until another row might not find room for its pairs.

    Returns the row reached and the number of pairs known. The caller makes room and calls again. `table` has a
    power of two of slots, -1 where free, and at least twice as many as `counts` has rows.
    """
    references, predictions = pairs
    flat_reference = reference.reshape(-1)
    flat_prediction = prediction.reshape(-1)
    height = np.uint64(reference.shape[1])
    width = np.uint64(reference.shape[2])
    previous_reference = np.uint64(0)
    previous_prediction = np.uint64(0)
    pair = np.int64(-1)
    while row < stop and known + reference.shape[2] <= counts.size:
        z = np.uint64(row) // height
        y = np.uint64(row) - z * height
        row_start = np.uint64(row) * width
        x = np.uint64(0)
        while x < width:
            start = row_start + x
            end = _run_end(flat_reference, flat_prediction, start, row_start + width) - row_start
            reference_label = np.uint64(flat_reference[start])
            prediction_label = np.uint64(flat_prediction[start])
            if (
                pair < 0
                or reference_label != previous_reference
                or prediction_label != previous_prediction
            ):
                previous_reference = reference_label
                previous_prediction = prediction_label
                slot = _slot(reference_label, prediction_label, references, predictions, table)
                pair = np.int64(table[slot])
                if pair < 0:
                    pair = known
                    known += 1
                    table[slot] = pair
                    references[pair] = reference_label
                    predictions[pair] = prediction_label
                    counts[pair] = 0
                    boxes[pair, Z_START] = z
                    boxes[pair, Y_START] = y
                    boxes[pair, Y_STOP] = y
                    boxes[pair, X_START] = x
                    boxes[pair, X_STOP] = x
            box = boxes[pair]
            counts[pair] += np.int64(end - x)
            box[Z_STOP] = np.int64(z) + 1  # rows come in order of z
            box[Y_START] = min(box[Y_START], np.int64(y))
            box[Y_STOP] = max(box[Y_STOP], np.int64(y) + 1)
            box[X_START] = min(box[X_START], np.int64(x))
            box[X_STOP] = max(box[X_STOP], np.int64(end))
            x = end
        row += 1
    return row, known


@kernel(types.Tuple((read(u64, 1), read(u64, 1))), i64, write(i32, 1))
def index_pairs(pairs, known, table):
    """Enter the first `known` pairs into a hash table that is still free."""
    references, predictions = pairs
    for pair in range(np.uint64(known)):
        slot = _slot(references[pair], predictions[pair], references, predictions, table)
        table[slot] = pair
