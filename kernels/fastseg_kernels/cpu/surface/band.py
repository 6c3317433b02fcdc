"""Voxels of a packed mask that lie near its surface: a dilation of the surface by a ball, kept inside the mask.

Idea: a voxel lies within reach of the surface exactly if one of the ball's offsets leads to a surface voxel, so the
band is the OR of the surface's words shifted by each offset, 64 voxels a step, stopped as soon as all the mask's
bits of the word are found.

Cost: the number of offsets a word that holds mask. Balls are a few voxels wide; the caller passes the offsets.
"""

import numpy as np

from fastseg_kernels._jit import i64, inlined, kernel, read, u64, write


@inlined
def _shifted(words, z, y, word, dx):
    """64 voxels of a row starting `dx` beyond the start of a word, 0 outside the row."""
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


@kernel(read(u64, 3), read(u64, 3), read(i64, 2), i64, i64, write(u64, 3))
def band(mask, surface, offsets, first, stop, out):
    """Set the voxels of `mask` for which one of `offsets` (dz, dy, dx) leads to `surface`."""
    for z in range(first, stop):
        for y in range(mask.shape[1]):
            for w in range(mask.shape[2]):
                wanted = mask[np.uint64(z), np.uint64(y), np.uint64(w)]
                found = np.uint64(0)
                for i in range(np.uint64(offsets.shape[0])):
                    if (wanted & ~found) == 0:
                        break
                    zz = z + offsets[i, np.uint64(0)]
                    yy = y + offsets[i, np.uint64(1)]
                    if zz < 0 or zz >= mask.shape[0] or yy < 0 or yy >= mask.shape[1]:
                        continue
                    dx = offsets[i, np.uint64(2)]
                    found |= _shifted(surface, np.uint64(zz), np.uint64(yy), w, dx)
                out[np.uint64(z), np.uint64(y), np.uint64(w)] = wanted & found
