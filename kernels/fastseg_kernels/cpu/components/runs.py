"""What is made of the runs of components once they are joined: numbers, sizes and boxes, painted voxels.

Idea: the sets of runs are numbered in the order of their first runs. A component's voxels are then counted and its box
found word by word, from the bits of the rows of a bundle and the place of its runs, and painted so: 64 voxels are four
vectors, into which each run of the word puts its number where its bits are, in all rows of the bundle at once. Vectors
without a voxel are not written: what small components take is misses of the cache.

Cost: one pass over the runs; one over the words, with some instructions a run and word; what writing to memory takes.

Exactness: counts are int64. Where rows share a bundle, or where the order of the map's axes is the other one, the first
run of a component need not have its first voxel: so that voxel is found too, and the caller numbers anew by it.
"""

import numpy as np

from fastseg_kernels._intrinsics import (
    leading_zeros,
    popcount,
    select_bits,
    splat,
    store,
    trailing_zeros,
)
from fastseg_kernels._jit import i64, inlined, kernel, read, u32, u64, write
from fastseg_kernels._runs import run_at

ALL = 0xFFFFFFFFFFFFFFFF


@kernel(
    write(u32, 1),  # parents of the runs, and of 0, which is none; then their numbers
)
def number_runs(parents):
    """Number the sets by their first runs, from 1, and return how many there are."""
    sets = np.uint32(0)
    for run in range(np.uint64(1), np.uint64(parents.size)):
        parent = parents[run]
        if parent == run:
            sets += np.uint32(1)
            parents[run] = sets
        else:  # of which the number is known
            parents[run] = parents[np.uint64(parent)]
    return np.int64(sets)


@inlined
def _rest_of_run(starts, bit):
    """Make the word of all bits from one bit on up to where the next run starts."""
    later = starts & ~(np.uint64(ALL) >> (np.uint64(63) - bit))
    return (later & (~later + np.uint64(1))) - np.uint64(1)


@inlined
def _row(words, z, y, w):
    """Take a word of a row, 0 where there is no such row."""
    if z < np.uint64(words.shape[0]) and y < np.uint64(words.shape[1]):
        return words[z, y, w]
    return np.uint64(0)


@inlined
def _sum_of_places(bits):
    """Add up the places of the bits that are set: how many have each binary digit in theirs, times what it counts."""
    if bits == np.uint64(ALL):
        return np.int64(2016)
    return (
        popcount(bits & np.uint64(0xAAAAAAAAAAAAAAAA))
        + (popcount(bits & np.uint64(0xCCCCCCCCCCCCCCCC)) << 1)
        + (popcount(bits & np.uint64(0xF0F0F0F0F0F0F0F0)) << 2)
        + (popcount(bits & np.uint64(0xFF00FF00FF00FF00)) << 3)
        + (popcount(bits & np.uint64(0xFFFF0000FFFF0000)) << 4)
        + (popcount(bits & np.uint64(0xFFFFFFFF00000000)) << 5)
    )


# columns of what is measured of a component, and what they hold of none
SIZE, FIRST, Z_START, Z_STOP, Y_START, Y_STOP, X_START, X_STOP, Z_SUM, Y_SUM, X_SUM = range(11)
COLUMNS = 11
WITHOUT_SUMS = 8  # as many columns will do where the last three are not wanted
LEAST, GREATEST = (FIRST, Z_START, Y_START, X_START), (Z_STOP, Y_STOP, X_STOP)
ADDED = (SIZE, Z_SUM, Y_SUM, X_SUM)
_NO_PLACE = 0x7FFFFFFFFFFFFFFF
NOTHING = (0, _NO_PLACE, _NO_PLACE, 0, _NO_PLACE, 0, _NO_PLACE, 0, 0, 0, 0)


@kernel(
    read(u64, 3),  # words: the rows (nz, ny, row_words)
    i64,  # width of the rows in voxels
    i64,  # depth of a bundle
    i64,  # height of a bundle
    i64,  # reverse: 1 where the order of voxels is x, y, z
    i64,  # first bundle
    i64,  # bundle to stop before
    read(u64, 2),  # bundles
    read(u64, 2),  # starts
    read(u32, 2),  # before: of all bundles
    read(u32, 1),  # numbers of the runs
    write(i64, 2),  # found: the columns above of each component
)
def measure_runs(
    words, width, depth, height, reverse, first, stop, bundles, starts, before, numbers, found
):
    """Count the voxels of each component, find its first one in the order of the map's axes, and widen its box.

    Where the table has columns for it, their positions are added up too.
    """
    one = np.uint64(1)
    nz, ny, nx = words.shape[0], words.shape[1], width
    per_slice = (ny + height - 1) // height
    for bundle in range(np.uint64(first), np.uint64(stop)):
        bundle_z = bundle // np.uint64(per_slice)
        y = (bundle - bundle_z * np.uint64(per_slice)) * np.uint64(height)
        z = bundle_z * np.uint64(depth)
        for w in range(np.uint64(words.shape[2])):
            rest = bundles[bundle, w]
            if rest == 0:
                continue
            r00, r01, r10, r11 = words[z, y, w], np.uint64(0), np.uint64(0), np.uint64(0)
            if height == 2:
                r01 = _row(words, z, y + one, w)
            if depth == 2:
                r10 = _row(words, z + one, y, w)
                r11 = _row(words, z + one, y + one, w)
            while rest != 0:
                bit = np.uint64(trailing_zeros(rest))
                component = np.uint64(numbers[run_at(starts[bundle, w], before[bundle, w], bit)])
                part = rest & _rest_of_run(starts[bundle, w], bit)
                rest &= ~part
                p00, p01, p10, p11 = r00 & part, r01 & part, r10 & part, r11 & part
                size = popcount(p00) + popcount(p01) + popcount(p10) + popcount(p11)
                z_start = np.int64(z) + (0 if (p00 | p01) != 0 else 1)
                z_stop = np.int64(z) + (2 if (p10 | p11) != 0 else 1)
                y_start = np.int64(y) + (0 if (p00 | p10) != 0 else 1)
                y_stop = np.int64(y) + (2 if (p01 | p11) != 0 else 1)
                x = np.int64(w << np.uint64(6))
                x_start, x_stop = x + np.int64(bit), x + 64 - leading_zeros(part)
                if reverse != 0:
                    column = one << bit
                    first_y = y_start
                    if ((p00 | p10) & column) == 0:
                        first_y = np.int64(y) + 1
                        first_z = np.int64(z) + (0 if (p01 & column) != 0 else 1)
                    else:
                        first_y = np.int64(y)
                        first_z = np.int64(z) + (0 if (p00 & column) != 0 else 1)
                    place = (x_start * ny + first_y) * nz + first_z
                else:
                    if (p00 | p01) != 0:
                        top_row, next_row = p00, p01
                    else:
                        top_row, next_row = p10, p11
                    first_y = np.int64(y) + (0 if top_row != 0 else 1)
                    row = top_row if top_row != 0 else next_row
                    place = (z_start * ny + first_y) * nx + x + trailing_zeros(row)
                found[component, np.uint64(SIZE)] += size
                if found.shape[1] > WITHOUT_SUMS:
                    behind, above = popcount(p10) + popcount(p11), popcount(p01) + popcount(p11)
                    within = _sum_of_places(p00) + _sum_of_places(p01)
                    within += _sum_of_places(p10) + _sum_of_places(p11)
                    found[component, np.uint64(Z_SUM)] += np.int64(z) * size + behind
                    found[component, np.uint64(Y_SUM)] += np.int64(y) * size + above
                    found[component, np.uint64(X_SUM)] += x * size + within
                found[component, np.uint64(FIRST)] = min(found[component, np.uint64(FIRST)], place)
                _widen(found, component, np.uint64(Z_START), z_start, z_stop)
                _widen(found, component, np.uint64(Y_START), y_start, y_stop)
                _widen(found, component, np.uint64(X_START), x_start, x_stop)


@inlined
def _widen(found, component, column, start, stop):
    """Widen a box along an axis."""
    found[component, column] = min(found[component, column], start)
    next_column = column + np.uint64(1)
    found[component, next_column] = max(found[component, next_column], stop)


@kernel(
    read(u64, 3),  # words: the rows (nz, ny, row_words)
    i64,  # depth of a bundle
    i64,  # height of a bundle
    i64,  # first bundle
    i64,  # bundle to stop before
    read(u64, 2),  # starts
    read(u32, 2),  # before: of all bundles
    read(u32, 1),  # numbers of the runs
    write(u32, 3),  # labels (nz, ny, width), of zeros
)
def paint_runs(words, depth, height, first, stop, starts, before, numbers, labels):
    """Write the number of its component into every voxel of some bundles.

    Four vectors are made at a time, those of one place in all rows of a bundle, or those of a word where a bundle is a
    row. One that has a voxel is written whole, with the zeros between runs; pages that hold nothing are never touched.
    """
    one, zero, lanes = np.uint64(1), np.uint64(0), np.uint64(16)
    ny, width = np.uint64(words.shape[1]), np.uint64(labels.shape[2])
    per_slice = (ny + np.uint64(height) - one) // np.uint64(height)
    back = ny * width  # from a voxel to the one in the next slice
    single = depth * height == 1
    # from the first of four vectors to the others: voxels, and bits of the word; and the bits that are looked at
    to_01, to_10, to_11, step = width, back, back + width, zero
    looked_at, places = np.uint64(0xFFFF), np.uint64(48)
    if single:
        to_01, to_10, to_11, step = lanes, lanes * np.uint64(2), lanes * np.uint64(3), lanes
        looked_at, places = np.uint64(ALL), zero
    out = labels.reshape(-1)
    nothing = splat(np.uint32(0))
    for bundle in range(np.uint64(first), np.uint64(stop)):
        bundle_z = bundle // per_slice
        y = (bundle - bundle_z * per_slice) * np.uint64(height)
        z = bundle_z * np.uint64(depth)
        for w in range(np.uint64(words.shape[2])):
            r00, r01, r10, r11 = words[z, y, w], zero, zero, zero
            if height == 2:
                r01 = _row(words, z, y + one, w)
            if depth == 2:
                r10 = _row(words, z + one, y, w)
                r11 = _row(words, z + one, y + one, w)
            rest = r00 | r01 | r10 | r11
            if rest == 0:
                continue
            word_starts, word_before = starts[bundle, w], before[bundle, w]
            x = w * np.uint64(64)
            place = (z * ny + y) * width + x
            tail = zero  # the columns that are no whole vector
            if width - x < np.uint64(64):
                whole = (one << ((width - x) & np.uint64(48))) - one
                tail, rest = rest & ~whole, rest & whole
            if single:
                r01 = r10 = r11 = rest
            while rest != 0:
                shift = np.uint64(trailing_zeros(rest)) & places
                vector = rest & (looked_at << shift)
                rest ^= vector
                s01, s10, s11 = shift + step, shift + step + step, shift + step + step + step
                p00, p01, p10, p11 = r00 >> shift, r01 >> s01, r10 >> s10, r11 >> s11
                v00 = v01 = v10 = v11 = nothing
                while vector != 0:
                    bit = np.uint64(trailing_zeros(vector))
                    part = vector & _rest_of_run(word_starts, bit)
                    vector ^= part
                    pattern = splat(numbers[run_at(word_starts, word_before, bit)])
                    v00 = select_bits(p00 & (part >> shift), pattern, v00)
                    v01 = select_bits(p01 & (part >> s01), pattern, v01)
                    v10 = select_bits(p10 & (part >> s10), pattern, v10)
                    v11 = select_bits(p11 & (part >> s11), pattern, v11)
                here = place + shift
                if p00 & np.uint64(0xFFFF):
                    store(out, here, v00)
                if p01 & np.uint64(0xFFFF):
                    store(out, here + to_01, v01)
                if p10 & np.uint64(0xFFFF):
                    store(out, here + to_10, v10)
                if p11 & np.uint64(0xFFFF):
                    store(out, here + to_11, v11)
            while tail != 0:
                bit = np.uint64(trailing_zeros(tail))
                tail &= tail - one
                number = numbers[run_at(word_starts, word_before, bit)]
                here = place + bit
                if (r00 >> bit) & one:
                    out[here] = number
                if single:
                    continue
                if (r01 >> bit) & one:
                    out[here + width] = number
                if (r10 >> bit) & one:
                    out[here + back] = number
                if (r11 >> bit) & one:
                    out[here + back + width] = number
