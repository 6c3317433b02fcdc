"""What other libraries read from a file: the voxels with the axes (x, y, z), as an independent witness."""

from __future__ import annotations

from typing import Any

import numpy as np


def read_by_other_library(path: str) -> Any:
    """Read a file by the library that its format is at home in; None where there is none to ask."""
    name = path.lower()
    if name.endswith((".nii", ".nii.gz", ".hdr", ".img", ".mgz", ".mgh")):
        import nibabel

        image: Any = nibabel.load(path)
        return _whole(np.asarray(image.dataobj))
    if name.endswith((".nrrd", ".nhdr", ".mha", ".mhd")):
        import SimpleITK

        return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path)).T
    if name.endswith(".npy"):
        return _whole(np.load(path))
    if name.endswith(".npz"):
        with np.load(path) as arrays:
            return _whole(next(iter(arrays.values())))
    if name.endswith((".png", ".bmp")):
        from PIL import Image

        with Image.open(path) as picture:
            return np.asarray(picture).T
    if name.endswith((".tif", ".tiff")):
        import tifffile

        return np.squeeze(tifffile.imread(path)).T
    if name.endswith((".zip", ".ozx")):
        import zarr

        with zarr.storage.ZipStore(path, mode="r") as store:
            return zarr.open_array(store, mode="r")[...]
    if name.endswith((".h5", ".hdf5")):
        import h5py

        with h5py.File(path) as file:
            return _whole(file["labels"][...])
    return None


def _whole(array: np.ndarray) -> np.ndarray:
    """Round what is a whole number but for rounding."""
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    return np.rint(array) if array.dtype.kind == "f" else array
