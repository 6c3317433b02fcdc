"""Exact Euclidean distance transform: the pass over the first axis, from the voxels themselves.

Idea: along the memory order rows come as bits, and whole words of background or foreground need no look at their
voxels (`row_pass`); along another axis two sweeps carry the steps since the last background of neighbouring lines,
which are as many lanes (`column_pass`).

Cost: a bit or a byte read and one number written a voxel.

Exactness: whole numbers of steps, scaled and squared in the type of the result, as the parabolas of the other axes are.
"""

import numpy as np

from fastseg_kernels._intrinsics import TILE_BYTES, leading_zeros, trailing_zeros
from fastseg_kernels._jit import f64, float_kernels, i64, read, u8, u64, write

ALL = 0xFFFFFFFFFFFFFFFF


@float_kernels(lambda real: (read(u64, 2), f64, i64, i64, write(real, 2)))
def row_pass(targets, spacing, first, stop, out):
    """Squared distance along rows `first` to `stop` to the nearest set bit of packed rows, inf in rows without one.

    There are no bits beyond the ends of rows. Words that are all targets or have none, which most are, need no look at
    their voxels: they are zeros, or ramps from the nearest target before and after them.
    """
    n = np.uint64(out.shape[1])
    n_words = np.uint64(targets.shape[1])
    after = np.empty(n_words, np.float64)
    step = out.dtype.type(spacing)
    for r in range(np.uint64(first), np.uint64(stop)):
        following = np.inf
        for back in range(n_words):
            w = n_words - np.uint64(1) - back
            after[w] = following
            background = targets[r, w]
            if background != 0:
                following = np.float64(w * np.uint64(64)) + trailing_zeros(background)
        before = -np.inf
        for w in range(n_words):
            start = w * np.uint64(64)
            size = min(np.uint64(64), n - start)
            background = targets[r, w]
            if background == np.uint64(ALL):
                for i in range(size):
                    out[r, start + i] = 0
            elif background == 0:
                left = out.dtype.type(np.float64(start) - before)
                right = out.dtype.type(after[w] - np.float64(start))
                for i in range(size):
                    offset = out.dtype.type(np.int32(i))
                    distance = min(left + offset, right - offset) * step
                    out[r, start + i] = distance * distance
            else:
                for i in range(size):
                    to_left = background << (np.uint64(63) - i)
                    to_right = background >> i
                    distance = min(
                        np.float64(leading_zeros(to_left))
                        if to_left != 0
                        else np.float64(start + i) - before,
                        np.float64(trailing_zeros(to_right))
                        if to_right != 0
                        else after[w] - np.float64(start + i),
                    )
                    scaled = out.dtype.type(distance) * step
                    out[r, start + i] = scaled * scaled
            if background != 0:
                before = np.float64(start + np.uint64(63)) - leading_zeros(background)


@float_kernels(lambda real: (read(u8, 3), f64, i64, i64, write(real, 3)))
def column_pass(foreground, spacing, first, stop, out):
    """Squared distance along the middle axis to the nearest 0, inf on lines without one.

    Two sweeps over neighbouring lines, for tiles `first` to `stop`; a tile is `TILE_BYTES` of the inner axis, and
    there are outer * ceil(inner / lanes) of them.
    """
    n = foreground.shape[1]
    inner = foreground.shape[2]
    lanes_of_tile = np.int64(TILE_BYTES // out.itemsize)
    chunks = (inner + lanes_of_tile - 1) // lanes_of_tile
    steps = np.empty(lanes_of_tile, out.dtype)
    one = out.dtype.type(1)
    step = out.dtype.type(spacing)
    for tile in range(first, stop):
        o = np.uint64(tile // chunks)
        start = (tile % chunks) * lanes_of_tile
        lanes = np.uint64(min(lanes_of_tile, inner - start))
        i0 = np.uint64(start)
        for c in range(lanes):
            steps[c] = np.inf
        for y in range(np.uint64(n)):
            for c in range(lanes):
                value = steps[c] + one if foreground[o, y, i0 + c] != 0 else out.dtype.type(0)
                steps[c] = value
                out[o, y, i0 + c] = value
        for c in range(lanes):
            steps[c] = np.inf
        for back in range(np.uint64(n)):
            y = np.uint64(n - 1) - back
            for c in range(lanes):
                value = min(out[o, y, i0 + c], steps[c] + one)
                steps[c] = value
                scaled = value * step
                out[o, y, i0 + c] = scaled * scaled
