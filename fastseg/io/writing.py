"""The front door of writing: an array becomes an image file that lies where another image does."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastseg.errors import InputError, InputTypeError
from fastseg.inputs.arrays import as_array, as_spacing
from fastseg.inputs.device import COPY, is_on_device
from fastseg.inputs.scalars import shown
from fastseg.inputs.shapes import hint_for_shapes
from fastseg.io.formats import is_image_path, open_image
from fastseg.io.image import Grid, Image
from fastseg.io.lattice import permuted
from fastseg.io.objects import as_opened
from fastseg.io.writers.what import Voxels, is_one_grid


class WrittenFormat(NamedTuple):
    """A kind of file that is written.

    Attributes
    ----------
    suffixes : tuple of str
        The endings of its files, in lower case.
    module, function : str
        The file of the folder of writers, and its function of a path and :class:`Voxels`.
    has_grid : bool
        Whether it holds a grid; else any array is taken as it is.
    """

    suffixes: tuple[str, ...]
    module: str
    function: str = "write"
    has_grid: bool = True


#: a new kind of file is a file of the folder of writers, and an entry here
WRITTEN_FORMATS = (
    WrittenFormat((".nii.gz", ".nii"), "nifti"),
    WrittenFormat((".nrrd",), "nrrd"),
    WrittenFormat((".mha",), "metaimage"),
    WrittenFormat((".ome.tif", ".ome.tiff", ".tif", ".tiff"), "tiff"),
    WrittenFormat((".npy",), "numpy_files", "write_npy", has_grid=False),
    WrittenFormat((".npz",), "numpy_files", "write_npz", has_grid=False),
)

#: the endings of the files that `write_image` writes, in lower case
WRITTEN_SUFFIXES = tuple(suffix for entry in WRITTEN_FORMATS for suffix in entry.suffixes)

# What viewers open, smallest first.
_OF_VIEWERS = tuple(np.dtype(name) for name in ("uint8", "int16", "int32"))


def write_image(
    path: str | os.PathLike[str],
    array: ArrayLike | Image,
    like: Any = None,
    *,
    spacing: float | Sequence[float] | None = None,
    dtype: DTypeLike | None = None,
) -> None:
    """Write an array as an image file, where another image lies; the whole file or nothing of it.

    Parameters
    ----------
    path : str or path-like
        Ends in .nii, .nii.gz, .nrrd, .mha, .ome.tif, .tif, .npy or .npz, in upper or lower case. A file that is
        there is replaced, but not the one that the image is `like`.
    array : array_like of bool, integers or floats, or Image
        Axes (x, y) or (x, y, z), as :func:`read_image` gives them. An `Image` brings its grid.
    like : path, image or Grid, optional
        Anything that :func:`fastseg.evaluate` takes and that knows where its voxels lie; the array has its shape.
        A file of the same format lies where this one does to the bit: NIfTI's sform, qform, their codes and units are
        taken over, and so are the fields of NRRD and MetaImage. Otherwise NIfTI-1 keeps places in float32, and NRRD
        and MetaImage in float64.
    spacing : float or sequence of float, optional
        Voxel size in mm along each axis, where there is nothing to be `like`; the file has no orientation then.
    dtype : dtype, optional
        Of the voxels. Default: the array's own; except in .npy and .npz, bool becomes uint8, float16 float32, and
        64-bit integers the smallest of uint8, int16 and int32 that holds them, as viewers want them.

    Raises
    ------
    TypeError, ValueError
        For another ending, an array on a GPU, of other axes or of another shape than the image that it is `like`, and
        for values that the dtype cannot hold.
    OSError
        If the file cannot be written; what stood there before is as it was.
    ImportError
        nibabel (NIfTI) or tifffile (TIFF) is not installed.

    Notes
    -----
    Known alone by its voxel size, a grid has no orientation; an origin without one (OME-Zarr's) is not written.
    TIFF files, with OME's description, hold the voxel size alone, and NumPy's no grid. Equal images give equal bytes,
    but for .npz, which holds the time.

    Examples
    --------
    >>> import numpy as np, os, tempfile, fastseg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "mask.nrrd")
    ...     fastseg.write_image(path, np.ones((4, 5, 6), bool), spacing=(0.5, 0.5, 3))
    ...     image = fastseg.read_image(path)
    >>> image.array.shape, image.array.dtype.name, image.spacing
    ((4, 5, 6), 'uint8', (0.5, 0.5, 3.0))
    """
    target = Path(os.fsdecode(path))
    written = _format_of(str(target))
    if isinstance(array, Image):
        like = array if like is None and spacing is None else like
        array = array.array
    if is_on_device(array):
        raise InputTypeError(f"array: it is on a GPU; copy it before it is written ({COPY})")
    voxels = as_array(array, "array")
    if like is not None and spacing is not None:
        raise InputError("spacing: the voxel size comes with like; give one of both")
    if is_image_path(like):
        _check_other_file(target, os.fsdecode(like))
    shape, grid, source = _place_of(like)
    if like is not None and shape != voxels.shape:
        hint = hint_for_shapes(shape, voxels.shape)
        hint = hint.replace("the prediction", "the array").replace("one of them", "the array")
        raise InputError(
            f"array: expected the shape {shape} of the image that it is like, got {voxels.shape}{hint}"
        )
    if written.has_grid:
        if voxels.ndim not in (2, 3):
            raise InputError(f"array: expected 2 or 3 axes, got shape {voxels.shape}")
        if spacing is not None:
            grid = Grid(voxels.shape, as_spacing(spacing, voxels.ndim), None)
        voxels = _stored(voxels, dtype)
        grid, voxels = _with_x_first(grid, voxels)
    elif dtype is not None:
        voxels = _as_type(voxels, np.dtype(dtype))
    write = getattr(
        importlib.import_module(f"fastseg.io.writers.{written.module}"), written.function
    )
    write(target, Voxels(voxels, grid, source))


def grid_of(value: Any) -> Grid | None:
    """Say where a file, an image or another library's image lies; None for what does not know, plain arrays too."""
    if is_image_path(value):
        return open_image(value).grid
    opened = as_opened(value)
    return None if opened is None else opened.grid


def check_written_path(path: str | os.PathLike[str], *sources: Any) -> None:
    """Refuse, before there is any work, a file that :func:`write_image` would not write.

    Parameters
    ----------
    path : str or path-like
    *sources : object
        What it is made of: a file among them is not replaced.

    Raises
    ------
    ValueError
        For another ending, and for the file of a source.
    OSError
        If it is a folder, or there is no folder for it.
    """
    target = Path(os.fsdecode(path))
    _format_of(str(target))
    for source in sources:
        if is_image_path(source):
            _check_other_file(target, os.fsdecode(source))
    if target.is_dir():
        raise IsADirectoryError(f"{target}: expected a file to write to, but this is a folder")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent}: no such folder, so {target} cannot be written")


def _format_of(path: str) -> WrittenFormat:
    for entry in WRITTEN_FORMATS:
        if path.lower().endswith(entry.suffixes):
            return entry
    raise InputError(
        f"{path}: not the name of an image that is written; known endings are {', '.join(WRITTEN_SUFFIXES)}"
    )


def _check_other_file(target: Path, source: str) -> None:
    if target.exists() and os.path.exists(source) and os.path.samefile(target, source):
        raise InputError(f"{target}: is read for what is to be written; give another name")


def _place_of(like: Any) -> tuple[tuple[int, ...], Grid | None, Any]:
    """Say what shape an image has, where it lies, and which file or object has the header that says so."""
    if like is None:
        return (), None, None
    if isinstance(like, Grid):
        return like.shape, like, None
    opened = open_image(like) if is_image_path(like) else as_opened(like, "like")
    if opened is None:
        raise InputTypeError(
            f"like: expected a file, an image or a Grid, which know where their voxels lie, got {shown(like)}"
        )
    if isinstance(like, Image):
        return like.shape, like.grid, _file_behind(like)
    return opened.shape, opened.grid, os.fsdecode(like) if is_image_path(like) else like


def _file_behind(image: Image) -> str | None:
    """Find the file that an image was read from, if it still says the same of where its voxels lie."""
    grid = image.grid
    if grid is None or not os.path.isfile(image.source):
        return None
    try:
        own = open_image(image.source).grid
    except (InputError, OSError):
        return None
    return image.source if own is not None and is_one_grid(own, grid) else None


def _with_x_first(grid: Grid | None, array: np.ndarray) -> tuple[Grid | None, np.ndarray]:
    """Put axes with names (z, y, x), as OME-Zarr and xarray have them, into the order of image files."""
    if grid is None or sorted(grid.axes) != list("xyz"[: array.ndim]):
        return grid, array
    order = tuple(grid.axes.index(name) for name in "xyz"[: array.ndim])
    return permuted(grid, order), array.transpose(order)


def _stored(array: np.ndarray, dtype: DTypeLike | None) -> np.ndarray:
    """Give voxels a type that files of images have: the one asked for, or what viewers open."""
    if dtype is not None:
        wanted = np.dtype(dtype)
        if wanted.kind not in "iuf" or wanted.name in ("float16", "longdouble", "float128"):
            raise InputTypeError(
                f"dtype: expected integers of 8 to 64 bits, float32 or float64, got {wanted}"
            )
        return _as_type(array, wanted)
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    if array.dtype.kind == "f":
        if array.dtype.itemsize > 8:
            raise InputTypeError(f"array: {array.dtype} has no place in a file; convert to float64")
        return array.astype(np.float32) if array.dtype.itemsize < 4 else array
    if array.dtype.itemsize < 8:
        return array
    low, high = int(array.min()), int(array.max())
    for kind in _OF_VIEWERS:
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return array.astype(kind)
    return array


def _as_type(array: np.ndarray, wanted: np.dtype[Any]) -> np.ndarray:
    """Convert what can be: integers must hold every value, floats round."""
    if wanted.kind == "f" or array.dtype == wanted:
        return array.astype(wanted, copy=False)
    if wanted.kind not in "iu":
        raise InputTypeError(f"dtype: expected integers or floats, got {wanted}")
    low, high = array.min(), array.max()
    limits = np.iinfo(wanted)
    fits = limits.min <= low and high <= limits.max  # nan does not
    if not fits or (array.dtype.kind == "f" and (array != np.rint(array)).any()):
        raise InputError(f"dtype: {wanted} cannot hold the values of the array, {low} to {high}")
    return array.astype(wanted)
