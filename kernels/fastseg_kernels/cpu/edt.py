"""Exact Euclidean distance transform, one axis a pass, for any number of dimensions and any spacing.

Idea: the squared distance along the first axis comes from two sweeps. Every further axis is a min-plus with
parabolas, out[y] = min over k of f[k] + ((k - y) * spacing)². The minimiser never moves back as y grows, so rows
are computed at strides 2^l, 2^(l-1) … 1: a row needs only the candidates between the minimisers of its two
neighbours of the level before, and of these only the ones within reach: distances change by at most the step taken,
so √(largest value of the neighbouring row) + step bounds how far a candidate can lie. A tile of `LANES` neighbouring
lines goes through this together; a candidate is a vector addition and a vector minimum. No stack, no division.

Cost: about 10 candidates a voxel and pass; the volume is read and written once a pass.

Exactness: values are float64. Passes run in the order of the image's axes and add one square each, so every
candidate is (t0 + t1) + t2 as SciPy sums it, and since rounding is monotone the minimum over the separate passes is
the minimum over all of them. That the minimiser is monotone holds for computed values as long as rounding errors of
the values stay below twice the square of the spacing; the caller says whether they do (`monotone`), and otherwise
all candidates within reach are taken.
"""

import numpy as np

from fastseg_kernels._jit import f64, i32, i64, inlined, kernel, read, u8, write

LANES = 32  # 4 vectors of 8 float64: of 8, 16, 32 and 64 the fastest, see benchmarks


@kernel(read(u8, 3), f64, i64, i64, write(f64, 3))
def first_pass(foreground, spacing, first, stop, out):
    """Squared distance along the middle axis to the nearest 0, inf on lines without one; tiles first to stop.

    Parameters
    ----------
    foreground : uint8 (outer, n, inner)
        0 for background.
    spacing : float
        Along the middle axis.
    first, stop : int
        Tiles of `LANES` lines; there are outer * ceil(inner / LANES).
    out : float64 (outer, n, inner)
        Written.
    """
    n = foreground.shape[1]
    inner = foreground.shape[2]
    chunks = (inner + LANES - 1) // LANES
    steps = np.empty(LANES, np.float64)
    for tile in range(first, stop):
        o = np.uint64(tile // chunks)
        start = (tile % chunks) * LANES
        lanes = np.uint64(min(LANES, inner - start))
        i0 = np.uint64(start)
        for c in range(lanes):
            steps[c] = np.inf
        for y in range(np.uint64(n)):
            for c in range(lanes):
                value = steps[c] + 1.0 if foreground[o, y, i0 + c] != 0 else 0.0
                steps[c] = value
                out[o, y, i0 + c] = value
        for c in range(lanes):
            steps[c] = np.inf
        for back in range(np.uint64(n)):
            y = np.uint64(n - 1) - back
            for c in range(lanes):
                value = min(out[o, y, i0 + c], steps[c] + 1.0)
                steps[c] = value
                scaled = value * spacing
                out[o, y, i0 + c] = scaled * scaled


@inlined
def _minimise(
    values,
    n,
    lanes,
    spacing,
    squares,
    monotone,
    want_indices,
    lows,
    highs,
    reach,
    best,
    result,
    indices,
):
    """out[y] = min over k of values[k] + squares[|k - y|] for each lane of a tile, with the minimiser.

    `lows`, `highs` and `reach` keep, for each row done, the least and greatest minimiser over the lanes and the
    square root of the largest value; lanes without any finite value stay inf and are left out of them.
    """
    step = 1
    while 2 * step <= n:
        step *= 2
    chosen = np.empty(LANES, np.int32)
    while step >= 1:
        for y in range(step - 1, n, 2 * step):
            low = np.int64(0)
            high = np.int64(n - 1)
            near = np.inf
            if y - step >= 0:
                near = reach[np.uint64(y - step)]
                if monotone != 0:
                    low = lows[np.uint64(y - step)]
            if y + step < n:
                near = min(near, reach[np.uint64(y + step)])
                if monotone != 0:
                    high = highs[np.uint64(y + step)]
            window = (near / spacing + step) * (1.0 + 1e-9) + 1.0
            if window < n:
                low = max(low, y - np.int64(window))
                high = min(high, y + np.int64(window))
            for c in range(lanes):
                best[c] = np.inf
            if step == 1 and want_indices == 0:
                for k in range(low, high + 1):
                    square = squares[np.uint64(abs(k - y))]
                    row = np.uint64(k)
                    for c in range(lanes):
                        best[c] = min(best[c], values[row, c] + square)
            else:
                for c in range(lanes):
                    chosen[c] = -1
                for k in range(low, high + 1):
                    square = squares[np.uint64(abs(k - y))]
                    row = np.uint64(k)
                    index = np.int32(k)
                    for c in range(lanes):
                        candidate = values[row, c] + square
                        better = candidate < best[c]
                        best[c] = candidate if better else best[c]
                        chosen[c] = index if better else chosen[c]
                low = np.int64(n)
                high = np.int64(-1)
                largest = 0.0
                for c in range(lanes):
                    if chosen[c] >= 0:
                        low = min(low, np.int64(chosen[c]))
                        high = max(high, np.int64(chosen[c]))
                        largest = max(largest, best[c])
                lows[np.uint64(y)] = low
                highs[np.uint64(y)] = high
                reach[np.uint64(y)] = np.sqrt(largest)
            for c in range(lanes):
                result[np.uint64(y), c] = best[c]
            if want_indices != 0:
                for c in range(lanes):
                    indices[np.uint64(y), c] = chosen[c]
        step //= 2


@kernel(f64, read(f64, 1), i64, i64, i64, i64, write(f64, 3), write(i32, 3))
def later_pass(spacing, squares, monotone, want_indices, first, stop, volume, indices):
    """Add the middle axis to squared distances in place, for tiles first to stop.

    Parameters
    ----------
    spacing : float
        Along the middle axis.
    squares : float64 (n,)
        (k * spacing)² for k = 0 … n - 1.
    monotone : int
        1 if rounding cannot make the minimiser move back.
    want_indices : int
        1 to write the minimisers.
    first, stop : int
        Tiles of `LANES` lines. With inner > 1 a tile is `LANES` neighbours along the inner axis, of which there are
        outer * ceil(inner / LANES); with inner = 1 it is `LANES` neighbours along the outer axis.
    volume : float64 (outer, n, inner)
        Squared distances over the axes before; replaced.
    indices : int32 (outer, n, inner)
        Written with the minimiser along this axis, -1 where there is none; any array of size 0 if not wanted.
    """
    outer = volume.shape[0]
    n = volume.shape[1]
    inner = volume.shape[2]
    chunks = (inner + LANES - 1) // LANES
    values = np.empty((n, LANES), np.float64)
    result = np.empty((n, LANES), np.float64)
    chosen = np.empty((n if want_indices != 0 else 0, LANES), np.int32)
    lows = np.empty(n, np.int64)
    highs = np.empty(n, np.int64)
    reach = np.empty(n, np.float64)
    best = np.empty(LANES, np.float64)
    rows = np.uint64(n)
    for tile in range(first, stop):
        if inner == 1:
            o = np.uint64(tile * LANES)
            i0 = np.uint64(0)
            lanes = np.uint64(min(LANES, outer - tile * LANES))
            for c in range(lanes):
                for y in range(rows):
                    values[y, c] = volume[o + c, y, i0]
        else:
            o = np.uint64(tile // chunks)
            i0 = np.uint64((tile % chunks) * LANES)
            lanes = np.uint64(min(LANES, inner - (tile % chunks) * LANES))
            for y in range(rows):
                for c in range(lanes):
                    values[y, c] = volume[o, y, i0 + c]
        _minimise(
            values,
            n,
            lanes,
            spacing,
            squares,
            monotone,
            want_indices,
            lows,
            highs,
            reach,
            best,
            result,
            chosen,
        )
        if inner == 1:
            for c in range(lanes):
                for y in range(rows):
                    volume[o + c, y, i0] = result[y, c]
        else:
            for y in range(rows):
                for c in range(lanes):
                    volume[o, y, i0 + c] = result[y, c]
        if want_indices != 0:
            for y in range(rows):
                for c in range(lanes):
                    if inner == 1:
                        indices[o + c, y, i0] = chosen[y, c]
                    else:
                        indices[o, y, i0 + c] = chosen[y, c]


@kernel(i64, i64, write(f64, 1))
def square_roots(first, stop, values):
    """Replace values `first` to `stop` by their square roots."""
    for i in range(np.uint64(first), np.uint64(stop)):
        values[i] = np.sqrt(values[i])
