"""Distances between packed sets for the cupy backend: a search by rows, then a transform for what it left open."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.cupy import transform as device_transform
from fastseg.backends.shared.geometry import Geometry
from fastseg.backends.shared.offsets import Floats, box_offsets, squares
from fastseg.backends.shared.plan import SINGLE, plan_for
from fastseg_kernels.gpu import masks as mask_kernels
from fastseg_kernels.gpu import nearest
from fastseg_kernels.gpu._module import DeviceArray, asnumpy, cumsum

# Rows that a query tries, 32 at a time: all that are up to about 18 voxels away. Beyond, a transform is cheaper.
_MOST_ROWS = 1024


class Rows(NamedTuple):
    """The nearest rows of a volume, in order of distance."""

    offsets: NDArray[np.int32]  # (m, 2): dz, dy
    squares: Floats  # (m,), their squared lengths
    limit: float  # all rows nearer than this are there; inf if there are no others


def bit_positions(words: DeviceArray) -> DeviceArray:
    """List the set bits in order, as 32 times the word plus the bit. It waits for the device, to know their number."""
    counts = mask_kernels.count_bits(words)
    ends = cumsum(counts)
    return mask_kernels.bit_positions(words, ends - counts, int(asnumpy(ends[-1:])[0]))


def distances(
    queries: DeviceArray, targets: DeviceArray, any_target: bool, geometry: Geometry
) -> Floats:
    """Measure from each query, a bit position, to the nearest set bit of `targets`; in CPU memory, inf if none is."""
    if not queries.size or not any_target:
        return np.full(queries.size, np.inf)
    nz, ny, _ = geometry.shape
    tables = [
        squares(size, step) for size, step in zip(geometry.shape, geometry.spacing, strict=True)
    ]
    rows = _rows(geometry.spacing[:2], (nz > 1, ny > 1))
    complete = bool(tables[0][-1] + tables[1][-1] < rows.limit)
    squared, unsettled, n_open = nearest.nearest(
        targets, queries, rows.offsets, rows.squares, complete, tables, geometry.reverse
    )
    n = int(asnumpy(n_open)[0])
    if n:
        _settle(targets, geometry, queries, unsettled[:n], squared)
    found = asnumpy(squared)
    return np.asarray(np.sqrt(found, out=found))


@functools.lru_cache(maxsize=64)
def _rows(spacing: tuple[float, ...], long: tuple[bool, ...]) -> Rows:
    """List the nearest rows of a volume with the axes z, y, or with those of them that are longer than one voxel."""
    ndim = sum(long)
    if not ndim:
        return Rows(np.zeros((1, 2), np.int32), np.zeros(1), math.inf)
    area = math.prod(step for step, is_long in zip(spacing, long, strict=True) if is_long)
    radius = (_MOST_ROWS * area / {1: 2.0, 2: math.pi}[ndim]) ** (1 / ndim)
    most = _MOST_ROWS  # along one axis, should the other one's steps be much longer
    half = [
        min(int(radius / s), most) if is_long else 0
        for s, is_long in zip(spacing, long, strict=True)
    ]
    offsets = box_offsets(half)
    lengths = (offsets[:, 0] * spacing[0]) ** 2 + (offsets[:, 1] * spacing[1]) ** 2
    # beyond the box nothing is known
    limit = min(((half[axis] + 1) * spacing[axis]) ** 2 for axis in range(2) if long[axis]) * (
        1 - 1e-9
    )
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] < limit]
    if len(order) > 2 * most:  # whole distances only
        limit = float(lengths[order[most]])
        order = order[lengths[order] < limit]
    return Rows(
        np.ascontiguousarray(offsets[order], np.int32), np.ascontiguousarray(lengths[order]), limit
    )


def _settle(
    targets: DeviceArray,
    geometry: Geometry,
    queries: DeviceArray,
    unsettled: DeviceArray,
    squared: DeviceArray,
) -> None:
    """Transform the volume along all axes but the last to be summed, and evaluate that one at the queries left."""
    shape, spacing = geometry.shape, geometry.spacing
    plan = plan_for(shape, spacing, geometry.order, SINGLE)
    *axes, last = plan.axes
    if not axes:  # one axis alone is longer than a voxel: any other may come last
        axes, last = [last], next(axis for axis in range(3) if axis != last)
    volume = device_transform.squared_distances(targets, shape, spacing, plan, tuple(axes))
    steps = device_transform.table(shape[last], spacing[last], plan.dtype)
    nearest.last_axis(volume, queries, unsettled, last, steps, squared)
