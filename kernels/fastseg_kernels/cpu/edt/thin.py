"""Exact Euclidean distance transform of long thin arrays: one long axis, and few lines along it, of which all compete.

Idea: along a line only its nearest background can be the nearest of all, and two sweeps find it. So a voxel has no more
candidates than there are lines, and the min-plus of `parabolas.py`, whose lanes would be mostly empty, is not needed.
Lines come nearest first, and none is looked at that is farther away than all answers so far. The sweeps go block by
block: what lies beyond a block is known from the first and last background of each, found beforehand, so that blocks
are independent, and no array but the answer is as long as the volume.

Cost: a byte is read twice and one number written a voxel, and an addition and a comparison a line, side by side for
neighbours along the long axis. Of (2, n) with indices it takes a thirtieth of the min-plus.

Exactness: a candidate is a sum of one rounded square an axis, in the order of the image's axes. Such a sum grows with
each of its squares, rounding included: what is farther along a line is never less, and no line gives less than its own
offset. Of several equally near the one is taken whose last coordinate is the least, then the last but one, and so on,
which is where passes in the order of the axes lead to: the earlier one on a line, and between lines by `ranks`.
"""

import numpy as np

from fastseg_kernels._intrinsics import (
    greatest,
    lanes_of,
    load,
    maximum,
    square_root,
    store,
)
from fastseg_kernels._jit import f32, f64, i32, i64, inlined, kernel, read, u8, write

#: voxels along the long axis that are worked on together: whole vectors
BLOCK = 256

#: lines must be shorter, and so have no background as far away as what stands for none
LONGEST = 1 << 30
NONE_BEFORE = -(1 << 30)
NONE_AFTER = (1 << 31) - 1

#: a key has the rank of a line in its bits below the position on the long axis and in those above
RANK_BITS = 8
POSITION_BITS = 32

_NO_KEY = -(1 << 63)


@kernel(
    read(u8, 3),  # foreground (outer, n, inner)
    i64,  # first block
    i64,  # block to stop before
    write(i32, 2),  # firsts (blocks, lines): index of the first 0 of a block, or NONE_AFTER
    write(i32, 2),  # lasts (blocks, lines): of the last one, or NONE_BEFORE
)
def block_ends(foreground, first, stop, firsts, lasts):
    """Find the first and the last background voxel of each line within some blocks."""
    outer, n, inner = foreground.shape
    for block in range(np.uint64(first), np.uint64(stop)):
        start = block * np.uint64(BLOCK)
        end = min(start + np.uint64(BLOCK), np.uint64(n))
        line = np.uint64(0)
        for o in range(np.uint64(outer)):
            for i in range(np.uint64(inner)):
                y = start
                while y < end and foreground[o, y, i] != 0:
                    y += np.uint64(1)
                firsts[block, line] = np.int32(NONE_AFTER)
                lasts[block, line] = np.int32(NONE_BEFORE)
                if y < end:
                    firsts[block, line] = np.int32(y)
                    y = end - np.uint64(1)
                    while foreground[o, y, i] != 0:
                        y -= np.uint64(1)
                    lasts[block, line] = np.int32(y)
                line += np.uint64(1)


@inlined
def _sweep(foreground, o, i, start, size, ends, nearest):
    """Write the index of the nearest 0 of a line for a block, given those beyond it, the earlier one of two."""
    before, after = ends
    for offset in range(size):
        y = start + offset
        before = np.int32(y) if foreground[o, y, i] == 0 else before
        nearest[offset] = before
    for back in range(size):
        offset = size - np.uint64(1) - back
        y = start + offset
        after = np.int32(y) if foreground[o, y, i] == 0 else after
        here = np.int64(y)
        left = np.int64(nearest[offset])
        right = np.int64(after)
        nearest[offset] = np.int32(left if here - left <= right - here else right)


@inlined
def _measure(nearest, start, spacing, squares):
    """Square the distances of a block's voxels to these indices."""
    here = np.int32(start)
    for offset in range(np.uint64(BLOCK)):
        scaled = np.float64(np.int32(nearest[offset] - (here + np.int32(offset)))) * spacing
        squares[offset] = scaled * scaled


@kernel(
    read(u8, 3),  # foreground (outer, n, inner)
    f64,  # spacing along the long axis
    read(f64, 2),  # earlier (lines, lines): summed squares of the axes before the long one
    read(f64, 3),  # later (axes after it, lines, lines): their squares, axis by axis
    read(i64, 2),  # visits (lines, lines): in which order a line looks at the others
    read(f64, 2),  # offsets (lines, lines): the least sum that each of these visits can give
    read(i32, 2),  # ends_before (blocks, lines): index of the last 0 before, or NONE_BEFORE
    read(i32, 2),  # ends_after (blocks, lines): of the first one after it, or NONE_AFTER
    i64,  # root: 1 to take square roots
    i64,  # first block
    i64,  # block to stop before
    read(i64, 1),  # ranks of lines, as keys
    read(i32, 2),  # coordinates (axes, ranks): of the line of a rank, -1 for the long axis
    write(f32, 3),  # distances; of two arrays that which has elements
    write(f64, 3),  # distances
    write(i32, 4),  # indices (axes, outer, n, inner); no axes if they are not wanted
)
def thin_pass(
    foreground,
    spacing,
    earlier,
    later,
    visits,
    offsets,
    ends_before,
    ends_after,
    root,
    first,
    stop,
    ranks,
    coordinates,
    singles,
    doubles,
    indices,
):
    """Write the distances of some blocks, and the indices of the nearest background if there is room for them."""
    outer, n, inner = foreground.shape
    lines = np.uint64(outer * inner)
    nearest = np.zeros((lines, BLOCK), np.int32)
    squares = np.empty((lines, BLOCK), np.float64)
    has_any = np.empty(lines, np.uint8)
    sums = np.empty(BLOCK, np.float64)
    best = np.empty(BLOCK, np.float64)
    best_key = np.empty(BLOCK, np.int64)
    for block in range(np.uint64(first), np.uint64(stop)):
        start = block * np.uint64(BLOCK)
        size = min(np.uint64(BLOCK), np.uint64(n) - start)
        line = np.uint64(0)
        for o in range(np.uint64(outer)):
            for i in range(np.uint64(inner)):
                ends = ends_before[block, line], ends_after[block, line]
                _sweep(foreground, o, i, start, size, ends, nearest[line])
                has_any[line] = nearest[line, 0] >= 0 and nearest[line, 0] < n
                _measure(nearest[line], start, spacing, squares[line])
                line += np.uint64(1)
        line = np.uint64(0)
        for o in range(np.uint64(outer)):
            for i in range(np.uint64(inner)):
                best[:] = np.inf
                best_key[:] = np.int64(_NO_KEY)  # less than any key, so that inf is never taken
                worst = np.inf
                for visit in range(lines):
                    if offsets[line, visit] > worst:
                        break
                    other = np.uint64(visits[line, visit])
                    if has_any[other] == 0:
                        continue
                    before = earlier[line, other]
                    row = squares[other]
                    if _any_later(later, line, other):
                        _add_later(later, line, other, before, row, sums)
                        row, before = sums, 0.0  # which changes nothing
                    if indices.shape[0] == 0:
                        _take(row, before, best)
                    else:
                        _take_with_keys(row, before, nearest[other], ranks[other], best, best_key)
                    worst = _largest(best)
                if root != 0:
                    for offset in range(np.uint64(0), np.uint64(BLOCK), lanes_of(best)):
                        store(best, offset, square_root(load(best, offset)))
                if singles.size > 0:
                    for offset in range(size):
                        singles[o, start + offset, i] = np.float32(best[offset])
                else:
                    for offset in range(size):
                        doubles[o, start + offset, i] = best[offset]
                for axis in range(np.uint64(indices.shape[0])):
                    _write_indices(best_key, size, coordinates[axis], o, start, i, indices[axis])
                line += np.uint64(1)


@inlined
def _any_later(later, line, other):
    """Tell whether two lines differ along an axis after the long one."""
    differ = False
    for axis in range(np.uint64(later.shape[0])):
        differ |= later[axis, line, other] != 0
    return differ


@inlined
def _add_later(later, line, other, before, squares, sums):
    """Sum the squares from `line` to the nearest background of another line, in the order of the axes."""
    for offset in range(np.uint64(BLOCK)):
        sums[offset] = squares[offset] + before
    for axis in range(np.uint64(later.shape[0])):
        after = later[axis, line, other]
        if after != 0:
            for offset in range(np.uint64(BLOCK)):
                sums[offset] += after


@inlined
def _take(squares, before, best):
    """Keep the lesser sums."""
    for offset in range(np.uint64(BLOCK)):
        value = squares[offset] + before
        least = best[offset]
        best[offset] = value if value < least else least


@inlined
def _take_with_keys(squares, before, nearest, rank, best, best_key):
    """Keep the lesser sums with their keys, of equal ones that of the lesser key."""
    for offset in range(np.uint64(BLOCK)):
        key = (np.int64(nearest[offset]) << np.int64(RANK_BITS)) | rank
        value = squares[offset] + before
        least, its_key = best[offset], best_key[offset]
        lesser_key = key if key < its_key else its_key
        nearer_key = key if value < least else its_key
        best_key[offset] = lesser_key if value == least else nearer_key
        best[offset] = value if value < least else least


@inlined
def _largest(best):
    """Find the largest of a block."""
    largest = load(best, np.uint64(0))
    for offset in range(lanes_of(best), np.uint64(BLOCK), lanes_of(best)):
        largest = maximum(load(best, offset), largest)
    return greatest(largest)


@inlined
def _write_indices(best_key, size, coordinates, o, start, i, indices):
    """Write the coordinates along one axis that keys stand for, -1 for none."""
    across = coordinates[np.uint64(0)] >= 0
    for offset in range(size):
        key = best_key[offset]
        found = np.int32(key >> np.int64(RANK_BITS))  # its low 32 bits
        if across:
            high = key >> np.int64(RANK_BITS + POSITION_BITS) << np.int64(RANK_BITS)
            low = key & np.int64((1 << RANK_BITS) - 1)
            found = coordinates[np.uint64(high | low)] if key >= 0 else np.int32(-1)
        indices[o, start + offset, i] = found if key >= 0 else np.int32(-1)
