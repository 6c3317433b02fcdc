"""Exact Euclidean distance transform: the passes over every axis after the first, for any spacing.

Idea: an axis is added by a min-plus with parabolas, out[y] = min over k of f[k] + ((k - y) * spacing)². The minimiser
never moves back as y grows, so the values are computed at strides 2^l, 2^(l-1) … 1: a value needs only the candidates
between the minimisers of its two neighbours of the levels before, and of these only the ones within reach: distances
change by at most the step taken, so √(largest neighbouring value) + step bounds how far a candidate can lie. 256 bytes
of neighbouring lines (64 float32, 32 float64) go through this together, as vectors that stay in registers: a candidate
is one broadcast, and an addition from memory and a minimum for each vector. No stack, no division, no branch.

Where squared distances are whole numbers of some unit, as with equal spacings they are, the number of its row lies in
the lowest bits of each. A sum then has it, too, and the minimum is the minimiser: without packing, a comparison and a
choice more for every candidate, and twice the registers, took 1.6 times as long on AVX2 and 1.3 times on AVX-512
(benchmarks: edt float32/near-256).

Cost: 8 to 14 candidates a voxel and pass, each a fraction of a cycle; the volume is read and written once a pass,
which is a third of the time of the last axis (benchmarks: edt float32/near-256).

Exactness: every candidate is one rounded sum per axis, in the order of the passes. Rounding is monotone, so the
minimum over separate passes is the minimum over all sums (t0 + t1) + t2: with the passes in the order of the image's
axes it is what SciPy's formula gives, for any spacing, and where all sums are exact the order does not matter. That
the minimiser is monotone holds for computed values as long as rounding errors of the values stay below twice the
square of the spacing; the caller says whether they do (`monotone`), else all candidates within reach are taken.
Packed values are never rounded: they and their sums have 31 bits, and what they stand for is a number of the volume's
type. Lines without any finite value would have no minimiser, so tiles that have some of them are not packed.
"""

import numpy as np

from fastseg_kernels._envelope import (
    IDLE,
    MIXED,
    PACKED,
    link_rows,
    minimise,
    minimise_packed,
    pack,
)
from fastseg_kernels._intrinsics import (
    greatest,
    lanes_of,
    least,
    load,
    maximum,
    minimum,
    splat,
    square_root,
    store,
)
from fastseg_kernels._jit import f64, float_kernels, i32, i64, inlined, read, u8, write
from fastseg_kernels._tiles import are_neighbours, gather, line_starts, scatter


@inlined
def _is_busy(values):
    """Tell whether there is anything to do: whether a value is neither 0 nor inf."""
    largest = splat(values.dtype.type(0))
    smallest = splat(values.dtype.type(np.inf))
    for i in range(np.uint64(0), np.uint64(values.size), lanes_of(values)):
        vector = load(values, i)
        largest = maximum(vector, largest)
        smallest = minimum(vector, smallest)
    return greatest(largest) > 0 and least(smallest) < np.inf


def _parabola_signature(real):
    return (
        f64,  # spacing along the axis
        read(real, 1),  # squares: (k * spacing)² for k = 0 … n - 1
        i64,  # monotone: 1 if rounding cannot make the minimiser move back
        read(
            i32, 1
        ),  # whole_squares: these in units, shifted; empty if values are not to be packed
        f64,  # scale: units in 1
        i64,  # none: in units, more than any value
        i64,  # shift: bits of a packed value below the units
        i64,  # coarse: rows are told apart by their number shifted so far to the right
        i64,  # root: 1 to take square roots at the end
        i64,  # first tile
        i64,  # tile to stop before
        read(u8, 1),  # needed_tiles: those with a 0 may be left undone; empty if all are needed
        i64,  # inner: how far apart neighbours along the axis lie
        write(real, 1),  # volume (outer, n, inner), flat
    )


@float_kernels(_parabola_signature)
def parabola_pass(
    spacing,
    squares,
    monotone,
    whole_squares,
    scale,
    none,
    shift,
    coarse,
    root,
    first,
    stop,
    needed_tiles,
    inner,
    volume,
):
    """Add an axis to squared distances in place, for some tiles of `TILE_BYTES` of lines."""
    n = squares.size
    width = lanes_of(volume) * np.uint64(4)
    values = np.empty(np.uint64(n) * width, volume.dtype)
    result = np.empty(np.uint64(n) * width, volume.dtype)
    packed = np.empty(np.uint64(n) * width, np.int32)
    following = np.empty(n, np.int64)
    lows = np.empty(n, np.int64)
    highs = np.empty(n, np.int64)
    reach = np.empty(n, np.float64)
    starts = np.empty(width, np.int64)
    vector = splat(squares.dtype.type(0))
    step = np.uint64(inner)
    for tile in range(first, stop):
        if needed_tiles.size > 0 and needed_tiles[np.uint64(tile)] == 0:
            continue
        count = line_starts(volume.size, tile * np.int64(width), n, inner, starts)
        source, start, stride = volume, np.uint64(starts[np.uint64(0)]), step
        target = volume
        in_place = are_neighbours(starts, np.uint64(0), width, count)
        if not in_place or whole_squares.size == 0:
            gather(volume, starts, count, n, inner, volume.dtype.type(np.inf), vector, values)
            source, start, stride = values, np.uint64(0), width
            target = result
            for c in range(np.uint64(count), width):  # as there is no such line, be as another one
                for y in range(np.uint64(n)):
                    values[y * width + c] = values[y * width]
        kind = MIXED
        if whole_squares.size > 0:
            kind = pack(source, start, stride, n, scale, none, shift, coarse, packed, following)
        elif not _is_busy(values):
            kind = IDLE
        if kind == IDLE:
            continue  # 0 and inf are their own square roots
        if kind == PACKED:
            minimise_packed(
                packed,
                n,
                spacing,
                whole_squares,
                scale,
                shift,
                coarse,
                root,
                following,
                lows,
                highs,
                reach,
                target,
                start,
                stride,
            )
            if in_place:
                continue
        else:
            if in_place and whole_squares.size > 0:
                gather(volume, starts, count, n, inner, volume.dtype.type(np.inf), vector, values)
            link_rows(values, n, following)
            minimise(values, n, spacing, squares, monotone, following, lows, highs, reach, result)
            if root != 0:
                for i in range(np.uint64(0), np.uint64(n) * width, lanes_of(volume)):
                    store(result, i, square_root(load(result, i)))
        scatter(result, starts, count, n, inner, vector, volume)
