"""The skeletons of many structures in one compiled loop, and how much of each lies in the other mask.

Idea: masks come packed as in `structures`. Each is brought into words of 62 voxels along the axes of its map, whose
order decides what goes first, and thinned as in `skeleton`; a voxel of the skeleton is then one bit to look up in the
other mask, and a few words of the tube around it.

Cost: that of thinning; to hand a structure of 1 500 voxels from kernel to kernel takes four times as long (benchmarks:
shapes).

Exactness: that of `skeleton`; counts are whole numbers.
"""

import numpy as np

from fastseg_kernels._boxes import words_of_box
from fastseg_kernels._intrinsics import flattened, popcount, trailing_zeros
from fastseg_kernels._jit import i64, inlined, kernel, read, u8, u64, write
from fastseg_kernels._thinning import INSIDE, VOXELS, mark_due, thin_words

#: what is found of a pair of masks, in the order of `SkeletonOverlap`
NUMBERS = 6


@inlined
def _bits_at(words, place):
    """Read the 64 bits that start with one."""
    at, bit = place >> np.uint64(6), place & np.uint64(63)
    return (words[at] >> bit) | (
        (words[at + np.uint64(1)] << np.uint64(1)) << (np.uint64(63) - bit)
    )


@inlined
def _spread(flat, origin, sizes, strides, row_words, words):
    """Bring a mask into words of 62 voxels, an empty row and an empty slice around them; `words` is 0 before.

    `strides` lead from slice to slice, row to row and column to column, in bits; columns are neighbours.
    """
    one, voxels = np.uint64(1), np.uint64(VOXELS)
    slices, rows, columns = sizes
    for z in range(slices):
        for y in range(rows):
            start = np.uint64(origin + z * strides[0] + y * strides[1])
            target = np.uint64(((z + 1) * (rows + 2) + y + 1) * row_words)
            for w in range(np.uint64(row_words)):
                first = w * voxels  # its own voxels; the one before comes first
                bits = _bits_at(flat, start + first - one)
                left = np.uint64(columns) - first + one
                if left < 64:
                    bits &= (one << left) - one
                words[target + w] = bits


@inlined
def _transpose(square):
    """Exchange rows and columns of 64 words."""
    size, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    while size != 0:
        k = np.uint64(0)
        while k < 64:
            other = k + size
            swapped = ((square[k] >> size) ^ square[other]) & mask
            square[other] ^= swapped
            square[k] ^= swapped << size
            k = (other + np.uint64(1)) & ~size
        size >>= np.uint64(1)
        mask ^= mask << size


@inlined
def _spread_across(
    flat, origin, nx, others, depth, to_other, to_column, row_words, steps, words, square
):
    """Do the same where columns lie `to_column` bits apart, and neighbouring bits in as many rows or slices.

    `steps` lead, in words, from one of these to the next, and from one of the others, `to_other` bits apart.
    """
    first_row = steps[2]
    for other in range(others):
        for x in range(np.int64(0), nx, np.int64(64)):
            count = min(nx - x, np.int64(64))
            inside = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - count)
            for w in range(np.int64(row_words)):
                found = np.uint64(0)
                for k in range(np.int64(64)):
                    z = w * VOXELS + k - 1  # the voxel before its own ones comes first
                    bits = np.uint64(0)
                    if z >= 0 and z < depth:
                        start = np.uint64(origin + other * to_other + z * to_column + x)
                        bits = _bits_at(flat, start) & inside
                    square[np.uint64(k)] = bits
                    found |= bits
                if found == 0:
                    continue
                _transpose(square)
                for k in range(count):
                    target = first_row + (x + k) * steps[0] + other * steps[1] + w
                    words[np.uint64(target)] = square[np.uint64(k)]


@inlined
def _add_to_tube(tube, guard, z, y, x, box, i, row_bits, slice_bits):
    """Set the bits of the voxels of a box that at most two steps lead to from one of them."""
    one, last = np.uint64(1), np.uint64(63)
    nz, ny, nx = box[i, 3], box[i, 4], box[i, 5]
    for dz in range(max(np.int64(-2), -z), min(np.int64(3), nz - z)):
        left = 2 - abs(dz)
        for dy in range(max(-left, -y), min(left + 1, ny - y)):
            along = left - abs(dy)
            first, stop = max(np.int64(0), x - along), min(nx, x + along + 1)
            bits = (one << np.uint64(stop - first)) - one
            place = np.uint64((z + dz) * slice_bits + (y + dy) * row_bits + first)
            at, bit = guard + (place >> np.uint64(6)), place & last
            tube[at] |= bits << bit
            tube[at + one] |= (bits >> one) >> (last - bit)


@kernel(
    read(u64, 2),  # masks
    read(i64, 2),  # boxes
    i64,  # ndim
    i64,  # reverse
    read(u8, 1),  # lower, upper: as of `skeleton.thin`
    read(u8, 1),
    write(u64, 1),  # tube: room
    write(u64, 2),  # words: room
    write(u8, 1),  # rows: room
    write(i64, 2),  # found
)
def overlap_skeletons(masks, boxes, ndim, reverse, lower, upper, tube, words, rows, found):
    """Thin both masks of each structure, and count what their skeletons have in the other mask.

    Parameters
    ----------
    masks : uint64 (2, n_words)
        The reference's and the prediction's, as `structures.pack` has made them with a reach of 1 along each axis.
    boxes : int64 (n, 6)
    ndim : int
        2 or 3, counted from the last of z, y, x.
    reverse : int
        1 if the image's axes are x, y, z rather than z, y, x.
    tube : uint64
        Room for the words of the largest mask and one more; 0, and will be.
    words : uint64 (5, m)
        Room for those of 62 voxels of the largest mask, with what lies around them; at least 64.
    rows : uint8
        Room for a number of each of their rows.
    found : int64 (n, 6)
        Written: voxels of either skeleton, those of the reference's and of the prediction's that lie in the other mask,
        those of the tube around the reference's that lie in the reference, and of these those in the prediction.
    """
    one, last = np.uint64(1), np.uint64(63)
    flat = flattened(masks)
    base = np.uint64(0)
    side_words = np.uint64(masks.shape[1])
    faces = np.int64(6 if ndim == 3 else 4)
    reach = np.int64(ndim > 2), np.int64(ndim > 1), np.int64(1)
    for i in range(np.uint64(boxes.shape[0])):
        nz, ny, nx = boxes[i, 3], boxes[i, 4], boxes[i, 5]
        row_bits, slice_bits, n_words, n_zeros = words_of_box(nz, ny, nx, *reach)
        guard = np.uint64(n_zeros)
        sizes, strides = (nz, ny, nx), (slice_bits, row_bits, np.int64(1))
        if reverse != 0 and ndim == 3:
            sizes, strides = (nx, ny, nz), (np.int64(1), row_bits, slice_bits)
        elif reverse != 0:
            sizes, strides = (nz, nx, ny), (slice_bits, np.int64(1), row_bits)
        slices, slice_rows = np.uint64(sizes[0] + 2), np.uint64(sizes[1] + 2)
        row_words = (sizes[2] + VOXELS - 1) // VOXELS
        n = slices * slice_rows * np.uint64(row_words)
        spread, due, of_rows = words[0], words[1], rows[: slices * slice_rows]
        for side in range(np.uint64(2)):
            origin = np.int64(64 * (side * side_words + base + guard))
            to_other = side_words if side == 0 else np.uint64(0) - side_words
            for w in range(n):
                spread[w] = 0
                due[w] = 0
            for line in range(np.uint64(of_rows.size)):
                of_rows[line] = 0
            line_words = np.int64(slice_rows) * row_words
            if reverse == 0:
                _spread(flat, origin, sizes, strides, row_words, spread)
            elif ndim == 3:
                steps = line_words, row_words, line_words + row_words
                _spread_across(
                    *(flat, origin, nx, ny, nz, row_bits, slice_bits, row_words),
                    *(steps, spread, words[2, :64]),
                )
            else:
                steps = row_words, line_words, line_words + row_words
                _spread_across(
                    *(flat, origin, nx, nz, ny, slice_bits, row_bits, row_words),
                    *(steps, spread, words[2, :64]),
                )
            mark_due(spread, slices, slice_rows, np.uint64(row_words), due, of_rows)
            thin_words(
                *(spread, due, of_rows, row_words, np.int64(slice_rows), faces),
                *(lower, upper, words[2], words[3], words[4]),
            )
            size, inside = np.int64(0), np.int64(0)
            for z in range(sizes[0]):
                for y in range(sizes[1]):
                    line = (np.uint64(z + 1) * slice_rows + np.uint64(y + 1)) * np.uint64(row_words)
                    for w in range(np.uint64(row_words)):
                        bits = spread[line + w] & np.uint64(INSIDE)
                        while bits != 0:
                            x = np.int64(w * np.uint64(VOXELS)) + trailing_zeros(bits) - 1
                            bits &= bits - one
                            size += 1
                            place = np.uint64(
                                origin + z * strides[0] + y * strides[1] + x * strides[2]
                            )
                            other = flat[(place >> np.uint64(6)) + to_other]
                            inside += np.int64((other >> (place & last)) & one)
                            if side == 0:
                                at = z, y, x
                                if reverse != 0:
                                    at = (x, y, z) if ndim == 3 else (z, x, y)
                                _add_to_tube(tube, guard, *at, boxes, i, row_bits, slice_bits)
            found[i, side], found[i, np.uint64(2) + side] = size, inside
        of_tube, in_both = np.int64(0), np.int64(0)
        for w in range(np.uint64(n_words)):
            bits = tube[w] & flat[base + w]
            tube[w] = 0
            of_tube += popcount(bits)
            in_both += popcount(bits & flat[side_words + base + w])
        found[i, np.uint64(4)], found[i, np.uint64(5)] = of_tube, in_both
        base += np.uint64(n_words)
