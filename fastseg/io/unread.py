"""Kinds of files that people have label maps in, and that are not read here: why, and what to do instead."""

from __future__ import annotations

import os

_LOSSY = (
    "JPEG does not keep labels: pixels of other values come up at every border; save them as .png"
)
_IN_MEMORY = "evaluate takes arrays as well as files: open it yourself and pass the array"
_CONVERT = "convert it to .nii.gz first"
_SURFACE = "a surface, not a label map: fill it into voxels first, with 3D Slicer or VTK"

_ADVICE = {
    (".jpg", ".jpeg", ".jp2", ".webp"): _LOSSY,
    (".ims",): f"{_IN_MEMORY}, h5py.File(path)['name']",
    (".n5",): f"{_IN_MEMORY}, tensorstore.open(…).result()",
    (".mat",): f"{_IN_MEMORY}, scipy.io.loadmat(path)['name']",
    (".pt", ".pth", ".pkl", ".pickle"): f"{_IN_MEMORY}, torch.load(path)",
    (".gif",): "save it as .png",
    (".mnc", ".mnc2", ".minc"): f"{_CONVERT}: nibabel.Nifti1Image.from_image(nibabel.load(path))",
    (".gipl", ".gipl.gz", ".vti", ".vtk", ".hdf", ".par", ".rec", ".ipl", ".am", ".nii.bz2"): (
        f"{_CONVERT}, with SimpleITK, nibabel or 3D Slicer"
    ),
    (
        ".raw",
        ".bin",
    ): "raw voxels without a header: write a .mhd beside it, or pass numpy.fromfile(path, …)",
    (".stl", ".ply", ".obj", ".vtp", ".gii"): _SURFACE,
    (".annot", ".label"): "labels of a surface, not of voxels",
    (".nii.zip", ".zip", ".tar", ".tar.gz", ".7z", ".rar"): "unpack it first",
}

_FOLDERS = (".n5",)

_ADVICE_OF = {suffix: advice for suffixes, advice in _ADVICE.items() for suffix in suffixes}


def advice_on(path: str) -> str | None:
    """Return what to do with a file, or a folder that is an image, of a kind that is not read."""
    name = path.lower().rstrip("/\\")
    is_folder = os.path.isdir(path)
    fitting = [
        suffix for suffix in (_FOLDERS if is_folder else _ADVICE_OF) if name.endswith(suffix)
    ]
    if fitting:
        return _ADVICE_OF[max(fitting, key=len)]
    if is_folder and any(entry.lower().endswith(".dcm") for entry in os.listdir(path)):
        return "a folder of DICOM files: name the one that is the segmentation (SEG); slices of a scan hold no labels"
    return None
