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
from fastseg.io.image import LPS_TO_RAS, Grid, Image, check_spacing, make_grid, spatial_shape
from fastseg.io.units import millimetres

#: the module and the class that an object is of, and the file of this folder and its function that takes it
KINDS = (
    ("SimpleITK", "Image", "itk", "from_simpleitk"),
    ("nibabel.spatialimages", "SpatialImage", "nifti", "from_nibabel"),
    ("itk", "DataObject", "objects", "from_itk"),
    ("monai.data.meta_tensor", "MetaTensor", "objects", "from_metatensor"),
    ("xarray", "DataArray", "objects", "from_xarray"),
    ("zarr", "Array", "objects", "from_zarr"),
)

# Coordinates typed with a few decimals, or kept in float32, are even within this part of a step.
EVEN = 1e-3


def as_image(value: object) -> Image | None:
    """Take an image of `read_image` or of another library; return None for any other object.

    These are images of SimpleITK, ITK and nibabel, MONAI's MetaTensor, xarray's DataArray, and arrays of a multiscale
    image of Zarr (OME-Zarr). SimpleITK images are viewed without a copy, and later changes to the image do not show.

    Raises
    ------
    ValueError
        The image holds more than one number a voxel or more than three axes, its voxel sizes or
        affine make no sense, or the file behind it cannot be read.
    """
    if isinstance(value, Image):
        return value
    for module, name, reader, function in KINDS:
        kind: Any = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(value, kind):
            take = getattr(importlib.import_module(f"fastseg.io.{reader}"), function)
            image: Image | None = take(value)
            return image
    return None


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


def from_xarray(values: Any) -> Image:
    """Take an array with named axes and evenly spaced coordinates, which give the voxel size."""
    source = f"the DataArray{f' {values.name!r}' if values.name else ''}"
    axes = tuple(str(axis) for axis in values.dims)
    known = [axis for axis in values.dims if axis in values.coords]
    if not known or not 1 <= len(axes) <= 3:
        return Image(values.data, None, source)
    steps: list[float] = []
    unknown: list[str] = []
    notes: list[str] = []
    for axis, name in zip(values.dims, axes, strict=True):
        places = values.coords[axis] if axis in values.coords else None  # noqa: SIM401 - get() makes them up
        step = None if places is None else _even_step(places.values)
        if places is None or step is None:
            unknown.append(name)
            steps.append(1.0)
        else:
            unit = places.attrs.get("units")
            steps.append(step * _unit_of(unit, f"{source}: axis {name!r}", notes))
    if unknown:
        notes.append(
            f"{source} has no evenly spaced coordinates along {', '.join(unknown)}: its voxels are taken to be 1 long "
            "there"
        )
    grid = Grid(tuple(values.shape), tuple(steps), None, axes)
    return Image(values.data, grid, source, notes=tuple(notes))


def from_zarr(array: Any) -> Image:
    """Take an array of Zarr, with the scale that its group's metadata give it if it is one of a multiscale image."""
    source = f"the Zarr array {array.name or ''}".rstrip()
    multiscale, transformations = _multiscale_of(array)
    if multiscale is None:
        return Image(np.asarray(array[...]), None, source)
    scale = np.ones(array.ndim)
    for step in (*transformations, *multiscale.get("coordinateTransformations", ())):
        if step.get("type") == "scale" and len(step.get("scale", ())) == array.ndim:
            scale = scale * np.asarray(step["scale"], dtype=np.float64)
    kinds = [_axis(axis) for axis in multiscale.get("axes", "tczyx"[-array.ndim :])]
    kept = [
        place
        for place, kind in enumerate(kinds)
        if array.shape[place] > 1 or kind.get("type", "space") == "space"
    ]
    notes: list[str] = []
    steps = [
        float(scale[place])
        * _unit_of(kinds[place].get("unit"), f"{source}: axis {kinds[place]['name']!r}", notes)
        for place in kept
    ]
    shape = tuple(array.shape[place] for place in kept)
    spatial_shape(shape, source)
    values = np.asarray(array[...]).reshape(shape)
    names = tuple(kinds[place]["name"] for place in kept)
    return Image(values, Grid(shape, tuple(steps), None, names), source, notes=tuple(notes))


def _even_step(places: np.ndarray) -> float | None:
    """Return the step of coordinates that are numbers, finite and even; None for others."""
    if places.ndim != 1 or places.dtype.kind not in "iuf" or len(places) < 2:
        return None
    steps = np.diff(places.astype(np.float64))
    step = abs(float(places[-1]) - float(places[0])) / len(steps)
    even = np.isfinite(step) and step > 0 and np.abs(np.abs(steps) - step).max() <= EVEN * step
    return step if even and (np.sign(steps) == np.sign(steps[0])).all() else None


def _unit_of(unit: object, what: str, notes: list[str]) -> float:
    """Return how many mm a unit is; of one that is not known say so, and take it as mm."""
    if not unit:
        return 1.0
    size = millimetres(str(unit))
    if size is None:
        notes.append(f"{what}: the unit {str(unit)!r:.40} is not known, and taken as mm")
        return 1.0
    return size


def _axis(axis: Any) -> Mapping[str, Any]:
    """Read an axis of OME-Zarr's metadata: a name alone in version 0.3, a name with its type and unit since."""
    if isinstance(axis, Mapping):
        return axis
    return {"name": axis, "type": {"t": "time", "c": "channel"}.get(str(axis), "space")}


def _multiscale_of(array: Any) -> tuple[Mapping[str, Any] | None, Sequence[Mapping[str, Any]]]:
    """Find the metadata of the multiscale image that an array is one resolution of."""
    zarr = sys.modules["zarr"]
    path = str(array.path).strip("/")
    parents = [path.rpartition("/")[0]] if "/" in path else [""] if path else []
    for parent in parents:
        try:
            group: Any = zarr.open_group(array.store, path=parent, mode="r")
        except Exception:  # whatever its store says: there is no group
            continue
        attributes = dict(group.attrs)
        for multiscale in attributes.get("ome", attributes).get("multiscales", ()):
            for dataset in multiscale.get("datasets", ()):
                if f"{parent}/{dataset.get('path')}".strip("/") == path:
                    return multiscale, dataset.get("coordinateTransformations", ())
    return None, ()
