"""Every format gives the same array and grid, and what is no image at all is refused."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from fastseg.io import (
    IMAGE_SUFFIXES,
    as_image,
    check_same_grid,
    image_stem,
    is_image_path,
    read_image,
)
from tests.io.files import (
    DIRECTIONS,
    DTYPES_OF,
    FLAT,
    SPACING,
    WITHOUT_GRID,
    WITHOUT_ORIENTATION,
    affine_in,
    affine_of,
    grid_of,
    labels,
    nibabel_image,
    nifti_bytes,
    refused,
    sitk_image,
    taken,
    write,
)


def test_the_fast_unzipper_is_the_one_in_use() -> None:
    pytest.importorskip("zlib_ng", reason="comes with fastseg-metrics[io]")
    from fastseg.io.voxels import inflaters

    assert [module.__name__ for module in inflaters()] == ["zlib_ng.gzip_ng", "zlib_ng.zlib_ng"]


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        (suffix, dtype)
        for suffix in (*IMAGE_SUFFIXES, "z.nrrd", ".NII.GZ", ".SEG.NRRD", ".OME.TIF")
        for dtype in ("uint8", "int8", "uint16", "int32", "uint32", "float32")
        if dtype in DTYPES_OF.get(suffix, (dtype,))
    ],
)
@pytest.mark.usefixtures("unzip")
def test_every_format_gives_back_values_dtype_and_grid(
    tmp_path: Path, suffix: str, dtype: str
) -> None:
    array = labels(dtype, (5, 7) if suffix in FLAT else (5, 7, 9))
    path = write(tmp_path / f"case{suffix.lower()}", array).rename(tmp_path / f"case{suffix}")
    image = read_image(str(path))
    assert image.array.dtype == array.dtype
    np.testing.assert_array_equal(image.array, array)
    assert image.source == str(path)
    if suffix in WITHOUT_GRID:
        assert image.grid is None
        assert image.spacing is None
        return
    assert image.array.flags.f_contiguous
    assert grid_of(image).shape == array.shape
    assert image.spacing == grid_of(image).spacing == pytest.approx(SPACING, rel=1e-6)
    if suffix.lower() in WITHOUT_ORIENTATION:
        assert grid_of(image).affine is None
    else:
        np.testing.assert_allclose(affine_in(image), affine_of(), atol=1e-6)


@pytest.mark.parametrize("name", DIRECTIONS)
def test_one_image_has_one_grid_in_all_formats(tmp_path: Path, name: str) -> None:
    affine = affine_of(DIRECTIONS[name])
    suffixes = [".nii.gz", ".hdr", ".nrrd", ".nhdr", ".mha", ".mhd", ".mgz"]
    if np.linalg.det(affine) > 0:  # slices of DICOM run along the normal of rows and columns
        suffixes.append(".dcm")
    images = [read_image(write(tmp_path / f"a{s}", labels(), affine)) for s in suffixes]
    images += [taken(sitk_image(labels(), affine))]
    images += [taken(nibabel.Nifti1Image(labels(), affine))]
    for image in images:
        np.testing.assert_array_equal(image.array, labels())
        np.testing.assert_allclose(affine_in(image), affine, atol=1e-6)
        assert image.spacing == pytest.approx(SPACING, rel=1e-6)
    for one, other in itertools.permutations(images, 2):
        check_same_grid(one, other)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_simpleitk_and_nibabel_agree_with_what_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    SimpleITK.WriteImage(sitk_image(labels(np.int16), affine_of(DIRECTIONS["oblique"])), str(path))
    image = read_image(path)
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    np.testing.assert_array_equal(image.array, theirs.T)
    if suffix == ".nii.gz":
        np.testing.assert_array_equal(affine_in(image), nibabel_image(path).affine)


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha", ".npy"])
def test_2d(tmp_path: Path, suffix: str) -> None:
    affine = affine_of(np.diag([-1.0, 1.0, 1.0]), (0.5, 2.0, 1.0), (3.0, 4.0, 0.0))
    array = labels(shape=(6, 4))
    if suffix == ".nii":
        (tmp_path / "a.nii").write_bytes(nifti_bytes(array, affine))
        image = read_image(tmp_path / "a.nii")
    else:
        image = read_image(write(tmp_path / f"a{suffix}", array, affine))
    np.testing.assert_array_equal(image.array, array)
    if suffix != ".npy":
        assert image.spacing == (0.5, 2.0)
        assert grid_of(image).shape == (6, 4)
        # The third column is the normal of the plane, whatever the format holds there.
        affine[:3, 2] = [0, 0, -1]
        np.testing.assert_allclose(affine_in(image), affine)
        check_same_grid(image, taken(sitk_image(array, affine)))


def test_trailing_axes_of_one_entry_are_dropped(tmp_path: Path) -> None:
    array = labels(shape=(5, 4, 3, 1, 1))
    nibabel.save(nibabel.Nifti1Image(array, affine_of()), tmp_path / "a.nii")
    slab = nibabel.Nifti1Image(labels(shape=(5, 4, 1, 1)), affine_of())
    in_4d = SimpleITK.JoinSeries([sitk_image(array[..., 0, 0])])
    SimpleITK.WriteImage(in_4d, str(tmp_path / "a.nrrd"))
    for image in (read_image(tmp_path / "a.nii"), read_image(tmp_path / "a.nrrd"), taken(in_4d)):
        np.testing.assert_array_equal(image.array, array[..., 0, 0])
        np.testing.assert_allclose(affine_in(image), affine_of(), atol=1e-6)
    assert taken(slab).array.shape == (5, 4, 1)


@pytest.mark.parametrize("suffix", [".nii", ".nrrd"])
def test_time_series_and_vectors_are_refused(tmp_path: Path, suffix: str) -> None:
    array = labels(shape=(5, 4, 3, 2))
    if suffix == ".nii":
        nibabel.save(nibabel.Nifti1Image(array, affine_of()), tmp_path / "a.nii")
        refused(tmp_path / "a.nii", "(5, 4, 3, 2)", "vector images are not supported")
        rgb = np.zeros((3, 4, 5), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
        nibabel.save(nibabel.Nifti1Image(rgb, affine_of()), tmp_path / "rgb.nii")
        refused(tmp_path / "rgb.nii", "one label a voxel")
    else:
        vectors = SimpleITK.GetImageFromArray(array, isVector=True)
        SimpleITK.WriteImage(vectors, str(tmp_path / "a.nrrd"))
        refused(tmp_path / "a.nrrd", "one label a voxel", "2 x vector of 8-bit unsigned integer")
        with pytest.raises(ValueError, match="one label a voxel"):
            taken(vectors)


def test_complex_voxels_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 2, 2), complex))
    refused(tmp_path / "a.npy", "complex128")
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2), complex), np.eye(4)), tmp_path / "a.nii")
    refused(tmp_path / "a.nii", "complex128")


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"hello, this is no image\n" * 40])
def test_files_that_are_no_images_are_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    for half in (".hdr", ".img") if suffix in (".hdr", ".img") else (suffix,):
        (tmp_path / f"a{half}").write_bytes(content)
    refused(tmp_path / f"a{suffix}", "" if content else "empty")


def test_paths_that_are_no_image_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.nii\.gz: no such file"):
        read_image(tmp_path / "none.nii.gz")
    (tmp_path / "folder.nii").mkdir()
    refused(tmp_path / "folder.nii", "directory")
    (tmp_path / "scan.xyz").write_bytes(b"x")
    refused(tmp_path / "scan.xyz", ".nii.gz, .seg.nrrd, ", ".nii, .hdr, .img, .nrrd, .nhdr, .mha")
    write(tmp_path / "pair.hdr", labels())
    (tmp_path / "pair.img").unlink()
    with pytest.raises(FileNotFoundError, match=r"pair\.img: no such file"):
        read_image(tmp_path / "pair.hdr")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.JPG", "does not keep labels"),
        ("a.jpeg", "save them as .png"),
        ("a.ims", "h5py.File"),
        ("a.mat", "scipy.io.loadmat"),
        ("a.mnc", "nibabel"),
        ("a.gipl.gz", "SimpleITK"),
        ("a.stl", "a surface"),
        ("a.zip", "unpack"),
    ],
)
def test_kinds_that_are_not_read_come_with_advice(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    refused(tmp_path / name, "not a kind of file that is read", words)
    assert not name.lower().endswith(IMAGE_SUFFIXES)


def test_folders_that_are_images_come_with_advice(tmp_path: Path) -> None:
    (tmp_path / "a.n5").mkdir()
    refused(tmp_path / "a.n5", "tensorstore.open")
    (tmp_path / "scan").mkdir()
    refused(tmp_path / "scan", "expected an image file, but this is a directory")
    (tmp_path / "scan" / "1.DCM").touch()
    refused(tmp_path / "scan", "name the one that is the segmentation")


def test_names() -> None:
    assert image_stem("/data/case.nii.gz") == "case"
    assert image_stem("case.0000.NRRD") == "case.0000"
    assert image_stem("case.seg.nrrd") == image_stem("case.Ome.TIF") == "case"
    with pytest.raises(ValueError, match="known endings"):
        image_stem("case.txt")
    assert is_image_path("a.nii")
    assert not is_image_path(labels())


@pytest.mark.parametrize(
    ("module", "suffix"),
    [
        ("nibabel", ".nii.gz"),
        ("nibabel", ".img"),
        ("nibabel", ".mgz"),
        ("SimpleITK", ".nrrd"),
        ("tifffile", ".tif"),
        ("PIL", ".png"),
        ("PIL", ".bmp"),
        ("highdicom", ".dcm"),
    ],
)
def test_missing_libraries_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, suffix: str
) -> None:
    path = write(tmp_path / f"a{suffix}", labels(shape=(5, 7) if suffix in FLAT else (5, 7, 9)))
    monkeypatch.setitem(sys.modules, module, None)
    extra = "dicom" if suffix == ".dcm" else "io"
    with pytest.raises(ImportError, match=rf'{module}: pip install "fastseg-metrics\[{extra}\]"'):
        read_image(path)
    assert as_image(labels()) is None
    np.save(tmp_path / "a.npy", labels())
    np.testing.assert_array_equal(read_image(tmp_path / "a.npy").array, labels())
