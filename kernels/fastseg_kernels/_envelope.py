"""The min-plus with parabolas over the lines of a tile, alone or with a payload taken along with each minimum."""

import numpy as np

from fastseg_kernels._intrinsics import (
    add,
    as_floats,
    bitwise_and,
    greatest,
    lanes_of,
    least,
    load,
    load_beside,
    maximum,
    minimum,
    multiply,
    select_less,
    shift_left,
    shift_right,
    splat,
    splat_beside,
    splat_row,
    square_root,
    store,
    whole,
)
from fastseg_kernels._jit import always_inlined, inlined

#: what `pack` says is to be done with a tile
IDLE, PACKED, MIXED = 0, 1, 2


@inlined
def minimise(values, n, spacing, squares, monotone, following, lows, highs, reach, result):
    """Set result[y] = min over k of values[k] + squares[|k - y|] for each lane of a tile.

    `lows`, `highs` and `reach` are room for what rows that are done say about the others; `_keep` fills them.
    """
    lanes = lanes_of(values)
    width = lanes * np.uint64(4)
    real = squares.dtype.type
    infinite = splat(real(np.inf))
    zero = splat(real(0))
    none = splat(real(-1))
    past_last = splat(real(n))
    step = 1
    while 2 * step <= n:
        step *= 2
    while step >= 1:
        for y in range(step - 1, n, 2 * step):
            low, high = _candidates(y, step, n, spacing, monotone, lows, highs, reach)
            b0 = b1 = b2 = b3 = infinite
            if step == 1:  # the last level, half of all rows: no other row asks for its minimisers
                k = low
                while k <= high:
                    square = splat(squares[np.uint64(abs(k - y))])
                    i = np.uint64(k) * width
                    b0 = minimum(add(load(values, i), square), b0)
                    b1 = minimum(add(load(values, i + lanes), square), b1)
                    b2 = minimum(add(load(values, i + np.uint64(2) * lanes), square), b2)
                    b3 = minimum(add(load(values, i + np.uint64(3) * lanes), square), b3)
                    k = following[np.uint64(k)]
            else:
                c0 = c1 = c2 = c3 = none
                k = low
                while k <= high:
                    square = splat(squares[np.uint64(abs(k - y))])
                    index = splat(real(k))
                    i = np.uint64(k) * width
                    candidate = add(load(values, i), square)
                    c0 = select_less(candidate, b0, index, c0)
                    b0 = minimum(candidate, b0)
                    candidate = add(load(values, i + lanes), square)
                    c1 = select_less(candidate, b1, index, c1)
                    b1 = minimum(candidate, b1)
                    candidate = add(load(values, i + np.uint64(2) * lanes), square)
                    c2 = select_less(candidate, b2, index, c2)
                    b2 = minimum(candidate, b2)
                    candidate = add(load(values, i + np.uint64(3) * lanes), square)
                    c3 = select_less(candidate, b3, index, c3)
                    b3 = minimum(candidate, b3)
                    k = following[np.uint64(k)]
                least_values, minimisers = (b0, b1, b2, b3), (c0, c1, c2, c3)
                _keep(y, 0, least_values, minimisers, infinite, zero, past_last, lows, highs, reach)
            _store(result, np.uint64(y) * width, lanes, (b0, b1, b2, b3))
        step //= 2


@inlined
def minimise_with_payload(
    values,
    payload,
    shift,
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
):
    """Do what `minimise` does, and set nearest_payload[y] = payload[k] of the first minimiser, -1 if there is none.

    A payload holds k in its bits from `shift` on. It is taken along in the loop, one masked load a candidate, which
    costs less than to look up each voxel's minimiser afterwards.
    """
    lanes = lanes_of(values)
    width = lanes * np.uint64(4)
    infinite = splat(squares.dtype.type(np.inf))
    zero = splat(squares.dtype.type(0))
    none = splat_beside(np.int32(-1), infinite)
    past_last = splat_beside(np.int32(0x7FFFFFFF), infinite)
    step = 1
    while 2 * step <= n:
        step *= 2
    while step >= 1:
        for y in range(step - 1, n, 2 * step):
            low, high = _candidates(y, step, n, spacing, monotone, lows, highs, reach)
            b0 = b1 = b2 = b3 = infinite
            c0 = c1 = c2 = c3 = none
            k = low
            while k <= high:
                square = splat(squares[np.uint64(abs(k - y))])
                i = np.uint64(k) * width
                candidate = add(load(values, i), square)
                c0 = select_less(candidate, b0, load_beside(payload, i, infinite), c0)
                b0 = minimum(candidate, b0)
                i += lanes
                candidate = add(load(values, i), square)
                c1 = select_less(candidate, b1, load_beside(payload, i, infinite), c1)
                b1 = minimum(candidate, b1)
                i += lanes
                candidate = add(load(values, i), square)
                c2 = select_less(candidate, b2, load_beside(payload, i, infinite), c2)
                b2 = minimum(candidate, b2)
                i += lanes
                candidate = add(load(values, i), square)
                c3 = select_less(candidate, b3, load_beside(payload, i, infinite), c3)
                b3 = minimum(candidate, b3)
                k = following[np.uint64(k)]
            if step > 1:
                least_values, minimisers = (b0, b1, b2, b3), (c0, c1, c2, c3)
                _keep(
                    y,
                    shift,
                    least_values,
                    minimisers,
                    infinite,
                    zero,
                    past_last,
                    lows,
                    highs,
                    reach,
                )
            _store(result, np.uint64(y) * width, lanes, (b0, b1, b2, b3))
            _store(nearest_payload, np.uint64(y) * width, lanes, (c0, c1, c2, c3))
        step //= 2


@inlined
def link_rows(values, n, following):
    """Link each row of a tile to the next one that has a finite value, or to `n`.

    Where points are sparse most rows have none, and the second axis takes less than half as long when they are passed
    over (benchmarks: edt float32/sparse-256).
    """
    row = splat_row(values.dtype.type(0))
    width = lanes_of(values) * np.uint64(4)
    next_finite = np.int64(n)
    for back in range(np.uint64(n)):
        y = np.uint64(n - 1) - back
        following[y] = next_finite
        if least(load_beside(values, y * width, row)) < np.inf:
            next_finite = np.int64(y)


@always_inlined
def _candidates(y, step, n, spacing, monotone, lows, highs, reach):
    """Find the first and last row that can hold a minimiser for row `y`, from its neighbours of earlier levels."""
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
    window = (near / spacing + step) * (1.0 + 1e-6) + 1.0
    if window < n:
        low = max(low, y - np.int64(window))
        high = min(high, y + np.int64(window))
    return low, high


@always_inlined
def _keep(y, shift, least_values, minimisers, infinite, zero, past_last, lows, highs, reach):
    """Record the least and the greatest minimiser of a row over its lanes, and the root of its largest value.

    Lanes without any finite value hold inf and are left out. If all lanes are left out, the range from the least to the
    greatest minimiser is empty.
    """
    b0, b1, b2, b3 = least_values
    c0, c1, c2, c3 = minimisers
    d0 = select_less(b0, infinite, c0, past_last)
    d1 = select_less(b1, infinite, c1, past_last)
    d2 = select_less(b2, infinite, c2, past_last)
    d3 = select_less(b3, infinite, c3, past_last)
    lows[np.uint64(y)] = np.int64(least(minimum(minimum(d0, d1), minimum(d2, d3)))) >> shift
    highs[np.uint64(y)] = np.int64(greatest(maximum(maximum(c0, c1), maximum(c2, c3)))) >> shift
    e0 = select_less(b0, infinite, b0, zero)
    e1 = select_less(b1, infinite, b1, zero)
    e2 = select_less(b2, infinite, b2, zero)
    e3 = select_less(b3, infinite, b3, zero)
    reach[np.uint64(y)] = np.sqrt(np.float64(greatest(maximum(maximum(e0, e1), maximum(e2, e3)))))


@always_inlined
def _store(tile, start, lanes, row):
    """Write a row, which is four vectors, into a tile."""
    v0, v1, v2, v3 = row
    store(tile, start, v0)
    store(tile, start + lanes, v1)
    store(tile, start + np.uint64(2) * lanes, v2)
    store(tile, start + np.uint64(3) * lanes, v3)


@inlined
def pack(source, start, stride, n, scale, none, shift, coarse, packed, following):
    """Turn a tile's values into whole numbers with the number of their row in the lowest bits, and link its rows.

    The rows of the tile lie `stride` apart in `source`. A value times `scale` is a whole number less than `none`, which
    is what inf becomes. Tell what is to be done: nothing where all values are 0 or all are inf (`IDLE`), `PACKED`, or
    what `minimise` does (`MIXED`) where some lanes, not all, have no finite value.
    """
    scales = splat_row(source.dtype.type(scale))
    beyond = splat_row(source.dtype.type(none))
    bits = splat_beside(np.int32(shift), scales)
    lowest = whole(beyond)
    highest = splat_beside(np.int32(0), scales)
    width = lanes_of(source) * np.uint64(4)
    next_finite = np.int64(n)
    for back in range(np.uint64(n)):
        y = np.uint64(n - 1) - back
        following[y] = next_finite
        values = load_beside(source, start + y * stride, scales)
        row = whole(minimum(multiply(values, scales), beyond))
        lowest = minimum(row, lowest)
        highest = maximum(row, highest)
        if least(row) < none:
            next_finite = np.int64(y)
        index = splat_beside(np.int32(np.int64(y) >> coarse), scales)
        store(packed, y * width, add(shift_left(row, bits), index))
    if greatest(highest) == 0 or least(lowest) == none:
        return np.int64(IDLE)
    return np.int64(PACKED if greatest(lowest) < none else MIXED)


@inlined
def minimise_packed(
    packed,
    n,
    spacing,
    squares,
    scale,
    shift,
    coarse,
    root,
    following,
    lows,
    highs,
    reach,
    result,
    start,
    stride,
):
    """Do what `minimise` does for packed values, and take square roots if `root` is not 0.

    `squares` are whole numbers too, above as many zeros as values have bits for their row. A sum of the two has its row
    with it, so that one minimum of whole numbers gives both the least value and its minimiser; where two rows give the
    same value it is the first. The rows of the result are to lie `stride` apart.
    """
    unit = splat_row(result.dtype.type(1.0 / scale))
    bits = splat_beside(np.int32(shift), unit)
    mask = splat_beside(np.int32((1 << shift) - 1), unit)
    largest = splat_beside(np.int32(0x7FFFFFFF), unit)
    width = lanes_of(result) * np.uint64(4)
    step = 1
    while 2 * step <= n:
        step *= 2
    while step >= 1:
        for y in range(step - 1, n, 2 * step):
            low, high = _candidates(y, step, n, spacing, 1, lows, highs, reach)
            best = largest
            k = low
            while k <= high:
                square = splat_beside(squares[np.uint64(abs(k - y))], unit)
                best = minimum(add(load_beside(packed, np.uint64(k) * width, unit), square), best)
                k = following[np.uint64(k)]
            if step > 1:
                rows = bitwise_and(best, mask)
                lows[np.uint64(y)] = np.int64(least(rows)) << coarse
                highs[np.uint64(y)] = min(((np.int64(greatest(rows)) + 1) << coarse) - 1, n - 1)
                reach[np.uint64(y)] = np.sqrt(np.float64(greatest(best) >> shift) / scale)
            value = multiply(as_floats(shift_right(best, bits), unit), unit)
            store(result, start + np.uint64(y) * stride, square_root(value) if root != 0 else value)
        step //= 2
