"""Connected components of a label map: neighbours are joined where they have one label.

Idea: as in `components`, but a bundle is a row, and its runs are of one label, so that they also start where the label
changes. Where two rows have a run each, all columns or none have equal labels; so of each stretch of equal labels the
first column alone is joined. Comparing two rows gives a bit for each of 64 voxels, and what three comparisons show
to be joined by way of other rows is left out: inside a label nothing is left but the row above.

Cost: the volume is read twice, five rows at a time from the cache, and a word of bits is compared four times.

Exactness: labels are compared as the bits they are; 0 is background, whose runs have no number. Voxels of neighbouring
columns are compared one by one where both rows change: elsewhere the step is one to a column where both have the label,
or two other rows show it.
"""

import numpy as np

from fastseg_kernels._intrinsics import lanes_of, load, popcount, splat, trailing_zeros, unequal
from fastseg_kernels._jit import always_inlined, i64, inlined, label_kernels, read, u32, u64, write
from fastseg_kernels._runs import run_at, unite

ALL = 0xFFFFFFFFFFFFFFFF


def _find_signature(label):
    return (
        read(label, 3),  # labels
        i64,  # first row (z, y flattened)
        i64,  # row to stop before
        write(u64, 2),  # words: the bits of the voxels that are not 0
        write(u64, 2),  # starts: the bits where a run starts
        write(
            u64, 2
        ),  # changes: where the label is another one than in the column before, background included
        write(u32, 2),  # before: how many runs start in earlier words
    )


@label_kernels(_find_signature)
def find_label_runs(labels, first, stop, words, starts, changes, before):
    """Find the runs of some rows, and return how many there are; `before` counts from the first of them."""
    one = np.uint64(1)
    flat = labels.reshape(-1)
    lanes = lanes_of(labels)
    size, width = np.uint64(flat.size), np.uint64(labels.shape[2])
    zero = splat(labels.dtype.type(0))
    runs = np.uint64(0)
    for row in range(np.uint64(first), np.uint64(stop)):
        for w in range(np.uint64(words.shape[1])):
            x = w * np.uint64(64)
            place = row * width + x
            count = min(width - x, np.uint64(64))
            inside = changed = np.uint64(0)
            if place > 0 and place + np.uint64(64) <= size:
                for part in range(np.uint64(64) // lanes):
                    shift = part * lanes
                    own = load(flat, place + shift)
                    inside |= unequal(own, zero) << shift
                    changed |= unequal(own, load(flat, place + shift - one)) << shift
                inside &= np.uint64(ALL) >> (np.uint64(64) - count)
            else:
                for i in range(count):
                    label = flat[place + i]
                    if label != 0:
                        inside |= one << i
                    if x + i > 0 and label != flat[place + i - one]:
                        changed |= one << i
            changed &= np.uint64(ALL) >> (np.uint64(64) - count)
            if w == 0:
                changed &= ~one
            words[row, w] = inside
            changes[row, w] = changed
            if w == 0:
                changed |= one
            start = inside & changed
            starts[row, w] = start
            before[row, w] = runs
            runs += np.uint64(popcount(start))
    return np.int64(runs)


@always_inlined
def _equal(labels, first, second, count):
    """Make a word with a bit for each of `count` voxels of two rows that have equal labels."""
    if first + np.uint64(64) <= np.uint64(labels.size):  # the second row comes before
        different = np.uint64(0)
        lanes = lanes_of(labels)
        for part in range(np.uint64(64) // lanes):
            shift = part * lanes
            vectors = load(labels, first + shift), load(labels, second + shift)
            different |= unequal(vectors[0], vectors[1]) << shift
        return ~different
    equal = np.uint64(0)
    for i in range(count):
        if labels[first + i] == labels[second + i]:
            equal |= np.uint64(1) << i
    return equal


@inlined
def _first_of_stretch(equal, own_starts, other_starts, last):
    """Keep the first bit of each stretch of equal labels that lies in one run of each row."""
    return equal & (own_starts | other_starts | ~((equal << np.uint64(1)) | last))


@always_inlined
def _join_word(equal, apart, flat, place, other_place, w, own, other, starts, before, parents):
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
        if flat[here] != 0 and flat[here] == flat[there - one]:
            unite(parents, run_at(own_starts, own_before, bit), other_earlier)
        if flat[there] != 0 and flat[there] == flat[here - one]:
            unite(parents, own_earlier, run_at(other_starts, other_before, bit))


def _join_signature(label):
    return (
        read(label, 3),  # labels
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


@label_kernels(_join_signature)
def join_label_runs(
    labels, connectivity, first, stop, low, high, words, starts, changes, before, parents
):
    """Unite the runs of some rows with those of the rows before them, between `low` and `high`, that they touch."""
    one, zero, top = np.uint64(1), np.uint64(0), np.uint64(63)
    flat = labels.reshape(-1)
    ny, width = labels.shape[1], np.uint64(labels.shape[2])
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
                like_above = _equal(flat, place, above * width + x, count) & inside
            if back:
                like_same = _equal(flat, place, same * width + x, count) & inside
                like_upper = _equal(flat, place, upper * width + x, count) & inside & has_up
                like_lower = _equal(flat, place, lower * width + x, count) & inside & has_down
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
                    equal, apart, flat, place, other_place, w, own, other, starts, before, parents
                )
