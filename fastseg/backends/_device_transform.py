"""The distance transform for the cupy backend: which passes, in which order, in which precision."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.arrays import Spacing
from fastseg.backends._steps import is_monotone, squares, sums_are_exact
from fastseg_kernels.gpu import edt
from fastseg_kernels.gpu._module import DeviceArray, empty

_DOUBLE = np.dtype(np.float64)


class Plan(NamedTuple):
    """How to transform: in which type, over which axes in turn, and whether minimisers are monotone."""

    dtype: np.dtype[Any]
    axes: tuple[int, ...]
    monotone: bool


@functools.lru_cache(maxsize=256)
def plan(
    shape: tuple[int, ...], spacing: Spacing, order: tuple[int, ...], indices: bool = False
) -> Plan:
    """The narrowest type and contiguous rows first wherever no sum is rounded, else the order of the image's axes.

    With indices always that order: of several nearest voxels it leads to the one that SciPy gives.

    Parameters
    ----------
    shape, spacing : tuple
        Of the array.
    order : tuple of int
        The array's axes in the order in which the image's own axes come.

    Axes of one voxel need no pass and are left out.
    """
    long = tuple(axis for axis in order if shape[axis] > 1) or order[-1:]
    sizes = tuple(shape[axis] for axis in long)
    steps = tuple(spacing[axis] for axis in long)
    for real in (np.dtype(np.float32), _DOUBLE):
        if sums_are_exact(sizes, steps, real):
            return Plan(real, long if indices else tuple(sorted(long, reverse=True)), True)
    return Plan(_DOUBLE, long, is_monotone(sizes, steps, _DOUBLE))


def table(size: int, step: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The square of 0, 1, 2 … steps, and infinity."""
    return np.append(squares(size, step), np.inf).astype(dtype)


def squared_distances(
    words: DeviceArray,
    shape: tuple[int, ...],
    spacing: Spacing,
    made: Plan,
    axes: tuple[int, ...],
) -> DeviceArray:
    """Squared distances along some of the axes, in the type of the plan, to the nearest set bit."""
    volume = _first_axis(words, shape, axes[0], table(shape[axes[0]], spacing[axes[0]], made.dtype))
    for axis in axes[1:]:
        steps = table(shape[axis], spacing[axis], made.dtype)
        volume = edt.parabolas(volume, axis, steps, monotone=made.monotone)
    return volume


def transform(
    words: DeviceArray,
    shape: tuple[int, ...],
    spacing: Spacing,
    order: tuple[int, ...],
    dtype: np.dtype[Any] = _DOUBLE,
    indices: bool = False,
) -> tuple[DeviceArray, DeviceArray | None]:
    """Distance of every voxel to the nearest set bit, inf if there is none, and its index if wanted.

    Parameters
    ----------
    words : uint32
        The bits of the volume, packed along its last axis.
    order : tuple of int
        The axes in the order in which squares are summed, where that makes a difference.
    dtype : float64 or float32

    Returns
    -------
    distances : float64 or float32 array
        float32 ones are the float64 ones, rounded.
    indices : int32 array (ndim, *shape) or None
        -1 where there is no bit.
    """
    made = plan(shape, spacing, order, indices)
    chosen = empty((len(made.axes), *shape), np.int32) if indices else None
    rows = [None] * len(made.axes) if chosen is None else list(chosen)
    first, later = made.axes[0], made.axes[1:]
    steps = table(shape[first], spacing[first], made.dtype)
    if not later:
        steps = np.sqrt(steps.astype(_DOUBLE)).astype(dtype)
    volume = _first_axis(words, shape, first, steps, rows[0])
    for axis, row in zip(later, rows[1:], strict=True):
        last = axis == later[-1]
        volume = edt.parabolas(
            volume,
            axis,
            table(shape[axis], spacing[axis], made.dtype),
            monotone=made.monotone,
            root=last,
            dtype=dtype if last and dtype == _DOUBLE else None,
            chosen=row,
        )
    distances = volume if volume.dtype == dtype else volume.astype(dtype)
    return distances, None if chosen is None else edt.follow(chosen, made.axes)


def _first_axis(
    words: DeviceArray,
    shape: tuple[int, ...],
    axis: int,
    steps: NDArray[Any],
    chosen: DeviceArray | None = None,
) -> DeviceArray:
    packed = words if axis == len(shape) - 1 else edt.turn(words, shape, axis)
    return edt.first_axis(packed, shape, axis, steps, chosen)
