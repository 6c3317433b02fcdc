"""Label maps that are stored as floats: each value within a rounding of a whole number is that number.

Maps go through float32 on their way, by resampling, a scaling or a network, and come out a few units in the last place
off. What is farther off is no label: it is refused, and never rounded away.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError
from fastseg.inputs.device import is_on_device
from fastseg.inputs.scalars import most_rounding

Array = NDArray[Any]  # or CuPy's

# Narrowest first: what a float label map is converted to.
_INTEGERS = tuple(np.dtype(f"{kind}{size}") for size in (1, 2, 4, 8) for kind in ("u", "i"))

# Floats are checked and converted this many at a time, so that the pieces stay in the second-level cache:
# whole-array temporaries of a map of 10⁸ voxels take six times as long.
PIECE = 1 << 16


def as_whole_numbers(array: Array, name: str, start: tuple[int, ...] | None = None) -> Array:
    """Turn a float array into the narrowest integer type that holds its labels, in the same memory order.

    Parameters
    ----------
    array : float ndarray
        On either side of the bus.
    name : str
        What messages call it.
    start : tuple of int, optional
        Where in a larger map the array begins, if it is a part of one: the places in messages are the larger map's,
        and a part may hold nothing but what rounds to 0.
    """
    if is_on_device(array):
        return _on_device(array, name, start)
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        rows_last = array.strides[0] < array.strides[-1]
        array = np.asfortranarray(array) if rows_last else np.ascontiguousarray(array)
    order: Literal["C", "F"] = "C" if array.flags.c_contiguous else "F"
    flat = array.reshape(-1, order="A")
    pieces = [slice(i, i + PIECE) for i in range(0, flat.size, PIECE)]
    # np.min, not min: it passes NaN on
    low = float(np.min([flat[piece].min() for piece in pieces]))
    high = float(np.max([flat[piece].max() for piece in pieces]))
    whole = np.empty(flat.shape, _integers_for(low, high, name))
    rounded = False
    for piece in pieces:
        whole[piece] = flat[piece]
        if not np.array_equal(whole[piece], flat[piece]):
            nearest, wrong = _rounded(flat[piece])
            if wrong.any():
                raise _fraction(array, _where_wrong(flat, order, array.shape), name, start)
            whole[piece] = nearest
            rounded = True
    if rounded and start is None and not whole.any():
        raise nothing_left(low, high, name)
    return whole.reshape(array.shape, order=order)


def _on_device(array: Array, name: str, start: tuple[int, ...] | None) -> Array:
    """Turn a float array on a GPU into whole numbers, all of it at once."""
    low, high = float(array.min()), float(array.max())
    whole = array.astype(_integers_for(low, high, name))
    if not (whole != array).any():
        return whole
    nearest, wrong = _rounded(array)
    if wrong.any():
        raise _fraction(array, [axis.tolist() for axis in wrong.nonzero()], name, start)
    whole = nearest.astype(whole.dtype)
    if start is None and not whole.any():
        raise nothing_left(low, high, name)
    return whole


def _integers_for(low: float, high: float, name: str) -> np.dtype[Any]:
    """Find the narrowest integer type for labels from `low` to `high`, once they are rounded."""
    if math.isnan(low) or math.isnan(high):
        raise InputError(
            f"{name}: the label map holds NaN; labels are whole numbers, so mark voxels to leave out with a label "
            "and pass it as ignore_label"
        )
    low, high = float(np.rint(low)), float(np.rint(high))
    if low < -(2.0**63) or high >= 2.0**64 or (low < 0 and high >= 2.0**63):
        raise InputError(
            f"{name}: labels from {low:g} to {high:g} go beyond 64 bits; renumber them"
        )
    return next(
        dtype
        for dtype in _INTEGERS
        if np.iinfo(dtype).min <= low and high <= int(np.iinfo(dtype).max)
    )


def _rounded(values: Array) -> tuple[Array, Array]:
    """Give the nearest whole numbers, and which of the values are too far from theirs."""
    nearest = np.rint(values)
    return nearest, abs(values - nearest) > most_rounding(nearest)


def _where_wrong(flat: Array, order: Literal["C", "F"], shape: tuple[int, ...]) -> list[list[int]]:
    """List the indices of all values that are no whole numbers, axis by axis."""
    places = np.concatenate(
        [np.flatnonzero(_rounded(flat[i : i + PIECE])[1]) + i for i in range(0, flat.size, PIECE)]
    )
    return [axis.tolist() for axis in np.unravel_index(places, shape, order)]


def _fraction(
    array: Array, where: list[list[int]], name: str, start: tuple[int, ...] | None
) -> InputError:
    """Make the error for values that are no whole numbers: the first of them in full, its place, and how many."""
    first = tuple(axis[0] for axis in where)
    place = tuple(map(sum, zip(first, start, strict=True))) if start else first
    value, many = array.dtype.type(array[first].item()), len(where[0])
    others = f", one of {many:,} such voxels" if many > 1 else ""
    # as text, which has all digits of its own type: 0.99999994 is not 1
    return InputError(
        f"{name}: labels must be whole numbers, found {value!s} at index {place}{others}; probabilities or resampled "
        "maps need a threshold or an argmax first"
    )


def nothing_left(low: float, high: float, name: str) -> InputError:
    """Make the error for a map that rounding would leave without any label."""
    return InputError(
        f"{name}: every value rounds to 0, but not all are 0 (from {low:.9g} to {high:.9g}); labels are whole "
        "numbers, so undo the scaling, or threshold the map first"
    )
