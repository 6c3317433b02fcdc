"""Whether two images lie on the same grid."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Protocol

import numpy as np

from fastseg.errors import GridMismatchError
from fastseg.io.image import Grid

# How far apart, in voxels, the same corner of both images may lie. Headers in float32 put the far
# corner of a 1000³ volume up to 1e-4 voxel off (1000 · 2⁻²⁴ an operation); a grid that really
# differs is off by a noticeable part of a voxel.
TOLERANCE_VOXELS = 1e-3


class Gridded(Protocol):
    """What has a shape, and may lie on a grid: an image, or the source of a label map."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""

    @property
    def grid(self) -> Grid | None:
        """Where they lie."""

    @property
    def name(self) -> str:
        """What messages call it."""


def check_same_grid(reference: Gridded, prediction: Gridded) -> None:
    """Raise GridMismatchError unless both images have the same voxels.

    The shapes must be equal, and every corner voxel must lie at the same place, within 1e-3 voxel
    of the reference along each axis. Where one image has no grid (.npy and .npz files), only
    the shapes are compared.
    """
    names = f"reference {reference.name} and prediction {prediction.name}"
    if reference.shape != prediction.shape:
        raise GridMismatchError(
            f"{names} differ in shape: "
            f"{_numbers(reference.shape)} against {_numbers(prediction.shape)}"
        )
    if reference.grid is None or prediction.grid is None:
        return
    apart, shares = _corner_displacements(reference.grid, prediction.grid)
    if apart <= TOLERANCE_VOXELS:
        return
    # Name all that differ by themselves; if only their sum does, the largest of them.
    least = min(TOLERANCE_VOXELS, max(shares.values()))
    shown_reference, shown_prediction = _describe(reference.grid), _describe(prediction.grid)
    differences = "; ".join(
        f"{name} {shown_reference[name]} against {shown_prediction[name]}"
        for name, share in shares.items()
        if share >= least
    )
    raise GridMismatchError(
        f"{names} lie on different grids: {differences}; corner voxels are up to {apart:.3g} "
        f"voxels apart (allowed: {TOLERANCE_VOXELS:g}); resample one onto the other's grid"
    )


def _corner_displacements(reference: Grid, prediction: Grid) -> tuple[float, dict[str, float]]:
    """Return how many voxels the corners lie apart, and how many by each property alone."""
    ndim = len(reference.shape)
    corners = np.array(list(itertools.product(*((0, size - 1) for size in reference.shape)))).T
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


def _describe(grid: Grid) -> dict[str, str]:
    """Write spacing, origin and direction of a grid for people."""
    directions = (grid.affine[:3, : len(grid.shape)] / grid.spacing).T
    return {
        "spacing": f"{_numbers(grid.spacing)} mm",
        "origin": f"{_numbers(grid.affine[:3, 3])} mm",
        "direction": ", ".join(
            f"{axis}: {_numbers(direction)}"
            for axis, direction in zip("xyz", directions, strict=False)
        ),
    }


def _numbers(values: Iterable[float]) -> str:
    # Eight digits show whatever exceeds the tolerance; adding 0 turns -0.0 into 0.0.
    return "(" + ", ".join(f"{round(float(value), 8) + 0.0:.8g}" for value in values) + ")"
