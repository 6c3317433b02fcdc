"""Images that are written: read by nibabel, SimpleITK and fastseg they lie where the one that they are like does."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
import tifffile

import fastseg
from fastseg.errors import InputError, InputTypeError
from fastseg.io import Grid, as_image, check_written_path, replacing
from fastseg.io.writing import WRITTEN_SUFFIXES
from tests.io.files import DIRECTIONS, ORIGIN, SPACING, affine_of, labels

GRIDDED = (".nii", ".nii.gz", ".nrrd", ".mha")
SHAPE = (5, 7, 9)


def simpleitk_image(direction: Any = DIRECTIONS["oblique"], array: Any = None) -> SimpleITK.Image:
    array = labels() if array is None else array
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T))
    image.SetSpacing(SPACING)
    image.SetOrigin(ORIGIN)
    image.SetDirection((np.diag([-1.0, -1.0, 1.0]) @ direction).ravel())
    return image


def place(image: SimpleITK.Image) -> tuple[Any, ...]:
    return image.GetSpacing(), image.GetOrigin(), image.GetDirection(), image.GetSize()


@pytest.mark.parametrize("suffix", GRIDDED)
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("by", ["path", "image"])
def test_a_file_lies_where_one_of_its_format_does_to_the_bit(
    suffix: str, direction: str, by: str, tmp_path: Path
) -> None:
    source, target = tmp_path / f"source{suffix}", tmp_path / f"written{suffix}"
    image = simpleitk_image(DIRECTIONS[direction])
    SimpleITK.WriteImage(image, str(source))
    array = labels(np.float32)
    like = str(source) if by == "path" else fastseg.read_image(source)
    fastseg.write_image(target, array, like)
    ours, before = fastseg.read_image(target), fastseg.read_image(source)
    assert ours.array.dtype == np.float32
    assert (ours.array == array).all()
    assert ours.grid is not None
    assert before.grid is not None
    assert np.array_equal(ours.grid.affine, before.grid.affine)  # type: ignore[arg-type]
    assert ours.spacing == before.spacing
    again = SimpleITK.ReadImage(str(target))
    assert place(again) == place(SimpleITK.ReadImage(str(source)))
    assert (array == SimpleITK.GetArrayFromImage(again).T).all()


@pytest.mark.parametrize("to", GRIDDED)
@pytest.mark.parametrize("source_suffix", GRIDDED)
def test_a_file_of_another_format_lies_there_within_its_numbers(
    to: str, source_suffix: str, tmp_path: Path
) -> None:
    source, target = tmp_path / f"source{source_suffix}", tmp_path / f"written{to}"
    SimpleITK.WriteImage(simpleitk_image(), str(source))
    fastseg.write_image(target, labels(), source)
    before, after = fastseg.read_image(source).grid, fastseg.read_image(target).grid
    assert before is not None
    assert after is not None
    limit = 1e-6 if "nii" in to else 1e-14
    assert np.allclose(before.affine, after.affine, rtol=limit, atol=100 * limit)  # type: ignore[arg-type]
    fastseg.evaluate(source, target)  # on one grid


def test_a_simpleitk_image_is_met_to_the_bit(tmp_path: Path) -> None:
    image = simpleitk_image()
    fastseg.write_image(tmp_path / "a.mha", labels(), image)
    assert place(SimpleITK.ReadImage(str(tmp_path / "a.mha"))) == place(image)


@pytest.mark.parametrize(
    ("qform", "sform"), [(1, 2), (4, 0), (0, 3), (2, 2), (0, 0)], ids=lambda code: str(code)
)
@pytest.mark.parametrize("unit", ["mm", "micron", "unknown"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_codes_units_and_both_forms_of_nifti_are_taken_over(
    qform: int, sform: int, unit: str, kind: Any, tmp_path: Path
) -> None:
    image = kind(labels(np.int16), None)
    image.header.set_zooms(SPACING)
    image.header.set_xyzt_units(unit)
    if qform:
        image.set_qform(affine_of(DIRECTIONS["oblique mirrored"]), code=qform)
    if sform:
        image.set_sform(affine_of(DIRECTIONS["permuted"]), code=sform, update_affine=True)
        image.header.set_zooms(SPACING)
    image.header["descrip"] = b"of the scan"
    image.header.set_slope_inter(3, 1)
    image.header["cal_max"] = 400
    nibabel.save(image, tmp_path / "source.nii")
    for like in (tmp_path / "source.nii", nibabel.load(tmp_path / "source.nii")):
        fastseg.write_image(tmp_path / "written.nii.gz", labels(np.float64), like)
        before = nibabel.load(tmp_path / "source.nii")
        after: Any = nibabel.load(tmp_path / "written.nii.gz")
        assert type(after) is kind
        for field in ("pixdim", "xyzt_units", "qform_code", "sform_code", "srow_x", "quatern_c"):
            assert np.array_equal(after.header[field], before.header[field]), field  # type: ignore[index]
        assert np.array_equal(after.affine, before.affine)  # type: ignore[attr-defined]
        assert after.get_data_dtype() == np.float64
        assert (np.asarray(after.dataobj) == labels()).all()
        assert after.header["descrip"].item() == b""
        assert after.header["cal_max"] == 0


def test_a_grid_that_is_not_that_of_the_file_gets_a_header_of_its_own(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(labels(), affine_of())
    nibabel.save(image, tmp_path / "source.nii")
    read = fastseg.read_image(tmp_path / "source.nii")
    assert read.grid is not None
    moved = Grid(read.shape, SPACING, affine_of(DIRECTIONS["oblique"]))
    fastseg.write_image(tmp_path / "a.nii", read.array, moved)
    after: Any = nibabel.load(tmp_path / "a.nii")
    assert np.allclose(after.affine, moved.affine, atol=1e-5)  # type: ignore[arg-type]
    assert np.allclose(after.get_qform(), moved.affine, atol=1e-4)  # type: ignore[arg-type]
    assert (after.header["qform_code"], after.header["sform_code"]) == (1, 1)
    # the file behind an image was written anew meanwhile
    nibabel.save(nibabel.Nifti1Image(labels(), moved.affine), tmp_path / "source.nii")
    fastseg.write_image(tmp_path / "b.nii", read)
    assert np.array_equal(nibabel.load(tmp_path / "b.nii").affine, read.grid.affine)  # type: ignore[attr-defined, arg-type]


def test_axes_that_are_not_at_right_angles_stay_so(tmp_path: Path) -> None:
    sheared = affine_of()
    sheared[0, 1] = 0.4
    grid = fastseg.io.image.make_grid(SHAPE, sheared, "")
    for suffix in (".nii", ".nrrd", ".mha"):
        fastseg.write_image(tmp_path / f"a{suffix}", labels(), grid)
        after = fastseg.read_image(tmp_path / f"a{suffix}").grid
        assert after is not None
        assert np.allclose(after.affine, sheared, atol=1e-6)  # type: ignore[arg-type]
    assert nibabel.load(tmp_path / "a.nii").header["qform_code"] == 0  # type: ignore[index]


@pytest.mark.parametrize("suffix", GRIDDED)
def test_a_voxel_size_alone(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    fastseg.write_image(path, labels(), spacing=SPACING)
    read = fastseg.read_image(path)
    assert read.spacing == pytest.approx(SPACING, rel=1e-7)
    assert SimpleITK.ReadImage(str(path)).GetSpacing() == pytest.approx(SPACING)
    if suffix != ".mha":  # which has no way not to tell an orientation
        assert read.grid is not None
        assert read.grid.affine is None
    fastseg.write_image(path, labels())
    assert fastseg.read_image(path).spacing in (None, (1, 1, 1))
    assert (fastseg.read_image(path).array == labels()).all()


@pytest.mark.parametrize("suffix", GRIDDED)
def test_two_axes(suffix: str, tmp_path: Path) -> None:
    array = labels(np.int16, (6, 4))
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T))
    image.SetSpacing((0.5, 2))
    image.SetOrigin((3, 4))
    image.SetDirection((0.6, -0.8, 0.8, 0.6))
    SimpleITK.WriteImage(image, str(tmp_path / f"source{suffix}"))
    for like in (image, tmp_path / f"source{suffix}", as_image(image)):
        fastseg.write_image(tmp_path / f"a{suffix}", array, like)
        again = SimpleITK.ReadImage(str(tmp_path / f"a{suffix}"))
        assert (array == SimpleITK.GetArrayFromImage(again).T).all()
        ours, before = fastseg.read_image(tmp_path / f"a{suffix}").grid, as_image(image)
        assert ours is not None
        assert before is not None
        assert before.grid is not None
        assert np.allclose(ours.affine, before.grid.affine, atol=1e-6)  # type: ignore[arg-type]
    askew = fastseg.io.image.make_grid((6, 4), affine_of(DIRECTIONS["oblique"]), "")
    if "nii" in suffix:
        fastseg.write_image(tmp_path / f"a{suffix}", array, askew)
    else:
        with pytest.raises(InputError, match="two axes and lies askew"):
            fastseg.write_image(tmp_path / f"a{suffix}", array, askew)


@pytest.mark.parametrize("suffix", [*GRIDDED, ".ome.tif", ".tiff", ".npy", ".npz"])
def test_voxels_come_back_in_their_type(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    for dtype in ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"):
        whole = labels(dtype, (6, 7, 10))
        for array in (whole, np.asfortranarray(whole), whole[::2, :, ::-2]):
            fastseg.write_image(path, array)
            read = fastseg.read_image(path)
            assert read.array.dtype == np.dtype(dtype)
            assert (read.array == array).all()
        if suffix in GRIDDED:
            again = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
            assert again.dtype == np.dtype(dtype)
            assert (array == again.T).all()


@pytest.mark.parametrize("suffix", [".ome.tif", ".tif"])
@pytest.mark.parametrize("shape", [(6, 4), (5, 7, 9)])
def test_tiff_keeps_the_voxel_size(suffix: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    fastseg.write_image(path, labels(np.uint16, shape), spacing=SPACING[: len(shape)])
    read = fastseg.read_image(path)
    assert (read.array == labels(np.uint16, shape)).all()
    assert read.spacing == SPACING[: len(shape)]
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert (file.asarray().squeeze() == labels(np.uint16, shape).T.squeeze()).all()
    with pytest.raises(InputError, match="OME-TIFF has no integers of 64 bits"):
        fastseg.write_image(path, labels(np.int64, shape), dtype=np.int64)


def test_types_that_viewers_do_not_open_become_such(tmp_path: Path) -> None:
    def written(array: Any, **options: Any) -> str:
        fastseg.write_image(tmp_path / "a.nii", array, **options)
        read = fastseg.read_image(tmp_path / "a.nii").array
        assert (read == array).all()
        return read.dtype.name

    flat = np.zeros((2, 2))
    assert written(flat == 0) == "uint8"
    assert written(flat.astype(np.float16)) == "float32"
    assert written(flat.astype(np.int64) + 255) == "uint8"
    assert written(flat.astype(np.int64) - 1) == "int16"
    assert written(flat.astype(np.uint64) + 40000) == "int32"
    assert written(flat.astype(np.int64) + 2**40) == "int64"
    assert written(flat.astype(np.uint8), dtype=np.int64) == "int64"
    assert written(flat + 3, dtype=np.uint16) == "uint16"
    assert written(flat.astype(">i2")) == "int16"
    for array, dtype in (
        (flat - 1, "u1"),
        (flat + 0.5, "i2"),
        (flat * np.nan, "i4"),
        (flat + 300, "u1"),
    ):
        with pytest.raises(InputError, match="cannot hold the values"):
            written(array, dtype=dtype)
    fastseg.write_image(tmp_path / "a.npy", flat == 0)
    assert np.load(tmp_path / "a.npy").dtype == bool
    with pytest.raises(InputTypeError, match="expected integers of 8 to 64 bits"):
        written(flat, dtype=complex)


def test_an_axis_that_is_too_long_for_nifti_1(tmp_path: Path) -> None:
    array = np.arange(40_000, dtype=np.int32).reshape(-1, 1)
    fastseg.write_image(tmp_path / "a.nii.gz", array, spacing=1)
    assert isinstance(nibabel.load(tmp_path / "a.nii.gz"), nibabel.Nifti2Image)
    assert (fastseg.read_image(tmp_path / "a.nii.gz").array == array).all()


def test_axes_with_names_come_into_the_order_of_image_files(tmp_path: Path) -> None:
    grid = Grid((9, 7, 5), SPACING[::-1], None, ("z", "y", "x"))
    fastseg.write_image(tmp_path / "a.nii", labels().T, grid)
    read = fastseg.read_image(tmp_path / "a.nii")
    assert read.shape == SHAPE
    assert read.spacing == pytest.approx(SPACING)
    assert (read.array == labels()).all()


def test_layers_of_segments_and_micrometres(tmp_path: Path) -> None:
    """Fields of NRRD are taken over, but not those of an axis of layers."""
    SimpleITK.WriteImage(simpleitk_image(), str(tmp_path / "a.nrrd"))
    text = (tmp_path / "a.nrrd").read_bytes()
    text = text.replace(b"\nkinds:", b'\nspace units: "um" "um" "um"\nkinds:')
    (tmp_path / "a.nrrd").write_bytes(text)
    fastseg.write_image(tmp_path / "b.nrrd", labels(), tmp_path / "a.nrrd")
    before, after = (fastseg.read_image(tmp_path / name).grid for name in ("a.nrrd", "b.nrrd"))
    assert before is not None
    assert after is not None
    assert after.spacing == before.spacing
    assert after.spacing[0] == pytest.approx(SPACING[0] / 1000)


@pytest.mark.parametrize("suffix", WRITTEN_SUFFIXES)
def test_a_file_is_written_whole_or_not_at_all(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a{suffix}"
    fastseg.write_image(path, labels())
    before = path.read_bytes()
    fastseg.write_image(path, labels())
    assert path.read_bytes() == before or suffix == ".npz"  # which holds the time
    before = path.read_bytes()
    real = replacing._locked_file

    class Full:
        def __init__(self, file: Any) -> None:
            self._file = file

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def write(self, _: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(
        replacing, "_locked_file", lambda *given: (Full((one := real(*given))[0]), one[1])
    )
    with pytest.raises(OSError, match="No space left on device") as caught:
        fastseg.write_image(path, labels(np.int16))
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.png", {}, "a.png: not the name of an image that is written; known endings are .nii.gz"),
        ("a", {}, "known endings are"),
        ("a.nii", {"array": np.zeros(4)}, "expected 2 or 3 axes, got shape (4,)"),
        ("a.nii", {"array": np.zeros((2, 2, 2, 2))}, "expected 2 or 3 axes, got shape (2, 2, 2, 2)"),
        ("a.nii", {"array": np.zeros((2, 2), complex)}, "expected an array of bool, integers or floats"),
        ("a.nii", {"like": "scan.nii", "array": np.zeros((9, 7, 5))}, "(9, 7, 5); the axes seem to be in another"),
        ("a.nii", {"like": "scan.nii", "array": np.zeros((5, 7, 9, 1))}, "drop axis 3 of the array"),
        ("a.nii", {"like": "scan.nii", "spacing": 1}, "spacing: the voxel size comes with like"),
        ("a.nii", {"like": np.zeros(SHAPE)}, "like: expected a file, an image or a Grid"),
        ("a.nii", {"like": "none.nii"}, "none.nii: no such file"),
        ("scan.nii", {"like": "scan.nii"}, "scan.nii: is read for what is to be written"),
        ("folder/a.nii", {}, "folder/a.nii: No such file or directory"),
        ("a.nii", {"spacing": (1, 2)}, "spacing: expected one number for each of the 3 array axes"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_said_in_one_line(
    name: str,
    options: dict[str, Any],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    nibabel.save(nibabel.Nifti1Image(labels(), affine_of()), "scan.nii")
    given = {"array": labels(), **options}
    with pytest.raises((ValueError, TypeError, OSError)) as caught:
        fastseg.write_image(name, given.pop("array"), given.pop("like", None), **given)
    told = fastseg.errors.one_line(caught.value)
    assert message in told
    assert os.listdir(tmp_path) == ["scan.nii"]


def test_a_path_is_refused_before_there_is_any_work(tmp_path: Path) -> None:
    source = tmp_path / "scan.nii"
    nibabel.save(nibabel.Nifti1Image(labels(), affine_of()), source)
    check_written_path(tmp_path / "map.nii.gz", source, labels())
    for path, message in (
        (source, "is read for"),
        (tmp_path / "a.jpg", "known endings"),
        (tmp_path / "none" / "a.nii", "no such folder"),
    ):
        with pytest.raises((ValueError, OSError), match=message):
            check_written_path(path, labels(), source)
    (tmp_path / "b.nii").mkdir()
    with pytest.raises(IsADirectoryError):
        check_written_path(tmp_path / "b.nii")
