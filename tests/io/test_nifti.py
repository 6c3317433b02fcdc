"""NIfTI and Analyze: versions, byte orders, scaling, affines, units, zipping."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from fastseg.io import read_image
from tests.io.files import (
    DIRECTIONS,
    SPACING,
    affine_in,
    affine_of,
    grid_of,
    labels,
    nibabel_image,
    nifti_bytes,
    refused,
    taken,
)


@pytest.mark.parametrize("kind", ["Nifti1", "Nifti2"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".img"])
@pytest.mark.usefixtures("unzip")
def test_nifti_versions_and_byte_orders(tmp_path: Path, kind: str, order: str, suffix: str) -> None:
    array = labels(np.int16) * 300
    base = getattr(nibabel, f"{kind}{'Pair' if suffix == '.img' else 'Image'}")
    image = base(array, affine_of(), header=base.header_class(endianness=order))
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / f"a{suffix}")
    read = read_image(tmp_path / f"a{suffix}")
    assert read.array.dtype == np.int16
    assert read.array.dtype.isnative
    np.testing.assert_array_equal(read.array, array)
    np.testing.assert_allclose(affine_in(read), affine_of(), atol=1e-6)
    if suffix == ".img":
        assert read_image(tmp_path / "a.hdr").array.tobytes() == read.array.tobytes()


@pytest.mark.parametrize("kind", ["AnalyzeImage", "Spm99AnalyzeImage", "Spm2AnalyzeImage"])
def test_analyze_agrees_with_nibabel(tmp_path: Path, kind: str) -> None:
    image = getattr(nibabel, kind)(labels(np.int16), np.diag([-0.7, 1.25, 2.5, 1.0]))
    image.to_filename(tmp_path / "a.img")
    (tmp_path / "a.mat").unlink(missing_ok=True)
    theirs, read = nibabel_image(tmp_path / "a.hdr"), read_image(tmp_path / "a.hdr")
    np.testing.assert_array_equal(read.array, labels(np.int16))
    np.testing.assert_allclose(affine_in(read), theirs.affine)
    assert read.spacing == pytest.approx(SPACING)


def test_header_extensions_are_skipped(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(labels(), affine_of())
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"x" * 3_000_000))
    nibabel.save(image, tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read_image(tmp_path / "a.nii.gz").array, labels())


@pytest.mark.parametrize(("slope", "inter"), [(2.0, -5.0), (1.0, 3.0), (0.5, 0.0)])
def test_scaling_is_applied(tmp_path: Path, slope: float, inter: float) -> None:
    stored = labels(np.int16)
    (tmp_path / "a.nii").write_bytes(nifti_bytes(stored, scl_slope=slope, scl_inter=inter))
    expected = stored * slope + inter
    np.testing.assert_array_equal(read_image(tmp_path / "a.nii").array, expected)
    np.testing.assert_array_equal(taken(nibabel_image(tmp_path / "a.nii")).array, expected)


@pytest.mark.parametrize(("slope", "inter"), [(1, 0), (0, 7), (np.nan, np.nan)])
def test_scaling_that_says_nothing_leaves_the_stored_type(
    tmp_path: Path, slope: float, inter: float
) -> None:
    (tmp_path / "a.nii").write_bytes(nifti_bytes(labels(), scl_slope=slope, scl_inter=inter))
    for image in (read_image(tmp_path / "a.nii"), taken(nibabel_image(tmp_path / "a.nii"))):
        assert image.array.dtype == np.uint8
        np.testing.assert_array_equal(image.array, labels())


def test_float_labels_saved_with_an_integer_header_are_whole_again(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(labels(np.float64), affine_of())
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "a.nii.gz")
    assert not np.array_equal(nibabel_image(tmp_path / "a.nii.gz").get_fdata(), labels())
    np.testing.assert_array_equal(read_image(tmp_path / "a.nii.gz").array, labels())
    np.testing.assert_array_equal(taken(nibabel_image(tmp_path / "a.nii.gz")).array, labels())


def test_scaled_real_numbers_are_not_rounded(tmp_path: Path) -> None:
    stored = labels(np.int16)
    (tmp_path / "a.nii").write_bytes(nifti_bytes(stored, scl_slope=0.25, scl_inter=0.001))
    expected = stored * 0.25 + np.float32(0.001)
    np.testing.assert_allclose(read_image(tmp_path / "a.nii").array, expected, rtol=1e-12)


def test_affine_is_sform_then_qform_then_voxel_sizes(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(labels(), affine_of(DIRECTIONS["oblique"]))
    image.set_qform(affine_of(DIRECTIONS["flipped"]), code=1)
    data = bytearray(image.to_bytes())
    for sform_code, qform_code in ((2, 1), (2, 0), (0, 1), (0, 0)):
        header = nibabel.Nifti1Header(bytes(data[:348]))
        header["sform_code"], header["qform_code"] = sform_code, qform_code
        (tmp_path / "a.nii").write_bytes(header.binaryblock + data[348:])
        theirs = nibabel_image(tmp_path / "a.nii")
        for read in (read_image(tmp_path / "a.nii"), taken(theirs)):
            assert read.spacing == pytest.approx(SPACING)
            if sform_code or qform_code:
                np.testing.assert_array_equal(affine_in(read), theirs.affine)
            else:  # by the standard nobody said where the voxels lie
                assert grid_of(read).affine is None


@pytest.mark.parametrize(("unit", "mm"), [("meter", 1e3), ("micron", 1e-3), ("mm", 1)])
def test_lengths_are_in_mm(tmp_path: Path, unit: str, mm: float) -> None:
    image = nibabel.Nifti1Image(labels(), affine_of())
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii")
    for read in (read_image(tmp_path / "a.nii"), taken(image)):
        assert read.spacing == pytest.approx(np.multiply(SPACING, mm), rel=1e-6)
        np.testing.assert_allclose(affine_in(read)[:3], affine_of()[:3] * mm, rtol=1e-6)


@pytest.mark.parametrize("size", [0.0, np.nan, np.inf])
@pytest.mark.parametrize("qform_code", [0, 1])
def test_voxel_sizes_that_make_no_sense_are_named(
    tmp_path: Path, size: float, qform_code: int
) -> None:
    pixdim = [1, 0.5, size, 3, 0, 0, 0, 0]
    data = nifti_bytes(labels(), pixdim=pixdim, sform_code=0, qform_code=qform_code)
    (tmp_path / "a.nii").write_bytes(data)
    refused(tmp_path / "a.nii", "pixdim", f"(0.5, {size}, 3.0) mm")


@pytest.mark.parametrize("size", [0.0, -1.25, 1.25, 1.26, np.nan, np.inf])
def test_a_sound_sform_needs_no_pixdim(tmp_path: Path, size: float) -> None:
    """Where both are there and differ, the file is read by the sform, and says so."""
    pixdim = [1, SPACING[0], size, SPACING[2], 0, 0, 0, 0]
    (tmp_path / "a.nii").write_bytes(nifti_bytes(labels(), pixdim=pixdim))
    read = read_image(tmp_path / "a.nii")
    assert read.spacing == pytest.approx(SPACING)
    if abs(size) == 1.25:
        assert not read.notes
    else:
        [note] = read.notes
        assert note.startswith(
            f"{tmp_path / 'a.nii'}: its header contradicts itself: voxels of (0.7"
        )
        assert f"(0.7, {abs(size):g}, 2.5) mm by pixdim" in note


def test_rounded_voxel_sizes_contradict_nothing(tmp_path: Path) -> None:
    pixdim = [1, *np.round(np.multiply(SPACING, 1.0004), 4), 0, 0, 0, 0]
    (tmp_path / "a.nii").write_bytes(nifti_bytes(labels(), pixdim=pixdim))
    assert not read_image(tmp_path / "a.nii").notes


@pytest.mark.parametrize("qform_code", [0, 1])
def test_negative_voxel_sizes_are_taken_without_the_sign(tmp_path: Path, qform_code: int) -> None:
    pixdim = [1, -0.5, 2, -3, 0, 0, 0, 0]
    data = nifti_bytes(labels(), pixdim=pixdim, sform_code=0, qform_code=qform_code)
    (tmp_path / "a.nii").write_bytes(data)
    read = read_image(tmp_path / "a.nii")
    assert read.spacing == pytest.approx((0.5, 2, 3))
    assert "(-0.5, 2, -3) mm (pixdim); they are taken without the sign" in " ".join(read.notes)


def test_an_sform_that_is_no_affine_gives_way_to_the_qform(tmp_path: Path) -> None:
    zeros = {f"srow_{axis}": [0, 0, 0, 0] for axis in "xyz"}
    image = nibabel.Nifti1Image(labels(), affine_of(DIRECTIONS["flipped"]))
    image.set_qform(affine_of(DIRECTIONS["flipped"]), code=1)
    data = bytearray(image.to_bytes())
    header = nibabel.Nifti1Header(bytes(data[:348]))
    for name, row in zeros.items():
        header[name] = row
    data[:348] = header.binaryblock
    (tmp_path / "a.nii").write_bytes(data)
    read = read_image(tmp_path / "a.nii")
    np.testing.assert_allclose(affine_in(read), affine_of(DIRECTIONS["flipped"]), rtol=1e-6)
    assert "its sform is no affine, so that the qform is used" in " ".join(read.notes)


@pytest.mark.parametrize("kind", ["Nifti1Image", "Nifti2Image"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_voxels_that_begin_nowhere_begin_behind_the_header(
    tmp_path: Path, kind: str, suffix: str
) -> None:
    image = getattr(nibabel, kind)(labels(), affine_of())
    data = bytearray(image.to_bytes())
    at, form = (108, "<f4") if kind == "Nifti1Image" else (168, "<i8")
    data[at : at + np.dtype(form).itemsize] = np.zeros(1, form).tobytes()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(data) if suffix == ".nii.gz" else data)
    read = read_image(path)
    np.testing.assert_array_equal(read.array, labels())
    assert "begin at byte 0 (vox_offset)" in " ".join(read.notes)
    flag = 348 if kind == "Nifti1Image" else 540
    data[flag] = 1  # extensions of unknown length follow
    path.write_bytes(gzip.compress(data) if suffix == ".nii.gz" else data)
    refused(path, "begin at byte 0", "extensions")


@pytest.mark.parametrize("excess", [0, 6e-8, 3.7e-7, 1e-5, 9e-4])
def test_quaternions_a_rounding_longer_than_1_are_half_turns(tmp_path: Path, excess: float) -> None:
    b, c, d = np.sqrt(1 + excess) * np.array([0.6, 0.64, 0.48])
    fields: dict[str, Any] = {
        "quatern_b": b,
        "quatern_c": c,
        "quatern_d": d,
        "sform_code": 0,
        "qform_code": 1,
    }
    (tmp_path / "a.nii").write_bytes(nifti_bytes(labels(), **fields))
    read = read_image(tmp_path / "a.nii")
    half_turn = 2 * np.outer([0.6, 0.64, 0.48], [0.6, 0.64, 0.48]) - np.eye(3)
    np.testing.assert_allclose(affine_in(read)[:3, :3], half_turn * SPACING, atol=2e-3)
    assert read.spacing == pytest.approx(SPACING)


@pytest.mark.parametrize("part", [1.1, np.nan, np.inf])
def test_quaternions_that_are_none_are_refused(tmp_path: Path, part: float) -> None:
    fields: dict[str, Any] = {"quatern_b": part, "sform_code": 0, "qform_code": 1}
    (tmp_path / "a.nii").write_bytes(nifti_bytes(labels(), **fields))
    refused(tmp_path / "a.nii", "quatern_b, c and d")


@pytest.mark.parametrize("classes", [3, 12, 200, 255])
def test_labels_stored_in_coarse_steps_are_whole_again(tmp_path: Path, classes: int) -> None:
    """As nibabel stores labels that are floats in 8 bits: each is off by up to half a step."""
    array = np.random.default_rng(classes).integers(0, classes + 1, (5, 6, 7)).astype(float)
    array.flat[:2] = 0, classes
    image = nibabel.Nifti1Image(array, affine_of())
    image.set_data_dtype(np.uint8)
    nibabel.save(image, tmp_path / "a.nii.gz")
    for read in (
        read_image(tmp_path / "a.nii.gz"),
        taken(nibabel_image(tmp_path / "a.nii.gz")),
    ):
        np.testing.assert_array_equal(read.array, array)


@pytest.mark.parametrize(
    ("slope", "inter"),
    [
        (1 / 255, 0),  # a mask of 0 and 1, scaled away
        (0.4, 0),  # what is 0.4 is neither 0 nor 1
        (2.5, 0),  # steps between which labels vanish
        (1, 0.5),  # halves
    ],
)
def test_values_between_labels_stay_what_they_are(
    tmp_path: Path, slope: float, inter: float
) -> None:
    stored = np.zeros((4, 4, 4), np.uint8)
    stored[1:3] = 1
    (tmp_path / "a.nii").write_bytes(nifti_bytes(stored, scl_slope=slope, scl_inter=inter))
    expected = stored * np.float64(np.float32(slope)) + np.float64(np.float32(inter))
    np.testing.assert_allclose(read_image(tmp_path / "a.nii").array, expected, rtol=1e-12)


def test_a_scale_never_makes_a_mask_empty(tmp_path: Path) -> None:
    data = nifti_bytes(np.zeros((3, 3, 3), np.uint8), scl_slope=0.9, scl_inter=0.4)
    (tmp_path / "a.nii").write_bytes(data)
    np.testing.assert_allclose(read_image(tmp_path / "a.nii").array, 0.4)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([np.nan, 0, 0, 0], "not finite"),
        ([0, 0, 0, 0], "column lengths"),
    ],
)
def test_affines_that_measure_nothing_are_refused(
    tmp_path: Path, row: list[float], words: str
) -> None:
    data = nifti_bytes(labels(), np.eye(4), srow_x=row)
    (tmp_path / "a.nii").write_bytes(data)
    refused(tmp_path / "a.nii", "affine", words)


@pytest.mark.parametrize(
    "fields",
    [
        {"datatype": 7},
        {"vox_offset": 100},
        {"vox_offset": np.nan},
        {"dim": [3, -5, 7, 9, 1, 1, 1, 1]},
        {"dim": [0, 5, 7, 9, 1, 1, 1, 1]},
        {"dim": [1, 5, 7, 9, 1, 1, 1, 1]},
        {"scl_slope": 2, "scl_inter": np.inf},
        {"magic": b"ni1"},
        {"magic": b"xyz"},
    ],
)
def test_headers_that_make_no_sense_are_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    (tmp_path / "a.nii").write_bytes(nifti_bytes(labels(), **fields))
    refused(tmp_path / "a.nii")


def test_misnamed_zipped_and_plain_nifti(tmp_path: Path) -> None:
    data = nifti_bytes(labels())
    (tmp_path / "plain.nii.gz").write_bytes(data)
    (tmp_path / "zipped.nii").write_bytes(gzip.compress(data))
    np.testing.assert_array_equal(read_image(tmp_path / "plain.nii.gz").array, labels())
    np.testing.assert_array_equal(read_image(tmp_path / "zipped.nii").array, labels())


@pytest.mark.usefixtures("unzip")
def test_gzip_of_several_members_and_padding(tmp_path: Path) -> None:
    data = nifti_bytes(labels()) + bytes(100)
    parts = [gzip.compress(data[:400]), gzip.compress(data[400:]), bytes(20)]
    (tmp_path / "a.nii.gz").write_bytes(b"".join(parts))
    np.testing.assert_array_equal(read_image(tmp_path / "a.nii.gz").array, labels())
