"""What reading an image gives: an array, and the grid that its voxels lie on."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastseg.errors import InputError, MissingPackageError
from fastseg.inputs.source import Source

# Spacings measure distances only along axes at right angles. Cosines of real headers stay below
# 1e-6 (float32) or 1e-4 (matrices typed with four decimals); a tilted CT gantry gives 0.05 to 0.4.
MAX_AXIS_COSINE = 1e-3


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the voxels of an image lie in space.

    Attributes
    ----------
    shape : tuple of int
        Voxels along the array's axes, (x, y) or (x, y, z).
    spacing : tuple of float
        Distance between neighbouring voxels in mm, one number an axis, in the array's axis order.
    affine : (4, 4) float64 array, read-only
        Voxel index (i, j, k, 1) to position (x, y, z, 1) in mm; x grows to the right, y to the
        front, z to the head of the patient (RAS+, as in nibabel). A 2-D image has k = 0, and the
        third column is the unit normal of its plane.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    affine: np.ndarray


@dataclass(frozen=True, eq=False)
class Image:
    """The voxels of an image, and what is known of where they lie.

    Attributes
    ----------
    array : ndarray
        The voxels, axes (x, y) or (x, y, z), in the stored dtype (native byte order); often in
        Fortran order, and read-only where it is a view of another library's memory.
        Arrays of .npy and .npz files have the axes of the file.
    grid : Grid or None
        None for .npy and .npz files, which hold no geometry.
    spacing : tuple of float or None
        The grid's spacing in mm; None where it is not known.
    source : str
        The file's name or the kind of object, for messages.
    """

    array: np.ndarray
    grid: Grid | None
    spacing: tuple[float, ...] | None
    source: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis of the array."""
        return self.array.shape

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.source


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes
    ----------
    suffixes : tuple of str
        The endings of its files, in lower case.
    read : callable
        From a path to an :class:`Image`.
    open : callable or None
        From a path, and what messages call the map, to a source that is read while it is measured; None where files
        of this kind are read whole.
    """

    suffixes: tuple[str, ...]
    read: Callable[[str], Image]
    open: Callable[[str, str], Source] | None = None


def make_grid(shape: tuple[int, ...], affine: Any, source: str) -> Grid:
    """Build the grid of an image, refusing an affine that no distance can be measured with."""
    affine = np.array(affine, dtype=np.float64)
    if not np.isfinite(affine).all():
        raise InputError(
            f"{source}: the affine holds numbers that are not finite: {affine.tolist()}"
        )
    axes = affine[:3, : len(shape)]
    # The lengths of the columns, not the diagonal: an affine may permute and turn the axes.
    spacing = tuple(math.hypot(*column) for column in axes.T)
    check_spacing(spacing, source, "the affine's column lengths")
    directions = axes / spacing
    cosines = np.abs(directions.T @ directions - np.eye(len(shape)))
    if cosines.max() > MAX_AXIS_COSINE:
        raise InputError(
            f"{source}: the affine's axes are not at right angles (cosine {cosines.max():.3g}), so "
            "no spacing measures distances in it: resample the image, or pass arrays and a spacing"
        )
    if len(shape) == 2:
        affine[:3, 2] = np.cross(directions[:, 0], directions[:, 1])
    affine.setflags(write=False)
    return Grid(shape, spacing, affine)


def check_spacing(spacing: Iterable[float], source: str, what: str) -> None:
    """Raise ValueError unless every voxel size is finite and positive."""
    spacing = tuple(float(size) for size in spacing)
    if not all(math.isfinite(size) and size > 0 for size in spacing):
        raise InputError(f"{source}: {what} must be finite and positive, but are {spacing} mm")


def spatial_shape(shape: Sequence[int], source: str) -> tuple[int, ...]:
    """Drop trailing axes of one entry beyond the third; refuse what is not 2-D or 3-D then."""
    kept = [int(size) for size in shape]
    while len(kept) > 3 and kept[-1] == 1:
        kept.pop()
    if len(kept) not in (2, 3) or min(kept) < 1:
        raise InputError(
            f"{source}: expected a 2-D or 3-D image, but its shape is {tuple(map(int, shape))}; "
            "time series and vector images are not supported, pass one volume at a time"
        )
    return tuple(kept)


def check_one_number_a_voxel(dtype: np.dtype[Any], source: str) -> None:
    """Refuse colours, complex numbers, strings, objects and 128-bit floats."""
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise InputError(
            f"{source}: expected one label a voxel, but the voxels are of type {dtype}"
        )


def native(array: np.ndarray) -> np.ndarray:
    """Return the array in the machine's byte order, copied only if it is in the other one."""
    return array.astype(array.dtype.newbyteorder("="), order="K", copy=False)


def require(module: str, purpose: str) -> Any:
    """Import an optional library, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingPackageError(
            f'{purpose} needs {module}: pip install "fastseg-metrics[io]"', name=module
        ) from error
