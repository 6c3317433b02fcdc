"""NumPy's .npy and .npz files: arrays without a grid."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from fastseg.errors import InputError
from fastseg.io.image import Image, Opened, check_one_number_a_voxel
from fastseg.io.mapped import mapped
from fastseg.io.npy_header import read_header
from fastseg.io.voxels import DEFLATE_LIMIT, VoxelFile, open_voxels

# What the label map is called among several arrays: by nnU-Net, and by NumPy if not named.
NAMES = ("seg", "arr_0")


def open_npy(path: str) -> Opened:
    """Open a .npy file, which is mapped into memory where its array can be measured as it lies."""
    with open_voxels(path) as voxel_file:
        shape, fortran_order, dtype = _header(voxel_file, path)
        start = voxel_file.position
        voxel_file.check_size(start + math.prod(shape) * dtype.itemsize)

    def read() -> Image:
        with open_voxels(path) as voxel_file:
            return _read_array(voxel_file, path)

    nbytes = math.prod(shape) * dtype.itemsize
    opened = Opened(path, shape, None, read, nbytes=nbytes, dtype=dtype)
    if 0 in shape or not 1 <= len(shape) <= 3:
        return opened
    way = mapped(path, start, shape, dtype, order="F" if fortran_order else "C", map_from=0)
    return replace(opened, map=way.map)


def open_npz(path: str) -> Opened:
    """Open a .npz file: its only array, or the one named "seg" or "arr_0"."""
    with _array_of(path) as voxel_file:
        shape, _, dtype = _header(voxel_file, path)

    def read() -> Image:
        with _array_of(path) as voxel_file:
            return _read_array(voxel_file, path)

    nbytes = math.prod(shape) * dtype.itemsize
    return Opened(path, shape, None, read, nbytes=nbytes, dtype=dtype)


@contextmanager
def _array_of(path: str) -> Iterator[VoxelFile]:
    """Open the array of an archive; trouble with the archive becomes a ValueError."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = _choose(archive.infolist(), path)
            stored = member.file_size
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InputError(f"{path}: zipped in a way that NumPy does not write")
            if stored > member.compress_size * DEFLATE_LIMIT:
                raise InputError(f"{path}: {member.filename} cannot hold {stored:,} bytes")
            with archive.open(member) as stream:
                yield VoxelFile(path, stream, "raw", stored)
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
    return Image(array, None, path)
