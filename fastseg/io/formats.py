"""The table of formats, and the front door: which reader for which file."""

from __future__ import annotations

import importlib
import os
from typing import NamedTuple

from fastseg.errors import InputError
from fastseg.io.image import Image, Opened
from fastseg.io.store_paths import HDF5_SUFFIXES, ZARR_SUFFIXES, StorePath, store_path
from fastseg.io.unread import advice_on


class Format(NamedTuple):
    """A kind of file, whose reader is imported when there is such a file.

    Attributes
    ----------
    suffixes : tuple of str
        The endings of its files, in lower case.
    module : str
        The file of this folder that reads it.
    function : str
        Its function from a path to :class:`Opened`, which reads the header, refuses what makes no sense, and takes no
        memory.
    """

    suffixes: tuple[str, ...]
    module: str
    function: str

    def open(self, path: str) -> Opened:
        """Read the header of a file of this kind."""
        opened: Opened = getattr(
            importlib.import_module(f"fastseg.io.{self.module}"), self.function
        )(path)
        return opened


#: a new kind of file is a file of this folder, and an entry here
FORMATS = (
    Format((".nii.gz", ".nii", ".hdr", ".img"), "nifti", "open_nifti"),
    Format((".nrrd", ".seg.nrrd", ".nhdr"), "nrrd", "open_nrrd"),
    Format((".mha", ".mhd"), "metaimage", "open_metaimage"),
    Format((".mgz", ".mgh"), "mgh", "open_mgh"),
    Format((".dcm",), "dicom", "open_dicom"),
    Format((".ome.tif", ".ome.tiff", ".tif", ".tiff"), "tiff", "open_tiff"),
    Format((".png",), "pictures", "open_png"),
    Format((".bmp",), "pictures", "open_bmp"),
    Format((".npy",), "numpy_files", "open_npy"),
    Format((".npz",), "numpy_files", "open_npz"),
    Format(ZARR_SUFFIXES, "zarr_stores", "open_zarr"),
    Format(HDF5_SUFFIXES, "hdf5_files", "open_hdf5"),
)

_FORMAT_OF = {suffix: entry for entry in FORMATS for suffix in entry.suffixes}

IMAGE_SUFFIXES = tuple(sorted(_FORMAT_OF, key=lambda suffix: -min(2, suffix.count("."))))
"""The endings of the file names that `read_image` reads, in lower case; of two that fit, the longer comes first."""


def read_image(path: str | os.PathLike[str]) -> Image:
    """Read a label map from a file.

    Parameters
    ----------
    path : str or path-like
        A file that ends in one of `IMAGE_SUFFIXES`, in upper or lower case. Of a pair (.hdr and
        .img, .mhd and its voxels) name either the header or, for .hdr and .img, the voxels. Of a store
        (Zarr, HDF5) also what is meant in it: ``cells.zarr/labels/nuclei``, ``scan.h5:/labels``.

    Returns
    -------
    Image
        The voxels with axes (x, y) or (x, y, z), whatever the format, and their grid. The dtype is
        the stored one; only NIfTI voxels with a scaling (scl_slope, scl_inter) become float64.
        Lengths are in mm, whatever the unit of the file.
        .npy and .npz files and pictures have no grid, and the arrays of .npy and .npz files and of
        stores have the axes that they were saved with.

    Raises
    ------
    FileNotFoundError
        There is no such file, or the other file that it needs is missing.
    ValueError
        The file is not an image of a known format, is damaged, holds more than one number a voxel
        or more than three axes, or its voxel sizes or affine make no sense. Memory is taken only
        after the header's promise was compared with the size of the file.
    ImportError
        nibabel (NIfTI, FreeSurfer), SimpleITK (NRRD), Pillow (PNG, BMP), tifffile (TIFF), highdicom
        (DICOM), zarr or h5py (HDF5) is not installed.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "case.npy")
    ...     np.save(path, np.zeros((4, 5, 6), dtype=np.uint8))
    ...     image = read_image(path)
    >>> image.array.shape, image.array.dtype.name, image.spacing
    ((4, 5, 6), 'uint8', None)
    """
    return open_image(path).read()


def open_image(path: str | os.PathLike[str]) -> Opened:
    """Read the header of an image file; :func:`read_image` says of what kinds."""
    path = _checked_path(path)
    return _FORMAT_OF[_suffix(path)].open(path)


def _checked_path(path: str | os.PathLike[str]) -> str:
    """Refuse what is no file of a known format, or holds nothing."""
    path = os.fsdecode(path)
    store = _store(path)
    if store is not None:
        if not os.path.exists(store.file):
            raise FileNotFoundError(f"{store.file}: no such file or folder")
        if os.path.isfile(store.file) and os.path.getsize(store.file) == 0:
            raise InputError(f"{store.file}: the file is empty")
        if os.path.isdir(store.file) and store.file.lower().endswith(HDF5_SUFFIXES):
            raise InputError(f"{store.file}: expected an HDF5 file, but this is a directory")
        return path
    if os.path.isdir(path) and (advice := advice_on(path)):
        raise InputError(f"{path}: not a file that is read: {advice}")
    if os.path.isdir(path):
        raise InputError(f"{path}: expected an image file, but this is a directory")
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: no such file")
    _suffix(path)
    if os.path.getsize(path) == 0:
        raise InputError(f"{path}: the file is empty")
    return path


def is_image_path(value: object) -> bool:
    """Tell whether a value names a file (a string or a path), rather than being an image."""
    return isinstance(value, (str, os.PathLike))


def is_image_folder(path: str | os.PathLike[str]) -> bool:
    """Tell whether a folder is one image, a store of Zarr, rather than a folder of images."""
    text = os.fsdecode(path)
    return os.path.isdir(text) and _store(text) is not None


def file_of(path: str | os.PathLike[str]) -> str:
    """Give the file or the folder that a path leads to or into: ``scan.h5`` of ``scan.h5:/labels``.

    Examples
    --------
    >>> file_of("cells.zarr/labels/nuclei"), file_of("scan.nii.gz")
    ('cells.zarr', 'scan.nii.gz')
    """
    text = os.fsdecode(path)
    store = _store(text)
    return text if store is None else store.file


def _store(path: str) -> StorePath | None:
    """Take a path into a store apart; None for that of a file of another kind."""
    store = store_path(path)
    if store is None or not store.inner or not store.inner.lower().endswith(IMAGE_SUFFIXES):
        return store
    return store if store.inner.lower().endswith((*ZARR_SUFFIXES, *HDF5_SUFFIXES)) else None


def image_stem(path: str | os.PathLike[str]) -> str:
    """Return the name of an image file without folder and suffix, which names the case.

    Examples
    --------
    >>> image_stem("scans/case.12.nii.gz"), image_stem("case.zarr/labels/cells")
    ('case.12', 'case')
    """
    text = file_of(path)
    name = os.path.basename(text.rstrip("/"))
    if is_image_folder(text) and not name.lower().endswith(IMAGE_SUFFIXES):
        return name
    return name[: -len(_suffix(name))]


def _suffix(path: str) -> str:
    if (store := _store(path)) is not None:
        path = store.file
        if not path.lower().endswith(IMAGE_SUFFIXES):
            return ZARR_SUFFIXES[-1]
    for suffix in IMAGE_SUFFIXES:
        if path.lower().endswith(suffix):
            return suffix
    if advice := advice_on(path):
        raise InputError(f"{path}: not a kind of file that is read: {advice}")
    raise InputError(
        f"{path}: not the name of an image; known endings are {', '.join(IMAGE_SUFFIXES)}"
    )
