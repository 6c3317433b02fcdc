"""Tiles: `TILE_BYTES` of neighbouring lines, which a pass over an axis copies, works on and copies back."""

import numpy as np

from fastseg_kernels._intrinsics import load_beside, store, transpose
from fastseg_kernels._jit import inlined


@inlined
def line_starts(size, line, n, inner, starts):
    """Write where each of a tile's lines starts in the flat volume, and return how many lines the tile has."""
    lines = size // n
    count = min(starts.size, lines - line)
    for c in range(count):
        o = (line + c) // inner
        starts[np.uint64(c)] = o * n * inner + (line + c) - o * inner
    return count


@inlined
def are_neighbours(starts, first, stop, count):
    """Tell whether lines `first` to `stop` of a tile lie side by side, so that a row of them is one piece of memory."""
    last = stop - np.uint64(1)
    return last < np.uint64(count) and starts[last] - starts[first] == np.int64(last - first)


@inlined
def _transposable_rows(starts, first, stop, count, n, inner):
    """How many rows of these lines can be turned in squares: none unless each line follows the one before."""
    if inner != 1 or stop > np.uint64(count):
        return np.uint64(0)
    return np.uint64(n) // (stop - first) * (stop - first)


@inlined
def gather(volume, starts, count, n, inner, missing, vector, tile):
    """Copy a tile's lines side by side, as many at once as `vector` has lanes; fill the rest with `missing`."""
    width = np.uint64(starts.size)
    lanes = width // np.uint64(4)
    size = np.uint64(n)
    step = np.uint64(inner)
    if are_neighbours(starts, np.uint64(0), width, count):
        # row by row: going through one vector's lines after the other halves the speed of copying to and fro
        # (benchmarks: edt float32/near-256)
        start = np.uint64(starts[0])
        for y in range(size):
            for first in range(np.uint64(0), width, lanes):
                i = y * width + first
                store(tile, i, load_beside(volume, start + y * step + first, vector))
        return
    for first in range(np.uint64(0), width, lanes):
        stop = first + lanes
        start = np.uint64(starts[first])
        if are_neighbours(starts, first, stop, count):
            for y in range(size):
                store(tile, y * width + first, load_beside(volume, start + y * step, vector))
            continue
        transposed = _transposable_rows(starts, first, stop, count, n, inner)
        for y in range(np.uint64(0), transposed, lanes):
            transpose(volume, start + y, size, tile, y * width + first, width, vector)
        for c in range(first, min(stop, np.uint64(count))):
            start = np.uint64(starts[c])
            for y in range(transposed, size):
                tile[y * width + c] = volume[start + y * step]
        for c in range(max(first, np.uint64(count)), stop):
            for y in range(size):
                tile[y * width + c] = missing


@inlined
def scatter(tile, starts, count, n, inner, vector, volume):
    """Copy the lines of a tile back to where `gather` took them from."""
    width = np.uint64(starts.size)
    lanes = width // np.uint64(4)
    size = np.uint64(n)
    step = np.uint64(inner)
    if are_neighbours(starts, np.uint64(0), width, count):
        start = np.uint64(starts[0])
        for y in range(size):
            for first in range(np.uint64(0), width, lanes):
                i = y * width + first
                store(volume, start + y * step + first, load_beside(tile, i, vector))
        return
    for first in range(np.uint64(0), width, lanes):
        stop = first + lanes
        start = np.uint64(starts[first])
        if are_neighbours(starts, first, stop, count):
            for y in range(size):
                store(volume, start + y * step, load_beside(tile, y * width + first, vector))
            continue
        transposed = _transposable_rows(starts, first, stop, count, n, inner)
        for y in range(np.uint64(0), transposed, lanes):
            transpose(tile, y * width + first, width, volume, start + y, size, vector)
        for c in range(first, min(stop, np.uint64(count))):
            start = np.uint64(starts[c])
            for y in range(transposed, size):
                volume[start + y * step] = tile[y * width + c]
