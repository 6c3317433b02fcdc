"""Surface elements between voxels: the corners of the voxel lattice at which a packed mask changes.

Idea: a corner sees the 2×2×2 voxels around it (2×2 in 2-D, 2 in 1-D). It carries a piece of surface if some but
not all of them are set: the OR of the four rows that meet there and of their shifts by one bit, without the AND.
The eight bits, read as a number, index a table of the areas of marching cubes.

Cost: 4 rows read a word of corners; the codes only at the corners that carry surface.

Exactness: integers; the areas are looked up, not computed. Bit (i, j, k) of a code, counted from the first corner
voxel (z - 1 + i, y - 1 + j, x - 1 + k), is bit `4 * i + 2 * j + k`.
"""

import numpy as np

from fastseg_kernels._jit import f64, i64, inlined, kernel, read, u64, write
from fastseg_kernels._words import trailing_zeros


@inlined
def _row(words, z, y, word):
    """A word of a row, 0 outside the mask."""
    if z < 0 or z >= words.shape[0] or y < 0 or y >= words.shape[1]:
        return np.uint64(0)
    if word < 0 or word >= words.shape[2]:
        return np.uint64(0)
    return words[np.uint64(z), np.uint64(y), np.uint64(word)]


@inlined
def _voxel(words, z, y, x):
    """A voxel of the mask as 0 or 1, 0 outside the mask."""
    if x < 0:
        return np.uint64(0)
    return (_row(words, z, y, x >> 6) >> np.uint64(x & 63)) & np.uint64(1)


@kernel(read(u64, 3), i64, i64, i64, write(u64, 3))
def corner_surface(words, first, stop, ndim, corners):
    """Set the corners that carry surface, in slices `first` to `stop` of the corner lattice.

    `corners` has one more slice and one more row than `words` along the axes that the image has, and words for
    one more voxel along x. Row y of the lattice lies between rows y - 1 and y of the mask.
    """
    depth = 2 if ndim >= 3 else 1
    height = 2 if ndim >= 2 else 1
    for z in range(first, stop):
        for y in range(corners.shape[1]):
            for w in range(corners.shape[2]):
                some = np.uint64(0)
                every = ~np.uint64(0)
                for i in range(depth):
                    for j in range(height):
                        row = _row(words, z - i, y - j, w)
                        before = (row << np.uint64(1)) | (
                            _row(words, z - i, y - j, w - 1) >> np.uint64(63)
                        )
                        some |= row | before
                        every &= row & before
                corners[np.uint64(z), np.uint64(y), np.uint64(w)] = some & ~every


@kernel(read(u64, 3), read(u64, 3), i64, read(f64, 1), write(f64, 1))
def corner_measures(words, corners, ndim, table, measures):
    """Write the measure of each set corner, in C order, from the table of the 2^ndim-bit codes."""
    depth = 2 if ndim >= 3 else 1
    height = 2 if ndim >= 2 else 1
    n = np.uint64(0)
    for z in range(corners.shape[0]):
        for y in range(corners.shape[1]):
            for w in range(corners.shape[2]):
                bits = corners[np.uint64(z), np.uint64(y), np.uint64(w)]
                while bits != 0:
                    x = w * 64 + trailing_zeros(bits)
                    bits &= bits - np.uint64(1)
                    code = np.uint64(0)
                    shift = np.uint64(0)
                    for i in range(
                        depth - 1, -1, -1
                    ):  # the mask's slice z - i, first the earlier one
                        for j in range(height - 1, -1, -1):
                            for k in range(1, -1, -1):
                                code |= _voxel(words, z - i, y - j, x - k) << shift
                                shift += np.uint64(1)
                    measures[n] = table[code]
                    n += np.uint64(1)
