"""Masks as bits: 64 voxels to a word along the fastest axis.

Idea: a label inside its bounding box is compared once and kept as one bit a voxel. From then on an erosion, a
shift, an intersection or a count works on 64 voxels an instruction, and a 512³ mask takes 16 MB. Rows start on a
word of their own; the bits beyond a row's end are 0, which is also what lies outside the image.

Cost: a comparison of 64 bytes gives a word of bits, so a word takes one to eight vector comparisons, by the width of
the labels: as fast as the box can be read.

Exactness: a voxel is in the mask if its label is one of `values`, compared as the bits they are.
"""

import numpy as np

from fastseg_kernels._intrinsics import lanes_of, load, popcount, splat, unequal
from fastseg_kernels._jit import i64, inlined, kernel, label_kernels, read, u8, u64, write

ALL = 0xFFFFFFFFFFFFFFFF


def _signature(label):
    return (
        read(label, 3),  # labels
        read(u64, 1),  # values
        i64,  # first slice of `words` to fill
        i64,  # slice to stop before
        read(i64, 1),  # where the box starts in `labels`: z, y, x
        i64,  # its size along x
        write(u64, 3),  # words
    )


@inlined
def _matches(labels, start, value):
    """A word with a bit for each of 64 voxels, from `start` on, that has the label `value`."""
    lanes = lanes_of(labels)
    wanted = splat(value)
    different = np.uint64(0)
    for part in range(np.uint64(64) // lanes):
        shift = part * lanes
        different |= unequal(load(labels, start + shift), wanted) << shift
    return ~different


@inlined
def _matches_one_by_one(labels, start, count, value):
    """The same for the last voxels of a volume, which no vector can be loaded for."""
    bits = np.uint64(0)
    for i in range(count):
        if labels[start + i] == value:
            bits |= np.uint64(1) << i
    return bits


@inlined
def _last_matches(labels, start, count, value):
    """The same for the last word of a row, of which only some voxels count."""
    if start + np.uint64(64) <= np.uint64(labels.size):
        return _matches(labels, start, value) & (np.uint64(ALL) >> (np.uint64(64) - count))
    return _matches_one_by_one(labels, start, count, value)


@label_kernels(_signature)
def select(labels, values, first, stop, corner, width, words):
    """Set the bits of the voxels whose label is one of `values`, in slices `first` to `stop` of a box."""
    flat = labels.reshape(-1)
    out = words.reshape(-1)
    full = np.uint64(width) // np.uint64(64)  # words of a row all of whose voxels count
    rest = np.uint64(width) % np.uint64(64)
    there = np.uint64(first * words.shape[1] * words.shape[2])
    for z in range(np.uint64(first), np.uint64(stop)):
        source_z = z + np.uint64(corner[0])
        for y in range(np.uint64(words.shape[1])):
            source_y = y + np.uint64(corner[1])
            row = (source_z * np.uint64(labels.shape[1]) + source_y) * np.uint64(labels.shape[2])
            row += np.uint64(corner[2])
            last = row + full * np.uint64(64)
            for word in range(np.uint64(words.shape[2])):
                out[there + word] = 0
            for i in range(np.uint64(values.size)):
                value = labels.dtype.type(values[i])
                for word in range(full):
                    out[there + word] |= _matches(flat, row + word * np.uint64(64), value)
                if rest != 0:
                    out[there + full] |= _last_matches(flat, last, rest, value)
            there += np.uint64(words.shape[2])


@kernel(read(u64, 3), write(u8, 3))
def unpack(words, mask):
    """Write a 0 or 1 byte for each voxel of packed rows."""
    for z in range(np.uint64(mask.shape[0])):
        for y in range(np.uint64(mask.shape[1])):
            for x in range(np.uint64(mask.shape[2])):
                word = words[z, y, x >> np.uint64(6)]
                mask[z, y, x] = np.uint8((word >> (x & np.uint64(63))) & np.uint64(1))


@kernel(read(u64, 3), i64, i64, write(u64, 1), write(u64, 1), write(u64, 1))
def occupied(words, first, stop, slices, rows, columns):
    """OR all words of each slice, of each row and of each column of words, over slices `first` to `stop`.

    The three come filled with 0, and what they have is kept.
    """
    for z in range(np.uint64(first), np.uint64(stop)):
        for y in range(np.uint64(words.shape[1])):
            row = np.uint64(0)
            for w in range(np.uint64(words.shape[2])):
                row |= words[z, y, w]
                columns[w] |= words[z, y, w]
            rows[y] |= row
            slices[z] |= row


@kernel(read(u64, 1))
def count(words):
    """Count the set bits."""
    total = np.int64(0)
    for i in range(np.uint64(words.size)):
        total += popcount(words[i])
    return total


@kernel(read(u64, 1), read(u64, 1))
def count_both(first, second):
    """Count the bits that are set in both."""
    total = np.int64(0)
    for i in range(np.uint64(first.size)):
        total += popcount(first[i] & second[i])
    return total
