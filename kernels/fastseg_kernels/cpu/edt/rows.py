"""Exact Euclidean distance transform: the pass over the first axis, from the voxels themselves.

Idea: along the memory order rows come as bits, and whole words of background or foreground need no look at their
voxels; in the others a table says how far the voxels of a byte are from its bits (`row_pass`). Along another axis two
sweeps carry the distance from the last background of neighbouring lines, which are as many lanes (`column_pass`).

Cost: a bit or a byte read and one number written a voxel.

Exactness: distances are whole numbers of voxels, scaled and squared in the type of the result, as the parabolas of
the other axes are.
"""

import numpy as np

from fastseg_kernels._intrinsics import (
    TILE_BYTES,
    add,
    leading_zeros,
    load_beside,
    minimum,
    multiply,
    splat,
    splat_beside,
    store,
    trailing_zeros,
)
from fastseg_kernels._jit import f64, float_kernels, i64, read, u8, u64, write

ALL = 0xFFFFFFFFFFFFFFFF
BITS = np.uint64(8)


def _distances_in_bytes(dtype):
    """Tabulate, byte after byte, how far each of its eight bits is from the nearest that is set, inf where none is."""
    places = np.arange(8)
    is_set = np.arange(256)[:, None] >> places & 1 != 0
    steps = np.abs(places[:, None] - places).astype(dtype)
    return np.where(is_set[:, None], steps, np.inf).min(axis=2).astype(dtype).reshape(-1)


#: what `row_pass` takes, for each type of distances
DISTANCES_IN_BYTES = {
    np.dtype(real): _distances_in_bytes(real) for real in (np.float32, np.float64)
}


def _row_signature(real):
    return (
        read(u64, 2),  # targets: packed rows
        f64,  # spacing along the axis
        i64,  # first row
        i64,  # row to stop before
        read(real, 1),  # nearest: of `DISTANCES_IN_BYTES`
        write(real, 2),  # out: squared distances
    )


@float_kernels(_row_signature)
def row_pass(targets, spacing, first, stop, nearest, out):
    """Write the squared distance along rows to the nearest set bit, inf in rows that have none.

    No bit may be set past the end of a row. Words that are all targets or have none, which most are, need no look at
    their voxels: their distances are zeros, or ramps from the nearest target before and after them. Others go byte by
    byte, and a table knows the nearest target in the byte: half the time of bit counts for each voxel, of noise, with
    vectors of eight numbers (benchmarks: edt float32/noise-256).
    """
    n = np.uint64(out.shape[1])
    n_words = np.uint64(targets.shape[1])
    next_targets = np.empty(n_words, np.float64)
    real = out.dtype.type
    voxel_size = real(spacing)
    eight = splat(np.float64(0.0))
    voxel_sizes = splat_beside(voxel_size, eight)
    up = load_beside(nearest, np.uint64(0x01 * 8), eight)  # 0 … 7
    down = load_beside(nearest, np.uint64(0x80 * 8), eight)  # 7 … 0
    end = np.empty(8, out.dtype)
    for r in range(np.uint64(first), np.uint64(stop)):
        next_target = np.inf
        for back in range(n_words):
            w = n_words - np.uint64(1) - back
            next_targets[w] = next_target
            word = targets[r, w]
            if word != 0:
                next_target = np.float64(w * np.uint64(64)) + trailing_zeros(word)
        last_target = -np.inf
        for w in range(n_words):
            start = w * np.uint64(64)
            size = min(np.uint64(64), n - start)
            word = targets[r, w]
            if word == np.uint64(ALL):
                for i in range(size):
                    out[r, start + i] = 0
            elif word == 0:
                left = out.dtype.type(np.float64(start) - last_target)
                right = out.dtype.type(next_targets[w] - np.float64(start))
                for i in range(size):
                    offset = out.dtype.type(np.int32(i))
                    distance = min(left + offset, right - offset) * voxel_size
                    out[r, start + i] = distance * distance
            else:
                for shift in range(np.uint64(0), size, BITS):
                    byte = (word >> shift) & np.uint64(0xFF)
                    here = start + shift
                    before = word & ~(np.uint64(ALL) << shift)
                    after = word >> shift >> BITS
                    left = np.float64(here) - last_target
                    if before != 0:
                        left = np.float64(np.int64(shift) - 63 + leading_zeros(before))
                    right = next_targets[w] - np.float64(here)
                    if after != 0:
                        right = np.float64(8 + trailing_zeros(after))
                    from_left = splat_beside(real(left), eight)
                    from_right = splat_beside(real(right - 7.0), eight)
                    outside = minimum(add(from_left, up), add(from_right, down))
                    inside = load_beside(nearest, byte * BITS, eight)
                    distances = multiply(minimum(outside, inside), voxel_sizes)
                    squares = multiply(distances, distances)
                    if here + BITS <= n:
                        store(out[r], here, squares)
                        continue
                    store(end, np.uint64(0), squares)
                    for i in range(n - here):
                        out[r, here + i] = end[i]
            if word != 0:
                last_target = np.float64(start + np.uint64(63)) - leading_zeros(word)


def _column_signature(real):
    return (
        read(u8, 3),  # foreground (outer, n, inner)
        f64,  # spacing along the axis
        i64,  # first tile
        i64,  # tile to stop before
        write(real, 3),  # out: squared distances
    )


@float_kernels(_column_signature)
def column_pass(foreground, spacing, first, stop, out):
    """Write the squared distance along the middle axis to the nearest 0, inf on lines that have none.

    Two sweeps go over neighbouring lines together. A tile is `TILE_BYTES` of the inner axis, and there are
    outer * ceil(inner / lanes) tiles.
    """
    n = foreground.shape[1]
    inner = foreground.shape[2]
    lanes_of_tile = np.int64(TILE_BYTES // out.itemsize)
    chunks = (inner + lanes_of_tile - 1) // lanes_of_tile
    voxels_away = np.empty(lanes_of_tile, out.dtype)
    one = out.dtype.type(1)
    voxel_size = out.dtype.type(spacing)
    for tile in range(first, stop):
        o = np.uint64(tile // chunks)
        start = (tile % chunks) * lanes_of_tile
        lanes = np.uint64(min(lanes_of_tile, inner - start))
        i0 = np.uint64(start)
        for c in range(lanes):
            voxels_away[c] = np.inf
        for y in range(np.uint64(n)):
            for c in range(lanes):
                value = voxels_away[c] + one if foreground[o, y, i0 + c] != 0 else out.dtype.type(0)
                voxels_away[c] = value
                out[o, y, i0 + c] = value
        for c in range(lanes):
            voxels_away[c] = np.inf
        for back in range(np.uint64(n)):
            y = np.uint64(n - 1) - back
            for c in range(lanes):
                value = min(out[o, y, i0 + c], voxels_away[c] + one)
                voxels_away[c] = value
                scaled = value * voxel_size
                out[o, y, i0 + c] = scaled * scaled
