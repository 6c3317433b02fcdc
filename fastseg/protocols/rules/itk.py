"""ITK's contours and its distance map, to the bit: what scripts that call SimpleITK have measured.

Arrays are as SimpleITK gives them: their last axis is ITK's first. ITK transforms along its first axis, then along the
next, in the pixel type of its result, which in SimpleITK is float32. How it rounds depends on where in the image a
voxel lies: a voxel's position along a line is the product of two numbers of that type while the line's parabolas are
gathered, and a product of doubles that is rounded while they are read, so that even a voxel's distance to itself may
be 1e-7. Here the same sums are made in the same order, all lines at once, and only in the box that matters.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Array, Spacing
from fastseg.protocols.rules.nearest import Bools, box_of


def neighbours(ndim: int, full: bool) -> list[tuple[int, ...]]:
    """List the steps to the neighbours of a voxel: by faces, or by corners too."""
    steps = itertools.product((-1, 0, 1), repeat=ndim)
    return [step for step in steps if any(step) and (full or sum(map(abs, step)) == 1)]


def beside(shape: Sequence[int], step: Sequence[int]) -> tuple[tuple[slice, ...], ...]:
    """Cut the voxels that have a neighbour at a step inside the image, and these neighbours."""
    here = (slice(max(0, -by), size - max(0, by)) for by, size in zip(step, shape, strict=True))
    there = (slice(max(0, by), size - max(0, -by)) for by, size in zip(step, shape, strict=True))
    return tuple(here), tuple(there)


def contour(labels: Array, *, full: bool, border: bool = False) -> Bools:
    """Find the contour of each label, as ``LabelContourImageFilter`` and, of a mask, ``BinaryContourImageFilter`` do.

    Parameters
    ----------
    labels : ndarray
        0 is background.
    full : bool
        Whether neighbours by edges and corners count too.
    border : bool
        Whether what lies outside of the image is background: for ITK it is nothing, so that a voxel at the border is
        on a contour only if it has another neighbour with another label.

    Returns
    -------
    bool ndarray
        Voxels of a label that have a neighbour with another one, or none.
    """
    found: Bools = np.zeros(labels.shape, bool)
    if full:
        found |= _spread(labels, np.minimum) != _spread(labels, np.maximum)
    else:
        for axis in range(labels.ndim):
            lines, marks = np.moveaxis(labels, axis, 0), np.moveaxis(found, axis, 0)
            differ = lines[1:] != lines[:-1]
            marks[1:] |= differ
            marks[:-1] |= differ
    if border:
        for axis in range(labels.ndim):
            ends: list[Any] = [slice(None)] * labels.ndim
            ends[axis] = [0, -1]
            found[tuple(ends)] = True
    found &= labels != 0
    return found


def _spread(labels: Array, extreme: np.ufunc) -> Array:
    """Take the least or the largest of each voxel and its neighbours by corners, axis by axis."""
    for axis in range(labels.ndim):
        lines = np.moveaxis(labels, axis, 0)
        found = lines.copy()
        extreme(found[1:], lines[:-1], out=found[1:])
        extreme(found[:-1], lines[1:], out=found[:-1])
        labels = np.moveaxis(found, 0, axis)
    return labels


def boundary(mask: Bools, *, border: bool = False) -> Bools:
    """Find the voxels of a mask to which ITK's distance map measures: those with a neighbour, by corners too, outside.

    Of a contour of one label these are all. Where labels touch, contours are thick, and have an inside. `border` is as
    of :func:`contour`.
    """
    return contour(mask, full=True, border=border)


def distances(
    to: Bools, at: Bools, spacing: Spacing, *, origin: Sequence[int] | None = None
) -> NDArray[np.float32]:
    """Measure how far voxels lie from a mask's boundary, as ``SignedMaurerDistanceMapImageFilter`` without its sign.

    Parameters
    ----------
    to : bool ndarray
        The mask's :func:`boundary`.
    at : bool ndarray
        Voxels whose distances are wanted, at least one.
    spacing : tuple of float
        Along each array axis.
    origin : sequence of int, optional
        Where the arrays begin in ITK's image, of which they may be a part.

    Returns
    -------
    float32 ndarray (n,)
        A distance for each voxel of `at`, in C order; where there is no boundary, the root of the largest float32.
    """
    if not to.any():
        return np.full(int(at.sum()), np.sqrt(np.finfo(np.float32).max), np.float32)
    # nothing outside of the box has a say, but where the box begins has
    box = box_of(to, at)
    at = at[box]
    squared: NDArray[Any] = np.full(at.shape, np.inf, np.float32)
    squared[to[box]] = 0
    for axis in reversed(range(at.ndim)):
        lines = np.moveaxis(squared, axis, -1)
        if axis == 0:  # the last one: only lines with a voxel that is asked for
            wanted = np.moveaxis(at, axis, -1).reshape(-1, at.shape[axis]).any(axis=1)
        else:
            wanted = np.ones(lines[..., 0].size, bool)
        flat = np.ascontiguousarray(lines).reshape(-1, at.shape[axis])
        begin = box[axis].start + (0 if origin is None else origin[axis])
        flat[wanted] = _along_lines(flat[wanted], float(spacing[axis]), begin)
        squared = np.moveaxis(flat.reshape(lines.shape), -1, axis)
    # the root of a float32 as a double, rounded, is what ITK has
    return np.sqrt(squared[at].astype(np.float64)).astype(np.float32)


def _along_lines(values: NDArray[Any], spacing: float, begin: int) -> NDArray[Any]:
    """Take the lower envelope of the parabolas of each line, as ITK's ``Voronoi`` does.

    Parameters
    ----------
    values : ndarray (lines, n)
        Squared distances so far; inf where there is none.
    """
    result = np.full_like(values, np.inf)
    has_any = np.isfinite(values).any(axis=1).nonzero()[0]
    columns = np.ascontiguousarray(values[has_any].T)  # a row for each position along the lines
    positions = np.arange(begin, begin + len(columns))
    gathered_at = positions.astype(values.dtype) * values.dtype.type(spacing)
    read_at = (positions * spacing).astype(values.dtype)
    heights, places, last = _gather(columns, gathered_at)
    result[has_any] = _read(heights, places, last, read_at).T
    return result


def _gather(
    columns: NDArray[Any], positions: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.intp]]:
    """Gather the parabolas of each line that are the lowest anywhere: heights, places, and which is the last."""
    heights, places = np.zeros_like(columns), np.zeros_like(columns)
    last = np.full(columns.shape[1], -1, np.intp)
    for height, position in zip(columns, positions, strict=True):
        lines = np.isfinite(height).nonzero()[0]
        covered = lines[last[lines] >= 1]
        while len(covered):
            top = last[covered]
            first, second = places[top - 1, covered], places[top, covered]
            a, b, c = second - first, position - second, position - first
            lower = c * heights[top, covered] - b * heights[top - 1, covered]
            covered = covered[lower - a * height[covered] - a * b * c > 0]
            last[covered] -= 1
            covered = covered[last[covered] >= 1]
        last[lines] += 1
        heights[last[lines], lines] = height[lines]
        places[last[lines], lines] = position
    return heights, places, last


def _read(
    heights: NDArray[Any], places: NDArray[Any], last: NDArray[np.intp], positions: NDArray[Any]
) -> NDArray[Any]:
    """Read the envelope along the lines; a parabola is left only for the next, if that is lower."""
    values = np.empty_like(heights)
    # a last parabola is followed by one that is nowhere lower, in a row more
    heights, places = (np.concatenate([rows, rows[:1]]) for rows in (heights, places))
    heights[last + 1, np.arange(len(last))] = np.inf
    following = np.ones(len(last), np.intp)
    height, place = heights[0].copy(), places[0].copy()
    next_height, next_place = heights[1].copy(), places[1].copy()
    for i, position in enumerate(positions):
        away = place - position
        lowest = height + away * away
        away = next_place - position
        other = next_height + away * away
        lower = (other < lowest).nonzero()[0]
        while len(lower):
            height[lower], place[lower] = next_height[lower], next_place[lower]
            lowest[lower] = other[lower]
            following[lower] += 1
            next_height[lower] = heights[following[lower], lower]
            next_place[lower] = places[following[lower], lower]
            away = next_place[lower] - position
            other[lower] = next_height[lower] + away * away
            lower = lower[other[lower] < lowest[lower]]
        values[i] = lowest
    return values
