"""Masks as bits: 64 voxels to a word along the fastest axis.

Idea: a label inside its bounding box is compared once and kept as one bit a voxel. From then on an erosion, a
shift, an intersection or a count works on 64 voxels an instruction, and a 512³ mask takes 16 MB. Rows start on a
word of their own; the bits beyond a row's end are 0, which is also what lies outside the image.

Cost: a row is compared into bytes (vector code), then eight bytes become eight bits with one multiplication: of
bytes that are 0 or 1, `0x0102040810204080` moves byte i's bit to bit 56 + i, and no two partial products meet.

Exactness: a voxel is in the mask if its label is one of `values`, compared as the bits they are.
"""

import numpy as np

from fastseg_kernels._jit import i64, kernel, label_kernels, read, u8, u64, write
from fastseg_kernels._words import popcount, trailing_zeros

GATHER = 0x0102040810204080


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


@label_kernels(_signature)
def select(labels, values, first, stop, corner, width, words):
    """Set the bits of the voxels whose label is one of `values`, in slices `first` to `stop` of a box."""
    x0 = np.uint64(corner[2])
    size = np.uint64(width)
    row = np.zeros(words.shape[2] * 64, dtype=np.uint8)
    octets = row.view(np.uint64)
    for z in range(np.uint64(first), np.uint64(stop)):
        source_z = z + np.uint64(corner[0])
        for y in range(np.uint64(words.shape[1])):
            source_y = y + np.uint64(corner[1])
            first_value = values[np.uint64(0)]
            for x in range(size):
                row[x] = np.uint64(labels[source_z, source_y, x0 + x]) == first_value
            for i in range(np.uint64(1), np.uint64(values.size)):
                value = values[i]
                for x in range(size):
                    row[x] |= np.uint8(np.uint64(labels[source_z, source_y, x0 + x]) == value)
            for word in range(np.uint64(words.shape[2])):
                bits = np.uint64(0)
                for octet in range(np.uint64(8)):
                    gathered = octets[word * np.uint64(8) + octet] * np.uint64(GATHER)
                    bits |= (gathered >> np.uint64(56)) << (octet * np.uint64(8))
                words[z, y, word] = bits


@kernel(read(u64, 3), write(u8, 3))
def unpack(words, mask):
    """Write a 0 or 1 byte for each voxel of packed rows."""
    for z in range(np.uint64(mask.shape[0])):
        for y in range(np.uint64(mask.shape[1])):
            for x in range(np.uint64(mask.shape[2])):
                word = words[z, y, x >> np.uint64(6)]
                mask[z, y, x] = np.uint8((word >> (x & np.uint64(63))) & np.uint64(1))


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


@kernel(read(u64, 3), write(i64, 2))
def positions(words, out):
    """Write the position (z, y, x) of each set bit, in C order."""
    n = np.uint64(0)
    for z in range(np.uint64(words.shape[0])):
        for y in range(np.uint64(words.shape[1])):
            for word in range(np.uint64(words.shape[2])):
                bits = words[z, y, word]
                while bits != 0:
                    out[n, np.uint64(0)] = z
                    out[n, np.uint64(1)] = y
                    out[n, np.uint64(2)] = np.int64(word) * 64 + trailing_zeros(bits)
                    bits &= bits - np.uint64(1)
                    n += np.uint64(1)
