"""NIfTI-1 files, and NIfTI-2 where an axis is too long for it or the image that it is like is one."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from fastseg.io.image import MAX_AXIS_COSINE, require
from fastseg.io.nifti import grid_of_header, header_of_file, is_nifti_header
from fastseg.io.replacing import replacing
from fastseg.io.writers.what import Voxels, is_one_grid
from fastseg.io.writers.zipped import blocks, gzipped

# The size of an axis is a 16-bit integer.
_LONGEST_AXIS = 32767

# Where and how voxels lie: taken over from the header of the image that this one is like.
_PLACE = (
    *("dim_info", "pixdim", "xyzt_units", "qform_code", "sform_code"),
    *(f"quatern_{name}" for name in "bcd"),
    *(f"qoffset_{name}" for name in "xyz"),
    *(f"srow_{name}" for name in "xyz"),
)
_MM = 2
_SCANNER = 1


def write(path: Path, voxels: Voxels) -> None:
    """Write a .nii or a .nii.gz file."""
    nibabel = require("nibabel", "writing NIfTI images")
    header = _header(nibabel, voxels)
    with replacing(path, binary=True) as file:
        is_zipped = path.name.lower().endswith(".gz")
        with gzipped(file) if is_zipped else nullcontext(file) as stream:
            header.write_to(stream)
            for block in blocks(voxels.array, voxels.array.dtype):
                stream.write(block)


def _header(nibabel: Any, voxels: Voxels) -> Any:
    """Make a header: the place is that of the image that it is like to the bit, where that has a NIfTI header."""
    array, grid = voxels.array, voxels.grid
    known = _header_like(nibabel, voxels)
    is_second = max(array.shape) > _LONGEST_AXIS or (
        known is not None and int(known["sizeof_hdr"]) == nibabel.nifti2.Nifti2Header.sizeof_hdr
    )
    header = (nibabel.Nifti2Header if is_second else nibabel.Nifti1Header)()
    header.set_data_dtype(array.dtype)
    header.set_data_shape(array.shape)
    header.set_data_offset(header.single_vox_offset)
    header["scl_slope"], header["scl_inter"] = 1, 0
    if known is not None:
        for field in _PLACE:
            header[field] = known[field]
    elif grid is not None:
        header.set_zooms(grid.spacing)
        header["xyzt_units"] = _MM
        if grid.affine is not None:
            if grid.shear <= MAX_AXIS_COSINE:  # a quaternion has no room for more
                header.set_qform(grid.affine, _SCANNER)
            header.set_sform(grid.affine, _SCANNER)
            header["pixdim"][1 : 1 + array.ndim] = grid.spacing
    return header


def _header_like(nibabel: Any, voxels: Voxels) -> Any:
    """Find the NIfTI header of the image that is to be like, if it says what the grid says; None else."""
    like: Any = voxels.like
    header: Any = None
    if isinstance(like, str) and like.lower().endswith((".nii", ".nii.gz", ".hdr", ".img")):
        header = header_of_file(nibabel, like)
    elif isinstance(getattr(like, "header", None), nibabel.nifti1.Nifti1Header):
        header = like.header
    if header is None or not is_nifti_header(header) or voxels.grid is None:
        return None
    own = grid_of_header(nibabel, header, voxels.array.shape)
    return header if is_one_grid(own, voxels.grid) else None
