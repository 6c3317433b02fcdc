"""Components of two masks beside each other: which of them meet, and some of them taken out as bits.

Idea: the rows of both masks lie in the same bundles, so that a word of a bundle falls into pieces, each of which lies
in one run of either side or in none. All voxels of a piece, in all rows of the bundle, belong to one pair of
components, or to a component and the background: a few AND and population counts tell how many and where. And a
component is taken out of a box by asking of each run of its words whether the number is one of those wanted. No
volume of numbers is written or read, of which there would be 64 bytes for each byte of the rows.

Cost: some instructions a piece, which are about as many as runs; of taking out, some a run of the boxes' words.

Exactness: counts are int64, boxes whole numbers; neither depends on the order in which pieces come.
"""

import numpy as np

from fastseg_kernels._intrinsics import leading_zeros, popcount, trailing_zeros
from fastseg_kernels._jit import i32, i64, inlined, kernel, read, u32, u64, write
from fastseg_kernels._runs import run_at

ALL = 0xFFFFFFFFFFFFFFFF

#: columns of what is found of a pair
SIZE, Z_START, Z_STOP, Y_START, Y_STOP, X_START, X_STOP = range(7)
COLUMNS = 7
_NO_PLACE = 0x7FFFFFFFFFFFFFFF
NOTHING = (0, _NO_PLACE, 0, _NO_PLACE, 0, _NO_PLACE, 0)


@inlined
def _columns_of_run(bundle, starts, bit):
    """Make the word of the columns of the run that has a bit, from it on, or of all columns in no run."""
    if (bundle >> bit) & np.uint64(1) == 0:
        return ~bundle
    later = starts & ~(np.uint64(ALL) >> (np.uint64(63) - bit))
    return bundle & ((later & (~later + np.uint64(1))) - np.uint64(1))


@inlined
def _number_at(bundle, starts, before, numbers, bit):
    """Look up the component of a column, 0 for none."""
    if (bundle >> bit) & np.uint64(1) == 0:
        return np.uint64(0)
    return np.uint64(numbers[run_at(starts, before, bit)])


@inlined
def _row(words, z, y, w):
    """Take a word of a row, 0 where there is no such row."""
    if z < np.uint64(words.shape[0]) and y < np.uint64(words.shape[1]):
        return words[z, y, w]
    return np.uint64(0)


@inlined
def _slot_of(keys, slots, key):
    """Find the place in the table where a pair is, or would be."""
    mask = np.uint64(slots.size - 1)
    place = ((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)) & mask
    while slots[place] >= 0 and keys[np.uint64(slots[place])] != key:
        place = (place + np.uint64(1)) & mask
    return place


@inlined
def _add(found, row, z, y, x, p00, p01, p10, p11):
    """Count the voxels of a piece in the rows of a bundle, and widen the box of its pair."""
    part = p00 | p01 | p10 | p11
    size = popcount(p00) + popcount(p01) + popcount(p10) + popcount(p11)
    found[row, np.uint64(SIZE)] += size
    z_start = z + (np.int64(0) if (p00 | p01) != 0 else np.int64(1))
    z_stop = z + (np.int64(2) if (p10 | p11) != 0 else np.int64(1))
    y_start = y + (np.int64(0) if (p00 | p10) != 0 else np.int64(1))
    y_stop = y + (np.int64(2) if (p01 | p11) != 0 else np.int64(1))
    x_start, x_stop = x + trailing_zeros(part), x + 64 - leading_zeros(part)
    found[row, np.uint64(Z_START)] = min(found[row, np.uint64(Z_START)], z_start)
    found[row, np.uint64(Z_STOP)] = max(found[row, np.uint64(Z_STOP)], z_stop)
    found[row, np.uint64(Y_START)] = min(found[row, np.uint64(Y_START)], y_start)
    found[row, np.uint64(Y_STOP)] = max(found[row, np.uint64(Y_STOP)], y_stop)
    found[row, np.uint64(X_START)] = min(found[row, np.uint64(X_START)], x_start)
    found[row, np.uint64(X_STOP)] = max(found[row, np.uint64(X_STOP)], x_stop)


@kernel(
    read(u64, 3),  # words of the reference: the rows (nz, ny, row_words)
    read(u64, 3),  # words of the prediction
    i64,  # depth of a bundle
    i64,  # height of a bundle
    i64,  # first bundle
    i64,  # bundle to stop before
    read(u64, 2),  # bundles of the reference
    read(u64, 2),  # starts
    read(u32, 2),  # before
    read(u32, 1),  # numbers of the runs
    read(u64, 2),  # bundles of the prediction
    read(u64, 2),  # starts
    read(u32, 2),  # before
    read(u32, 1),  # numbers of the runs
    write(i32, 1),  # slots: -1, as many as a power of two
    write(u64, 1),  # keys: reference << 32 | prediction
    write(i64, 2),  # found: the columns above of each pair
)
def meet_runs(
    first_words,
    second_words,
    depth,
    height,
    first,
    stop,
    first_bundles,
    first_starts,
    first_before,
    first_numbers,
    second_bundles,
    second_starts,
    second_before,
    second_numbers,
    slots,
    keys,
    found,
):
    """Count the voxels of each pair of components, a component of one side and 0 included, and widen its box.

    What is `found` is as of none before.

    Returns
    -------
    int
        How many pairs there are; -1 where there is no room for more.
    """
    one, zero = np.uint64(1), np.uint64(0)
    ny = first_words.shape[1]
    per_slice = np.uint64((ny + height - 1) // height)
    n = zero
    most = np.uint64(found.shape[0])
    for bundle in range(np.uint64(first), np.uint64(stop)):
        bundle_z = bundle // per_slice
        y = (bundle - bundle_z * per_slice) * np.uint64(height)
        z = bundle_z * np.uint64(depth)
        for w in range(np.uint64(first_words.shape[2])):
            own, other = first_bundles[bundle, w], second_bundles[bundle, w]
            rest = own | other
            if rest == 0:
                continue
            a00, a01, a10, a11 = first_words[z, y, w], zero, zero, zero
            b00, b01, b10, b11 = second_words[z, y, w], zero, zero, zero
            if height == 2:
                a01, b01 = _row(first_words, z, y + one, w), _row(second_words, z, y + one, w)
            if depth == 2:
                a10, b10 = _row(first_words, z + one, y, w), _row(second_words, z + one, y, w)
                a11 = _row(first_words, z + one, y + one, w)
                b11 = _row(second_words, z + one, y + one, w)
                if height == 1:
                    a11, b11 = zero, zero
            own_starts, own_before = first_starts[bundle, w], first_before[bundle, w]
            other_starts, other_before = second_starts[bundle, w], second_before[bundle, w]
            x = np.int64(w << np.uint64(6))
            while rest != 0:
                bit = np.uint64(trailing_zeros(rest))
                part = rest & _columns_of_run(own, own_starts, bit)
                part &= _columns_of_run(other, other_starts, bit)
                rest ^= part
                a = _number_at(own, own_starts, own_before, first_numbers, bit)
                b = _number_at(other, other_starts, other_before, second_numbers, bit)
                # both, the reference alone, the prediction alone
                for kind in range(
                    0 if a != 0 and b != 0 else 1 if a != 0 else 2, 3 if b != 0 else 2
                ):
                    p00, p01, p10, p11 = a00 & b00, a01 & b01, a10 & b10, a11 & b11
                    key = (a << np.uint64(32)) | b
                    if kind == 1:
                        p00, p01, p10, p11 = a00 & ~b00, a01 & ~b01, a10 & ~b10, a11 & ~b11
                        key = a << np.uint64(32)
                    elif kind == 2:
                        p00, p01, p10, p11 = b00 & ~a00, b01 & ~a01, b10 & ~a10, b11 & ~a11
                        key = b
                    p00 &= part
                    p01 &= part
                    p10 &= part
                    p11 &= part
                    if (p00 | p01 | p10 | p11) == 0:
                        continue
                    place = _slot_of(keys, slots, key)
                    if slots[place] < 0:
                        if n == most:
                            return np.int64(-1)
                        slots[place] = np.int32(n)
                        keys[n] = key
                        n += one
                    row = np.uint64(slots[place])
                    _add(found, row, np.int64(z), np.int64(y), x, p00, p01, p10, p11)
    return np.int64(n)


@kernel(
    read(u64, 3),  # words: the rows (nz, ny, row_words)
    i64,  # depth of a bundle
    i64,  # height of a bundle
    read(u64, 2),  # starts
    read(u32, 2),  # before
    read(u32, 1),  # numbers of the runs
    read(u64, 1),  # values: the components of all structures
    read(i64, 1),  # where the values of each structure start, and where the last ones end
    read(i64, 2),  # boxes: start and size along z, y, x
    read(
        i64, 2
    ),  # layout: bits from row to row, from slice to slice, and the first bit of each structure
    write(u64, 1),  # out
)
def take_runs(
    words, depth, height, starts, before, numbers, values, value_starts, boxes, layout, out
):
    """Set the bits of the voxels of each structure's box that lie in one of its components; the caller zeroes them.

    A word more than what the last bit lies in is read and written.
    """
    one = np.uint64(1)
    per_slice = np.uint64((words.shape[1] + height - 1) // height)
    for i in range(np.uint64(boxes.shape[0])):
        shift_z, shift_y = np.uint64(depth - 1), np.uint64(height - 1)  # a bundle has one or two
        first, stop = np.uint64(value_starts[i]), np.uint64(value_starts[i + one])
        x_start = np.uint64(boxes[i, 2])
        x_stop = x_start + np.uint64(boxes[i, 5])
        row_bits, slice_bits = np.uint64(layout[i, 0]), np.uint64(layout[i, 1])
        for z in range(np.uint64(boxes[i, 3])):
            for y in range(np.uint64(boxes[i, 4])):
                from_z, from_y = z + np.uint64(boxes[i, 0]), y + np.uint64(boxes[i, 1])
                bundle = (from_z >> shift_z) * per_slice + (from_y >> shift_y)
                to = np.uint64(layout[i, 2]) + z * slice_bits + y * row_bits
                for w in range(x_start >> np.uint64(6), (x_stop + np.uint64(63)) >> np.uint64(6)):
                    rest = words[from_z, from_y, w]
                    x = w << np.uint64(6)
                    if x < x_start:
                        rest &= np.uint64(ALL) << (x_start - x)
                    if x_stop - x < np.uint64(64):
                        rest &= (one << (x_stop - x)) - one
                    bits = np.uint64(0)
                    while rest != 0:
                        bit = np.uint64(trailing_zeros(rest))
                        later = starts[bundle, w] & ~(np.uint64(ALL) >> (np.uint64(63) - bit))
                        part = rest & ((later & (~later + one)) - one)
                        rest ^= part
                        number = np.uint64(
                            numbers[run_at(starts[bundle, w], before[bundle, w], bit)]
                        )
                        for j in range(first, stop):
                            if values[j] == number:
                                bits |= part
                    if bits == 0:
                        continue
                    place = to
                    if x < x_start:
                        bits >>= x_start - x
                    else:
                        place += x - x_start
                    word, bit = place >> np.uint64(6), place & np.uint64(63)
                    out[word] |= bits << bit
                    out[word + one] |= (bits >> one) >> (np.uint64(63) - bit)
