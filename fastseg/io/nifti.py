"""NIfTI-1, NIfTI-2 and Analyze images, whose headers nibabel parses."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from fastseg.errors import InputError, shortened
from fastseg.inputs.source import Source
from fastseg.io.image import (
    Grid,
    Image,
    Opened,
    check_one_number_a_voxel,
    check_spacing,
    make_grid,
    native,
    numbers,
    require,
    spatial_shape,
)
from fastseg.io.mapped import mapped
from fastseg.io.squeezed import squeezed_source
from fastseg.io.voxels import Encoding, open_voxels

# NIfTI's codes of length units (the low three bits of xyzt_units): metre and micrometre, in mm.
# 2 is mm; so is 0, which means that nobody said.
UNIT_MM = {1: 1e3, 3: 1e-3}

# A quaternion whose three stored parts are longer than 1 by no more than this is a rotation by 180 degrees whose
# float32 parts were rounded up; niftilib, ITK, FSL and Slicer set the fourth part to 0 whatever the excess.
QUATERNION_EXCESS = 1e-3

# The voxel sizes of the sform and of pixdim are the same number twice, in float32; writers round either to three
# decimals.
SIZES_AGREE = 1e-3

# nibabel mends doubtful headers and tells a logger; what matters here is checked before that.
_QUIET = logging.getLogger(__name__)
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class _Header(NamedTuple):
    """What a header promises."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    grid: Grid
    slope: float | None
    inter: float | None
    notes: tuple[str, ...]


def open_nifti(path: str) -> Opened:
    """Open a .nii, a .nii.gz, or a pair of .hdr and .img.

    The affine is the sform's, else the qform's, in mm whatever the header's unit; a header with neither has no
    orientation, and its voxel sizes are pixdim's. Where sform and pixdim disagree the sform is used, as nibabel does
    (ITK and nnU-Net's readers take pixdim), and a note says so. An Analyze pair has its header's affine: SPM's .mat
    files are not read.
    """
    nibabel = require("nibabel", "reading NIfTI and Analyze images")
    header_path, voxel_path = _halves(path)
    with open(header_path, "rb") as file:
        # Names deceive: zipped .nii and unzipped .nii.gz files are both about.
        encoding: Encoding = "gzip" if file.read(2) == b"\x1f\x8b" else "raw"
    with open_voxels(header_path, encoding) as voxel_file:
        parsed = _parse(nibabel, voxel_file.read, path, pair=header_path != voxel_path)
        header = _interpret(nibabel, parsed, voxel_file.read, path)
        size = math.prod(header.shape) * header.dtype.itemsize
        if header_path == voxel_path:
            voxel_file.check_promise(header.start + size)
    scaling = None
    if header.slope not in (None, 1.0) or header.inter not in (None, 0.0):
        scaling = _Scaling(nibabel, header.dtype, header.slope, header.inter)
    encoding = encoding if header_path == voxel_path else "raw"
    opened = Opened(
        path,
        header.shape,
        header.grid,
        lambda: _read(voxel_path, encoding, header, scaling, path),
        notes=header.notes,
        nbytes=size if scaling is None else math.prod(header.shape) * 8,
        dtype=header.dtype if scaling is None else np.dtype(np.float64),
        # Stored voxels, and three arrays of float64 that decide whether scaled ones stand for labels.
        scratch=0 if scaling is None else size + math.prod(header.shape) * 24,
    )
    if encoding == "raw":
        with open_voxels(voxel_path) as voxel_file:
            voxel_file.check_size(header.start + size)
        way = mapped(
            voxel_path, header.start, header.shape, header.dtype, scaling=scaling, name=path
        )
        return replace(opened, map=way.map, map_from=way.map_from)

    def in_pieces(grid: Grid | None) -> Source:
        return squeezed_source(
            lambda: open_voxels(voxel_path, encoding),
            header.start,
            header.shape,
            header.dtype,
            path,
            grid,
            scaling=scaling,
        )

    return replace(opened, in_pieces=in_pieces)


def _read(
    voxel_path: str, encoding: Encoding, header: _Header, scaling: _Scaling | None, path: str
) -> Image:
    """Read the voxels."""
    with open_voxels(voxel_path, encoding) as file:
        array = file.voxels(header.start, header.shape, header.dtype)
    if scaling is not None:
        array = _whole_again(scaling.numbers(array), header.dtype, header.slope)
    return Image(array, header.grid, path, notes=header.notes)


@dataclass(frozen=True, eq=False)
class _Scaling:
    """The slope and the intercept of a header, of voxels of which parts are read."""

    nibabel: Any
    stored: np.dtype[Any]
    slope: float | None
    inter: float | None

    def numbers(self, stored: np.ndarray) -> np.ndarray:
        """Scale what is stored."""
        scaled: np.ndarray = self.nibabel.volumeutils.apply_read_scaling(
            stored, self.slope, self.inter
        )
        return scaled

    def labels(self, stored: np.ndarray) -> np.ndarray:
        """Scale a part, which may hold nothing but what is rounded to 0."""
        return _whole_again(self.numbers(stored), self.stored, self.slope, is_part=True)


def from_nibabel(image: Any) -> Image:
    """Take the voxels of a nibabel image, unscaled ones in the stored dtype, and its affine."""
    source = image.get_filename() or "the nibabel image"
    shape = spatial_shape(image.shape, source)
    unit = _unit(image.header)
    oriented = image.affine is not None and _has_orientation(image.header)
    if oriented:
        grid = make_grid(shape, _in_mm(image.affine, unit), source)
    else:
        sizes = tuple(float(size) * unit for size in image.header.get_zooms()[: len(shape)])
        check_spacing(sizes, source, "the header's voxel sizes")
        grid = Grid(shape, sizes, None)
    try:
        array = np.asarray(image.dataobj)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{source}: the voxels cannot be read: {error}") from error
    check_one_number_a_voxel(array.dtype, source)
    stored = getattr(image.dataobj, "dtype", array.dtype)
    slope = getattr(image.dataobj, "slope", 1.0)
    array = _whole_again(native(array.reshape(shape, order="F")), stored, slope)
    return Image(array, grid, source)


def _halves(path: str) -> tuple[str, str]:
    """Return the files of header and voxels: the same file, or the two of a pair."""
    stem, suffix = os.path.splitext(path)
    partner = {".hdr": ".img", ".img": ".hdr", ".HDR": ".IMG", ".IMG": ".HDR"}.get(suffix)
    if partner is None:
        return path, path
    if not os.path.isfile(stem + partner):
        raise FileNotFoundError(f"{stem + partner}: no such file; {path} is one half of the pair")
    return (stem + partner, path) if suffix.lower() == ".img" else (path, stem + partner)


def header_of_file(nibabel: Any, path: str) -> Any:
    """Read the header of a file that can be opened, as nibabel's object."""
    header_path, voxel_path = _halves(path)
    with open(header_path, "rb") as file:
        encoding: Encoding = "gzip" if file.read(2) == b"\x1f\x8b" else "raw"
    with open_voxels(header_path, encoding) as voxel_file:
        return _parse(nibabel, voxel_file.read, path, pair=header_path != voxel_path)


def grid_of_header(nibabel: Any, header: Any, shape: tuple[int, ...]) -> Grid:
    """Say where the voxels of a NIfTI header lie that can be opened, of a file or of nibabel's image."""
    unit = _unit(header)
    pixdim = np.array([float(size) * unit for size in header["pixdim"][1:4]])
    return _grid(nibabel, header, shape, pixdim, unit, [], "the header")


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


def _interpret(nibabel: Any, header: Any, read_on: Callable[[int], bytes], path: str) -> _Header:
    """Read off a header what it promises, once it is known to make sense."""
    unit = _unit(header)
    notes: list[str] = []
    try:
        stored_shape = header.get_data_shape()
        pixdim = np.array([float(size) * unit for size in header["pixdim"][1:4]])
        header.check_fix(logger=_QUIET, error_level=40)  # 40: nibabel cannot mend it
        dtype = header.get_data_dtype()
        start = int(header.get_data_offset())
        slope, inter = header.get_slope_inter()
    except (nibabel.spatialimages.HeaderDataError, OverflowError, ValueError) as error:
        raise InputError(f"{path}: the header is not valid: {shortened(error)}") from error
    shape = spatial_shape(stored_shape, path)
    check_one_number_a_voxel(dtype, path)
    if start == 0 and getattr(header, "is_single", False):
        start = _start_after(header, read_on, path)
        notes.append(
            f"{path}: its header has the voxels begin at byte 0 (vox_offset), where the header itself is; they are "
            f"read from byte {start}, where they begin in such a file"
        )
    if start < 0:
        raise InputError(f"{path}: the header is not valid: its voxels begin at byte {start}")
    grid = _grid(nibabel, header, shape, pixdim, unit, notes, path)
    return _Header(shape, dtype, start, grid, slope, inter, tuple(notes))


def _start_after(header: Any, read_on: Callable[[int], bytes], path: str) -> int:
    """Find where the voxels begin in a single file whose header does not say so: behind header and extension flag."""
    if any(read_on(4)[:1]):
        raise InputError(
            f"{path}: its header has the voxels begin at byte 0 (vox_offset), and extensions lie between header and "
            "voxels, so that nothing tells where the voxels begin: save the image again"
        )
    return int(header.single_vox_offset)


def _grid(
    nibabel: Any,
    header: Any,
    shape: tuple[int, ...],
    pixdim: np.ndarray,
    unit: float,
    notes: list[str],
    path: str,
) -> Grid:
    """Find where the voxels lie: by the sform, else by the qform, else by nothing but their sizes."""
    sizes = np.abs(pixdim)
    if not is_nifti_header(header):
        check_spacing(sizes[: len(shape)], path, "the header's voxel sizes (pixdim)")
        return make_grid(shape, _in_mm(header.get_best_affine(), unit), path)
    if int(header["sform_code"]) > 0:
        affine = _in_mm(header.get_sform(), unit)
        if int(header["qform_code"]) <= 0 or _tells_voxels_apart(affine, len(shape)):
            grid = make_grid(shape, affine, path)
            own = sizes[: len(shape)]
            if not np.allclose(own, grid.spacing, rtol=SIZES_AGREE, atol=0):
                used, left = numbers(grid.spacing, 6), numbers(own, 6)
                notes.append(
                    f"{path}: its header contradicts itself: voxels of {used} mm by the sform, which is used, and of "
                    f"{left} mm by pixdim, which other readers use; pass spacing= (--spacing) to decide otherwise"
                )
            return grid
        notes.append(f"{path}: its sform is no affine, so that the qform is used")
    check_spacing(sizes[: len(shape)], path, "the header's voxel sizes (pixdim)")
    if (pixdim[: len(shape)] < 0).any():
        given = numbers(pixdim[: len(shape)], 6)
        notes.append(
            f"{path}: its header has negative voxel sizes, {given} mm (pixdim); they are taken without the sign"
        )
    if int(header["qform_code"]) > 0:
        grid = make_grid(shape, _qform(nibabel, header, unit, path), path)
        return replace(grid, rounding=_rounding_of_qform(header, grid))
    return Grid(shape, tuple(float(size) for size in sizes[: len(shape)]), None)


def _tells_voxels_apart(affine: np.ndarray, ndim: int) -> bool:
    """Tell whether an affine is one that a grid can be made of."""
    axes = affine[:3, :ndim]
    return bool(np.isfinite(affine).all() and np.linalg.matrix_rank(axes) == ndim)


def _qform(nibabel: Any, header: Any, unit: float, path: str) -> np.ndarray:
    """Make the affine of a header's quaternion; a rounding above length 1 is a rotation by 180 degrees."""
    parts = [float(header[f"quatern_{name}"]) for name in "bcd"]
    squares = math.fsum(part * part for part in parts)
    if not squares <= 1 + QUATERNION_EXCESS:
        raise InputError(
            f"{path}: the header is not valid: the quaternion of its orientation (quatern_b, c and d) has the squared "
            f"length {squares:.9g}, and 1 is the most"
        )
    rotation = nibabel.quaternions.quat2mat([math.sqrt(max(0.0, 1 - squares)), *parts])
    sizes = np.abs([float(size) for size in header["pixdim"][1:4]])
    if float(header["pixdim"][0]) < 0:
        sizes[2] = -sizes[2]
    affine = np.eye(4)
    affine[:3, :3] = rotation * sizes
    affine[:3, 3] = [float(header[f"qoffset_{axis}"]) for axis in "xyz"]
    if not np.isfinite(affine).all():
        raise InputError(
            f"{path}: the header is not valid: its qform holds numbers that are not finite"
        )
    return _in_mm(affine, unit)


def _rounding_of_qform(header: Any, grid: Grid) -> float:
    """Tell by how many voxels the far corner may lie elsewhere, since the quaternion's fourth part is not stored.

    It is the root of what the squares of the three stored parts lack to 1, which float32 holds to 1.2e-7. Near a half
    turn, where it is near 0, that is 3e-4 of it, and the rotation is off by twice as much.
    """
    squares = sum(float(header[f"quatern_{name}"]) ** 2 for name in "bcd")
    lack, error = max(0.0, 1 - squares), 2.0**-23
    off = math.sqrt(lack + error) - math.sqrt(max(0.0, lack - error))
    far = math.hypot(
        *(size * (count - 1) for size, count in zip(grid.spacing, grid.shape, strict=True))
    )
    return off * far / min(grid.spacing)


def is_nifti_header(header: Any) -> bool:
    """Tell a header of NIfTI from one of Analyze and its like."""
    return "sform_code" in getattr(header, "keys", tuple)()


def _has_orientation(header: Any) -> bool:
    """Tell whether a header says where its voxels lie; nibabel makes an affine up for one that does not."""
    return (
        not is_nifti_header(header)
        or int(header["sform_code"]) > 0
        or int(header["qform_code"]) > 0
    )


def _unit(header: Any) -> float:
    """Return the length unit of a header in mm; formats but NIfTI have no other than mm."""
    if "xyzt_units" not in getattr(header, "keys", tuple)():
        return 1.0
    return UNIT_MM.get(int(header["xyzt_units"]) & 7, 1.0)


def _in_mm(affine: np.ndarray, unit: float) -> np.ndarray:
    scaled = np.array(affine, dtype=np.float64)
    scaled[:3] *= unit
    return scaled


def _whole_again(
    array: np.ndarray, stored: np.dtype[Any], slope: float | None, is_part: bool = False
) -> np.ndarray:
    """Round scaled integers that stand for labels; leave all else as it is.

    Writers spread float labels over the whole range of the stored integers, so that each comes back up to half a step,
    half the slope, beside itself. What lies farther from a whole number never was one. Where a step is longer than 1
    labels next to each other cannot be told apart any more, so that nothing is rounded.
    """
    if stored.kind not in "iu" or array.dtype.kind != "f" or slope is None or abs(slope) > 1:
        return array
    rounded: np.ndarray = np.rint(array)
    within = min(abs(slope) / 2 * (1 + 1e-6), 0.5 - 1e-6)
    if not np.abs(array - rounded).max() <= within:  # nan too
        return array
    # a mask whose scale is wrong, not an empty one
    vanishes = not is_part and not rounded.any() and bool(array.any())
    return array if vanishes else rounded
