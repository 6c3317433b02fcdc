"""OME-TIFF files, which hold the voxel size and no orientation; their pixels are zipped."""

from __future__ import annotations

import hashlib
import uuid
from io import BytesIO
from pathlib import Path
from typing import Any

from fastseg.errors import InputError
from fastseg.io.image import require
from fastseg.io.replacing import replacing
from fastseg.io.writers.what import Voxels


def write(path: Path, voxels: Voxels) -> None:
    """Write a .tif file with the description of OME, slices as Z."""
    tifffile = require("tifffile", "writing TIFF images")
    array = voxels.array.T
    if array.dtype.kind in "iu" and array.itemsize == 8:
        raise InputError(
            f"{path}: OME-TIFF has no integers of 64 bits; pass dtype= for smaller ones, or write .nii.gz or .nrrd"
        )
    axes = "ZYX"[-array.ndim :]
    metadata: dict[str, Any] = {"axes": axes}
    if voxels.grid is not None:
        for axis, size in zip("XYZ", voxels.grid.spacing, strict=False):
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "mm"}
    # made of what is in it, so that equal images are equal files
    digest = hashlib.sha256(f"{metadata}{array.shape}{array.dtype}".encode())
    digest.update(array.tobytes())
    metadata["UUID"] = f"urn:uuid:{uuid.UUID(bytes=digest.digest()[:16], version=4)}"
    file = BytesIO()  # tifffile asks a file for its name
    tifffile.imwrite(
        file,
        array,
        ome=True,
        photometric="minisblack",
        compression="zlib",
        metadata=metadata,
        software=False,
    )
    with replacing(path, binary=True) as target:
        target.write(file.getbuffer())
