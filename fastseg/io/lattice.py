"""The lattice of an image: how one image's voxels are voxels of another's, and how an array is laid onto a grid."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from fastseg.inputs.arrays import Array, Spacing
from fastseg.inputs.source import memory_order
from fastseg.io.image import Grid


@dataclass(frozen=True)
class Arrangement:
    """How a stored array becomes one on the common grid; 0 is what it does not cover.

    Attributes
    ----------
    axes : tuple of int
        Which stored axis each axis is.
    flips : tuple of bool
        Whether it runs the other way.
    start : tuple of int
        Where it begins on the grid.
    shape : tuple of int
        The grid's.
    """

    axes: tuple[int, ...]
    flips: tuple[bool, ...]
    start: tuple[int, ...]
    shape: tuple[int, ...]

    def applied(self, stored: Array) -> Array:
        """Arrange an array: a view where it covers the grid, else a new one."""
        squeezed = stored.reshape(stored.shape[: len(self.axes)])
        turned: Array = squeezed.transpose(self.axes)[
            tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)
        ]
        if turned.shape == self.shape:
            return turned
        laid: Array = np.zeros(self.shape, turned.dtype, order=memory_order(turned))
        inside = [slice(at, at + size) for at, size in zip(self.start, turned.shape, strict=True)]
        laid[tuple(inside)] = turned
        return laid


def of_leading_axes(grid: Grid, ndim: int) -> Grid:
    """Give the grid of the first axes alone."""
    affine = grid.affine
    if affine is not None:
        affine = affine.copy()
        if ndim == 2:
            normal = np.cross(affine[:3, 0], affine[:3, 1])
            affine[:3, 2] = normal / np.linalg.norm(normal)
    origin = None if grid.origin is None else grid.origin[:ndim]
    return Grid(grid.shape[:ndim], grid.spacing[:ndim], affine, grid.axes[:ndim], origin=origin)


def permuted(grid: Grid, order: tuple[int, ...]) -> Grid:
    """Give the grid of an array whose axes are put into another order."""
    affine = grid.affine
    if affine is not None:
        affine = affine.copy()
        affine[:, : len(order)] = affine[:, order]
    return replace(
        grid,
        shape=tuple(grid.shape[axis] for axis in order),
        spacing=tuple(grid.spacing[axis] for axis in order),
        affine=affine,
        axes=tuple(grid.axes[axis] for axis in order) if grid.axes else (),
        origin=None if grid.origin is None else tuple(grid.origin[axis] for axis in order),
    )


def upright(grid: Grid) -> Grid:
    """Give a grid that tells where it begins along its own axes an affine, as if these were those of space."""
    assert grid.origin is not None
    affine = np.eye(4)
    for axis, (size, at) in enumerate(zip(grid.spacing, grid.origin, strict=True)):
        affine[axis, axis], affine[axis, 3] = size, at
    return replace(grid, affine=affine)


def without_affine(grid: Grid) -> Grid:
    """Undo `upright`."""
    assert grid.affine is not None
    origin = tuple(float(at) for at in grid.affine[: len(grid.shape), 3])
    return replace(grid, affine=None, origin=origin)


def whole_mapping(
    reference: Grid, prediction: Grid, tolerance: float
) -> tuple[tuple[int, ...], tuple[bool, ...], tuple[int, ...]] | None:
    """Find how the prediction's voxels are voxels of the reference's lattice, if all of them are.

    Returns which of the prediction's axes each of the reference's is, whether it runs the other way, and where the
    prediction's voxels begin. None if the axes are no permutation, or a corner lies off the lattice by more than the
    tolerance.
    """
    ndim = len(reference.shape)
    assert reference.affine is not None
    assert prediction.affine is not None
    mapping = np.linalg.solve(reference.affine, prediction.affine)
    turn, shift = mapping[:ndim, :ndim], mapping[:ndim, 3]
    whole_turn, whole_shift = np.rint(turn), np.rint(shift)
    if np.abs(shift).max() > 1 << 40 or not np.isin(whole_turn, (-1, 0, 1)).all():
        return None
    is_one = np.abs(whole_turn) == 1
    if not ((is_one.sum(axis=0) == 1).all() and (is_one.sum(axis=1) == 1).all()):
        return None
    corners = _corners(prediction.shape)
    off = (turn - whole_turn) @ corners + (shift - whole_shift)[:, np.newaxis]
    if np.abs(off).max() > tolerance:
        return None
    axes = tuple(int(axis) for axis in is_one.argmax(axis=1))
    flips = tuple(bool(whole_turn[i, axis] < 0) for i, axis in enumerate(axes))
    start = tuple(
        int(whole_shift[i]) - (prediction.shape[axis] - 1 if flips[i] else 0)
        for i, axis in enumerate(axes)
    )
    return axes, flips, start


def is_within(start: tuple[int, ...], shape: tuple[int, ...], outer: tuple[int, ...]) -> bool:
    """Tell whether a box of a shape that begins at `start` lies within a grid."""
    return all(
        at >= 0 and at + size <= length
        for at, size, length in zip(start, shape, outer, strict=True)
    )


def extended(grid: Grid, start: tuple[int, ...], shape: tuple[int, ...]) -> Grid:
    """Give the grid that begins elsewhere on the same lattice."""
    assert grid.affine is not None
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, : len(start)] @ np.array(start, dtype=np.float64)
    affine.setflags(write=False)
    return replace(grid, shape=shape, affine=affine)


def spacing_apart(one: Spacing, other: Spacing, shape: tuple[int, ...]) -> float:
    """Return by how many voxels the last voxels of any axis lie apart."""
    return max(abs(b / a - 1) * (size - 1) for a, b, size in zip(one, other, shape, strict=True))


def _corners(shape: tuple[int, ...]) -> np.ndarray:
    """List the indices of the corner voxels, one a column."""
    return np.array(list(itertools.product(*((0, size - 1) for size in shape)))).T


def corner_displacements(reference: Grid, prediction: Grid) -> tuple[float, dict[str, float]]:
    """Return how many voxels the corners lie apart, and how many by each property alone."""
    ndim = len(reference.shape)
    corners = _corners(reference.shape)
    assert reference.affine is not None
    assert prediction.affine is not None
    to_voxels = np.linalg.inv(reference.affine[:3, :3])[:ndim]
    axes, other_axes = reference.affine[:3, :ndim], prediction.affine[:3, :ndim]
    shift = (prediction.affine[:3, 3] - reference.affine[:3, 3])[:, np.newaxis]
    scale = np.divide(prediction.spacing, reference.spacing)

    def farthest(displacement: np.ndarray) -> float:
        return float(np.abs(to_voxels @ displacement).max())

    shares = {
        "spacing": farthest((axes * scale - axes) @ corners),
        "origin": farthest(shift),
        "direction": farthest((other_axes / scale - axes) @ corners),
    }
    return farthest((other_axes - axes) @ corners + shift), shares
