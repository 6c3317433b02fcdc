"""The squared distance from the middle of each triangle of one mesh to the nearest point of another.

Idea: a cell of the lattice has one of 256 codes, a triangle's middle one of 63 places within its cell. So the distance
from a middle to a cell next to it is a table of place, step and code, made once for a spacing by `near_table`, and
most distances are the least of some ten entries. Where a distance is longer than the way out of these 27 cells, those
of the 125 around that may be nearer are looked up too, in a table that fills as it is asked. What is still too far goes
through the rows of cells that may be nearer, a bit a cell, and computes only what boxes and corners do not rule
out; rows come in blocks over their coarse rows (:mod:`fastseg_kernels.cpu.nearest`) where they are many. The cell that
was nearest to the middle before gives the first bound.

Cost: some 100 operations a triangle between surfaces that lie within a voxel (benchmarks: surface_distances
mesh/near-256).

Exactness: the least computed distance of all triangles. Whatever prunes is a bound of true distances, with room for
their rounding: positions are whole numbers of parts of a voxel, and the formula has only a few roundings.
"""

import numpy as np

from fastseg_kernels._intrinsics import flattened, popcount, trailing_zeros
from fastseg_kernels._jit import f64, i32, i64, inlined, kernel, read, u8, u64, write

BLOCK = 8  # rows of a block along y and along z
MOST_ROWS = 200  # that are looked at one by one

# What is computed is within some units of rounding of what is true.
SLACK = 1.0 + 1e-12


@inlined
def _square(z, y, x):
    return (z * z + y * y) + x * x


@inlined
def _cross(az, ay, ax, bz, by, bx):
    return ay * bx - ax * by, ax * bz - az * bx, az * by - ay * bz


@inlined
def _to_segment(pz, py, px, qz, qy, qx, cz, cy, cx, sz, sy, sx):
    """Square the distance from the origin to a segment, both ends of which may be one; also given is their product."""
    nz, ny, nx = pz * sz, py * sy, px * sx
    gz, gy, gx = (qz - pz) * sz, (qy - py) * sy, (qx - px) * sx
    foot = -((nz * gz + ny * gy) + nx * gx)
    if foot <= 0:
        return _square(nz, ny, nx)
    length = _square(gz, gy, gx)
    if foot >= length:
        return _square(qz * sz, qy * sy, qx * sx)
    return _square(cz * (sy * sx), cy * (sz * sx), cx * (sz * sy)) / length


@inlined
def _to_triangle(corners, shapes, which, oz, oy, ox, steps):
    """Square the distance, in parts of a voxel, from the origin to a triangle that is moved by (oz, oy, ox).

    `shapes` has what does not depend on where it is: its normal, scaled; the normal's square; the volume of a voxel.
    """
    sz, sy, sx = steps[0], steps[1], steps[2]
    first = which * np.uint64(9)
    az = corners[first] + oz
    ay = corners[first + np.uint64(1)] + oy
    ax = corners[first + np.uint64(2)] + ox
    bz = corners[first + np.uint64(3)] + oz
    by = corners[first + np.uint64(4)] + oy
    bx = corners[first + np.uint64(5)] + ox
    cz = corners[first + np.uint64(6)] + oz
    cy = corners[first + np.uint64(7)] + oy
    cx = corners[first + np.uint64(8)] + ox
    shape = which * np.uint64(6)
    vz, vy, vx = _cross(cz, cy, cx, az, ay, ax)
    length = shapes[shape + np.uint64(3)]
    if length <= 0:  # a segment, or a point
        return _to_segment(cz, cy, cx, az, ay, ax, vz, vy, vx, sz, sy, sx)
    uz, uy, ux = _cross(bz, by, bx, cz, cy, cx)
    wz, wy, wx = _cross(az, ay, ax, bz, by, bx)
    mz, my, mx = shapes[shape], shapes[shape + np.uint64(1)], shapes[shape + np.uint64(2)]
    # on which side of each edge, opposite to a corner, the foot on the plane is
    u = (mz * uz + my * uy) + mx * ux
    v = (mz * vz + my * vy) + mx * vx
    w = (mz * wz + my * wy) + mx * wx
    if u >= 0 and v >= 0 and w >= 0:
        determinant = (az * uz + ay * uy + ax * ux) * shapes[shape + np.uint64(4)]
        return determinant * determinant / length
    best = np.inf
    if u < 0:
        best = _to_segment(bz, by, bx, cz, cy, cx, uz, uy, ux, sz, sy, sx)
    if v < 0:
        best = min(best, _to_segment(cz, cy, cx, az, ay, ax, vz, vy, vx, sz, sy, sx))
    if w < 0:
        best = min(best, _to_segment(az, ay, ax, bz, by, bx, wz, wy, wx, sz, sy, sx))
    return best


@kernel(
    read(i64, 2),  # places
    read(i64, 1),  # corners of the different triangles
    read(f64, 1),  # shapes of these
    read(i64, 1),  # triangles of the codes
    read(i64, 1),  # starts of the codes
    read(f64, 1),  # steps
    i64,  # unit
    write(f64, 1),  # of each triangle
    write(f64, 1),  # out
)
def near_table(places, corners, shapes, triangles, starts, steps, unit, squares, out):
    """Square the distances, in parts of a voxel, from each place within a cell to each code in the 27 cells around.

    Parameters
    ----------
    places : int64 (n, 3)
    corners, shapes : int64 (9 * m,), float64 (6 * m,)
        Of the different triangles, within their cells.
    triangles, starts : int64
        Which of them each code has: those from its start to the next one's.
    steps : float64 (3,)
        The spacing.
    squares : float64 (m,)
        Room.
    out : float64 (n * 27 * 256,)
        Written; inf for codes without triangles.
    """
    for place in range(np.uint64(places.shape[0])):
        for step in range(np.uint64(27)):
            around = np.int64(step)
            oz = (around // 9 - 1) * unit - places[place, np.uint64(0)]
            oy = (around // 3 % 3 - 1) * unit - places[place, np.uint64(1)]
            ox = (around % 3 - 1) * unit - places[place, np.uint64(2)]
            for which in range(np.uint64(squares.size)):
                squares[which] = _to_triangle(corners, shapes, which, oz, oy, ox, steps)
            base = (place * np.uint64(27) + step) * np.uint64(256)
            for code in range(np.uint64(starts.size - 1)):
                best = np.inf
                for entry in range(np.uint64(starts[code]), np.uint64(starts[code + np.uint64(1)])):
                    best = min(best, squares[np.uint64(triangles[entry])])
                out[base + code] = best


@inlined
def _gap(low, high):
    """Count the parts of a voxel between the origin and what lies from `low` to `high`."""
    if low > 0:
        return low
    if high < 0:
        return -high
    return np.int64(0)


@inlined
def _code_at(flat, ranks, codes, word, bit):
    """Give the code of the element that a bit of a word stands for."""
    below = flat[word] & ((np.uint64(1) << bit) - np.uint64(1))
    return np.uint64(codes[np.uint64(ranks[word]) + np.uint64(popcount(below))])


@inlined
def _bits_around(flat, start, row_words, word, bit, reach):
    """Take the bits of a row, whose words start somewhere, from `reach` before a bit to `reach` behind it."""
    width = 2 * reach + 1
    here = flat[np.uint64(start + word)]
    if bit >= reach:
        found = here >> np.uint64(bit - reach)
        over = bit + reach - 63
        if over > 0 and word + 1 < row_words:
            found |= flat[np.uint64(start + word + 1)] << np.uint64(width - over)
    else:
        found = here << np.uint64(reach - bit)
        if word > 0:
            found |= flat[np.uint64(start + word - 1)] >> np.uint64(64 - (reach - bit))
    return found & ((np.uint64(1) << np.uint64(width)) - np.uint64(1))


@inlined
def _within(bits, word, low, high):
    """Take the bits of a word of a row that lie from `low` to `high`."""
    if word == low >> 6:
        bits = bits >> np.uint64(low & 63) << np.uint64(low & 63)
    if word == high >> 6:
        rest = np.uint64(63 - (high & 63))
        bits = bits << rest >> rest
    return bits


@inlined
def _turn(middle, turn):
    """Go from a middle to either side in turn."""
    if turn & 1:
        return middle + (turn + 1) // 2
    return middle - turn // 2


@inlined
def _to_cell(dz, dy, dx, reverse, code, place, tables, steps, unit, best):
    """Find the least squared distance to the triangles of a cell at an offset, or `best` if that is less."""
    boxes, corners, shapes, triangles, starts = tables
    if reverse:
        dz, dx = dx, dz
    oz, oy, ox = dz * unit - place[0], dy * unit - place[1], dx * unit - place[2]
    box = code * np.uint64(6)
    z = _gap(oz + boxes[box], oz + boxes[box + np.uint64(1)]) * steps[0]
    y = _gap(oy + boxes[box + np.uint64(2)], oy + boxes[box + np.uint64(3)]) * steps[1]
    x = _gap(ox + boxes[box + np.uint64(4)], ox + boxes[box + np.uint64(5)]) * steps[2]
    if _square(z, y, x) >= best * SLACK:
        return best
    for entry in range(np.uint64(starts[code]), np.uint64(starts[code + np.uint64(1)])):
        which = np.uint64(triangles[entry])
        best = min(best, _to_triangle(corners, shapes, which, oz, oy, ox, steps))
    return best


@inlined
def _to_far_cell(dz, dy, dx, reverse, code, place, tables, steps, unit, best):
    """Find the least squared distance to the triangles of a cell at an offset, or `best` if that is less.

    The nearest point of a triangle is about as far as its nearest corner: the difference of their squares is no more
    than a third of the longest edge's square.
    """
    boxes, corners, shapes, triangles, starts = tables
    if reverse:
        dz, dx = dx, dz
    oz, oy, ox = dz * unit - place[0], dy * unit - place[1], dx * unit - place[2]
    box = code * np.uint64(6)
    z = _gap(oz + boxes[box], oz + boxes[box + np.uint64(1)]) * steps[0]
    y = _gap(oy + boxes[box + np.uint64(2)], oy + boxes[box + np.uint64(3)]) * steps[1]
    x = _gap(ox + boxes[box + np.uint64(4)], ox + boxes[box + np.uint64(5)]) * steps[2]
    if _square(z, y, x) >= best * SLACK:
        return best
    for entry in range(np.uint64(starts[code]), np.uint64(starts[code + np.uint64(1)])):
        which = np.uint64(triangles[entry])
        first = which * np.uint64(9)
        nearest = np.inf
        for _corner in range(3):
            z = (corners[first] + oz) * steps[0]
            y = (corners[first + np.uint64(1)] + oy) * steps[1]
            x = (corners[first + np.uint64(2)] + ox) * steps[2]
            nearest = min(nearest, _square(z, y, x))
            first += np.uint64(3)
        if nearest - shapes[which * np.uint64(6) + np.uint64(5)] >= best * SLACK:
            continue
        best = min(best, _to_triangle(corners, shapes, which, oz, oy, ox, steps))
    return best


@kernel(
    read(u64, 3),  # queries
    read(u8, 1),  # codes of the queries
    read(u64, 3),  # targets
    read(u8, 1),  # codes of the targets
    read(i32, 1),  # ranks of the targets' words
    read(u64, 3),  # coarse rows of the targets
    read(i64, 1),  # a first target, and the rows that have targets
    i64,  # rows of the padding
    i64,  # reverse
    read(f64, 1),  # steps, in the image's order
    i64,  # unit
    read(i64, 2),  # places
    read(i64, 1),  # places of triangles
    read(u8, 1),  # kinds of triangles
    read(i64, 1),  # corners of the different triangles
    read(f64, 1),  # shapes of these
    read(i64, 1),  # triangles of the codes
    read(i64, 1),  # starts of the codes
    read(i64, 1),  # boxes of the codes
    read(f64, 1),  # near table
    read(f64, 2),  # limits of places
    read(f64, 2),  # levels
    read(u64, 3),  # masks of levels
    write(f64, 1),  # wide table
    i64,  # first slice
    i64,  # slice to stop before
    write(i64, 1),  # room for cells around
    write(f64, 1),  # out: squared distances
    write(u8, 1),  # out: kinds
)
def mesh_distances(
    queries,
    query_codes,
    targets,
    codes,
    ranks,
    coarse,
    known,
    padding_rows,
    reverse,
    steps,
    unit,
    places,
    place_of,
    kinds,
    corners,
    shapes,
    triangles,
    starts,
    boxes,
    table,
    limits,
    levels,
    masks,
    wide_table,
    first,
    stop,
    around,
    out,
    out_kinds,
):
    """Square the distance of each triangle in the cells of slices `first` to `stop`.

    Parameters
    ----------
    queries, targets : uint64 (nz, ny, nw)
        Two packed sets of cells within a padding of zeros, of at least a row at either end of a slice.
    query_codes, codes : uint8
        Of the cells of these slices, and of all targets, in C order, as the image's axes have them.
    ranks : int32
        How many targets come before each word.
    coarse : uint64 (nz / 8, ny / 8, nw)
        The coarse rows of the targets.
    known : int64 (7,)
        Position (z, y, x) of some target; from where to where, along z and y, all targets are.
    padding_rows : int
        Rows before the first.
    reverse : int
        1 if the image's axes are x, y, z rather than z, y, x.
    steps : float64 (3,)
        Spacing along the image's axes.
    places, place_of, kinds, corners, shapes, triangles, starts, boxes : arrays
        The triangles of all codes, along the image's axes: different middles within a cell, the middle and the kind of
        each triangle, what `near_table` takes, and the box of each code.
    table : float64 (places * 27 * 256,)
        Of `near_table`.
    limits : float64 (places, 2)
        What the squares from each place to all cells but the 27 around are at least, and to all but the 125 around.
    levels : float64 (places, n), masks : uint64 (places, n, 3)
        Which of the other 98 cells are nearer than the square of each level, ascending: five bits a row along x, rows
        by z and y, ten of them to the first two words.
    wide_table : float64 (places * 125 * 256,)
        As `table`, of these 98 cells, in the order of the masks' bits; 0 for what was not asked for yet. Written: what
        is asked for, by every thread the same.
    around : int64 (54,)
        Room.
    out, out_kinds : float64, uint8
        Written: for each triangle, in the order of cells.
    """
    flat_queries = flattened(queries)
    flat = flattened(targets)
    row_words = np.int64(queries.shape[2])
    slice_words = np.int64(queries.shape[1]) * row_words
    parts = np.float64(unit * unit)
    step_z, step_x = steps[0], steps[2]
    if reverse:
        step_z, step_x = step_x, step_z
    step_y = steps[1]
    n_levels = np.uint64(levels.shape[1])
    tables = boxes, corners, shapes, triangles, starts
    n = np.uint64(0)
    cell = np.uint64(0)
    # the cell that was nearest to the middle before
    last_z, last_y, last_x = known[0], known[1], known[2]
    for z in range(first, stop):
        for y in range(padding_rows, queries.shape[1] - padding_rows):
            row = z * slice_words + y * row_words
            for word in range(row_words):
                source = np.uint64(row + word)
                remaining = flat_queries[source]
                while remaining != 0:
                    bit = np.int64(trailing_zeros(remaining))
                    remaining &= remaining - np.uint64(1)
                    x = word * 64 + bit
                    own = np.uint64(query_codes[cell])
                    cell += np.uint64(1)
                    begin, end = np.uint64(starts[own]), np.uint64(starts[own + np.uint64(1)])
                    if (
                        flat[source] >> np.uint64(bit) & np.uint64(1)
                        and _code_at(flat, ranks, codes, source, np.uint64(bit)) == own
                    ):
                        for entry in range(begin, end):
                            out[n] = 0.0
                            out_kinds[n] = kinds[entry]
                            n += np.uint64(1)
                        last_z, last_y, last_x = z, y, x
                        continue
                    # the cells around that have triangles: which of the 27, and their codes
                    n_around = np.uint64(0)
                    for dz in range(-1 if z > 0 else 0, 2 if z + 1 < queries.shape[0] else 1):
                        for dy in range(-1, 2):
                            at = row + dz * slice_words + dy * row_words
                            bits = _bits_around(flat, at, row_words, word, bit, np.int64(1))
                            while bits != 0:
                                dx = np.int64(trailing_zeros(bits)) - 1
                                bits &= bits - np.uint64(1)
                                there = np.uint64(at + ((x + dx) >> 6))
                                code = _code_at(flat, ranks, codes, there, np.uint64((x + dx) & 63))
                                step = (dz + 1) * 9 + (dy + 1) * 3 + dx + 1
                                if reverse:
                                    step = (dx + 1) * 9 + (dy + 1) * 3 + dz + 1
                                around[n_around] = step * 256 + np.int64(code)
                                n_around += np.uint64(1)
                    gathered = False
                    wide_a = np.uint64(0)
                    wide_b = np.uint64(0)
                    wide_c = np.uint64(0)
                    for entry in range(begin, end):
                        which = np.uint64(place_of[entry])
                        base_of_place = which * np.uint64(27 * 256)
                        best = np.inf
                        for i in range(n_around):
                            best = min(best, table[base_of_place + np.uint64(around[i])])
                        out_kinds[n] = kinds[entry]
                        if best <= limits[which, np.uint64(0)]:
                            out[n] = best / parts
                            n += np.uint64(1)
                            continue
                        place = places[which]
                        # the cells of the 125 around that may be nearer
                        if not gathered:
                            gathered = True
                            for dz in range(-2, 3):
                                if z + dz < 0 or z + dz >= queries.shape[0]:
                                    continue
                                rows = np.uint64(0)
                                for dy in range(-2, 3):
                                    if y + dy < 0 or y + dy >= queries.shape[1]:
                                        continue
                                    at = row + dz * slice_words + dy * row_words
                                    bits = _bits_around(flat, at, row_words, word, bit, np.int64(2))
                                    rows |= bits << np.uint64(5 * (dy + 2))
                                if dz < 0:
                                    wide_a |= rows << np.uint64(25 * (dz + 2))
                                elif dz < 2:
                                    wide_b |= rows << np.uint64(25 * dz)
                                else:
                                    wide_c = rows
                        level = np.uint64(0)
                        while level + np.uint64(1) < n_levels and levels[which, level] < best:
                            level += np.uint64(1)
                        for third in range(3):
                            if third == 0:
                                bits = wide_a & masks[which, level, np.uint64(0)]
                            elif third == 1:
                                bits = wide_b & masks[which, level, np.uint64(1)]
                            else:
                                bits = wide_c & masks[which, level, np.uint64(2)]
                            while bits != 0:
                                lowest = np.uint64(trailing_zeros(bits))
                                bits &= bits - np.uint64(1)
                                dz = np.int64(lowest // np.uint64(25)) + 2 * third - 2
                                dy = np.int64(lowest % np.uint64(25) // np.uint64(5)) - 2
                                dx = np.int64(lowest % np.uint64(5)) - 2
                                at = row + dz * slice_words + dy * row_words + ((x + dx) >> 6)
                                code = _code_at(
                                    flat, ranks, codes, np.uint64(at), np.uint64((x + dx) & 63)
                                )
                                step = np.uint64(50 * third) + lowest
                                entry_of_cell = (which * np.uint64(125) + step) << np.uint64(
                                    8
                                ) | code
                                found = wide_table[entry_of_cell]
                                if found == 0:
                                    found = _to_cell(
                                        *(dz, dy, dx, reverse, code, place, tables, steps, unit),
                                        np.inf,
                                    )
                                    wide_table[entry_of_cell] = found
                                best = min(best, found)
                        if best <= limits[which, np.uint64(1)]:
                            out[n] = best / parts
                            n += np.uint64(1)
                            continue
                        place_z, place_y, place_x = place[0], place[1], place[2]
                        if reverse:
                            place_z, place_x = place_x, place_z
                        # first around the cell that was nearest before, which gives a bound
                        top, bottom = max(last_z - 1, known[3]), min(last_z + 1, known[4] - 1)
                        left, right = max(last_y - 1, known[5]), min(last_y + 1, known[6] - 1)
                        low, high = max(last_x - 1, 0), min(last_x + 1, 64 * row_words - 1)
                        for everywhere in range(2):
                            size = np.int64(1)
                            if everywhere:
                                # all rows that may be near enough, and what of them may be
                                far = np.sqrt(best) * SLACK
                                cells = far / (step_z * unit)
                                top = z - np.int64(cells + 1.0) - 1
                                bottom = z + np.int64(cells + 1.0)
                                cells = far / (step_y * unit)
                                left = y - np.int64(cells + 1.0) - 1
                                right = y + np.int64(cells + 1.0)
                                cells = far / (step_x * unit)
                                low = max(x - np.int64(cells + 1.0) - 1, 0)
                                high = min(x + np.int64(cells + 1.0), 64 * row_words - 1)
                                top, bottom = max(top, known[3]), min(bottom, known[4] - 1)
                                left, right = max(left, known[5]), min(right, known[6] - 1)
                                if (bottom - top + 1) * (right - left + 1) > MOST_ROWS:
                                    size = np.int64(BLOCK)
                            # blocks of rows, or rows, those near the middle first
                            first_z, final_z = top // size, bottom // size
                            first_y, final_y = left // size, right // size
                            middle_z = min(max(z // size, first_z), final_z)
                            middle_y = min(max(y // size, first_y), final_y)
                            most_z = 2 * max(middle_z - first_z, final_z - middle_z) + 1
                            most_y = 2 * max(middle_y - first_y, final_y - middle_y) + 1
                            extent = size * unit
                            for turn_z in range(most_z):
                                block_z = _turn(middle_z, turn_z)
                                if block_z < first_z or block_z > final_z:
                                    continue
                                start = (block_z * size - z) * unit - place_z
                                gap = _gap(start, start + extent) * step_z
                                base_z = gap * gap
                                if base_z >= best * SLACK:
                                    continue
                                for turn_y in range(most_y):
                                    block_y = _turn(middle_y, turn_y)
                                    if block_y < first_y or block_y > final_y:
                                        continue
                                    start = (block_y * size - y) * unit - place_y
                                    gap = _gap(start, start + extent) * step_y
                                    base = base_z + gap * gap
                                    if base >= best * SLACK:
                                        continue
                                    if size > 1:
                                        # whether any row of the block has something near enough
                                        cells = np.sqrt(best * SLACK - base) / (step_x * unit)
                                        low = max(x - np.int64(cells + 1.0) - 1, 0)
                                        high = min(x + np.int64(cells + 1.0), 64 * row_words - 1)
                                        any_bits = np.uint64(0)
                                        for w in range(low >> 6, (high >> 6) + 1):
                                            bits = coarse[
                                                np.uint64(block_z), np.uint64(block_y), np.uint64(w)
                                            ]
                                            any_bits |= _within(bits, w, low, high)
                                        if any_bits == 0:
                                            continue
                                    for row_z in range(
                                        max(block_z * size, top),
                                        min((block_z + 1) * size, bottom + 1),
                                    ):
                                        dz = row_z - z
                                        start = dz * unit - place_z
                                        gap = _gap(start, start + unit) * step_z
                                        of_z = gap * gap
                                        if of_z >= best * SLACK:
                                            continue
                                        for row_y in range(
                                            max(block_y * size, left),
                                            min((block_y + 1) * size, right + 1),
                                        ):
                                            at = row_z * slice_words + row_y * row_words
                                            for w in range(low >> 6, (high >> 6) + 1):
                                                bits = _within(
                                                    flat[np.uint64(at + w)], w, low, high
                                                )
                                                if bits == 0:
                                                    continue
                                                dy = row_y - y
                                                start = dy * unit - place_y
                                                gap = _gap(start, start + unit) * step_y
                                                base = of_z + gap * gap
                                                if base >= best * SLACK:
                                                    continue
                                                while bits != 0:
                                                    lowest = np.int64(trailing_zeros(bits))
                                                    bits &= bits - np.uint64(1)
                                                    dx = w * 64 + lowest - x
                                                    start = dx * unit - place_x
                                                    gap = _gap(start, start + unit) * step_x
                                                    if base + gap * gap >= best * SLACK:
                                                        continue
                                                    code = _code_at(
                                                        flat,
                                                        ranks,
                                                        codes,
                                                        np.uint64(at + w),
                                                        np.uint64(lowest),
                                                    )
                                                    found = _to_far_cell(
                                                        dz,
                                                        dy,
                                                        dx,
                                                        reverse,
                                                        code,
                                                        place,
                                                        tables,
                                                        steps,
                                                        unit,
                                                        best,
                                                    )
                                                    if found < best:
                                                        best = found
                                                        last_z, last_y = row_z, row_y
                                                        last_x = w * 64 + lowest
                        out[n] = best / parts
                        n += np.uint64(1)
    return n
