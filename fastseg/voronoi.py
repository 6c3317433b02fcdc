"""Voronoi regions of instances: a public primitive, beside those of :mod:`fastseg.primitives`."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastseg import dispatch
from fastseg.backends.protocol import Operations
from fastseg.backends.shared.exactness import comparable_steps
from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.arrays import (
    Array,
    Box,
    Spacing,
    as_label_map,
    as_mask,
    as_spacing,
    is_contiguous,
)
from fastseg.inputs.choices import unknown
from fastseg.inputs.device import COPY, memory_of

Ties = Literal["lowest", "first_voxel"]
TIES: tuple[str, ...] = get_args(Ties)

# Offsets that are tried for voxels one by one before all of a box is transformed.
_MOST_OFFSETS = 250
# Voxels that are looked up at a time.
_AT_ONCE = 1 << 16
# Offsets after which it is looked whether an eighth of the voxels was found by them.
_BETWEEN_LOOKS = 60
_WORTH_MORE = 8 / 7
# Voxels along each side of the blocks for which it is asked which instances may be the nearest, and how many answers
# are worth their time.
_BLOCK = 16
_MOST_BOUNDS = 1 << 22
# What it takes that a bound is one although it was rounded.
_SLACK = 1 - 1e-12
# Voxels in one that are asked for, from which on a transform is cheaper than to try offsets.
_FEW = 4

Places = NDArray[np.int64]
Order = Literal["C", "F"]


def voronoi_regions(
    instances: ArrayLike,
    *,
    spacing: float | Sequence[float] | None = None,
    within: ArrayLike | None = None,
    ties: Ties = "lowest",
) -> NDArray[Any]:
    """Give each voxel the number of the instance that is nearest to it.

    Parameters
    ----------
    instances : array_like of bool, integers or whole floats
        1-D to 3-D: numbers of instances, as :func:`connected_components` gives them; 0 is background.
    spacing : float or sequence of float, optional
        Voxel size along each array axis. Default 1.
    within : array_like, optional
        A mask of the voxels that are asked for, such as the prediction's: all others get 0. Where they are few, it
        takes less time and memory.
    ties : {"lowest", "first_voxel"}
        Of several instances that are equally near, the one with the lowest number, or the one whose nearest voxel
        comes first in Fortran order: what ``scipy.ndimage.distance_transform_edt`` leads to by its indices.

    Returns
    -------
    ndarray of the shape and dtype of `instances`
        uint8 for a bool array. All 0 where there are no instances.

    Raises
    ------
    TypeError, ValueError
        For NaN, fractions, negative numbers, different shapes, a wrong spacing, unknown ties; for arrays on a GPU.

    Notes
    -----
    Distances are from centre to centre of voxels. They are compared as whole numbers, so that no rounding decides,
    where the voxel sizes, as decimals, are multiples of a common step that the image has fewer than 3·10⁷ of along its
    diagonal: 0.7 and 5, say. Where they are not, rounded distances are compared, as SciPy's transform gives them.

    All regions come from one distance transform.

    Examples
    --------
    >>> import fastseg
    >>> fastseg.voronoi_regions([0, 2, 0, 0, 0, 1, 0])
    array([2, 2, 2, 1, 1, 1, 1])
    >>> fastseg.voronoi_regions([0, 2, 0, 0, 0, 1, 0], within=[0, 1, 1, 0, 0, 0, 1])
    array([0, 2, 2, 0, 0, 0, 1])
    """
    array = as_label_map(instances, "instances")
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    if ties not in TIES:
        raise unknown("ties", ties, TIES)
    steps = as_spacing(spacing, array.ndim)
    mask = None if within is None else as_mask(within, "within")
    if mask is not None:
        _check_shapes(array, mask)
    backend = dispatch.choose("voronoi_regions", array.ndim, memory=memory_of(array))
    lowest, highest = array.min(), array.max()
    if lowest < 0:
        raise InputError(
            f"instances: numbers of at least 0 are expected, 0 for background, got {int(lowest)}"
        )
    if highest == 0:
        return np.zeros_like(array)
    [placed] = backend.placed(array)
    regions: NDArray[Any] = backend.returned(
        regions_of(backend.operations, placed, steps, within=mask, ties=ties), array
    )
    return regions


def regions_of(
    operations: Operations,
    instances: Array,
    spacing: Spacing,
    *,
    within: NDArray[np.bool_] | None = None,
    ties: Ties = "lowest",
) -> Array:
    """Do it for arguments that are checked, in the backend's memory, and for at least one instance."""
    steps = comparable_steps(instances.shape, spacing)
    if not is_contiguous(instances):
        instances = np.ascontiguousarray(instances)
    if within is not None:
        return _within(operations, instances, within, steps, ties)
    regions: Array = operations.voronoi_regions(instances, steps, ties == "first_voxel", None)
    return regions


def _check_shapes(instances: Array, within: Array) -> None:
    if memory_of(instances) != memory_of(within):
        raise InputTypeError(
            f"within: must lie in the memory of instances; copy one of them ({COPY})"
        )
    if within.shape != instances.shape:
        raise InputError(
            f"within: expected the shape of instances, {instances.shape}, got {within.shape}"
        )


def _within(
    operations: Operations,
    instances: Array,
    within: NDArray[np.bool_],
    spacing: Spacing,
    ties: Ties,
) -> Array:
    """Give the regions of some voxels: of those in no instance by offsets as far as they lead, then by a transform."""
    order: Order = "C" if instances.flags.c_contiguous else "F"
    flat, inside = instances.ravel(order=order), within.ravel(order=order)
    found = np.zeros(flat.shape, flat.dtype)  # most of its pages are never written to
    regions = found.reshape(instances.shape, order=order)
    if np.count_nonzero(inside) * _FEW <= len(flat):
        left = np.flatnonzero(inside)
        found[left] = flat[left]
        left = left[found[left] == 0]
    else:
        np.copyto(found, flat, where=inside)
        left = np.flatnonzero(inside & (flat == 0))
    if len(left) * _FEW <= len(flat):
        left = _by_offsets(flat, left, found, instances.shape, order, spacing, ties)
    if not len(left):
        return regions
    for crop in _crops(operations, instances, left, order, spacing):
        if crop.number is not None:
            found[crop.left] = crop.number
            continue
        part = instances[crop.box]
        part = np.ascontiguousarray(part) if order == "C" else np.asfortranarray(part)
        places = np.unravel_index(crop.left, instances.shape, order=order)
        at = tuple(place - side.start for place, side in zip(places, crop.box, strict=True))
        found[crop.left] = operations.voronoi_regions(part, spacing, ties == "first_voxel", at)
    return regions


def _by_offsets(
    flat: Array,
    left: Places,
    found: Array,
    shape: tuple[int, ...],
    order: Order,
    spacing: Spacing,
    ties: Ties,
) -> Places:
    """Look at the voxels around each, nearest first, and tell for which none of them is in an instance."""
    strides = np.array(_strides(shape, order))
    last = np.array(shape) - 1
    still_left = [left[:0]]
    for start in range(0, len(left), _AT_ONCE):
        here = left[start : start + _AT_ONCE]
        places = np.stack(np.unravel_index(here, shape, order=order), axis=1)
        # how far it is to the border of the image on either side
        margins = np.minimum(places, last - places)
        tried, before = 0, len(here)
        for offsets, reaches in _offsets_by_distance(spacing):
            tried += len(offsets)
            if tried > _BETWEEN_LOOKS:  # what is far is not worth more of them
                if len(here) * _WORTH_MORE > before:
                    break
                tried, before = 0, len(here)
            around = here[:, None] + offsets @ strides
            outside = (margins < reaches).any(axis=1)
            if outside.any():
                others = places[outside][:, None] + offsets
                beyond = ((others < 0) | (others > last)).any(axis=2)
                around[outside] = np.where(beyond, here[outside][:, None], around[outside])
            numbers = flat[around]  # of what is beyond the image, of a voxel in no instance
            hit, chosen = _chosen(numbers, ties)
            found[here[hit]] = chosen[hit]
            here, places, margins = here[~hit], places[~hit], margins[~hit]
            if not len(here):
                break
        still_left.append(here)
    return np.concatenate(still_left)


def _chosen(numbers: Array, ties: Ties) -> tuple[NDArray[np.bool_], Array]:
    """Choose one of the instances at one distance for each voxel; they come in Fortran order."""
    if ties == "first_voxel":
        first = (numbers != 0).argmax(axis=1)
        chosen = np.take_along_axis(numbers, first[:, None], axis=1)[:, 0]
        return chosen != 0, chosen
    unsigned = numbers.view(np.dtype(f"u{numbers.itemsize}"))
    lowest = (unsigned - unsigned.dtype.type(1)).min(axis=1) + unsigned.dtype.type(1)
    return lowest != 0, lowest.view(numbers.dtype)


def _strides(shape: tuple[int, ...], order: Order) -> list[int]:
    """How many voxels apart neighbours along each axis lie."""
    if order == "C":
        return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return [math.prod(shape[:axis]) for axis in range(len(shape))]


@functools.lru_cache(maxsize=16)
def _offsets_by_distance(spacing: Spacing) -> tuple[tuple[Places, Places], ...]:
    """Group offsets by their distance, nearest first, each group in Fortran order, with how far it reaches."""
    ndim = len(spacing)
    ball = math.pi ** (ndim / 2) / math.gamma(ndim / 2 + 1)
    radius = (_MOST_OFFSETS * math.prod(spacing) / ball) ** (1 / ndim)
    axes = [np.arange(-int(radius / step), int(radius / step) + 1) for step in spacing]
    # the last axis first: so rows come in Fortran order
    grid = np.meshgrid(*axes[::-1], indexing="ij")
    offsets = np.stack([axis.ravel() for axis in grid[::-1]], axis=1)
    squares = np.zeros(len(offsets))
    for axis, step in zip(offsets.T, spacing, strict=True):
        squares = squares + (axis * step) ** 2
    distances = np.sqrt(squares)
    order = np.argsort(distances, kind="stable")
    order = order[(distances[order] > 0) & (distances[order] <= radius)]
    new = np.flatnonzero(np.diff(distances[order], prepend=-1.0))
    groups = np.split(offsets[order], new[1:]) if len(order) else []
    return tuple((group, np.abs(group).max(axis=0)) for group in groups)


class _Crop(NamedTuple):
    """Voxels, and a box that holds them and what may be the nearest instances; its number, if there is but one."""

    left: Places
    box: Box
    number: int | None = None


def _crops(
    operations: Operations, instances: Array, left: Places, order: Order, spacing: Spacing
) -> list[_Crop]:
    """Part voxels by the instances that may be the nearest to a block of voxels, as the boxes of instances tell."""
    side = operations.joint_histogram(instances, instances).sides[0]
    numbers = side.labels != 0
    starts, stops = (ends[numbers] for ends in side.boxes)
    shape = np.array(instances.shape)
    places = np.stack(np.unravel_index(left, instances.shape, order=order), axis=1)
    first, last = places.min(axis=0), places.max(axis=0)
    everything = _Crop(
        left, _box(np.minimum(first, starts.min(axis=0)), np.maximum(last + 1, stops.max(axis=0)))
    )
    blocks, members = np.unique(places // _BLOCK, axis=0, return_inverse=True)
    if len(blocks) * len(starts) > _MOST_BOUNDS:
        return [everything]
    lows, highs = blocks * _BLOCK, np.minimum((blocks + 1) * _BLOCK, shape)
    candidates = _candidates(lows, highs, starts, stops, spacing)
    groups: dict[bytes, list[int]] = {}
    for row, own in enumerate(np.packbits(candidates, axis=1)):
        groups.setdefault(own.tobytes(), []).append(row)
    group_of = np.empty(len(blocks), np.intp)
    crops, volume = [], 0
    for group, rows in enumerate(groups.values()):
        group_of[rows] = group
        own = candidates[rows[0]].nonzero()[0]
        low = np.minimum(lows[rows].min(axis=0), starts[own].min(axis=0))
        high = np.maximum(highs[rows].max(axis=0), stops[own].max(axis=0))
        only = int(side.labels[numbers][own[0]]) if len(own) == 1 else None
        volume += 0 if only else int(np.prod(high - low))
        crops.append((_box(low, high), only))
    if volume > math.prod(part.stop - part.start for part in everything.box):
        return [everything]
    groups_of_left = group_of[members.reshape(-1)]
    return [
        _Crop(left[groups_of_left == group], box, only) for group, (box, only) in enumerate(crops)
    ]


def _candidates(
    lows: Places, highs: Places, starts: Places, stops: Places, spacing: Spacing
) -> NDArray[np.bool_]:
    """Tell which instances may be the nearest to some voxel of each block: none is nearer for all of them.

    An instance has a voxel in each side of its box, which lies no farther than the farthest corner of that side.
    """
    nearest, farthest, saved = np.zeros((3, len(lows), len(starts)))
    for axis, step in enumerate(spacing):
        low, high = lows[:, axis, None], highs[:, axis, None] - 1
        start, last = starts[:, axis], stops[:, axis] - 1
        to_start = np.maximum(np.abs(high - start), np.abs(low - start))
        to_last = np.maximum(np.abs(high - last), np.abs(low - last))
        far = (np.maximum(to_start, to_last) * step) ** 2
        nearest += (np.maximum(np.maximum(start - high, low - last), 0) * step) ** 2
        farthest += far
        saved = np.maximum(saved, far - (np.minimum(to_start, to_last) * step) ** 2)
    bounds = (farthest / _SLACK - saved).min(axis=1, keepdims=True)
    may: NDArray[np.bool_] = nearest * _SLACK <= bounds
    return may


def _box(low: Places, high: Places) -> Box:
    return tuple(map(slice, low.tolist(), high.tolist()))
