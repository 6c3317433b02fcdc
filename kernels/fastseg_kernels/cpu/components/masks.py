"""Connected components of packed rows: no voxel is touched until one is painted.

Idea: voxels of two rows by two that lie in neighbouring columns all touch each other, if corners do (26 neighbours;
8 in a plane). So the OR of the four rows is one row whose runs of set bits are connected, whatever the rows hold: a
bundle. Bundles are a quarter of the rows and have, in noise, a sixteenth of the runs. Where only edges connect (18) a
bundle has two rows, and where only faces do (6, 4) it is a row. One union-find over the runs of all bundles then joins
a bundle with the four that come before it and touch it. That is done a word at a time: one AND tells which columns of
both touch; an addition, whose carry goes through a run of columns that both have, leaves one bit for each pair of runs
that touch; and the number of a run is the number of starts before it, a population count. No branch depends on where
runs begin or end.

Where labels are told apart a bundle is a row, and a run ends where the label changes (`labels`).

Cost: two passes over the bundles, a union for each pair of runs that touch, one pass over the runs. Painting costs what
memory does.

Exactness: the columns x of A and x + d of B touch, |d| <= 1, if one of the rows of A that face B has the bit x, one of
those of B has the bit x + d, and the connectivity allows their step. Bits are kept so: a step with d != 0 is moved to a
column that both bundles have where there is one, for there it is the same pair of runs, and is a pair of its own where
there is none. In a run of columns that both have, which is in one run of A and in one of B, V + M carries out of it if
and only if M, a subset of V, has a bit there. The root of a set is its first run and a parent never comes after its
child, so numbers depend on the sets alone, not on the order of unions or on where the work was cut. What is left out
was joined by three other steps, A to B to C to D, none of them away from the first row: so none of them can have been
left out for want of this one.
"""

import numpy as np

from fastseg_kernels._intrinsics import popcount, trailing_zeros
from fastseg_kernels._jit import always_inlined, i64, kernel, read, u32, u64, write
from fastseg_kernels._runs import run_at, unite

ALL = 0xFFFFFFFFFFFFFFFF


@kernel(
    read(u64, 3),  # words: the rows (nz, ny, row_words)
    i64,  # depth of a bundle: its slices, 1 or 2
    i64,  # height of a bundle: its rows in a slice, 1 or 2
    i64,  # first bundle (bundles of z, y flattened)
    i64,  # bundle to stop before
    write(u64, 2),  # bundles: the OR of the rows of each
    write(u64, 2),  # starts: the bits where a run of the bundle starts
    write(u32, 2),  # before: how many runs start in earlier words
)
def find_runs(words, depth, height, first, stop, bundles, starts, before):
    """Make some bundles of the rows, and return how many runs they have; `before` counts from the first of them."""
    one, top = np.uint64(1), np.uint64(63)
    nz, ny, row_words = words.shape
    per_slice = (ny + height - 1) // height
    flat = words.reshape(-1)
    bundle_words, bundle_starts = bundles.reshape(-1), starts.reshape(-1)
    bundle_before = before.reshape(-1)
    place = np.uint64(first * row_words)
    runs = np.uint64(0)
    for bundle in range(first, stop):
        z = bundle // per_slice
        y = (bundle - z * per_slice) * height
        z *= depth
        # a row that is not there is the first one
        step_y = row_words if height == 2 and y + 1 < ny else 0
        step_z = ny * row_words if depth == 2 and z + 1 < nz else 0
        row = np.uint64((z * ny + y) * row_words)
        row_y, row_z = row + np.uint64(step_y), row + np.uint64(step_z)
        row_yz = row_z + np.uint64(step_y)
        last = np.uint64(0)
        for w in range(np.uint64(row_words)):
            word = flat[row + w] | flat[row_y + w] | flat[row_z + w] | flat[row_yz + w]
            start = word & ~((word << one) | last)
            last = word >> top
            bundle_words[place] = word
            bundle_starts[place] = start
            bundle_before[place] = runs
            place += one
            runs += np.uint64(popcount(start))
    return np.int64(runs)


@always_inlined
def _join_word(w, a, b, below, above, rows, bundles, starts, before, parents):
    """Unite the runs of a word of two bundles that touch.

    `a` and `b` are what faces the other bundle; `below` and `above` have the columns of A that touch the column before
    and after them.
    """
    first, second = rows
    one, top = np.uint64(1), np.uint64(63)
    other = bundles[second, w]
    both = bundles[first, w] & other
    marks = (a & b) | ((below | above) & other)
    below &= ~other
    above &= ~other
    marks |= ((below >> one) | (above << one)) & both
    below &= ~(both << one)
    above &= ~(both >> one)
    own_starts, own_before = starts[first, w], before[first, w]
    other_starts, other_before = starts[second, w], before[second, w]
    carried = both + marks
    touching = carried & ~both
    while touching != 0:
        bit = np.uint64(trailing_zeros(touching)) - one
        touching &= touching - one
        unite(
            parents,
            run_at(own_starts, own_before, bit),
            run_at(other_starts, other_before, bit),
        )
    if carried < both:  # carried out of the word
        unite(
            parents,
            run_at(own_starts, own_before, top),
            run_at(other_starts, other_before, top),
        )
    while below != 0:
        bit = np.uint64(trailing_zeros(below))
        below &= below - one
        run = np.uint64(other_before)  # the last that starts in the words before
        if bit > 0:
            run = run_at(other_starts, other_before, bit - one)
        unite(parents, run_at(own_starts, own_before, bit), run)
    while above != 0:
        bit = np.uint64(trailing_zeros(above))
        above &= above - one
        run = (
            np.uint64(other_before) + np.uint64(popcount(other_starts)) + one
        )  # with the next word
        if bit < top:
            run = run_at(other_starts, other_before, bit + one)
        unite(parents, run_at(own_starts, own_before, bit), run)


@kernel(
    read(u64, 3),  # words: the rows (nz, ny, row_words)
    i64,  # connectivity: 1 faces, 2 edges, 3 corners
    i64,  # first bundle
    i64,  # bundle to stop before
    i64,  # low: the first bundle that may be joined to
    i64,  # high: the bundle to stop before, of those
    read(u64, 2),  # bundles
    read(u64, 2),  # starts
    read(u32, 2),  # before: of all bundles
    write(u32, 1),  # parents of the runs, which are numbered from 1
)
def join_runs(words, connectivity, first, stop, low, high, bundles, starts, before, parents):
    """Unite the runs of some bundles with those that they touch of bundles before them, from `low` up to `high`."""
    one, top = np.uint64(1), np.uint64(63)
    nz, ny, row_words = words.shape
    depth = 2 if connectivity == 3 else 1
    height = 2 if connectivity >= 2 else 1
    per_slice = (ny + height - 1) // height
    flat = words.reshape(-1)
    n_words = np.uint64(row_words)
    last = n_words - one
    up, back = row_words, ny * row_words  # words to the row above, and to the slice before
    # For the bundle above in this slice, and for the same, the one above and the one below in the slice before: from
    # the first row of a bundle to its row that faces the other one, to that one's row that faces it, and to a row by
    # which what touches is joined already where that row has the column too. The second neighbour takes two of these.
    own_steps = 0, 0, 0, (height - 1) * up
    other_steps = -up, -back, -back - up, height * up - back
    known_steps = 0, -back - up, -back, (height - 1) * up - back
    # from a row that faces the other bundle to the second one that does
    second_steps = (depth - 1) * back, (height - 1) * up, 0, 0
    z, y = first // per_slice, first % per_slice - 1
    for bundle in range(first, stop):
        y += 1
        if y == per_slice:
            z, y = z + 1, 0
        occupied = np.uint64(0)
        for w in range(n_words):
            occupied |= bundles[np.uint64(bundle), w]
        if occupied == 0:
            continue
        row = (depth * z * ny + height * y) * row_words
        for neighbour in range(4 if connectivity > 1 else 2):
            other = bundle - 1 if neighbour == 0 else bundle - per_slice + (0, 0, -1, 1)[neighbour]
            if (neighbour > 0 and z == 0) or other < low or other >= high:
                continue
            if y == 0 and (neighbour == 0 or neighbour == 2):
                continue
            if y + 1 == per_slice and neighbour == 3:
                continue
            # a second row that is not there is the first one, masked
            step = second_steps[neighbour]
            two = step > 0 and (depth * z + 1 < nz if neighbour == 0 else height * y + 1 < ny)
            second_mask = np.uint64(0) - np.uint64(two)
            own_row = np.uint64(row + own_steps[neighbour])
            other_row = np.uint64(row + other_steps[neighbour])
            own_second = own_row + (np.uint64(step) & second_mask)
            other_second = other_row + (np.uint64(step) & second_mask)
            slanted = connectivity == 3 or (connectivity == 2 and neighbour < 2)
            wide = np.uint64(0) - np.uint64(slanted)
            has_known = neighbour > 1 or (neighbour == 1 and y > 0)
            known_mask = np.uint64(0) - np.uint64(has_known)
            known = np.uint64(row + (known_steps[neighbour] if has_known else 0))
            known_too = np.uint64(row - up) if neighbour == 1 and has_known else known
            rows = np.uint64(bundle), np.uint64(other)
            for w in range(n_words):
                if bundles[rows[0], w] == 0:
                    continue
                a0, a1 = flat[own_row + w], flat[own_second + w] & second_mask
                b0, b1 = flat[other_row + w], flat[other_second + w] & second_mask
                low0 = low1 = high0 = high1 = np.uint64(0)
                if w > 0:
                    low0 = flat[other_row + w - one] >> top
                    low1 = (flat[other_second + w - one] & second_mask) >> top
                if w < last:
                    high0 = flat[other_row + w + one] << top
                    high1 = (flat[other_second + w + one] & second_mask) << top
                joined = flat[known + w] & flat[known_too + w] & known_mask
                if neighbour == 1:
                    joined &= a0 & b0
                a0 &= ~joined
                a1 &= ~joined
                a, b = a0 | a1, b0 | b1
                if connectivity == 3:  # both rows touch both
                    a0 = a1 = a
                low0, low1 = low0 | (b0 << one), low1 | (b1 << one)
                high0, high1 = high0 | (b0 >> one), high1 | (b1 >> one)
                below = ((a0 & low0) | (a1 & low1)) & wide
                above = ((a0 & high0) | (a1 & high1)) & wide
                if ((a & b) | below | above) == 0:
                    continue
                _join_word(w, a, b, below, above, rows, bundles, starts, before, parents)
