"""The squared distance from each voxel of one packed set to the nearest voxel of another.

Idea: most surface voxels lie within a voxel or two of the other surface, so no distance transform is needed.
`shells` goes through the offsets (dz, dy, dx) in order of their distance: the queries of a word that find a target
at this offset are `remaining & shifted(targets)`; they are written and taken out, and the word is done when none
remains. The OR of 8×8 neighbouring rows is a coarse row: where the coarse rows around a word hold nothing, none of its
queries has a target at any offset, and none is tried in vain. What the shells leave goes to `far`, one query at a time,
over two levels: the nearest bit of a coarse row bounds all 64 rows from below, so that a block of rows is opened only
if it can still win. Blocks come in rings around the query, and the answer of the query before is the first bound. `far`
counts its work and stops at a budget, so that a caller can switch to a distance transform, which costs the same for any
input.

Cost: an offset takes four operations for 64 voxels, and surfaces that lie within a few voxels of each other take some
tens of offsets (benchmarks: surface_distances voxel/near-512).

Exactness: the squared distance of an offset is the float64 sum of three squares in the order of the image's axes,
and the least computed sum is taken. Rounding is monotone, so a sum of fewer squares never exceeds the full one and
every bound that prunes is a bound of the computed values themselves. The shells miss exactly the queries that no offset
leads to a target from: what they leave depends on the two sets alone, not on order, direction or who searches where.
"""

import numpy as np

from fastseg_kernels._intrinsics import flattened, leading_zeros, popcount, trailing_zeros
from fastseg_kernels._jit import f64, i64, inlined, kernel, read, u8, u64, write

ALL = 0xFFFFFFFFFFFFFFFF

BLOCK = 8  # rows of a block along y and along z
BLOCK_COST = 32  # what it costs to go through the rows of a block, in looks at blocks

# Sums of the same squares in another order differ by up to 2 units of rounding (4.4e-16): a bound that was summed
# in z, y, x order must not prune an answer that is summed in x, y, z order.
SLACK = 1.0 + 1e-15


@inlined
def _write_at(hits, word_queries, value, base, out):
    """Write a value for those of a word's queries that are `hits`, each to its rank among all of the word's queries."""
    while hits != 0:
        # eight instructions for a hit where isolating the lowest bit takes ten
        less_one = hits - np.uint64(1)
        below = ~hits & less_one
        hits &= less_one
        out[base + np.uint64(popcount(word_queries & below))] = value


@inlined
def _count_at(hits, word_queries, codes, base, counts, first):
    """Count those of a word's queries that are `hits`, by codes that lie at their ranks, from the `first` count on."""
    while hits != 0:
        less_one = hits - np.uint64(1)
        below = ~hits & less_one
        hits &= less_one
        rank = np.uint64(popcount(word_queries & below))
        counts[first + np.uint64(codes[base + rank])] += 1


@inlined
def _place(words, row_words, padding_rows):
    """Tell in which row of a slice, and where in it, lies the word that comes so many after the first row's start."""
    row = np.uint64(words) // np.uint64(row_words)
    return padding_rows + np.int64(row), np.uint64(words) - row * np.uint64(row_words)


@inlined
def _candidates(coarse, z, y, word, reach):
    """Mark the voxels of a word that have a target within `reach`, as far as the coarse rows tell: all, and others."""
    left = np.uint64(0)
    here = np.uint64(0)
    right = np.uint64(0)
    last = np.uint64(coarse.shape[2] - 1)
    for block_z in range((z - reach[0]) >> 3, ((z + reach[0]) >> 3) + 1):
        for block_y in range((y - reach[1]) >> 3, ((y + reach[1]) >> 3) + 1):
            bz, by = np.uint64(block_z), np.uint64(block_y)
            here |= coarse[bz, by, word]
            if word > 0:
                left |= coarse[bz, by, word - np.uint64(1)]
            if word < last:
                right |= coarse[bz, by, word + np.uint64(1)]
            if here == ALL:  # all may have one; and for so few turns vectors would only take longer
                return here
    # spread the bits by `reach` voxels either way, in strides that grow with what is spread; it is less than a word
    done = np.int64(0)
    while done < reach[2]:
        step = min(2 * done + 1, reach[2] - done)
        forth, back = np.uint64(step), np.uint64(64 - step)
        from_left, from_right = left >> back, right << back
        left |= (left << forth) | (left >> forth) | (here << back)
        right |= (right << forth) | (right >> forth) | (here >> back)
        here |= (here << forth) | (here >> forth) | from_left | from_right
        done += step
    return here


@kernel(
    read(u64, 3),  # queries
    read(u64, 3),  # targets
    read(u64, 3),  # coarse rows of the targets
    read(i64, 1),  # reach of the offsets: z, y, x
    i64,  # padding_rows
    read(i64, 1),  # word_offsets
    read(u64, 1),  # bit_shifts
    read(f64, 1),  # squares of the offsets
    i64,  # core: offsets that are tried at once
    i64,  # first slice
    i64,  # slice to stop before
    read(u8, 1),  # codes of the queries, or empty
    write(i64, 2),  # counts of the offsets
    write(i64, 2),  # missed queries
    write(f64, 1),  # out: squared distances, or empty
)
def shells(
    queries,
    targets,
    coarse,
    reach,
    padding_rows,
    word_offsets,
    bit_shifts,
    squares,
    core,
    first,
    stop,
    codes,
    counts,
    missed,
    out,
):
    """Find the targets that lie at one of a list of offsets, for the queries of slices `first` to `stop`.

    Parameters
    ----------
    queries, targets : uint64 (nz, ny, nw)
        Two packed sets within a padding of zeros, so that no offset of a query leads outside or into another row: as
        many slices as the longest offset, one row more than that, and as many bits at the end of a row, which are
        also what lies before the next row. Testing for the borders instead would take four times as long.
    coarse : uint64 (nz / 8, ny / 8, nw)
        The coarse rows of the targets.
    reach : int64 (3,)
        How many slices, rows and voxels of a row the offsets lead at most; less than 64 each.
    padding_rows : int
        Rows of the padding at either end of a slice.
    word_offsets, bit_shifts : int64, uint64 (n,)
        The offsets in order of distance, all that are at most as far as the last: 64 voxels at an offset start
        `bit_shift` bits into the word that lies `word_offset` words further in `targets`.
    squares : float64 (n,)
        Their squared distances.
    core : int
        So many offsets are tried at once, the others only for queries that can have a target at one of them by the
        coarse rows. Surfaces that lie far apart would go through all of them in vain.
    codes : uint8
        A number of each query of these slices in C order by which it is counted apart; empty if all count the same.
    counts : int64 (n, codes), or (n, 1)
        Added to: how many queries, of each code, have their nearest target at each offset.
    missed : int64 (n, 3), or (n, 4) if there are codes
        Written: the positions (z, y, x) of the queries for which no target was found, and their codes. Must have room
        for all.
    out : float64
        Written, unless it is empty: for each query of these slices in C order its squared distance, inf where none
        was found. Without it a hit is a bit count, which takes two thirds of the time, and nothing has to be sorted.

    Returns
    -------
    int
        How many queries found no target.
    """
    flat_queries = flattened(queries)
    flat = flattened(targets)
    base = np.uint64(0)
    n_missed = np.uint64(0)
    row_words = queries.shape[2]
    flat_counts = flattened(counts)
    n_codes = np.uint64(counts.shape[1])
    only_counted = codes.size == 0 and out.size == 0
    for z in range(first, stop):
        begin = (z * queries.shape[1] + padding_rows) * row_words
        end = begin + (queries.shape[1] - 2 * padding_rows) * row_words
        for start in range(begin, end, 8):
            # most words are 0: one by one they took a fifth of the time (benchmarks: surface_distances voxel/near)
            if start + 8 <= flat_queries.size:
                used = np.uint64(0)
                for i in range(np.uint64(8)):
                    used |= flat_queries[np.uint64(start) + i]
                if used == 0:
                    continue
            for source in range(start, min(start + 8, end)):
                word_queries = flat_queries[np.uint64(source)]
                if word_queries == 0:
                    continue
                remaining = word_queries
                hopeless = np.uint64(0)
                for i in range(np.uint64(word_offsets.size)):
                    if i == np.uint64(core):
                        y, word = _place(source - begin, row_words, padding_rows)
                        hopeless = remaining & ~_candidates(coarse, z, y, word, reach)
                        remaining ^= hopeless
                        if remaining == 0:
                            break
                    target = np.uint64(source + word_offsets[i])
                    low = flat[target] >> bit_shifts[i]
                    high = (flat[target + np.uint64(1)] << np.uint64(1)) << (
                        np.uint64(63) - bit_shifts[i]
                    )
                    hits = remaining & (low | high)
                    if hits == 0:
                        continue
                    remaining ^= hits
                    if only_counted:
                        flat_counts[i] += popcount(hits)
                    elif codes.size != 0:
                        _count_at(hits, word_queries, codes, base, flat_counts, i * n_codes)
                    else:
                        _write_at(hits, word_queries, squares[i], base, out)
                    if remaining == 0:
                        break
                remaining |= hopeless
                if remaining != 0:
                    if out.size != 0:
                        _write_at(remaining, word_queries, np.inf, base, out)
                    y, word = _place(source - begin, row_words, padding_rows)
                    while remaining != 0:
                        missed[n_missed, np.uint64(0)] = z
                        missed[n_missed, np.uint64(1)] = y
                        missed[n_missed, np.uint64(2)] = np.int64(word) * 64 + trailing_zeros(
                            remaining
                        )
                        less_one = remaining - np.uint64(1)
                        if codes.size != 0:
                            rank = np.uint64(popcount(word_queries & ~remaining & less_one))
                            missed[n_missed, np.uint64(3)] = codes[base + rank]
                        n_missed += np.uint64(1)
                        remaining &= less_one
                base += np.uint64(popcount(word_queries))
    return n_missed


@kernel(
    read(u64, 3),  # words
    i64,  # first coarse slice
    i64,  # coarse slice to stop before
    write(u64, 3),  # coarse rows
)
def coarse_rows(words, first, stop, coarse):
    """OR each block of `BLOCK` × `BLOCK` rows into one row of `coarse`, for some of its slices."""
    flat = words.reshape(-1)
    row_words = np.uint64(words.shape[2])
    for block_z in range(first, stop):
        slices = range(block_z * BLOCK, min((block_z + 1) * BLOCK, words.shape[0]))
        for block_y in range(coarse.shape[1]):
            n_rows = np.uint64(min(BLOCK, words.shape[1] - block_y * BLOCK))
            for w in range(row_words):
                row = np.uint64(0)
                for z in slices:
                    start = np.uint64(z * words.shape[1] + block_y * BLOCK) * row_words + w
                    for y in range(n_rows):
                        row |= flat[start + y * row_words]
                coarse[np.uint64(block_z), np.uint64(block_y), w] = row


@inlined
def _nearest_bit(words, z, y, x, base, squares_x, best):
    """Find how far the nearest set bit of a row is from `x`; -1 if `base` + its square cannot be below `best`."""
    bound = best * SLACK
    middle = x >> 6
    bit = np.uint64(x & 63)
    nearest = np.int64(-1)
    row_word = words[z, y, np.uint64(middle)]
    bits = row_word >> bit
    if bits != 0:
        nearest = trailing_zeros(bits)
    bits = row_word << (np.uint64(63) - bit)
    if bits != 0:
        distance = leading_zeros(bits)
        if nearest < 0 or distance < nearest:
            nearest = distance
    last = words.shape[2] - 1
    word = np.int64(1)
    while middle - word >= 0 or middle + word <= last:
        # the closest that a word this far away can be, on the left and on the right
        left = np.int64(bit) + 1 + 64 * (word - 1)
        right = 64 * word - np.int64(bit)
        least = min(left, right)
        if nearest >= 0 and nearest <= least:
            break
        if least >= squares_x.size or base + squares_x[np.uint64(least)] >= bound:
            break
        if middle - word >= 0:
            bits = words[z, y, np.uint64(middle - word)]
            if bits != 0:
                distance = left + leading_zeros(bits)
                if nearest < 0 or distance < nearest:
                    nearest = distance
        if middle + word <= last:
            bits = words[z, y, np.uint64(middle + word)]
            if bits != 0:
                distance = right + trailing_zeros(bits)
                if nearest < 0 or distance < nearest:
                    nearest = distance
        word += 1
    if nearest >= 0 and base + squares_x[np.uint64(nearest)] >= bound:
        return np.int64(-1)
    return nearest


@inlined
def _gap(position, block, size):
    """Count the steps from a position to the nearest row of a block, 0 inside it."""
    start = block * BLOCK
    end = min(start + BLOCK, size) - 1
    if position < start:
        return start - position
    if position > end:
        return position - end
    return np.int64(0)


@inlined
def _sum(square_z, square_y, square_x, reverse):
    """Sum the squares of a distance in the order of the image's axes."""
    if reverse:
        return (square_x + square_y) + square_z
    return (square_z + square_y) + square_x


@inlined
def _search_block(
    targets, z, y, x, block_z, block_y, nearest_x, squares_z, squares_y, squares_x, reverse, best
):
    """Find the least squared distance to a target in a block of rows, or `best` if that is less.

    No row has a target nearer than `nearest_x` along x. That rules out half of the rows of a far block, and saves a
    quarter of the time (benchmarks: surface_distances voxel/far-256).
    """
    least_x = squares_x[np.uint64(nearest_x)]
    for row_z in range(block_z * BLOCK, min((block_z + 1) * BLOCK, targets.shape[0])):
        square_z = squares_z[np.uint64(abs(row_z - z))]
        for row_y in range(block_y * BLOCK, min((block_y + 1) * BLOCK, targets.shape[1])):
            square_y = squares_y[np.uint64(abs(row_y - y))]
            base = square_z + square_y
            if base + least_x >= best * SLACK:
                continue
            voxels_away = _nearest_bit(
                targets, np.uint64(row_z), np.uint64(row_y), x, base, squares_x, best
            )
            if voxels_away >= 0:
                distance = _sum(square_z, square_y, squares_x[np.uint64(voxels_away)], reverse)
                best = min(best, distance)
    return best


@kernel(
    read(i64, 2),  # queries
    read(u64, 3),  # targets
    read(u64, 3),  # coarse rows of the targets
    read(f64, 1),  # squares_z
    read(f64, 1),  # squares_y
    read(f64, 1),  # squares_x
    i64,  # reverse
    i64,  # first query
    i64,  # query to stop before
    i64,  # budget
    write(f64, 1),  # out: squared distances
)
def far(
    queries, targets, coarse, squares_z, squares_y, squares_x, reverse, first, stop, budget, out
):
    """Search targets for queries `first` to `stop`, until `budget` blocks of rows have been looked at.

    Parameters
    ----------
    queries : int64 (n, 3) or more columns
        Positions (z, y, x), neighbours next to each other for the best bounds.
    targets, coarse : uint64 (nz, ny, nw), (nz / 8, ny / 8, nw)
        The packed set, not empty, and its coarse rows.
    squares_z, squares_y, squares_x : float64
        The square of 0, 1, 2 … steps along each axis, in units of the spacing.
    reverse : int
        1 if the image's axes are x, y, z rather than z, y, x.
    out : float64 (n,)
        Written: squared distances.

    Returns
    -------
    int
        The first query that was not answered.
    """
    work = np.int64(0)
    previous = np.inf  # the distance of the query before
    for q in range(first, stop):
        if work > budget:
            return q
        z = queries[np.uint64(q), np.uint64(0)]
        y = queries[np.uint64(q), np.uint64(1)]
        x = queries[np.uint64(q), np.uint64(2)]
        best = np.inf
        if q > first:
            # the triangle inequality, with room for rounding: only a bound, never an answer
            dz = abs(z - queries[np.uint64(q - 1), np.uint64(0)])
            dy = abs(y - queries[np.uint64(q - 1), np.uint64(1)])
            dx = abs(x - queries[np.uint64(q - 1), np.uint64(2)])
            moved = squares_z[np.uint64(dz)] + squares_y[np.uint64(dy)] + squares_x[np.uint64(dx)]
            best = (previous + np.sqrt(moved)) ** 2 * (1.0 + 1e-9) + 1e-300
        middle_z = z // BLOCK
        middle_y = y // BLOCK
        ring = np.int64(0)
        while True:
            top = middle_z - ring
            bottom = middle_z + ring
            left = middle_y - ring
            right = middle_y + ring
            least = np.inf  # what this ring and all further ones cannot go below
            if top >= 0:
                least = min(least, squares_z[np.uint64(_gap(z, top, targets.shape[0]))])
            if bottom < coarse.shape[0]:
                least = min(least, squares_z[np.uint64(_gap(z, bottom, targets.shape[0]))])
            if left >= 0:
                least = min(least, squares_y[np.uint64(_gap(y, left, targets.shape[1]))])
            if right < coarse.shape[1]:
                least = min(least, squares_y[np.uint64(_gap(y, right, targets.shape[1]))])
            if least >= best or np.isinf(least):
                break
            for block_z in range(max(top, 0), min(bottom, coarse.shape[0] - 1) + 1):
                square_z = squares_z[np.uint64(_gap(z, block_z, targets.shape[0]))]
                step_y = 1 if block_z in (top, bottom) else max(2 * ring, 1)
                for block_y in range(left, right + 1, step_y):
                    if block_y < 0 or block_y >= coarse.shape[1]:
                        continue
                    work += 1
                    base = square_z + squares_y[np.uint64(_gap(y, block_y, targets.shape[1]))]
                    if base >= best:
                        continue
                    nearest_x = _nearest_bit(
                        coarse, np.uint64(block_z), np.uint64(block_y), x, base, squares_x, best
                    )
                    if nearest_x < 0:
                        continue
                    work += BLOCK_COST
                    best = _search_block(
                        targets,
                        z,
                        y,
                        x,
                        block_z,
                        block_y,
                        nearest_x,
                        squares_z,
                        squares_y,
                        squares_x,
                        reverse,
                        best,
                    )
            ring += 1
        out[np.uint64(q)] = best
        previous = np.sqrt(best)
    return stop
