"""What is written: voxels, where they lie, and the header that says so, where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastseg.errors import InputError
from fastseg.io.image import LPS_TO_RAS, Grid


@dataclass(frozen=True, eq=False)
class Voxels:
    """An image on its way to a file.

    Attributes
    ----------
    array : ndarray
        Axes (x, y) or (x, y, z); NumPy's own files take any.
    grid : Grid or None
    like : object
        What it is like: the path of a file, or another library's image; None if there is none. A header is taken over
        from it only where it says the same as the grid.
    """

    array: np.ndarray
    grid: Grid | None
    like: Any = None


@dataclass(frozen=True, eq=False)
class ItkPlace:
    """Where voxels lie as ITK has it: x grows to the left, y to the back (LPS), in mm.

    Attributes
    ----------
    spacing : tuple of float
    direction : float64 ndarray (ndim, ndim)
        Columns: where the array's axes point.
    origin : tuple of float
    """

    spacing: tuple[float, ...]
    direction: np.ndarray
    origin: tuple[float, ...]


def itk_place(voxels: Voxels, path: str) -> ItkPlace | None:
    """Say where voxels lie as ITK does: what a SimpleITK image says to the bit, else by the affine.

    None where no orientation is known.

    Raises
    ------
    InputError
        For a 2-D image whose plane is not that of x and y, which files of two axes cannot tell.
    """
    grid, ndim = voxels.grid, voxels.array.ndim
    if grid is None or grid.affine is None:
        return None
    lps = LPS_TO_RAS @ grid.affine
    if ndim == 2 and (lps[2, :2].any() or lps[2, 3]):
        raise InputError(
            f"{path}: the image has two axes and lies askew or at another height in space, which such a file cannot "
            "tell: write .nii or .nii.gz"
        )
    like: Any = voxels.like
    if hasattr(like, "GetDirection") and hasattr(like, "GetNumberOfComponentsPerPixel"):
        many = len(like.GetSize())
        direction = np.array(like.GetDirection()).reshape(many, many)[:ndim, :ndim]
        return ItkPlace(like.GetSpacing()[:ndim], direction, like.GetOrigin()[:ndim])
    directions = lps[:ndim, :ndim] / grid.spacing
    return ItkPlace(grid.spacing, directions, tuple(lps[:ndim, 3].tolist()))


def is_one_grid(one: Grid, other: Grid) -> bool:
    """Tell whether two grids are the same within what float32 can tell: a quaternion is not read alike by everyone."""
    if one.shape != other.shape or not np.allclose(one.spacing, other.spacing, rtol=1e-6, atol=0):
        return False
    if one.affine is None or other.affine is None:
        return one.affine is other.affine
    return np.allclose(one.affine, other.affine, rtol=1e-6, atol=1e-6 * min(one.spacing))


def words(values: Any) -> str:
    """Write numbers so that they are read back to the bit; -0.0 as 0."""
    return " ".join(f"{float(value) + 0.0!r}" for value in np.ravel(values))
