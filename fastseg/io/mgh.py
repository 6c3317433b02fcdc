"""FreeSurfer's .mgh files, and .mgz, which are the same zipped."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from fastseg.errors import InputError
from fastseg.inputs.source import Source
from fastseg.io.image import Grid, Image, Opened, make_grid, require, spatial_shape
from fastseg.io.mapped import mapped
from fastseg.io.squeezed import squeezed_source
from fastseg.io.voxels import Encoding, open_voxels

# FreeSurfer's codes: MRI_UCHAR, MRI_INT, MRI_FLOAT, MRI_SHORT, MRI_USHRT
DTYPES = {0: "u1", 1: "i4", 3: "f4", 4: "i2", 10: "u2"}

FIRST_VOXEL = 284

# Behind the voxels stand scan parameters, the commands that made the file, and at times a table of colours.
LONGEST_TRAILER = 4 << 20


def open_mgh(path: str) -> Opened:
    """Open a .mgh or .mgz file.

    A header whose goodRASFlag is not set gives neither orientation nor voxel size, whatever stands in their place:
    FreeSurfer does not read it, and takes 1 mm and coronal slices.
    """
    nibabel = require("nibabel", "reading FreeSurfer's images")
    with open(path, "rb") as file:
        encoding: Encoding = "gzip" if file.read(2) == b"\x1f\x8b" else "raw"
    with open_voxels(path, encoding) as voxel_file:
        block = voxel_file.read(FIRST_VOXEL)
        header = _header(nibabel, block, path)
        code = int(header["type"])
        if code not in DTYPES:
            raise InputError(
                f"{path}: its header gives the type of its voxels as {code}, which is none of FreeSurfer's for labels: "
                f"{', '.join(map(str, DTYPES))}"
            )
        stored = [int(size) for size in header["dims"]]
        if min(stored) < 1:
            raise InputError(f"{path}: the header is not valid: its shape is {tuple(stored)}")
        shape = spatial_shape(stored, path)
        dtype = np.dtype(DTYPES[code]).newbyteorder(">")
        grid, notes = _grid(header, block, shape, path)
        size = math.prod(shape) * dtype.itemsize
        voxel_file.check_promise(FIRST_VOXEL + size)

    def read() -> Image:
        with open_voxels(path, encoding) as voxel_file:
            array = voxel_file.voxels(FIRST_VOXEL, shape, dtype, LONGEST_TRAILER)
        return Image(array, grid, path, notes=notes)

    opened = Opened(path, shape, grid, read, notes=notes, nbytes=size, dtype=dtype)
    if encoding == "raw":
        way = mapped(path, FIRST_VOXEL, shape, dtype)
        return replace(opened, map=way.map, map_from=way.map_from)

    def in_pieces(on: Grid | None) -> Source:
        return squeezed_source(
            lambda: open_voxels(path, encoding),
            FIRST_VOXEL,
            shape,
            dtype,
            path,
            on,
            trailer=LONGEST_TRAILER,
        )

    return replace(opened, in_pieces=in_pieces)


def _header(nibabel: Any, block: bytes, path: str) -> Any:
    """Read the header as nibabel's, unchecked."""
    kind = nibabel.freesurfer.mghformat.MGHHeader
    size = kind.template_dtype.itemsize
    if len(block) < FIRST_VOXEL or block[:4] != b"\0\0\0\x01":
        raise InputError(f"{path}: not an image of FreeSurfer")
    # Behind the header's fields nibabel looks for those that stand behind the voxels; nothing of them matters here.
    return kind(block[:size].ljust(size, b"\0"), check=False)


def _grid(
    header: Any, block: bytes, shape: tuple[int, ...], path: str
) -> tuple[Grid | None, tuple[str, ...]]:
    """Find where the voxels lie."""
    # nibabel puts its own numbers into a header without the flag, so the flag is read from the file.
    if int.from_bytes(block[28:30], "big", signed=True) < 1:
        return None, (
            f"{path}: its header gives neither voxel size nor orientation (goodRASFlag is not set); FreeSurfer takes "
            "1 mm and coronal slices for such a file",
        )
    with np.errstate(all="ignore"):  # what is not finite is refused
        affine = header.get_affine()
    return make_grid(shape, affine, path), ()
