"""Images to read: written by the libraries that the formats are at home in, or byte by byte."""

from __future__ import annotations

import io
import time
import tracemalloc
from pathlib import Path
from typing import Any, Literal

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK
import tifffile
from PIL import Image as Picture

from fastseg.evaluation import budget
from fastseg.io import IMAGE_SUFFIXES, Grid, Image, as_image, read_image
from fastseg.io.store_paths import HDF5_SUFFIXES, ZARR_SUFFIXES

Array = npt.NDArray[Any]

FLAT = (".png", ".bmp")
STORES = (*ZARR_SUFFIXES, *HDF5_SUFFIXES)
#: all that is one file, and no folder
FILE_SUFFIXES = tuple(suffix for suffix in IMAGE_SUFFIXES if suffix not in (".zarr", ".ome.zarr"))
WITHOUT_GRID = (*FLAT, ".npy", ".npz", *STORES)
WITHOUT_ORIENTATION = (".tif", ".tiff", ".ome.tif", ".ome.tiff")
#: what each kind of file can hold, where that is not everything
DTYPES_OF = {
    ".png": ("uint8", "uint16"),
    ".bmp": ("uint8",),
    ".dcm": ("uint8",),
    ".mgh": ("uint8", "int32", "float32"),
    ".mgz": ("uint8", "int32", "float32"),
}

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
IDENTITY = np.eye(3)
SPACING = (0.7, 1.25, 2.5)
ORIGIN = (-12.5, 30.25, 7.0)


def rotation(*degrees: float) -> Array:
    a, b, c = np.radians(degrees)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    turned: Array = x @ y @ z
    return turned


# Columns: where the array's axes point, in RAS+.
DIRECTIONS = {
    "identity": np.eye(3),
    "flipped": np.diag([-1.0, -1.0, 1.0]),
    "mirrored": np.diag([1.0, 1.0, -1.0]),
    "permuted": np.eye(3)[:, [2, 0, 1]],
    "oblique": rotation(20, -35, 70),
    "oblique mirrored": rotation(5, 10, 15) @ np.diag([-1.0, 1.0, 1.0]),
}


def labels(dtype: npt.DTypeLike = np.uint8, shape: tuple[int, ...] = (5, 7, 9)) -> Array:
    return np.random.default_rng(0).integers(0, 100, shape).astype(dtype)


def affine_of(
    direction: Array = IDENTITY,
    spacing: tuple[float, ...] = SPACING,
    origin: tuple[float, ...] = ORIGIN,
) -> Array:
    affine = np.eye(4)
    affine[:3, :3] = direction * spacing
    affine[:3, 3] = origin
    return affine


def sitk_image(array: Array, affine: Array | None = None) -> SimpleITK.Image:
    """Make the SimpleITK image of an array with axes (x, y, z) and a RAS+ affine."""
    image = SimpleITK.GetImageFromArray(array.T)
    lps = LPS_TO_RAS @ (affine_of() if affine is None else affine)
    ndim = array.ndim
    spacing = np.linalg.norm(lps[:3, :ndim], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:ndim, 3].tolist())
    image.SetDirection((lps[:ndim, :ndim] / spacing).ravel().tolist())
    return image


def write(path: Path, array: Array, affine: Array | None = None) -> Path:
    """Write an array with axes (x, y, z) with the library that each format is at home in."""
    name = str(path)
    affine = affine_of() if affine is None else affine
    if name.endswith((".nii", ".nii.gz")):
        nibabel.save(nibabel.Nifti1Image(array, affine), path)
    elif name.endswith((".hdr", ".img")):
        nibabel.save(nibabel.Nifti1Pair(array, affine), path)
    elif name.endswith((".mgh", ".mgz")):
        nibabel.save(nibabel.MGHImage(array, affine), path)
    elif name.endswith(FLAT):
        Picture.fromarray(array.T).save(path)
    elif name.endswith(WITHOUT_ORIENTATION):
        write_tiff(path, array, np.linalg.norm(affine[:3, :3], axis=0).tolist())
    elif name.endswith(".dcm"):
        from tests.io.dicom_files import write_segmentation  # takes a second to import

        write_segmentation(path, array, affine)
    elif name.endswith(".npy"):
        np.save(path, array)
    elif name.endswith(STORES):
        write_store(path, array)
    elif name.endswith(".npz"):
        np.savez_compressed(path, array)
    else:
        SimpleITK.WriteImage(sitk_image(array, affine), name, name.endswith("z.nrrd"))
    return path


def write_store(path: Path, array: Array, zarr_format: Literal[2, 3] = 3, **how: Any) -> Path:
    """Write an array alone, in chunks, as HDF5 or Zarr in a folder or a zip."""
    if path.name.endswith(HDF5_SUFFIXES):
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            file.create_dataset("labels", data=array, compression="gzip", **how)
        return path
    zarr = pytest.importorskip("zarr")
    how = {"chunks": tuple(max(1, size // 2) for size in array.shape), **how}
    if path.name.endswith((".zip", ".ozx")):
        with zarr.storage.ZipStore(path, mode="w") as store:
            zarr.create_array(store, data=array, zarr_format=zarr_format, **how)
    else:
        zarr.create_array(path, data=array, zarr_format=zarr_format, **how)
    return path


def small_slabs(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Have label maps that are not in memory read in slabs of so many bytes."""
    monkeypatch.setattr(budget, "LARGEST_SLAB", size)


def write_tiff(path: Path, array: Array, spacing: list[float]) -> None:
    """Write a zipped stack with its spacing in mm, as ImageJ or OME has it."""
    if ".ome" in path.name:
        sizes = {f"PhysicalSize{axis}": size for axis, size in zip("XYZ", spacing, strict=True)}
        units = dict.fromkeys((f"PhysicalSize{axis}Unit" for axis in "XYZ"), "mm")
        metadata = {"axes": "ZYX", **sizes, **units}
        tifffile.imwrite(path, array.T, compression="zlib", ome=True, metadata=metadata)
        return
    text = f"ImageJ=1.54f\nimages={array.shape[2]}\nslices={array.shape[2]}\nunit=mm\nspacing={spacing[2]}\n"
    resolution = (1 / spacing[0], 1 / spacing[1])
    tifffile.imwrite(
        path, array.T, compression="zlib", description=text, metadata=None, resolution=resolution
    )


def nifti_bytes(array: Array, affine: Array | None = None, **fields: Any) -> bytes:
    """Make a .nii file, with header fields overwritten after all checks."""
    image = nibabel.Nifti1Image(array, affine_of() if affine is None else affine)
    data = bytearray(image.to_bytes())
    header = nibabel.Nifti1Header(bytes(data[:348]), check=False)
    for name, value in fields.items():
        header[name] = value
    data[:348] = header.binaryblock
    return bytes(data)


def huge_npy() -> bytes:
    """Make the header of 10**12 voxels, and a thousand of them."""
    file = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (10**12,)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + bytes(1000)


def nibabel_image(path: Path) -> Any:
    """The image as nibabel reads it, whatever its class."""
    return nibabel.load(path)


def grid_of(image: Image) -> Grid:
    assert image.grid is not None
    return image.grid


def affine_in(image: Image) -> Array:
    """Give the affine of an image that has one."""
    affine = grid_of(image).affine
    assert affine is not None
    return affine


def taken(value: object) -> Image:
    """The image that an object of another library is."""
    image = as_image(value)
    assert image is not None
    return image


def refused(path: Path, *patterns: str) -> None:
    """Assert that reading is refused at once, in one line that names the file, without memory."""
    tracemalloc.start()
    started = time.perf_counter()
    try:
        with pytest.raises(ValueError) as caught:
            read_image(path)
        took, peak = time.perf_counter() - started, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    # Of a pair, the half that is at fault.
    assert str(path.with_suffix("") if path.suffix in (".hdr", ".img") else path) in message
    assert "\n" not in message
    for pattern in patterns:
        assert pattern in message
    assert took < 2
    assert peak < 8e6
