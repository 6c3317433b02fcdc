"""NIfTI-1, NIfTI-2 and Analyze images, whose headers nibabel parses."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastseg.errors import InputError
from fastseg.io.image import (
    Format,
    Image,
    check_one_number_a_voxel,
    check_spacing,
    make_grid,
    native,
    require,
    spatial_shape,
)
from fastseg.io.voxels import open_voxels

# NIfTI's codes of length units (the low three bits of xyzt_units): metre and micrometre, in mm.
# 2 is mm; so is 0, which means that nobody said.
UNIT_MM = {1: 1e3, 3: 1e-3}

# Integers that are scaled to labels come back a little off: nibabel spreads float labels over the
# whole range of the stored type, in int16 by steps of (largest − smallest) / 65535, so that they
# are off by up to half a step: below 0.01 for 1300 labels.
SCALING_ERROR = 0.01

# nibabel mends doubtful headers and tells a logger; what matters here is checked before that.
_QUIET = logging.getLogger(__name__)
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class _Header(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    affine: np.ndarray
    slope: float | None
    inter: float | None


def read_nifti(path: str) -> Image:
    """Read a .nii, a .nii.gz, or a pair of .hdr and .img.

    The affine is nibabel's (the sform's, else the qform's, else made of the voxel sizes), in mm
    whatever the header's unit. An Analyze pair has its header's: SPM's .mat files are not read.
    """
    nibabel = require("nibabel", "reading NIfTI and Analyze images")
    header_path, voxel_path = _halves(path)
    with open(header_path, "rb") as file:
        # Names deceive: zipped .nii and unzipped .nii.gz files are both about.
        zipped = file.read(2) == b"\x1f\x8b"
    with open_voxels(header_path, "gzip" if zipped else "raw") as voxel_file:
        parsed = _parse(nibabel, voxel_file.read, path, pair=header_path != voxel_path)
        header = _interpret(nibabel, parsed, path)
        grid = make_grid(header.shape, header.affine, path)
        if header_path == voxel_path:
            array = voxel_file.voxels(header.start, header.shape, header.dtype)
    if header_path != voxel_path:
        with open_voxels(voxel_path) as voxel_file:
            array = voxel_file.voxels(header.start, header.shape, header.dtype)
    if header.slope not in (None, 1.0) or header.inter not in (None, 0.0):
        scaled = nibabel.volumeutils.apply_read_scaling(array, header.slope, header.inter)
        array = _whole_again(scaled, header.dtype)
    return Image(array, grid, grid.spacing, path)


def from_nibabel(image: Any) -> Image:
    """Take the voxels of a nibabel image, unscaled ones in the stored dtype, and its affine."""
    source = image.get_filename() or "the nibabel image"
    shape = spatial_shape(image.shape, source)
    unit = _unit(image.header)
    spacing = tuple(float(size) * unit for size in image.header.get_zooms()[: len(shape)])
    check_spacing(spacing, source, "the header's voxel sizes")
    grid = None
    if image.affine is not None:
        grid = make_grid(shape, _in_mm(image.affine, unit), source)
        spacing = grid.spacing
    try:
        array = np.asarray(image.dataobj)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{source}: the voxels cannot be read: {error}") from error
    check_one_number_a_voxel(array.dtype, source)
    stored = getattr(image.dataobj, "dtype", array.dtype)
    array = _whole_again(native(array.reshape(shape, order="F")), stored)
    return Image(array, grid, spacing, source)


def _halves(path: str) -> tuple[str, str]:
    """Return the files of header and voxels: the same file, or the two of a pair."""
    stem, suffix = os.path.splitext(path)
    partner = {".hdr": ".img", ".img": ".hdr", ".HDR": ".IMG", ".IMG": ".HDR"}.get(suffix)
    if partner is None:
        return path, path
    if not os.path.isfile(stem + partner):
        raise FileNotFoundError(f"{stem + partner}: no such file; {path} is one half of the pair")
    return (stem + partner, path) if suffix.lower() == ".img" else (path, stem + partner)


def _parse(nibabel: Any, read: Callable[[int], bytes], path: str, pair: bool) -> Any:
    """Read the header at the front of a file as an unchecked object of nibabel's."""
    nifti1, nifti2 = nibabel.nifti1, nibabel.nifti2
    block = read(nifti1.Nifti1Header.sizeof_hdr)
    size = nifti2.Nifti2Header.sizeof_hdr
    if block[:4] in (size.to_bytes(4, "little"), size.to_bytes(4, "big")):
        block += read(size - len(block))
    for paired, single in (
        (nifti1.Nifti1PairHeader, nifti1.Nifti1Header),
        (nifti2.Nifti2PairHeader, nifti2.Nifti2Header),
    ):
        if paired.may_contain_header(block):
            header = (paired if pair else single)(block, check=False)
            if not pair and not header["magic"].item().startswith(b"n+"):
                raise InputError(f"{path}: a NIfTI header without voxels: they are in an .img file")
            return header
    for analyze in (nibabel.spm2analyze.Spm2AnalyzeHeader, nibabel.spm99analyze.Spm99AnalyzeHeader):
        if pair and analyze.may_contain_header(block):
            return analyze(block, check=False)
    raise InputError(f"{path}: not a NIfTI{' or Analyze' if pair else ''} image")


def _interpret(nibabel: Any, header: Any, path: str) -> _Header:
    """Read off a header what it promises, once it is known to make sense."""
    unit = _unit(header)
    try:
        stored_shape = header.get_data_shape()
        pixdim = [float(size) * unit for size in header["pixdim"]]
        header.check_fix(logger=_QUIET, error_level=40)  # 40: nibabel cannot mend it
        dtype = header.get_data_dtype()
        start = int(header.get_data_offset())
        with np.errstate(invalid="ignore"):  # infinite voxel sizes are named below
            affine = _in_mm(header.get_best_affine(), unit)
        slope, inter = header.get_slope_inter()
    except (nibabel.spatialimages.HeaderDataError, OverflowError, ValueError) as error:
        raise InputError(f"{path}: the header is not valid: {error}") from error
    shape = spatial_shape(stored_shape, path)
    check_spacing(pixdim[1 : 1 + len(shape)], path, "the header's voxel sizes (pixdim)")
    check_one_number_a_voxel(dtype, path)
    if start < 0:
        raise InputError(f"{path}: the header is not valid: its voxels begin at byte {start}")
    return _Header(shape, dtype, start, affine, slope, inter)


def _unit(header: Any) -> float:
    """Return the length unit of a header in mm; formats but NIfTI have no other than mm."""
    if "xyzt_units" not in getattr(header, "keys", tuple)():
        return 1.0
    return UNIT_MM.get(int(header["xyzt_units"]) & 7, 1.0)


def _in_mm(affine: np.ndarray, unit: float) -> np.ndarray:
    scaled = np.array(affine, dtype=np.float64)
    scaled[:3] *= unit
    return scaled


def _whole_again(array: np.ndarray, stored: np.dtype[Any]) -> np.ndarray:
    """Round scaled integers that stand for labels; leave all else as it is."""
    if stored.kind in "iu" and array.dtype.kind == "f":
        rounded: np.ndarray = np.rint(array)
        if np.abs(array - rounded).max() <= SCALING_ERROR:
            return rounded
    return array


FORMAT = Format((".nii.gz", ".nii", ".hdr", ".img"), read_nifti)
