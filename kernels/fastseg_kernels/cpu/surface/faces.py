"""The surface of a packed mask: voxels of the mask that have a neighbour outside it.

Idea: a voxel is inside if it and all its neighbours are set, so the inside is the AND of the mask's words with
the words of the neighbouring rows, shifted by one bit for the neighbours along the row; the surface is the mask
without its inside. 64 voxels a step.

Cost: 5 rows read and 8 operations a word for the 6-neighbourhood, at the speed of reading the words (benchmarks:
surface/near-512).

Exactness: `mask ^ binary_erosion(mask, generate_binary_structure(ndim, connectivity), border_value)` bit for
bit. A neighbour at (dz, dy, dx) counts if at most `connectivity` of the three are not 0, so a row at (dz, dy) is
either skipped, used as it is, or used with its two shifts. Axes that the array does not have (a 2-D image is a
volume of one slice) have no neighbours at all: they must not count as outside.
"""

import numpy as np

from fastseg_kernels._intrinsics import flattened, popcount
from fastseg_kernels._jit import i64, inlined, kernel, read, u64, write

ALL = 0xFFFFFFFFFFFFFFFF


@inlined
def _neighbour(words, z, y, word, dz, dy, outside):
    """Look up a word of a neighbouring row; it is `outside` where the image has no such row."""
    row_z = z + dz
    row_y = y + dy
    if row_z < 0 or row_z >= words.shape[0] or row_y < 0 or row_y >= words.shape[1]:
        return outside
    return words[np.uint64(row_z), np.uint64(row_y), np.uint64(word)]


@inlined
def _neighbour_row(row, step, exists, has_axis):
    """Tell where a neighbouring row starts and which of its bits count: all, or none if the image has no such row.

    Along an axis that the image does not have, a row is its own neighbour.
    """
    if not has_axis:
        return np.uint64(row), np.uint64(ALL)
    if not exists:
        return np.uint64(row), np.uint64(0)
    return np.uint64(row + step), np.uint64(ALL)


@inlined
def _inner_rows(flat, source, row_step, slice_step, n, out, target):
    """Write the surface of rows that have all four neighbours, as one run of words; return how many voxels it has.

    The rows must be separated: then no voxel is shifted from one row to another, and the loop need not look where rows
    end. So it is long enough for vectors, which more than halves the time (benchmarks: surface/near-512).
    """
    one = np.uint64(1)
    above = source - row_step
    below = source + row_step
    before = source - slice_step
    behind = source + slice_step
    count = np.int64(0)
    for w in range(n):
        mask = flat[source + w]
        inside = flat[above + w] & flat[below + w] & flat[before + w] & flat[behind + w]
        inside &= (mask << one) | (flat[source + w - one] >> np.uint64(63))
        inside &= (mask >> one) | (flat[source + w + one] << np.uint64(63))
        surface_bits = mask & ~inside
        out[target + w] = surface_bits
        count += popcount(surface_bits)
    return count


@kernel(
    read(u64, 3),  # words
    read(i64, 2),  # part: its start and size
    i64,  # first slice
    i64,  # slice to stop before
    i64,  # ndim
    i64,  # rows_separated
    write(u64, 3),  # surface
    write(i64, 1),  # counts of the slices
)
def face_surface(words, part, first, stop, ndim, rows_separated, surface, counts):
    """Write the surface of some slices of a part for face neighbours, with nothing beyond the part.

    This is what almost every metric asks for: `erosion_surface` with connectivity 1 and nothing outside, but without a
    branch in its inner loop, in a fifth of the time.

    Parameters
    ----------
    words : uint64 (nz, ny, nw)
        The mask, packed.
    part : int64 (2, 3)
        Where the part starts in `words`, and how many slices, rows and words it has.
    first, stop : int
        Slices of the part to write.
    ndim : int
        How many of the axes z, y, x, counted from the last, the image has.
    rows_separated : int
        1 if at least one bit of 0, and nothing else, lies between the last voxel of a row and the first of the next.
    surface : uint64
        Written: as large as the part, or larger by a padding, the same at both ends of the first two axes and at the
        end of a row. The padding of the slices that are written becomes 0.
    counts : int64
        Written: how many voxels are set in each slice of `surface` that is written.
    """
    start_z, start_y, start_w = part[0, 0], part[0, 1], part[0, 2]
    depth, height, n_words = part[1, 0], part[1, 1], part[1, 2]
    padding_z = (surface.shape[0] - depth) // 2
    padding_y = (surface.shape[1] - height) // 2
    padding_words = surface.shape[2] - n_words
    flat = flattened(words)
    out = flattened(surface)
    row_step = words.shape[2]
    slice_step = words.shape[1] * row_step
    last = np.uint64(n_words - 1)
    in_one_run = rows_separated != 0 and ndim == 3 and surface.shape[2] == row_step and height > 2
    for z in range(first, stop):
        place = (z + padding_z) * surface.shape[1] + padding_y
        padding = np.uint64(padding_y * surface.shape[2])
        ahead = np.uint64((place - padding_y) * surface.shape[2])
        after = np.uint64((place + height) * surface.shape[2])
        for w in range(padding):  # an assignment to slices is compiled to much more
            out[ahead + w] = 0
            out[after + w] = 0
        count = np.int64(0)
        y = np.int64(0)
        while y < height:
            row = (start_z + z) * slice_step + (start_y + y) * row_step + start_w
            source = np.uint64(row)
            target = np.uint64((place + y) * surface.shape[2])
            if in_one_run and y == 1 and z > 0 and z + 1 < depth:
                strides = np.uint64(row_step), np.uint64(slice_step)
                n = np.uint64(height - 2) * strides[0]
                count += _inner_rows(flat, source, *strides, n, out, target)
                y = height - 1
                continue
            above, above_bits = _neighbour_row(row, -row_step, y > 0, ndim >= 2)
            below, below_bits = _neighbour_row(row, row_step, y + 1 < height, ndim >= 2)
            before, before_bits = _neighbour_row(row, -slice_step, z > 0, ndim >= 3)
            behind, behind_bits = _neighbour_row(row, slice_step, z + 1 < depth, ndim >= 3)
            existing_rows = above_bits & below_bits & before_bits & behind_bits
            left = np.uint64(0)
            for w in range(np.uint64(n_words)):
                mask = flat[source + w]
                right = flat[source + w + np.uint64(1)] if w < last else np.uint64(0)
                inside = existing_rows & flat[above + w] & flat[below + w]
                inside &= flat[before + w] & flat[behind + w]
                inside &= (mask << np.uint64(1)) | (left >> np.uint64(63))
                inside &= (mask >> np.uint64(1)) | (right << np.uint64(63))
                surface_bits = mask & ~inside
                out[target + w] = surface_bits
                count += popcount(surface_bits)
                left = mask
            for w in range(np.uint64(padding_words)):
                out[target + np.uint64(n_words) + w] = 0
            y += 1
        counts[np.uint64(z + padding_z)] = count


@kernel(
    read(u64, 3),  # words
    i64,  # first slice
    i64,  # slice to stop before
    i64,  # ndim
    i64,  # connectivity
    u64,  # last_bits
    u64,  # outside
    write(u64, 3),  # surface
)
def erosion_surface(words, first, stop, ndim, connectivity, last_bits, outside, surface):
    """Write the surface of slices `first` to `stop`, for any neighbourhood and either view of what lies outside.

    Parameters
    ----------
    words : uint64 (nz, ny, nw)
        The mask, packed.
    first, stop : int
        Slices to write.
    ndim : int
        How many of the axes z, y, x, counted from the last, the image has.
    connectivity : int
        1 for face neighbours, up to `ndim` for all neighbours.
    last_bits : int
        The bits of a row's last word that are voxels.
    outside : int
        What lies beyond the image: no bits, or all.
    surface : uint64 (nz, ny, nw)
        Written.
    """
    depth = 1 if ndim >= 3 else 0
    height = 1 if ndim >= 2 else 0
    n_words = words.shape[2]
    past_row = outside & ~last_bits
    for z in range(first, stop):
        for y in range(words.shape[1]):
            for w in range(n_words):
                mask = words[np.uint64(z), np.uint64(y), np.uint64(w)]
                inside = mask
                if mask != 0:
                    for dz in range(-depth, depth + 1):
                        for dy in range(-height, height + 1):
                            axes_moved = abs(dz) + abs(dy)
                            if axes_moved > connectivity:
                                continue
                            row = _neighbour(words, z, y, w, dz, dy, outside)
                            if w == n_words - 1:
                                row |= past_row
                            inside &= row
                            if axes_moved < connectivity:
                                left = outside
                                if w > 0:
                                    left = _neighbour(words, z, y, w - 1, dz, dy, outside)
                                right = outside
                                if w < n_words - 1:
                                    right = _neighbour(words, z, y, w + 1, dz, dy, outside)
                                    if w + 1 == n_words - 1:
                                        right |= past_row
                                inside &= (row << np.uint64(1)) | (left >> np.uint64(63))
                                inside &= (row >> np.uint64(1)) | (right << np.uint64(63))
                surface[np.uint64(z), np.uint64(y), np.uint64(w)] = mask & ~inside
