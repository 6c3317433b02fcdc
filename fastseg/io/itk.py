"""SimpleITK images, and what SimpleITK says of a file's header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastseg.errors import InputError, shortened
from fastseg.io.image import LPS_TO_RAS, Image, check_spacing, make_grid, require, spatial_shape

SIGNED = ("Int8", "Int16", "Int32", "Int64")
PIXEL_TYPES = (*SIGNED, *(f"U{name}" for name in SIGNED), "Float32", "Float64")


def from_simpleitk(image: Any) -> Image:
    """View the voxels of a SimpleITK image with the axes (x, y, z), read-only."""
    sitk = require("SimpleITK", "reading a SimpleITK image")
    source = "the SimpleITK image"
    dtype_of(sitk, image, image.GetNumberOfComponentsPerPixel(), source)
    shape, affine = geometry_of(image, source)
    interface = sitk.GetArrayViewFromImage(image).__array_interface__
    # The view does not own its memory. A copy of an image shares the buffer until one of them is
    # written to, and that one gets a new buffer: the copy keeps this one alive and unchanged.
    array = np.asarray(_Owned(interface, sitk.Image(image)))
    grid = make_grid(shape, affine, source)
    return Image(array.transpose().reshape(shape, order="F"), grid, source)


class _Owned:
    """Memory and its owner; an array made of it refers to it, so it keeps the owner alive."""

    def __init__(self, interface: dict[str, Any], owner: Any) -> None:
        self.__array_interface__ = interface
        self.owner = owner


def dtype_of(sitk: Any, image: Any, components: int, source: str) -> np.dtype[Any]:
    """Return the dtype of a SimpleITK image, or of a reader that has read a header."""
    pixel_type = image.GetPixelIDValue()
    dtypes = {
        getattr(sitk, f"sitk{prefix}{name}"): np.dtype(name.lower())
        for prefix in ("", "Vector")  # a vector of one component is a number as well
        for name in PIXEL_TYPES
    }
    if components != 1 or pixel_type not in dtypes:
        raise InputError(
            f"{source}: expected one label a voxel, but it holds {components} x "
            f"{sitk.GetPixelIDValueAsString(pixel_type)}"
        )
    return dtypes[pixel_type]


def geometry_of(image: Any, source: str) -> tuple[tuple[int, ...], np.ndarray]:
    """Return shape and RAS+ affine of a SimpleITK image, or of a reader that has read a header."""
    size = image.GetSize()
    shape = spatial_shape(size, source)
    ndim = len(shape)
    spacing = np.array(image.GetSpacing()[:ndim])
    check_spacing(spacing, source, "the voxel sizes")
    direction = np.array(image.GetDirection()).reshape(len(size), len(size))[:ndim, :ndim]
    affine = np.eye(4)
    affine[:ndim, :ndim] = direction * spacing
    affine[:ndim, 3] = image.GetOrigin()[:ndim]
    # ITK's x grows to the left and its y to the back (LPS), RAS+ to the right and to the front.
    to_ras: np.ndarray = LPS_TO_RAS @ affine
    return shape, to_ras


@contextmanager
def quietly(sitk: Any, path: str) -> Iterator[None]:
    """Keep ITK's warnings off the terminal and condense its errors to one line."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    except RuntimeError as error:
        # The cause is the last line, behind "[nrrd] function:" or "ITK ERROR: Class(0x55…):".
        cause = str(error).strip().splitlines()[-1]
        cause = re.sub(r"^(\[nrrd\] \w+:|\S*\s*ERROR:|\w+\(0x[0-9a-f]+\):|\s)+", "", cause)
        raise InputError(f"{path}: not a readable image: {shortened(cause)}") from None
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)
