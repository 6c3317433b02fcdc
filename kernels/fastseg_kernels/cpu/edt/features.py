"""Exact Euclidean distance transform with the index of the nearest background, for any spacing.

Idea: only the indices go from axis to axis, all of a voxel's packed into one number of 31 bits. Distances follow from
the indices, so they are computed where they are needed, and written once, by the last pass. The first axis is two
sweeps that carry the index of the last background. Every further axis is the min-plus with parabolas of
`parabolas.py`, in which packed indices are taken along with the minimum.

Cost: 4 bytes a voxel are read and written a pass, up to 20 written by the last one: 36 in all for three axes and
float64, where distances and an array for each axis would move 77 and take a third longer (benchmarks:
edt float64 indices/near-256).

Exactness: a squared distance is one rounded square an axis, summed in the order of the passes, as in `parabolas.py`,
and the same number each time that it is computed. Of several equally near the first along the axis is taken.
"""

import numpy as np

from fastseg_kernels._envelope import link_rows, minimise_with_payload
from fastseg_kernels._intrinsics import lanes_of, splat
from fastseg_kernels._jit import f64, float_kernels, i32, i64, inlined, kernel, read, u8, write
from fastseg_kernels._tiles import gather, line_starts, scatter

#: neighbouring lines that `column_features` takes together
LINES = 128


#: columns of `axes`: how far apart neighbours along an axis lie, how many there are, where its index lies within a
#: packed one (shift and mask), its row of `indices`
STRIDE, SIZE, SHIFT, MASK, ROW = (np.uint64(column) for column in range(5))


@kernel(
    read(u8, 2),  # foreground
    i64,  # first row
    i64,  # row to stop before
    write(i32, 2),  # out: indices
)
def row_features(foreground, first, stop, out):
    """Write the index along rows of the nearest 0, the earlier of two, and -1 in rows that have none."""
    n = np.uint64(foreground.shape[1])
    far = np.int64(1) << np.int64(40)
    for r in range(np.uint64(first), np.uint64(stop)):
        before = -far
        for x in range(n):
            if foreground[r, x] == 0:
                before = np.int64(x)
            out[r, x] = np.int32(max(before, np.int64(-1)))
        after = far
        for back in range(n):
            x = n - np.uint64(1) - back
            here = np.int64(x)
            if foreground[r, x] == 0:
                after = here
            before = np.int64(out[r, x])
            if after != far and (before < 0 or after - here < here - before):
                out[r, x] = np.int32(after)


@kernel(
    read(u8, 3),  # foreground (outer, n, inner)
    i64,  # first tile
    i64,  # tile to stop before
    write(i32, 3),  # out: indices
)
def column_features(foreground, first, stop, out):
    """Write the index along the middle axis of the nearest 0, the earlier of two, and -1 on lines that have none.

    Two sweeps go over neighbouring lines together. A tile is `LINES` of the inner axis.
    """
    n = np.uint64(foreground.shape[1])
    inner = foreground.shape[2]
    lanes_of_tile = np.int64(LINES)
    chunks = (inner + lanes_of_tile - 1) // lanes_of_tile
    nearest = np.empty(lanes_of_tile, np.int32)
    none = np.int32(1 << 30)  # no axis is as long, so that an index is always nearer than none
    for tile in range(first, stop):
        o = np.uint64(tile // chunks)
        start = (tile % chunks) * lanes_of_tile
        lanes = np.uint64(min(lanes_of_tile, inner - start))
        i0 = np.uint64(start)
        for c in range(lanes):
            nearest[c] = -none
        for y in range(n):
            here = np.int32(y)
            for c in range(lanes):
                before = nearest[c] if foreground[o, y, i0 + c] != 0 else here
                nearest[c] = before
                out[o, y, i0 + c] = before
        for c in range(lanes):
            nearest[c] = none
        for back in range(n):
            y = n - np.uint64(1) - back
            here = np.int32(y)
            for c in range(lanes):
                after = nearest[c] if foreground[o, y, i0 + c] != 0 else here
                before = out[o, y, i0 + c]
                nearest[c] = after
                nearer = before if here - before <= after - here else after
                out[o, y, i0 + c] = nearer if abs(nearer) < none else np.int32(-1)


def _feature_signature(real):
    return (
        f64,  # spacing along the axis
        read(real, 1),  # squares: (k * spacing)² for k = 0 … n - 1
        i64,  # monotone: 1 if rounding cannot make the minimiser move back
        i64,  # root: 1 to take square roots at the end
        i64,  # first tile
        i64,  # tile to stop before
        i64,  # inner: how far apart neighbours along the axis lie
        read(i64, 2),  # axes: those done so far, then this one
        read(f64, 1),  # spacings along the axes done so far
        write(i32, 1),  # packed_indices of the volume (outer, n, inner), flat
        write(real, 1),  # distances, flat; written if `indices` are
        write(i32, 2),  # indices, a row for each axis; empty before the last pass
    )


@float_kernels(_feature_signature)
def feature_pass(
    spacing,
    squares,
    monotone,
    root,
    first,
    stop,
    inner,
    axes,
    spacings,
    packed_indices,
    distances,
    indices,
):
    """Add an axis to packed indices in place, for some tiles of `TILE_BYTES` of lines.

    The last pass unpacks them and writes distances. `packed_indices` may be a row of `indices`, since a tile is read
    before it is written.
    """
    n = squares.size
    vector = splat(squares.dtype.type(0))
    width = lanes_of(squares) * np.uint64(4)
    values = np.empty(np.uint64(n) * width, squares.dtype)
    result = np.empty(np.uint64(n) * width, squares.dtype)
    payload = np.empty(np.uint64(n) * width, np.int32)
    nearest_payload = np.empty(np.uint64(n) * width, np.int32)
    following = np.empty(n, np.int64)
    lows = np.empty(n, np.int64)
    highs = np.empty(n, np.int64)
    reach = np.empty(n, np.float64)
    starts = np.empty(width, np.int64)
    own = np.uint64(axes.shape[0] - 1)
    own_shift = axes[own, SHIFT]
    for tile in range(first, stop):
        count = line_starts(packed_indices.size, tile * np.int64(width), n, inner, starts)
        gather(packed_indices, starts, count, n, inner, np.int32(-1), vector, payload)
        _measure(payload, n, axes, spacings, starts, count, values)
        for y in range(np.uint64(n)):
            index = np.int32(np.int64(y) << own_shift)
            for c in range(width):
                payload[y * width + c] |= index
        link_rows(values, n, following)
        minimise_with_payload(
            values,
            payload,
            own_shift,
            n,
            spacing,
            squares,
            monotone,
            following,
            lows,
            highs,
            reach,
            result,
            nearest_payload,
        )
        if indices.size == 0:
            scatter(nearest_payload, starts, count, n, inner, vector, packed_indices)
            continue
        for axis in range(own + np.uint64(1)):
            shift = np.int32(axes[axis, SHIFT])
            mask = np.int32(axes[axis, MASK])
            for i in range(np.uint64(n) * width):
                payload[i] = np.int32(nearest_payload[i] >> shift) & mask
            row = indices[np.uint64(axes[axis, ROW])]
            scatter(payload, starts, count, n, inner, vector, row)
        if root != 0:
            for i in range(np.uint64(n) * width):
                result[i] = np.sqrt(result[i])
        scatter(result, starts, count, n, inner, vector, distances)


@inlined
def _measure(payload, n, axes, spacings, starts, count, values):
    """Compute the squared distances that a tile's packed indices stand for, inf for -1."""
    width = lanes_of(values) * np.uint64(4)
    real = values.dtype.type
    infinite = real(np.inf)
    positions = np.zeros(width, np.int32)
    for axis in range(np.uint64(axes.shape[0] - 1)):
        shift = np.int32(axes[axis, SHIFT])
        mask = np.int32(axes[axis, MASK])
        spacing = real(spacings[axis])
        for c in range(np.uint64(count)):  # the position on an axis done is that of the whole line
            positions[c] = np.int32(starts[c] // axes[axis, STRIDE] % axes[axis, SIZE])
        for y in range(np.uint64(n)):
            row = y * width
            for c in range(width):
                packed_index = payload[row + c]
                voxels_away = np.int32(positions[c] - (np.int32(packed_index >> shift) & mask))
                scaled = real(voxels_away) * spacing
                squared = scaled * scaled
                if axis == 0:
                    values[row + c] = squared if packed_index >= 0 else infinite
                else:
                    values[row + c] += squared
