"""Joint histogram of two label volumes, with a bounding box for each pair of labels.

Idea: label maps are made of runs. A row is cut into runs of one (reference, prediction) pair; the end of a run is
found ``BLOCK`` voxels at a time by a branch-free comparison that the compiler turns into vector code, so that a
voxel inside a run costs a fraction of the time of loading it. Only at the end of a run the pair is looked up, its
count raised by the length of the run and its box widened.

Cost: one read of both volumes, plus a hash look-up a run. 300×512×512 uint8: see ``benchmarks/``.

Exactness: counts are int64; labels are compared as the bits they are, so that signed, unsigned and 64-bit ids need
no conversion; a pair is found by comparing both labels, never by its hash alone.
"""

import numpy as np
from numba import types

from fastseg_kernels._jit import i32, i64, inlined, kernel, label_kernels, read, u64, write

# voxels compared at once: one 64-byte vector of uint8
BLOCK = 64
# a run is first followed voxel by voxel for this long, so that noise does not pay for whole blocks
SHORT = 4

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
def _run_end(reference, prediction, z, y, start, size):
    """First index after `start` at which either row leaves its label, or `size`.

    Indices are unsigned throughout: a signed one carries a test for negative values into the inner loop, which
    then is not vectorised.
    """
    reference_label = reference[z, y, start]
    prediction_label = prediction[z, y, start]
    x = start + np.uint64(1)
    short_end = min(size, x + np.uint64(SHORT))
    while x < short_end:
        if reference[z, y, x] != reference_label or prediction[z, y, x] != prediction_label:
            return x
        x += np.uint64(1)
    while x + np.uint64(BLOCK) <= size:
        different = reference_label ^ reference_label
        for i in range(np.uint64(BLOCK)):
            different |= reference[z, y, x + i] ^ reference_label
            different |= prediction[z, y, x + i] ^ prediction_label
        if different != 0:
            break
        x += np.uint64(BLOCK)
    while (
        x < size
        and reference[z, y, x] == reference_label
        and prediction[z, y, x] == prediction_label
    ):
        x += np.uint64(1)
    return x


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
    height = np.uint64(reference.shape[1])
    width = np.uint64(reference.shape[2])
    previous_reference = np.uint64(0)
    previous_prediction = np.uint64(0)
    pair = np.int64(-1)
    while row < stop and known + reference.shape[2] <= counts.size:
        z = np.uint64(row) // height
        y = np.uint64(row) - z * height
        x = np.uint64(0)
        while x < width:
            end = _run_end(reference, prediction, z, y, x, width)
            reference_label = np.uint64(reference[z, y, x])
            prediction_label = np.uint64(prediction[z, y, x])
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
