"""Errors of parts: something is missing, and something is there that should not be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fastseg.components import connected_components
from fastseg.stressing.registry import SMALL_SHARES, error
from fastseg.stressing.sensitivity import radius_of
from fastseg.stressing.structure import Damage, Mask, NotPossibleError, StressedStructure

#: how far from the structure a false positive lies, where the image has the room, in the units of the spacing
FAR = 50.0


@error(
    amounts=(10.0, 20.0, 40.0, 60.0, 80.0),
    unit="%",
    what="so many of its connected components are missing, the smallest first, at least one",
    of="the share of components",
)
def missed_component(structure: StressedStructure, amount: float) -> Damage:
    """Leave out components."""
    numbers, n = structure.components
    if n < 2:
        raise NotPossibleError("it has one component; to miss it is the error 'empty'")
    sizes = np.bincount(numbers.ravel(), minlength=n + 1)[1:]
    smallest_first = np.argsort(sizes, kind="stable") + 1
    many = min(n - 1, max(1, round(n * amount / 100)))
    return structure.without(np.isin(numbers, smallest_first[:many]))


@error(
    amounts=SMALL_SHARES,
    unit="%",
    what=f"a ball of this size is added, {FAR:g} mm from the structure's box or as far as the image has room",
    of="the share of its volume",
)
def far_false_positive(structure: StressedStructure, amount: float) -> Damage:
    """Add a ball far away, on the side where the image has most room."""
    many = max(1, round(structure.voxels * amount / 100))
    spacing = np.asarray(structure.spacing)
    volume = many * float(np.prod(spacing))
    radius = radius_of(volume, structure.ndim)
    rooms = [
        (room * step, axis, side)
        for axis, step in enumerate(structure.spacing)
        for side, room in enumerate(
            (structure.start[axis], structure.shape[axis] - structure.stop[axis])
        )
    ]
    room, axis, side = max(rooms, key=lambda one: one[0])
    away = min(FAR, room - radius - spacing[axis])
    if away < radius + 2 * spacing[axis]:
        raise NotPossibleError("the image has no room for it beside the structure")
    centre = (np.add(structure.start, structure.stop) - 1) / 2 * spacing
    edge = structure.stop[axis] - 1 if side else structure.start[axis]
    centre[axis] = edge * spacing[axis] + (away if side else -away)
    at = np.round(centre / spacing).astype(int)
    reach = np.ceil(2 * radius / spacing).astype(int) + 2
    low, high = np.maximum(at - reach, 0), np.minimum(at + reach + 1, structure.shape)
    if side:
        low[axis] = max(low[axis], structure.stop[axis] + 1)
    else:
        high[axis] = min(high[axis], structure.start[axis] - 1)
    size = tuple(np.maximum(high - low, 0).tolist())
    if np.prod(size) < many:
        raise NotPossibleError("the image has no room for it beside the structure")
    grid = np.indices(size, sparse=True)
    squares = sum(
        ((along + first - middle) * step) ** 2
        for along, first, middle, step in zip(grid, low, at, spacing, strict=True)
    )
    nearest = np.argsort(np.asarray(squares).ravel(), kind="stable")[:many]
    ball = np.zeros(size, np.bool_)
    ball.ravel()[nearest] = True
    return _together(structure, ball, tuple(low.tolist()))


@error(
    amounts=SMALL_SHARES,
    unit="%",
    what="a ball of this size is missing at its deepest place, with mask all around",
    of="the share of its volume",
)
def hole(structure: StressedStructure, amount: float) -> Damage:
    """Take away the inner voxels that are nearest to the deepest one."""
    order = structure.kept("hole", lambda: _inner_voxels(structure))
    many = max(1, round(structure.voxels * amount / 100))
    if many > len(order):
        raise NotPossibleError("it is too thin: a hole of this size would be open")
    mask = structure.mask.copy()
    mask.ravel()[order[:many]] = False
    return Damage(mask, structure.start)


def _together(structure: StressedStructure, part: Mask, start: tuple[int, ...]) -> Damage:
    """Give the structure and a part elsewhere in one window."""
    low = np.minimum(structure.start, start)
    high = np.maximum(structure.stop, np.add(start, part.shape))
    mask = np.zeros(high - low, np.bool_)
    for one, at in ((structure.mask, structure.start), (part, start)):
        place = tuple(map(slice, at - low, at - low + one.shape))
        mask[place] |= one
    return Damage(mask, tuple(low.tolist()))


def _inner_voxels(structure: StressedStructure) -> NDArray[np.intp]:
    """List the voxels with mask all around that are connected to the deepest, the nearest to it first."""
    around = ndimage.generate_binary_structure(structure.ndim, structure.ndim)
    inside: Mask = ndimage.binary_erosion(np.pad(structure.mask, 1), around)
    inside = inside[(slice(1, -1),) * structure.ndim]
    if not inside.any():
        raise NotPossibleError("it is too thin for a hole with mask all around")
    finite = np.where(np.isfinite(structure.depth), structure.depth, 0)
    deepest = np.unravel_index(np.argmax(np.where(inside, finite, -1)), inside.shape)
    numbers, _ = connected_components(inside, connectivity=1)
    inside = numbers == numbers[deepest]
    places = np.flatnonzero(inside)
    steps = (np.argwhere(inside) - np.asarray(deepest)) * np.asarray(structure.spacing)
    return places[np.argsort((steps**2).sum(axis=1), kind="stable")]
