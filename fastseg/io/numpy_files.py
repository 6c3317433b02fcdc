"""NumPy's .npy and .npz files: arrays without a grid."""

from __future__ import annotations

import math
import zipfile
import zlib
from typing import Any, Literal

import numpy as np

from fastseg.errors import InputError
from fastseg.inputs.arrays import as_label_map
from fastseg.inputs.source import ArraySource, ConvertedSource, Source
from fastseg.io.image import Format, Image, check_one_number_a_voxel
from fastseg.io.npy_header import read_header
from fastseg.io.voxels import DEFLATE_LIMIT, VoxelFile, open_voxels

# What the label map is called among several arrays: by nnU-Net, and by NumPy if not named.
NAMES = ("seg", "arr_0")


def read_npy(path: str) -> Image:
    """Read the array of a .npy file."""
    with open_voxels(path) as voxel_file:
        return _read_array(voxel_file, path)


def map_npy(path: str, argument: str = "") -> Source:
    """Map the array of a .npy file into memory: what is measured is read when it is measured.

    Integers are measured where they lie, whatever their size. Floats, and numbers in the other byte order, are
    converted window by window.
    """
    with open_voxels(path) as voxel_file:
        shape, fortran_order, dtype = _header(voxel_file, path)
        start = voxel_file.position
        voxel_file.check_size(start + math.prod(shape) * dtype.itemsize)
    if 0 in shape or not 1 <= len(shape) <= 3:
        return ArraySource(as_label_map(read_npy(path).array, argument or path), name=path)
    order: Literal["C", "F"] = "F" if fortran_order else "C"
    array = np.asarray(np.memmap(path, dtype, "r", start, shape, order))
    if dtype.kind in "biu" and dtype.isnative and array.flags.aligned:
        return ArraySource(array, name=path)
    return ConvertedSource(array, name=path)


def read_npz(path: str) -> Image:
    """Read the only array of a .npz file, or the one named "seg" or "arr_0"."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = _choose(archive.infolist(), path)
            stored = member.file_size
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InputError(f"{path}: zipped in a way that NumPy does not write")
            if stored > member.compress_size * DEFLATE_LIMIT:
                raise InputError(f"{path}: {member.filename} cannot hold {stored:,} bytes")
            with archive.open(member) as stream:
                return _read_array(VoxelFile(path, stream, "raw", stored), path)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise InputError(f"{path}: not a readable .npz file: {error}") from error


def _choose(members: list[zipfile.ZipInfo], path: str) -> zipfile.ZipInfo:
    arrays = {member.filename.removesuffix(".npy"): member for member in members}
    chosen = list(arrays) if len(arrays) == 1 else [name for name in NAMES if name in arrays]
    if len(chosen) != 1:
        raise InputError(
            f"{path}: expected one array, or one named {' or '.join(map(repr, NAMES))}, "
            f"but the arrays are {', '.join(map(repr, arrays)) or 'none'}"
        )
    return arrays[chosen[0]]


def _header(voxel_file: VoxelFile, path: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the shape, whether it is in Fortran order, and the dtype of an array."""
    shape, fortran_order, dtype = read_header(voxel_file.read, path)
    check_one_number_a_voxel(dtype, path)
    return shape, fortran_order, dtype


def _read_array(voxel_file: VoxelFile, path: str) -> Image:
    """Read one array; the voxels are never unpickled."""
    shape, fortran_order, dtype = _header(voxel_file, path)
    if fortran_order:
        array = voxel_file.voxels(voxel_file.position, shape, dtype)
    else:
        array = voxel_file.voxels(voxel_file.position, shape[::-1], dtype).transpose()
    return Image(array, None, None, path)


NPY = Format((".npy",), read_npy, map_npy)
NPZ = Format((".npz",), read_npz)
