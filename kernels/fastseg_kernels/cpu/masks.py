"""Masks as bits: 64 voxels to a word along the fastest axis.

Idea: a label inside its bounding box is compared once and kept as one bit a voxel. From then on an erosion, a
shift, an intersection or a count works on 64 voxels an instruction, and a mask takes 1/8 byte a voxel. Rows start on a
word of their own; the bits beyond a row's end are 0, which is also what lies outside the image.

Cost: a comparison of 64 bytes gives a word of bits, so a word takes one to eight vector comparisons, by the width of
the labels: as fast as the box can be read.

Exactness: a voxel is in the mask if its label is one of `values`, compared as the bits they are.
"""

import numpy as np

from fastseg_kernels._intrinsics import (
    flattened,
    lanes_of,
    load,
    popcount,
    splat,
    trailing_zeros,
    unequal,
)
from fastseg_kernels._jit import i64, inlined, kernel, label_kernels, read, u8, u64, write

ALL = 0xFFFFFFFFFFFFFFFF


def _signature(label):
    return (
        read(label, 3),  # labels
        read(u64, 1),  # values
        i64,  # first slice of `words` to fill
        i64,  # slice to stop before
        read(i64, 1),  # box_start in `labels`: z, y, x
        i64,  # box_width: the size of the box along x
        write(u64, 3),  # words
    )


@inlined
def _matches(labels, start, value):
    """Make a word with a bit for each of 64 voxels, from `start` on, that has the label `value`."""
    lanes = lanes_of(labels)
    pattern = splat(value)
    different = np.uint64(0)
    for part in range(np.uint64(64) // lanes):
        shift = part * lanes
        different |= unequal(load(labels, start + shift), pattern) << shift
    return ~different


@inlined
def _matches_one_by_one(labels, start, count, value):
    """Make the same word for the last voxels of a volume, from which no vector can be loaded."""
    bits = np.uint64(0)
    for i in range(count):
        if labels[start + i] == value:
            bits |= np.uint64(1) << i
    return bits


@label_kernels(_signature)
def select(labels, values, first, stop, box_start, box_width, words):
    """Set the bits of the voxels whose label is one of `values`, in some slices of a box, and clear all others."""
    flat = flattened(labels)
    out = flattened(words)
    full_words = np.uint64(box_width) // np.uint64(64)  # words of a row all of whose voxels count
    rest_bits = np.uint64(box_width) % np.uint64(64)
    start = np.uint64(first * words.shape[1] * words.shape[2])
    for z in range(np.uint64(first), np.uint64(stop)):
        source_z = z + np.uint64(box_start[0])
        for y in range(np.uint64(words.shape[1])):
            source_y = y + np.uint64(box_start[1])
            row = (source_z * np.uint64(labels.shape[1]) + source_y) * np.uint64(labels.shape[2])
            row += np.uint64(box_start[2])
            last = row + full_words * np.uint64(64)
            # The last word of a row is loaded whole, what lies beyond the box is cleared afterwards: a test for it in
            # the loop takes as long as the row.
            loaded = full_words
            if rest_bits != 0 and last + np.uint64(64) <= np.uint64(flat.size):
                loaded += np.uint64(1)
            for word in range(np.uint64(words.shape[2])):
                out[start + word] = 0
            for i in range(np.uint64(values.size)):
                value = labels.dtype.type(values[i])
                for word in range(loaded):
                    out[start + word] |= _matches(flat, row + word * np.uint64(64), value)
                if rest_bits != 0 and loaded == full_words:
                    out[start + full_words] |= _matches_one_by_one(flat, last, rest_bits, value)
            if rest_bits != 0:
                out[start + full_words] &= np.uint64(ALL) >> (np.uint64(64) - rest_bits)
            start += np.uint64(words.shape[2])


@inlined
def _matches_up_to(labels, start, count, whole, value):
    """Make the word of as many voxels, of which 64 can be loaded where it is whole."""
    if whole:
        return _matches(labels, start, value)
    return _matches_one_by_one(labels, start, count, value)


def _signature_of_one(label):
    return (
        read(label, 3),  # labels
        write(u64, 1),  # known: the label as the bits that it is, 0 where none has been seen
        write(u64, 3),  # words
    )


@label_kernels(_signature_of_one)
def pack_one(labels, known, words):
    """Set the bits of the voxels that are not 0, if all of these have one label, which is `known` if that is not 0.

    Returns
    -------
    int
        1, or 0 where there is another label; then the words mean nothing.
    """
    flat = flattened(labels)
    out = flattened(words)
    width = np.uint64(labels.shape[2])
    full_words, rest_bits = width // np.uint64(64), width % np.uint64(64)
    zero = labels.dtype.type(0)
    place = np.uint64(0)
    row_words = np.uint64(words.shape[2])
    for row in range(np.uint64(labels.shape[0] * labels.shape[1])):
        start = row * width
        for word in range(row_words):
            count = np.uint64(64) if word < full_words else rest_bits
            # as in `select` a word is loaded whole, and what lies beyond the row is cleared
            whole = start + np.uint64(64) <= np.uint64(flat.size)
            bits = ~_matches_up_to(flat, start, count, whole, zero)
            bits &= np.uint64(ALL) >> (np.uint64(64) - count)
            out[place] = bits
            place += np.uint64(1)
            if bits != 0:  # as few words are
                if known[0] == 0:
                    known[0] = np.uint64(flat[start + np.uint64(trailing_zeros(bits))])
                label = labels.dtype.type(known[0])
                if bits & ~_matches_up_to(flat, start, count, whole, label) != 0:
                    return np.int64(0)
            start += np.uint64(64)
    return np.int64(1)


@kernel(
    read(u64, 3),  # words
    write(u8, 3),  # mask
)
def unpack(words, mask):
    """Write a byte, 0 or 1, for each voxel of packed rows."""
    for z in range(np.uint64(mask.shape[0])):
        for y in range(np.uint64(mask.shape[1])):
            for x in range(np.uint64(mask.shape[2])):
                word = words[z, y, x >> np.uint64(6)]
                mask[z, y, x] = np.uint8((word >> (x & np.uint64(63))) & np.uint64(1))


@kernel(
    read(u64, 3),  # words
    i64,  # first slice
    i64,  # slice to stop before
    write(u64, 1),  # slices: the OR of each
    write(u64, 1),  # rows: the OR of each
    write(u64, 1),  # columns: the OR of each column of words
)
def occupied(words, first, stop, slices, rows, columns):
    """OR all words of each slice, of each row and of each column of words, over some slices.

    The caller zeroes the outputs; results are OR-ed into them, so that several slabs may share them.
    """
    for z in range(np.uint64(first), np.uint64(stop)):
        for y in range(np.uint64(words.shape[1])):
            row = np.uint64(0)
            for w in range(np.uint64(words.shape[2])):
                row |= words[z, y, w]
                columns[w] |= words[z, y, w]
            rows[y] |= row
            slices[z] |= row


@kernel(
    read(u64, 1),  # words
)
def count(words):
    """Count the set bits."""
    total = np.int64(0)
    for i in range(np.uint64(words.size)):
        total += popcount(words[i])
    return total


@kernel(
    read(u64, 1),  # first
    read(u64, 1),  # second
)
def count_both(first, second):
    """Count the bits that are set in both of two packed sets."""
    total = np.int64(0)
    for i in range(np.uint64(first.size)):
        total += popcount(first[i] & second[i])
    return total
