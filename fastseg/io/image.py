"""What reading an image gives: an array, and the grid that its voxels lie on."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastseg.errors import InputError, MissingPackageError
from fastseg.inputs.source import Source

#: ITK's and DICOM's x grows to the left and their y to the back (LPS), RAS+ to the right and to the front
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

# Spacings measure distances only along axes at right angles. Cosines of real headers stay below
# 1e-6 (float32) or 1e-4 (matrices typed with four decimals); a tilted CT gantry gives 0.05 to 0.4.
MAX_AXIS_COSINE = 1e-3

# Below this volume of the parallelepiped of unit axes they lie in one plane: nothing tells voxels apart.
_LEAST_VOLUME = 1e-6


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the voxels of an image lie in space.

    Attributes
    ----------
    shape : tuple of int
        Voxels along the array's axes, (x, y) or (x, y, z).
    spacing : tuple of float
        Distance between neighbouring voxels in mm, one number an axis, in the array's axis order.
    affine : (4, 4) float64 array, read-only, or None
        Voxel index (i, j, k, 1) to position (x, y, z, 1) in mm; x grows to the right, y to the
        front, z to the head of the patient (RAS+, as in nibabel). A 2-D image has k = 0, and the
        third column is the unit normal of its plane. None where only the voxel size is known.
    axes : tuple of str
        Names of the array's axes where it has them, as xarray's and OME-Zarr's arrays do; else empty.
    rounding : float
        How far, in voxels, the precision of its header may have moved a corner, where that is much.
    origin : tuple of float or None
        Where its first voxel lies along its own axes, in mm, if it tells that and no orientation, as OME-Zarr does.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    affine: np.ndarray | None
    axes: tuple[str, ...] = ()
    rounding: float = 0.0
    origin: tuple[float, ...] | None = None

    @property
    def shear(self) -> float:
        """The largest cosine between two axes: 0 where all are at right angles."""
        if self.affine is None:
            return 0.0
        directions = self.affine[:3, : len(self.shape)] / self.spacing
        return float(np.abs(directions.T @ directions - np.eye(len(self.shape))).max())

    @property
    def voxel_volume(self) -> float:
        """The volume of a voxel in mm³ (the area of a pixel in mm² for two axes), of a sheared one too."""
        volume = math.prod(self.spacing)
        if self.affine is None or self.shear <= MAX_AXIS_COSINE:
            return volume
        return volume * _volume_of_directions(self.affine[:3, : len(self.shape)] / self.spacing)


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
        None where there is no geometry, as in .npy and .npz files.
    source : str
        The file's name or the kind of object, for messages.
    segments : dict
        What the file itself calls its segments: name to the labels that each consists of. Empty for most files.
    own_labels : bool
        Whether the labels are those of the file. False where they were made to hold segments that overlap: then only
        names tell what they are.
    notes : tuple of str
        What was assumed in reading it, in sentences that begin with its name.
    """

    array: np.ndarray
    grid: Grid | None
    source: str
    segments: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    own_labels: bool = True
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis of the array."""
        return self.array.shape

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """The grid's spacing in mm; None where it is not known."""
        return None if self.grid is None else self.grid.spacing

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.source

    def opened(self) -> Opened:
        """Give it as what is read already."""
        return Opened(
            self.source,
            self.shape,
            self.grid,
            lambda: self,
            notes=self.notes,
            dtype=self.array.dtype,
        )


@dataclass(frozen=True, eq=False)
class Opened:
    """An image whose header was read, and whose voxels were not.

    Attributes
    ----------
    name : str
        The file's name or the kind of object, for messages.
    shape : tuple of int
        Voxels along the axes of the array that `read` gives.
    grid : Grid or None
    read : callable
        Reads the voxels.
    map : callable or None
        Gives a source, on a grid, that is read while it is measured; None where files of this kind are read whole.
    notes : tuple of str
        What was assumed of the header; :attr:`Image.notes` has it too.
    nbytes : int
        How many bytes of memory its voxels take when they are read; 0 if they are in memory already.
    map_from : int
        From how many bytes on it is mapped by itself: what has to be converted or decoded is measured faster whole.
    in_pieces : callable or None
        Gives a source, on a grid, for whoever has little memory: its voxels are unzipped once and kept zipped in
        pieces. None where nothing is zipped, or where there is no such way.
    dtype : dtype or None
        That of the array that `read` gives; None where the header does not tell.
    scratch : int
        How many bytes reading takes at most beside the array that it gives.
    """

    name: str
    shape: tuple[int, ...]
    grid: Grid | None
    read: Callable[[], Image]
    map: Callable[[Grid | None], Source] | None = None
    notes: tuple[str, ...] = ()
    nbytes: int = 0
    map_from: int = 0
    in_pieces: Callable[[Grid | None], Source] | None = None
    dtype: np.dtype[Any] | None = None
    scratch: int = 0


def make_grid(shape: tuple[int, ...], affine: Any, source: str) -> Grid:
    """Build the grid of an image, refusing an affine that does not tell voxels apart.

    Axes that are not at right angles are kept as they are: counts need no geometry. Who measures a distance asks
    :func:`check_right_angles` first.
    """
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
    if _volume_of_directions(directions) < _LEAST_VOLUME:
        raise InputError(
            f"{source}: two axes of the affine point the same way, or three lie in one plane, so that no place in "
            f"space tells voxels apart: {affine.tolist()}"
        )
    if len(shape) == 2:
        normal = np.cross(directions[:, 0], directions[:, 1])
        affine[:3, 2] = normal / np.linalg.norm(normal)
    affine.setflags(write=False)
    return Grid(shape, spacing, affine)


def check_right_angles(grid: Grid | None, source: str) -> None:
    """Refuse to measure distances on a grid whose axes are not at right angles."""
    if grid is not None and grid.shear > MAX_AXIS_COSINE:
        raise InputError(
            f"{source}: the affine's axes are not at right angles (cosine {grid.shear:.3g}), so no spacing measures "
            "distances in it: resample the image, pass a spacing of your own, or choose metrics that need no "
            "distance (dice, iou, precision, recall, …)"
        )


def _volume_of_directions(directions: np.ndarray) -> float:
    """Return the volume of the parallelepiped of unit vectors, or the area of the parallelogram of two."""
    return float(np.sqrt(max(0.0, np.linalg.det(directions.T @ directions))))


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


def require(module: str, purpose: str, extra: str = "io") -> Any:
    """Import an optional library, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingPackageError(
            f'{purpose} needs {module}: pip install "fastseg-metrics[{extra}]"', name=module
        ) from error


def numbers(values: Iterable[float], digits: int = 8) -> str:
    """Write numbers as a tuple, with digits enough to tell voxel sizes and places apart."""
    # adding 0 turns -0.0 into 0.0
    return "(" + ", ".join(f"{round(float(value), 8) + 0.0:.{digits}g}" for value in values) + ")"
