"""Connected components of a label map: neighbours are joined where they have one label.

Idea: as in `components`, but a bundle is a row, and its runs are of one label, so that they also start where the label
changes. Where two rows have a run each, all columns or none have equal labels; so of each stretch of equal labels the
first column alone is joined. Comparing two rows gives a bit for each of 64 voxels, and what three comparisons show
to be joined by way of other rows is left out: inside a label nothing is left but the row above.

Cost: the volume is read twice, five rows at a time from the cache, and a word of bits is compared four times.

Labels come as bytes, with their size: one kernel for all types takes a third of the time to compile that four take, and
as long to run (benchmarks: components/labels).

Exactness: labels are compared as the bits they are; 0 is background, whose runs have no number. Voxels of neighbouring
columns are compared one by one where both rows change: elsewhere the step is one to a column where both have the label,
or two other rows show it.
"""

import numpy as np

from fastseg_kernels._intrinsics import load_bytes, popcount, splat, trailing_zeros, unequal
from fastseg_kernels._jit import always_inlined, i64, inlined, kernel, read, u8, u32, u64, write
from fastseg_kernels._runs import run_at, unite

ALL = 0xFFFFFFFFFFFFFFFF

#: voxels of a word, which are compared together
VOXELS = 64


@always_inlined
def _unequal_lanes(labels, first, others, second, lanes, vector):
    """Compare the labels of 64 voxels, vector by vector."""
    size = np.uint64(VOXELS) // lanes
    word = np.uint64(0)
    for part in range(size):  # of as many bytes as a word has voxels
        start = part * np.uint64(VOXELS)
        own = load_bytes(labels, first * size + start, vector)
        other = load_bytes(others, second * size + start, vector)
        word |= unequal(own, other) << (part * lanes)
    return word


@inlined
def _same(labels, first, others, second, size):
    """Tell whether two voxels have one label."""
    first, second = first * size, second * size
    byte = np.uint64(0)
    while byte < size and labels[first + byte] == others[second + byte]:
        byte += np.uint64(1)
    return byte == size


@always_inlined
def _unequal(labels, first, others, second, count, size):
    """Make a word whose first `count` bits say which voxels have other labels, of `size` bytes each.

    They are those from the voxels `first` and `second` on of two maps, which may be the same. Bits beyond may be set.
    """
    voxels = np.uint64(VOXELS)
    whole = (first + voxels) * size <= np.uint64(labels.size)
    if whole and (second + voxels) * size <= np.uint64(others.size):
        if size == 1:
            return _unequal_lanes(labels, first, others, second, voxels, splat(np.uint8(0)))
        if size == 2:
            lanes = np.uint64(32)
            return _unequal_lanes(labels, first, others, second, lanes, splat(np.uint16(0)))
        if size == 4:
            lanes = np.uint64(16)
            return _unequal_lanes(labels, first, others, second, lanes, splat(np.uint32(0)))
        lanes = np.uint64(8)
        return _unequal_lanes(labels, first, others, second, lanes, splat(np.uint64(0)))
    word = np.uint64(0)
    for i in range(count):
        if not _same(labels, first + i, others, second + i, size):
            word |= np.uint64(1) << i
    return word


@kernel(
    read(u8, 1),  # labels: their bytes
    i64,  # size of a label in bytes
    i64,  # width of a row in voxels
    read(u8, 1),  # background: as many bytes as 64 labels have, 0
    i64,  # first row (z, y flattened)
    i64,  # row to stop before
    write(u64, 2),  # words: the bits of the voxels that are not 0
    write(u64, 2),  # starts: the bits where a run starts
    write(
        u64, 2
    ),  # changes: where the label is another one than in the column before, background included
    write(u32, 2),  # before: how many runs start in earlier words
)
def find_label_runs(labels, size, width, background, first, stop, words, starts, changes, before):
    """Find the runs of some rows, and return how many there are; `before` counts from the first of them."""
    one = np.uint64(1)
    size, width = np.uint64(size), np.uint64(width)
    runs = np.uint64(0)
    for row in range(np.uint64(first), np.uint64(stop)):
        for w in range(np.uint64(words.shape[1])):
            x = w * np.uint64(VOXELS)
            place = row * width + x
            count = min(width - x, np.uint64(VOXELS))
            valid = np.uint64(ALL) >> (np.uint64(VOXELS) - count)
            inside = valid & _unequal(labels, place, background, np.uint64(0), count, size)
            skipped = one if w == 0 else np.uint64(0)  # the first column has none before it
            own, left = place + skipped, count - skipped
            changed = valid & (_unequal(labels, own, labels, own - one, left, size) << skipped)
            words[row, w] = inside
            changes[row, w] = changed
            start = inside & (changed | skipped)
            starts[row, w] = start
            before[row, w] = runs
            runs += np.uint64(popcount(start))
    return np.int64(runs)


@inlined
def _first_of_stretch(equal, own_starts, other_starts, last):
    """Keep the first bit of each stretch of equal labels that lies in one run of each row."""
    return equal & (own_starts | other_starts | ~((equal << np.uint64(1)) | last))


@always_inlined
def _join_word(
    equal, apart, labels, size, place, other_place, w, own, other, words, starts, before, parents
):
    """Unite two rows' runs at the bits of `equal`, and where `apart` is set those of voxels of neighbouring columns."""
    one = np.uint64(1)
    own_starts, own_before = starts[own, w], before[own, w]
    other_starts, other_before = starts[other, w], before[other, w]
    while equal != 0:
        bit = np.uint64(trailing_zeros(equal))
        equal &= equal - one
        unite(
            parents,
            run_at(own_starts, own_before, bit),
            run_at(other_starts, other_before, bit),
        )
    while apart != 0:
        bit = np.uint64(trailing_zeros(apart))
        apart &= apart - one
        here, there = place + bit, other_place + bit
        # the run of the column before is the last one of the words before, for the first bit
        earlier = (np.uint64(1) << bit) - one
        own_earlier = np.uint64(own_before) + np.uint64(popcount(own_starts & earlier))
        other_earlier = np.uint64(other_before) + np.uint64(popcount(other_starts & earlier))
        if (words[own, w] >> bit) & one and _same(labels, here, labels, there - one, size):
            unite(parents, run_at(own_starts, own_before, bit), other_earlier)
        if (words[other, w] >> bit) & one and _same(labels, there, labels, here - one, size):
            unite(parents, own_earlier, run_at(other_starts, other_before, bit))


@kernel(
    read(u8, 1),  # labels: their bytes
    i64,  # size of a label in bytes
    i64,  # rows of a slice
    i64,  # width of a row in voxels
    i64,  # connectivity: 1 faces, 2 edges, 3 corners
    i64,  # first row
    i64,  # row to stop before
    i64,  # low: the first row that may be joined to
    i64,  # high: the row to stop before, of those
    read(u64, 2),  # words
    read(u64, 2),  # starts
    read(u64, 2),  # changes
    read(u32, 2),  # before: of all rows
    write(u32, 1),  # parents of the runs, which are numbered from 1
)
def join_label_runs(
    labels,
    size,
    ny,
    width,
    connectivity,
    first,
    stop,
    low,
    high,
    words,
    starts,
    changes,
    before,
    parents,
):
    """Unite the runs of some rows with those of the rows before them, between `low` and `high`, that they touch."""
    one, zero, top = np.uint64(1), np.uint64(0), np.uint64(63)
    size, width = np.uint64(size), np.uint64(width)
    for row in range(first, stop):
        z = row // ny
        y = row - z * ny
        own = np.uint64(row)
        # rows that are not there are this one, masked: above, and in the slice before
        up, back = y > 0, z > 0
        has_above, has_back = zero - np.uint64(up), zero - np.uint64(back)
        has_up, has_down = zero - np.uint64(back and up), zero - np.uint64(back and y + 1 < ny)
        behind = row - ny
        above = np.uint64(row - 1 if up else row)
        same = np.uint64(behind if back else row)
        upper = np.uint64(behind - 1 if back and up else row)
        lower = np.uint64(behind + 1 if back and y + 1 < ny else row)
        # which of them may be joined to, and which of those along edges or corners
        join_above = has_above & (zero - np.uint64(row - 1 >= low and row - 1 < high))
        join_back = has_back & (zero - np.uint64(behind >= low and behind < high))
        join_up = has_up & (zero - np.uint64(behind - 1 >= low and behind - 1 < high))
        join_down = has_down & (zero - np.uint64(behind + 1 >= low and behind + 1 < high))
        edges = zero - np.uint64(connectivity > 1)
        corners = zero - np.uint64(connectivity > 2)
        join_up &= edges
        join_down &= edges
        last_above = zero
        for w in range(np.uint64(words.shape[1])):
            inside, changed = words[own, w], changes[own, w]
            if inside | changed == 0:
                last_above = zero
                continue
            x = w * np.uint64(64)
            count = min(width - x, np.uint64(64))
            place = own * width + x
            # which voxels have the label of the row above, and of the three rows of the slice before
            like_above = like_same = like_upper = like_lower = zero
            if up:
                like_above = inside & ~_unequal(
                    labels, place, labels, above * width + x, count, size
                )
            if back:
                like_same = inside & ~_unequal(labels, place, labels, same * width + x, count, size)
                like_upper = (
                    inside
                    & has_up
                    & ~_unequal(labels, place, labels, upper * width + x, count, size)
                )
                like_lower = (
                    inside
                    & has_down
                    & ~_unequal(labels, place, labels, lower * width + x, count, size)
                )
            # the rest, where rows joined before do not show it
            own_starts = starts[own, w]
            equal = _first_of_stretch(like_above, own_starts, starts[above, w], last_above)
            last_above = like_above >> top
            equal &= join_above
            left = like_same & ~(like_above & like_upper)
            equal_same = _first_of_stretch(left, own_starts, starts[same, w], zero) & join_back
            left = like_upper & ~(like_same | like_above)
            equal_upper = _first_of_stretch(left, own_starts, starts[upper, w], zero) & join_up
            left = like_lower & ~like_same
            equal_lower = _first_of_stretch(left, own_starts, starts[lower, w], zero) & join_down
            # columns where both rows change, and neither has the other's label straight on
            apart = changed & changes[above, w] & ~(like_above | (like_above << one))
            apart_same = changed & changes[same, w] & ~(like_same | (like_same << one))
            apart_upper = changed & changes[upper, w] & ~(like_upper | (like_upper << one))
            apart_lower = changed & changes[lower, w] & ~(like_lower | (like_lower << one))
            apart &= join_above & edges
            apart_same &= join_back & edges
            apart_upper &= join_up & corners
            apart_lower &= join_down & corners
            rest = equal_same | equal_upper | equal_lower | apart_same | apart_upper | apart_lower
            other = above
            for neighbour in range(4 if rest != 0 else 1):
                if neighbour == 1:
                    other, equal, apart = same, equal_same, apart_same
                elif neighbour == 2:
                    other, equal, apart = upper, equal_upper, apart_upper
                elif neighbour == 3:
                    other, equal, apart = lower, equal_lower, apart_lower
                if equal | apart == 0:
                    continue
                other_place = other * width + x
                _join_word(
                    equal,
                    apart,
                    labels,
                    size,
                    place,
                    other_place,
                    w,
                    own,
                    other,
                    words,
                    starts,
                    before,
                    parents,
                )
