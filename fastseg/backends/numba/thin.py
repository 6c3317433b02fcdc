"""The distance transform of long thin arrays for the numba backend: which these are, and their kernel over blocks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.inputs.arrays import Spacing
from fastseg_kernels._shapes import split
from fastseg_kernels.cpu.edt import thin

# Arrays of no more lines than this along an axis that is at least so long: of more the passes are as fast.
_MOST_LINES = 40
_LEAST_LENGTH = 1 << 10
# Of more lines than this the passes are as fast, where background is sparse twice as fast.
_MOST_COMPARED = 24
# Of so few lines, all are compared even where the long axis comes first and so needs no min-plus.
_FEW_LINES = 4
_LEAST_LENGTH_OF_FEW = 1 << 13


def is_thin(shape: tuple[int, ...]) -> bool:
    """Tell whether an array of axes longer than 1 has one long axis and few lines along it."""
    longest = max(shape)
    lines = math.prod(shape) // longest
    return 1 < lines <= _MOST_LINES and _LEAST_LENGTH <= longest < thin.LONGEST


def compare_lines(shape: tuple[int, ...], first: int) -> bool:
    """Tell whether to compare the lines along the longest axis, where axis `first` would be the first of the passes."""
    longest = max(shape)
    lines = math.prod(shape) // longest
    few = lines <= _FEW_LINES and longest >= _LEAST_LENGTH_OF_FEW
    return is_thin(shape) and lines <= _MOST_COMPARED and (few or shape[first] != longest)


def thin_transform(
    foreground: NDArray[np.uint8],
    spacing: Spacing,
    order: tuple[int, ...],
    dtype: np.dtype[Any],
    squared: bool,
    where: NDArray[np.int32] | None,
) -> NDArray[Any]:
    """Measure from every element to its nearest 0.

    Parameters
    ----------
    foreground : uint8 ndarray
        C-contiguous.
    spacing : tuple of float
        Along each axis of the array.
    order : tuple of int
        The axes in the order in which squares are summed.
    dtype : float64 or float32
    squared : bool
    where : int32 ndarray (ndim, *shape), optional
        Room for the index of that 0, which is -1 where there is none.
    """
    shape = foreground.shape
    axis = int(np.argmax(shape))
    view = split(shape, axis)
    others = [i for i in range(len(shape)) if i != axis]
    lines = np.indices([shape[i] for i in others]).reshape(len(others), -1)
    offsets = {
        i: np.square((row[:, None] - row) * spacing[i])
        for i, row in zip(others, lines, strict=True)
    }
    place = order.index(axis)
    earlier = np.zeros((lines.shape[1],) * 2)
    for i in order[:place]:
        earlier += offsets[i]
    later = np.array([offsets[i] for i in order[place + 1 :]]).reshape(-1, *earlier.shape)
    ranks, coordinates = _ranks(dict(zip(others, lines, strict=True)), axis, order, shape)
    indices = np.empty((0, *view), np.int32) if where is None else where.reshape(-1, *view)

    sums = earlier.copy()
    for squares in later:
        sums += squares
    visits = np.argsort(sums, axis=1, kind="stable")

    line_view = foreground.reshape(view)
    blocks = -(-shape[axis] // thin.BLOCK)
    slabs = threads.slabs(blocks, foreground.size)
    firsts, lasts = np.empty((2, blocks, len(sums)), np.int32)
    threads.run(lambda slab: thin.block_ends(line_view, *slab, firsts, lasts), slabs)
    left, right = np.full_like(lasts, thin.NONE_BEFORE), np.full_like(firsts, thin.NONE_AFTER)
    np.maximum.accumulate(lasts[:-1], axis=0, out=left[1:])
    right[:-1] = np.minimum.accumulate(firsts[:0:-1], axis=0)[::-1]
    out = np.empty(view, dtype)
    step, root = spacing[axis], int(not squared)
    order_of_lines = visits, np.take_along_axis(sums, visits, 1)
    tables = earlier, later, *order_of_lines, left, right
    # of the two types of result the one that is not asked for has no elements
    outs = [
        out if out.dtype == real else np.empty((0, 0, 0), real) for real in (np.float32, np.float64)
    ]
    threads.run(
        lambda slab: thin.thin_pass(
            line_view, step, *tables, root, *slab, ranks, coordinates, *outs, indices
        ),
        slabs,
    )
    return out.reshape(shape)


def _ranks(
    lines: dict[int, NDArray[np.int64]], axis: int, order: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Rank the lines by their last axis first: axes after the long one above the position on it, those before it below.

    Also give the coordinates of the line of each rank, -1 for the long axis, whose coordinate the position is.
    """
    place = order.index(axis)
    parts = []
    for among in (order[place + 1 :], order[:place]):
        rank = np.zeros(math.prod(shape) // shape[axis], np.int64)
        for i in reversed(among):
            rank = rank * shape[i] + lines[i]
        parts.append(rank)
    above, below = parts
    place_of = (above << thin.RANK_BITS) | below
    coordinates = np.full((len(shape), int(place_of.max()) + 1), -1, np.int32)
    for i, row in lines.items():
        coordinates[i, place_of] = row
    return (above << (thin.RANK_BITS + thin.POSITION_BITS)) | below, coordinates
