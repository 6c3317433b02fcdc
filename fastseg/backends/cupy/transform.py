"""The distance transform for the cupy backend: which passes, in which order, in which precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.shared.offsets import squares
from fastseg.backends.shared.plan import DOUBLE, SINGLE, Plan, plan_for
from fastseg.inputs.arrays import Spacing
from fastseg_kernels.gpu import edt
from fastseg_kernels.gpu._module import DeviceArray, empty


def table(size: int, step: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Square the distances of 0, 1, 2 … voxels along an axis, and add infinity."""
    return np.append(squares(size, step), np.inf).astype(dtype)


def squared_distances(
    words: DeviceArray,
    shape: tuple[int, ...],
    spacing: Spacing,
    plan: Plan,
    axes: tuple[int, ...],
) -> DeviceArray:
    """Measure squared distances along some of the axes, in the type of the plan, to the nearest set bit."""
    volume = _first_axis(words, shape, axes[0], table(shape[axes[0]], spacing[axes[0]], plan.dtype))
    for axis in axes[1:]:
        steps = table(shape[axis], spacing[axis], plan.dtype)
        volume = edt.parabolas(volume, axis, steps, monotone=plan.monotone)
    return volume


def transform(
    words: DeviceArray,
    shape: tuple[int, ...],
    spacing: Spacing,
    order: tuple[int, ...],
    dtype: np.dtype[Any] = DOUBLE,
    indices: bool = False,
) -> tuple[DeviceArray, DeviceArray | None]:
    """Measure from every voxel to the nearest set bit, inf if there is none; its index is given if wanted.

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
    plan = plan_for(shape, spacing, order, SINGLE, indices=indices)
    nearest_index = empty((len(plan.axes), *shape), np.int32) if indices else None
    rows = [None] * len(plan.axes) if nearest_index is None else list(nearest_index)
    first, later = plan.axes[0], plan.axes[1:]
    steps = table(shape[first], spacing[first], plan.dtype)
    if not later:
        steps = np.sqrt(steps.astype(DOUBLE)).astype(dtype)
    volume = _first_axis(words, shape, first, steps, rows[0])
    for axis, row in zip(later, rows[1:], strict=True):
        last = axis == later[-1]
        volume = edt.parabolas(
            volume,
            axis,
            table(shape[axis], spacing[axis], plan.dtype),
            monotone=plan.monotone,
            root=last,
            dtype=dtype if last and dtype == DOUBLE else None,
            nearest_index=row,
        )
    distances = volume if volume.dtype == dtype else volume.astype(dtype)
    return distances, None if nearest_index is None else edt.follow(nearest_index, plan.axes)


def _first_axis(
    words: DeviceArray,
    shape: tuple[int, ...],
    axis: int,
    steps: NDArray[Any],
    nearest_index: DeviceArray | None = None,
) -> DeviceArray:
    packed = words if axis == len(shape) - 1 else edt.turn(words, shape, axis)
    return edt.first_axis(packed, shape, axis, steps, nearest_index)
