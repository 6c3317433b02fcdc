"""Voxels of a packed mask that lie near its surface: a dilation of the surface by a ball, kept inside the mask.

Idea: a voxel lies within reach of the surface exactly if one of the ball's offsets leads to a surface voxel, so the
band is the OR of the surface's words shifted by each offset, 64 voxels a step, stopped as soon as all the mask's
bits of the word are found.

Cost: a few operations an offset for each word that holds mask. Balls are a few voxels wide, and the caller lists the
offsets nearest first, so that most words are done early.

Exactness: integers. A voxel is in the band exactly if it is in the mask and one of the offsets leads to the surface;
which offsets are near enough is for the caller to say.
"""

import numpy as np

from fastseg_kernels._jit import i64, inlined, kernel, read, u64, write


@inlined
def _shifted(words, z, y, word, dx):
    """Read 64 voxels of a row, starting `dx` voxels beyond the start of a word; there are none outside the row."""
    start = word * 64 + dx
    w = start >> 6
    shift = np.uint64(start & 63)
    low = np.uint64(0)
    high = np.uint64(0)
    if w >= 0 and w < words.shape[2]:
        low = words[z, y, np.uint64(w)] >> shift
    if shift != 0 and w + 1 >= 0 and w + 1 < words.shape[2]:
        high = words[z, y, np.uint64(w + 1)] << (np.uint64(64) - shift)
    return low | high


@kernel(
    read(u64, 3),  # mask
    read(u64, 3),  # surface
    read(i64, 2),  # offsets
    i64,  # first slice
    i64,  # slice to stop before
    write(u64, 3),  # out: the band
)
def band(mask, surface, offsets, first, stop, out):
    """Write, for some slices, the voxels of `mask` from which one of `offsets` (dz, dy, dx) leads to `surface`."""
    for z in range(first, stop):
        for y in range(mask.shape[1]):
            for w in range(mask.shape[2]):
                mask_bits = mask[np.uint64(z), np.uint64(y), np.uint64(w)]
                near = np.uint64(0)
                for i in range(np.uint64(offsets.shape[0])):
                    if (mask_bits & ~near) == 0:
                        break
                    row_z = z + offsets[i, np.uint64(0)]
                    row_y = y + offsets[i, np.uint64(1)]
                    if row_z < 0 or row_z >= mask.shape[0] or row_y < 0 or row_y >= mask.shape[1]:
                        continue
                    dx = offsets[i, np.uint64(2)]
                    near |= _shifted(surface, np.uint64(row_z), np.uint64(row_y), w, dx)
                out[np.uint64(z), np.uint64(y), np.uint64(w)] = mask_bits & near
