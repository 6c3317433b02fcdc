"""NRRD and MetaImage files, and SimpleITK images.

SimpleITK interprets the headers: axes, spacing, origin, direction, and their dialects. The voxels
are read here, which takes a third of the time, and because SimpleITK 2.5 answers
corrupt zipped data in a MetaImage with wrong voxels and no error.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastseg.errors import InputError
from fastseg.io.image import (
    Format,
    Grid,
    Image,
    Opened,
    check_spacing,
    make_grid,
    require,
    spatial_shape,
)
from fastseg.io.text_headers import LONGEST_HEADER, Storage, metaimage_storage, nrrd_storage
from fastseg.io.voxels import open_voxels

SIGNED = ("Int8", "Int16", "Int32", "Int64")
PIXEL_TYPES = (*SIGNED, *(f"U{name}" for name in SIGNED), "Float32", "Float64")


def open_nrrd(path: str) -> Opened:
    """Open a .nrrd file, whose voxels may be in a file of their own."""
    return _open(path, "NrrdImageIO", nrrd_storage)


def open_metaimage(path: str) -> Opened:
    """Open a .mha file, or an .mhd file and the file of voxels that it names."""
    return _open(path, "MetaImageIO", metaimage_storage)


def from_simpleitk(image: Any) -> Image:
    """View the voxels of a SimpleITK image with the axes (x, y, z), read-only."""
    sitk = require("SimpleITK", "reading a SimpleITK image")
    source = "the SimpleITK image"
    shape, _, grid = _geometry(sitk, image, image.GetNumberOfComponentsPerPixel(), source)
    interface = sitk.GetArrayViewFromImage(image).__array_interface__
    # The view does not own its memory. A copy of an image shares the buffer until one of them is
    # written to, and that one gets a new buffer: the copy keeps this one alive and unchanged.
    array = np.asarray(_Owned(interface, sitk.Image(image)))
    return Image(array.transpose().reshape(shape, order="F"), grid, source)


class _Owned:
    """Memory and its owner; an array made of it refers to it, so it keeps the owner alive."""

    def __init__(self, interface: dict[str, Any], owner: Any) -> None:
        self.__array_interface__ = interface
        self.owner = owner


def _open(path: str, image_io: str, find_storage: Callable[[str, bytes], Storage]) -> Opened:
    sitk = require("SimpleITK", "reading NRRD and MetaImage files")
    with open(path, "rb") as file:
        storage = find_storage(path, file.read(LONGEST_HEADER))
    reader = sitk.ImageFileReader()
    reader.SetImageIO(image_io)
    reader.SetFileName(path)
    with _quietly(sitk, path):
        reader.ReadImageInformation()
    shape, dtype, grid = _geometry(sitk, reader, reader.GetNumberOfComponents(), path)
    dtype = dtype.newbyteorder(">" if storage.big_endian else "<")
    return Opened(path, shape, grid, lambda: Image(_voxels(storage, shape, dtype), grid, path))


def _voxels(storage: Storage, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Read the voxels from where they are stored."""
    offset, skip = storage.offset, storage.skip
    if skip < 0:
        size = math.prod(shape) * dtype.itemsize
        offset, skip = max(offset, os.path.getsize(storage.path) - size), 0
    with open_voxels(storage.path, storage.encoding, offset) as voxel_file:
        return voxel_file.voxels(skip, shape, dtype)


def _geometry(
    sitk: Any, image: Any, components: int, source: str
) -> tuple[tuple[int, ...], np.dtype[Any], Grid]:
    """Return shape, dtype and grid of a SimpleITK image, or of a reader that has read a header."""
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
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    return shape, dtypes[pixel_type], make_grid(shape, to_ras @ affine, source)


@contextmanager
def _quietly(sitk: Any, path: str) -> Iterator[None]:
    """Keep ITK's warnings off the terminal and condense its errors to one line."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    except RuntimeError as error:
        # The cause is the last line, behind "[nrrd] function:" or "ITK ERROR: Class(0x55…):".
        cause = str(error).strip().splitlines()[-1]
        cause = re.sub(r"^(\[nrrd\] \w+:|\S*\s*ERROR:|\w+\(0x[0-9a-f]+\):|\s)+", "", cause)
        raise InputError(f"{path}: not a readable image: {cause}") from None
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


NRRD = Format((".nrrd",), open_nrrd)
METAIMAGE = Format((".mha", ".mhd"), open_metaimage)
