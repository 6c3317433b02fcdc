"""Random smooth fields and deformations, drawn in millimetres: the same draw for any resolution and any strength."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, ndimage
from scipy.spatial.transform import Rotation

#: the deformation is composed of two to the power of this equal steps
HALVINGS = 6

Axes = Sequence[NDArray[np.float64]]


def axes_of(extent: Sequence[float], spacing: float) -> list[NDArray[np.float64]]:
    """Give the centres of the voxels along each axis of a box, from its corner."""
    return [np.arange(0.5, round(side / spacing)) * spacing for side in extent]


def stream(seed: int, purpose: int) -> np.random.Generator:
    """Give each purpose its own draws, so that one that draws more does not shift the others."""
    return np.random.default_rng([seed, purpose])


def smooth_noise(
    rng: np.random.Generator, extent: Sequence[float], sigma: float, axes: Axes, count: int
) -> NDArray[np.float32]:
    """Draw fields of standard deviation 1 everywhere, whose points are alike within about `sigma` millimetres.

    Each is a sum of Gaussian bells on a lattice of that spacing, which is reckoned axis by axis.
    """
    bells = []
    for side, axis in zip(extent, axes, strict=True):
        knots = np.arange(-3, np.ceil(side / sigma) + 4) * sigma
        bell = np.exp(-0.5 * ((axis[:, None] - knots) / sigma) ** 2)
        bells.append((bell / np.linalg.norm(bell, axis=1, keepdims=True)).astype(np.float32))
    heights = rng.standard_normal((count, *(bell.shape[1] for bell in bells)), np.float32)
    return along_axes(heights, bells)


def deformation(
    rng: np.random.Generator, extent: Sequence[float], sigma: float, size: float, axes: Axes
) -> NDArray[np.float32]:
    """Draw a smooth and invertible deformation as (3, X, Y, Z) displacements in millimetres.

    It is a flow for a unit of time along a random velocity of `size` millimetres (its standard deviation on each
    axis), composed of many small steps: invertible however far it goes, where displacements that are merely scaled
    fold the space onto itself.
    """
    step = sigma / 3
    lattice = [np.arange(-sigma, side + sigma + step, step) for side in extent]
    flow = size * smooth_noise(rng, extent, sigma, lattice, 3) / (2**HALVINGS * step)
    places = np.stack(np.meshgrid(*(np.arange(len(one)) for one in lattice), indexing="ij"))
    for _ in range(HALVINGS):
        reached = places + flow
        flow = flow + np.stack(
            [ndimage.map_coordinates(one, reached, order=1, mode="nearest") for one in flow]
        )
    splines = [spline(one, axis, 3) for one, axis in zip(lattice, axes, strict=True)]
    return along_axes((flow * step).astype(np.float32), splines)


def spline(
    knots: NDArray[np.float64], places: NDArray[np.float64], degree: int
) -> NDArray[np.float32]:
    """Give the matrix that takes values at `knots` to those of their spline at `places`."""
    found = interpolate.make_interp_spline(knots, np.eye(len(knots)), k=degree)(places)
    return np.asarray(found, np.float32)


def held(
    rng: np.random.Generator, points: NDArray[np.float32], extent: Sequence[float], degrees: float
) -> NDArray[np.float32]:
    """Turn, shift and shrink a body a little, as each lies in the scanner: (3, X, Y, Z) points are taken to its own.

    It is no variability of shape, so it is as large for every subject.
    """
    turn = Rotation.from_rotvec(np.radians(rng.uniform(-degrees, degrees, 3))).as_matrix()
    matrix = (turn * rng.uniform(1, 1.08, 3)).astype(np.float32)
    middle = np.asarray(extent, np.float32)[:, None, None, None] / 2
    shift = rng.uniform(-3, 3, (3, 1, 1, 1)).astype(np.float32)
    return np.asarray(np.tensordot(matrix, points - middle, 1) + middle + shift)


def along_axes(
    fields: NDArray[np.float32], matrices: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Multiply each of the last three axes by its matrix."""
    for matrix in matrices:
        # the axis that was multiplied goes to the end, so that after three all are in their places again
        fields = np.tensordot(fields, matrix, (1, 1))
    return np.ascontiguousarray(fields)
