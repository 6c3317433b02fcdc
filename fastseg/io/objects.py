"""Images of other libraries that are in memory: what each knows of where its voxels lie.

None of the libraries is imported: there can be no such object before someone else has imported its library.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastseg.errors import InputError
from fastseg.io.chunked import from_chunks, is_in_chunks, opened_chunks
from fastseg.io.image import (
    LPS_TO_RAS,
    Grid,
    Image,
    Opened,
    check_spacing,
    make_grid,
    spatial_shape,
)
from fastseg.io.multiscales import unit_of

#: the module and the class that an object is of, and the file of this folder and its function that takes it
KINDS = (
    ("SimpleITK", "Image", "itk", "from_simpleitk"),
    ("nibabel.spatialimages", "SpatialImage", "nifti", "from_nibabel"),
    ("itk", "DataObject", "objects", "from_itk"),
    ("monai.data.meta_tensor", "MetaTensor", "objects", "from_metatensor"),
    ("xarray", "DataArray", "objects", "from_xarray"),
    ("zarr", "Array", "zarr_arrays", "from_zarr"),
)

# Coordinates typed with a few decimals, or kept in float32, are even within this part of a step.
EVEN = 1e-3


def as_image(value: object) -> Image | None:
    """Take an image of `read_image` or of another library; return None for any other object.

    These are images of SimpleITK, ITK and nibabel, MONAI's MetaTensor, xarray's DataArray, and arrays in chunks: of
    Zarr, with the scale of a multiscale image (OME-Zarr), of HDF5 and of Dask. SimpleITK images are viewed without a
    copy, and later changes to the image do not show.

    Raises
    ------
    ValueError
        The image holds more than one number a voxel or more than three axes, its voxel sizes or
        affine make no sense, or the file behind it cannot be read.
    """
    opened = as_opened(value)
    return None if opened is None else opened.read()


def as_opened(value: object, argument: str = "") -> Opened | None:
    """Take what `as_image` does, without reading what is not in memory yet.

    Parameters
    ----------
    value : object
    argument : str
        What messages call an array in chunks that has no name of its own.
    """
    if isinstance(value, Image):
        return value.opened()
    for module, name, reader, function in KINDS:
        kind: Any = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(value, kind):
            take = getattr(importlib.import_module(f"fastseg.io.{reader}"), function)
            found: Image | Opened | None = take(value)
            return found.opened() if isinstance(found, Image) else found
    return from_chunks(value, argument) if is_in_chunks(value) else None


def from_itk(image: Any) -> Image | None:
    """View the voxels of an image of ITK's own package with the axes (x, y, z); None for a mesh and its like."""
    if not hasattr(image, "GetDirection"):
        return None
    package = sys.modules["itk"]
    source = "the ITK image"
    size = tuple(int(length) for length in image.GetLargestPossibleRegion().GetSize())
    array = np.asarray(package.array_view_from_image(image))
    if array.shape != size[::-1]:
        raise InputError(
            f"{source}: expected one label a voxel, but its voxels are of {array.shape[len(size) :]} numbers"
        )
    shape = spatial_shape(size, source)
    ndim = len(shape)
    spacing = np.asarray(image.GetSpacing(), dtype=np.float64)[:ndim]
    check_spacing(spacing, source, "the voxel sizes")
    direction = np.asarray(package.array_from_matrix(image.GetDirection()))[:ndim, :ndim]
    affine = np.eye(4)
    affine[:ndim, :ndim] = direction * spacing
    affine[:ndim, 3] = np.asarray(image.GetOrigin(), dtype=np.float64)[:ndim]
    grid = make_grid(shape, LPS_TO_RAS @ affine, source)
    return Image(array.transpose().reshape(shape, order="F"), grid, source)


def from_metatensor(tensor: Any) -> Image:
    """Take a MONAI tensor and its affine; the identity is what MONAI writes where none is known."""
    source = "the MetaTensor"
    values = tensor.as_tensor()
    spatial = tensor.meta.get("spatial_shape")
    has_channel = spatial is not None and len(spatial) == values.ndim - 1
    if has_channel and values.ndim < 4 and values.shape[0] == 1:
        values = values[0]
    affine = np.asarray(tensor.affine.detach().cpu(), dtype=np.float64)
    shape = tuple(int(size) for size in values.shape)
    if len(shape) not in (2, 3) or affine.shape != (4, 4) or np.array_equal(affine, np.eye(4)):
        return Image(values, None, source)
    if tensor.meta.get("space", "RAS") in ("LPS", "left-posterior-superior"):
        affine = LPS_TO_RAS @ affine
    return Image(values, make_grid(shape, affine, source), source)


def from_xarray(values: Any) -> Image | Opened:
    """Take an array with named axes and evenly spaced coordinates, which give the voxel size.

    What is not in memory, chunks of Dask or a file that is read on demand, stays where it is.
    """
    source = f"the DataArray{f' {values.name!r}' if values.name else ''}"
    notes: list[str] = []
    axes = [str(axis) for axis in values.dims]
    places: list[tuple[str, np.ndarray | None, object]] = []
    for axis, name in zip(values.dims, axes, strict=True):
        known = values.coords[axis] if axis in values.coords else None  # noqa: SIM401 - get() makes them up
        places.append(
            (name, None, None) if known is None else (name, known.values, known.attrs.get("units"))
        )
    grid = grid_of_coordinates(tuple(values.shape), places, source, notes)
    if values.chunks is None and getattr(values.variable, "_in_memory", True):
        return Image(values.data, grid, source, notes=tuple(notes))
    chunks = values.chunks or values.encoding.get("preferred_chunks", {})
    if isinstance(chunks, Mapping):  # of a file, by the names of the axes
        chunks = [chunks.get(axis, size) for axis, size in values.sizes.items()]
    return opened_chunks(values, chunks, source, grid, notes)


def grid_of_coordinates(
    shape: tuple[int, ...],
    places: Sequence[tuple[str, np.ndarray | None, object]],
    source: str,
    notes: list[str],
) -> Grid | None:
    """Make the grid of axes with evenly spaced coordinates; None where no axis has any.

    Parameters
    ----------
    shape : tuple of int
    places : sequence of tuples
        An axis each: its name, its coordinates or None, and their unit.
    source : str
        For messages.
    notes : list of str
        What is assumed is appended to it.
    """
    if all(values is None for _, values, _ in places) or not 1 <= len(shape) <= 3:
        return None
    steps: list[float] = []
    unknown: list[str] = []
    for name, values, unit in places:
        step = None if values is None else _even_step(values)
        if step is None:
            unknown.append(name)
            steps.append(1.0)
        else:
            steps.append(step * unit_of(unit, f"{source}: axis {name!r}", notes))
    if unknown:
        notes.append(
            f"{source} has no evenly spaced coordinates along {', '.join(unknown)}: its voxels are taken to be 1 long "
            "there"
        )
    return Grid(shape, tuple(steps), None, tuple(name for name, _, _ in places))


def _even_step(places: np.ndarray) -> float | None:
    """Return the step of coordinates that are numbers, finite and even; None for others."""
    if places.ndim != 1 or places.dtype.kind not in "iuf" or len(places) < 2:
        return None
    steps = np.diff(places.astype(np.float64))
    step = abs(float(places[-1]) - float(places[0])) / len(steps)
    even = np.isfinite(step) and step > 0 and np.abs(np.abs(steps) - step).max() <= EVEN * step
    return step if even and (np.sign(steps) == np.sign(steps[0])).all() else None
