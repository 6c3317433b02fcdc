"""Surface elements between voxels: the corners of the voxel lattice at which a packed mask changes.

Idea: a corner sees the 2×2×2 voxels around it (2×2 in 2-D, 2 in 1-D). It carries a piece of surface if some but
not all of them are set: the OR of the four rows that meet there and of their shifts by one bit, without the AND.
The eight bits, read as a number, are the corner's code, by which its area is looked up.

Cost: 4 rows read a word of corners; 40 operations for the code of a corner, only where there is surface.

Exactness: integers. Bit (i, j, k) of a code, counted from the first corner voxel (z - 1 + i, y - 1 + j, x - 1 + k),
is bit `4 * i + 2 * j + k` in 3-D, `2 * j + k` in 2-D, `k` in 1-D.
"""

import numpy as np

from fastseg_kernels._intrinsics import flattened, popcount, trailing_zeros
from fastseg_kernels._jit import i64, inlined, kernel, read, u8, u64, write

ALL = 0xFFFFFFFFFFFFFFFF


@inlined
def _row(words, part, z, y):
    """Tell where row (z, y) of a part starts in the flat words and which of its bits count: none outside the part."""
    if z < 0 or z >= part[1, 0] or y < 0 or y >= part[1, 1]:
        return np.uint64(0), np.uint64(0)
    row = (part[0, 0] + z) * words.shape[1] + part[0, 1] + y
    return np.uint64(row * words.shape[2] + part[0, 2]), np.uint64(ALL)


@inlined
def _rows(words, part, z, y, ndim):
    """Look up the rows (z - 1, y - 1), (z - 1, y), (z, y - 1) and (z, y), each as `_row` does.

    Along an axis that the image does not have, the row before is the row itself.
    """
    before_z = z - 1 if ndim >= 3 else z
    before_y = y - 1 if ndim >= 2 else y
    return (
        _row(words, part, before_z, before_y),
        _row(words, part, before_z, y),
        _row(words, part, z, before_y),
        _row(words, part, z, y),
    )


@inlined
def _inner_rows(flat, source, row_step, slice_step, n, out, target):
    """Write rows of corners that lie between four rows each, as one run of words; return how many corners are set.

    The rows must be separated, so that the loop need not look where they end, and is long enough for vectors.
    """
    one = np.uint64(1)
    a = source - slice_step - row_step
    b = source - slice_step
    c = source - row_step
    count = np.int64(0)
    for w in range(n):
        row_a, row_b, row_c, row_d = flat[a + w], flat[b + w], flat[c + w], flat[source + w]
        any_set = row_a | row_b | row_c | row_d
        all_set = row_a & row_b & row_c & row_d
        row_a, row_b = flat[a + w - one], flat[b + w - one]
        row_c, row_d = flat[c + w - one], flat[source + w - one]
        any_set_left = row_a | row_b | row_c | row_d
        all_set_left = row_a & row_b & row_c & row_d
        any_around = any_set | (any_set << one) | (any_set_left >> np.uint64(63))
        all_around = all_set & ((all_set << one) | (all_set_left >> np.uint64(63)))
        corner_bits = any_around & ~all_around
        out[target + w] = corner_bits
        count += popcount(corner_bits)
    return count


@kernel(
    read(u64, 3),  # words
    read(i64, 2),  # part: its start and size
    i64,  # first slice of the lattice
    i64,  # slice to stop before
    i64,  # ndim
    i64,  # width: words of a row of the lattice
    i64,  # rows_separated
    write(u64, 3),  # corners
    write(i64, 1),  # counts of the slices
)
def corner_surface(words, part, first, stop, ndim, width, rows_separated, corners, counts):
    """Set the corners that carry surface, in some slices of the corner lattice of a part.

    Parameters
    ----------
    words : uint64 (nz, ny, nw)
        The mask, packed.
    part : int64 (2, 3)
        Where the part starts in `words`, and how many slices, rows and words it has. Beyond it there is nothing.
    first, stop : int
        Slices of the lattice to write.
    ndim : int
        How many of the axes z, y, x, counted from the last, the image has.
    width : int
        Words of a row of the lattice, enough for one voxel more than the part has.
    rows_separated : int
        1 if at least one bit of 0, and nothing else, lies between the last voxel of a row and the first of the next.
    corners : uint64
        Written: one slice and one row more than the part along the axes that the image has, and `width` words; or
        larger by a padding, the same at both ends of the first two axes and at the end of a row. The padding of the
        slices that are written becomes 0. Row y lies between rows y - 1 and y of the part.
    counts : int64
        Written: how many corners are set in each slice of `corners` that is written.
    """
    flat = flattened(words)
    out = flattened(corners)
    n_words = np.uint64(part[1, 2])
    padding_z = (corners.shape[0] - part[1, 0]) // 2
    padding_y = (corners.shape[1] - part[1, 1]) // 2
    padding_words = corners.shape[2] - width
    row_step = words.shape[2]
    in_one_run = rows_separated != 0 and ndim == 3 and corners.shape[2] == row_step
    for z in range(first, stop):
        corners[z + padding_z, :padding_y] = 0
        corners[z + padding_z, corners.shape[1] - padding_y :] = 0
        count = np.int64(0)
        y = np.int64(0)
        while y < corners.shape[1] - 2 * padding_y:
            # from row 2 on: what lies before the words of row 0 may lie before the array
            if in_one_run and y == 2 and part[1, 1] > 2 and z > 0 and z < part[1, 0]:
                row, _ = _row(words, part, z, y)
                target = np.uint64(
                    ((z + padding_z) * corners.shape[1] + y + padding_y) * corners.shape[2]
                )
                strides = np.uint64(row_step), np.uint64(words.shape[1] * row_step)
                n = np.uint64(part[1, 1] - 2) * strides[0]
                count += _inner_rows(flat, row, *strides, n, out, target)
                y = part[1, 1]
                continue
            (a, a_bits), (b, b_bits), (c, c_bits), (d, d_bits) = _rows(words, part, z, y, ndim)
            row_start = ((z + padding_z) * corners.shape[1] + y + padding_y) * corners.shape[2]
            target = np.uint64(row_start)
            any_set_left = np.uint64(0)
            all_set_left = np.uint64(0)
            for w in range(n_words):
                row_a = flat[a + w] & a_bits
                row_b = flat[b + w] & b_bits
                row_c = flat[c + w] & c_bits
                row_d = flat[d + w] & d_bits
                any_set = row_a | row_b | row_c | row_d
                all_set = row_a & row_b & row_c & row_d
                any_around = any_set | (any_set << np.uint64(1)) | (any_set_left >> np.uint64(63))
                all_around = all_set & ((all_set << np.uint64(1)) | (all_set_left >> np.uint64(63)))
                corner_bits = any_around & ~all_around
                out[target + w] = corner_bits
                count += popcount(corner_bits)
                any_set_left = any_set
                all_set_left = all_set
            if np.uint64(width) > n_words:  # the corner after the last voxel
                out[target + n_words] = any_set_left >> np.uint64(63)
                count += np.int64(any_set_left >> np.uint64(63))
            for w in range(np.uint64(padding_words)):
                out[target + np.uint64(width) + w] = 0
            y += 1
        counts[np.uint64(z + padding_z)] = count


@inlined
def _code(row_a, row_b, row_c, row_d, bit):
    """Read the voxels at a bit of four rows, and at the next, as the code of the corner between them."""
    two = np.uint64(3)
    code = (row_a >> bit) & two
    code |= ((row_b >> bit) & two) << np.uint64(2)
    code |= ((row_c >> bit) & two) << np.uint64(4)
    code |= ((row_d >> bit) & two) << np.uint64(6)
    return code


@kernel(
    read(u64, 3),  # words
    read(i64, 2),  # part: its start and size
    i64,  # first slice of the lattice
    i64,  # slice to stop before
    i64,  # ndim
    i64,  # width: words of a row of the lattice
    read(u64, 3),  # corners
    read(u8, 1),  # table of the 256 codes
    write(u8, 1),  # codes
)
def corner_codes(words, part, first, stop, ndim, width, corners, table, codes):
    """Look up the code of each corner that `corner_surface` has set with these arguments, in C order.

    A lower dimension sees its rows twice: in its codes, and so in `table`, what lies before along z is repeated.
    """
    padding_z = (corners.shape[0] - part[1, 0]) // 2
    padding_y = (corners.shape[1] - part[1, 1]) // 2
    flat = flattened(words)
    flat_corners = flattened(corners)
    one = np.uint64(1)
    last_bit = np.uint64(63)
    n_words = np.uint64(part[1, 2])
    n = np.uint64(0)
    row_step = np.uint64(words.shape[2])
    slice_step = np.uint64(words.shape[1] * words.shape[2])
    for z in range(first, stop):
        inner_slice = ndim == 3 and z > 0 and z < part[1, 0]
        slice_start, _ = _row(words, part, z, 0)
        for y in range(corners.shape[1] - 2 * padding_y):
            row = np.uint64(((z + padding_z) * corners.shape[1] + y + padding_y) * corners.shape[2])
            used = np.uint64(0)
            for w in range(np.uint64(width)):
                used |= flat_corners[row + w]
            if used == 0:  # a third of all rows of a blob's box
                continue
            if inner_slice and y > 0 and y < part[1, 1]:
                d = slice_start + np.uint64(y) * row_step
                b = d - slice_step
                c = d - row_step
                a = b - row_step
                a_bits = b_bits = c_bits = d_bits = np.uint64(ALL)
            else:
                (a, a_bits), (b, b_bits), (c, c_bits), (d, d_bits) = _rows(words, part, z, y, ndim)
            for w in range(np.uint64(width)):
                bits = flat_corners[row + w]
                if bits == 0:
                    continue
                row_a = row_b = row_c = row_d = np.uint64(0)
                if w < n_words:
                    row_a = flat[a + w] & a_bits
                    row_b = flat[b + w] & b_bits
                    row_c = flat[c + w] & c_bits
                    row_d = flat[d + w] & d_bits
                if bits & one:  # the voxels before it lie in the words before
                    left_a = left_b = left_c = left_d = np.uint64(0)
                    if w > 0:
                        before = w - one
                        left_a = (flat[a + before] & a_bits) >> last_bit
                        left_b = (flat[b + before] & b_bits) >> last_bit
                        left_c = (flat[c + before] & c_bits) >> last_bit
                        left_d = (flat[d + before] & d_bits) >> last_bit
                    code = _code(
                        (row_a << one) | left_a,
                        (row_b << one) | left_b,
                        (row_c << one) | left_c,
                        (row_d << one) | left_d,
                        np.uint64(0),
                    )
                    codes[n] = table[code]
                    n += one
                    bits ^= one
                while bits != 0:
                    bit = np.uint64(trailing_zeros(bits)) - one
                    bits &= bits - one
                    codes[n] = table[_code(row_a, row_b, row_c, row_d, bit)]
                    n += one
