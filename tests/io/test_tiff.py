"""TIFF: stacks and pictures, voxel sizes of ImageJ, OME and nnU-Net, and what cannot be a label map."""

from __future__ import annotations

import importlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK
import tifffile
from PIL import Image as Picture

from fastseg.io import read_image
from tests.io.files import grid_of, labels, refused, sitk_image

STACK = labels(shape=(13, 9, 5))


def imagej(path: Path, resolution: tuple[float, float], **metadata: Any) -> Path:
    tifffile.imwrite(
        path, STACK.T, imagej=True, resolution=resolution, metadata={"axes": "ZYX", **metadata}
    )
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"bigtiff": True, "byteorder": ">"},
        {"tile": (16, 16)},
        {"tile": (16, 16), "compression": "zlib"},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"metadata": None},
        {"rowsperstrip": 2},
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_axes_are_x_y_and_z(tmp_path: Path, options: dict[str, Any], dtype: npt.DTypeLike) -> None:
    array = STACK.astype(dtype)
    tifffile.imwrite(
        tmp_path / "a.tif", np.ascontiguousarray(array.T), photometric="minisblack", **options
    )
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.array, array)
    assert image.array.dtype == dtype
    assert image.array.flags.f_contiguous
    assert image.grid is None
    assert image.notes == ()


def test_differences_of_neighbours_are_summed(tmp_path: Path) -> None:
    array = STACK.astype(np.uint16) * 600
    tifffile.imwrite(tmp_path / "a.tif", array.T, compression="zlib", predictor=2)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").array, array)


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".ome.tif", ".ome.tiff"])
def test_pictures(tmp_path: Path, suffix: str) -> None:
    tifffile.imwrite(tmp_path / f"a{suffix}", np.ascontiguousarray(STACK[:, :, 0].T))
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}").array, STACK[:, :, 0])


def test_one_slice_of_a_stack(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ascontiguousarray(STACK[:, :, :1].T))
    assert read_image(tmp_path / "a.tif").shape == (13, 9, 1)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_what_pillow_writes(tmp_path: Path, compression: str | None) -> None:
    pages = [Picture.fromarray(page) for page in STACK.T]
    path = tmp_path / "a.tif"
    options = {} if compression is None else {"compression": compression}
    pages[0].save(path, save_all=True, append_images=pages[1:], dpi=(72, 72), **options)
    image = read_image(path)
    np.testing.assert_array_equal(image.array, STACK)
    assert image.grid is None  # a resolution for printers


@pytest.mark.parametrize("compression", ["group4", "tiff_lzw", None])
def test_one_bit_is_false_or_true(tmp_path: Path, compression: str | None) -> None:
    mask = STACK[:, :, 0] > 50
    Picture.fromarray(mask.T).save(tmp_path / "a.tif", compression=compression)
    image = read_image(tmp_path / "a.tif")
    assert image.array.dtype == bool
    np.testing.assert_array_equal(image.array, mask)


def test_what_itk_writes(tmp_path: Path) -> None:
    SimpleITK.WriteImage(sitk_image(STACK), str(tmp_path / "a.tif"))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").array, STACK)


def test_pages_written_one_by_one_are_a_stack(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in STACK.T:
            writer.write(np.ascontiguousarray(page), contiguous=False)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").array, STACK)
    with tifffile.TiffWriter(tmp_path / "b.tif") as writer:
        writer.write(np.ascontiguousarray(STACK[:, :, 0].T))
        writer.write(np.ascontiguousarray(STACK[:5, :, 0].T))
    refused(tmp_path / "b.tif", "expected one image, but it holds 2, of shapes (9, 13), (9, 5)")


@pytest.mark.parametrize(
    ("unit", "mm"), [("um", 1e-3), ("micron", 1e-3), ("\\u00B5m", 1e-3), ("mm", 1), ("inch", 25.4)]
)
def test_voxel_sizes_of_imagej(tmp_path: Path, unit: str, mm: float) -> None:
    image = read_image(imagej(tmp_path / "a.tif", (2, 4), spacing=3.0, unit=unit))
    assert image.spacing == pytest.approx((0.5 * mm, 0.25 * mm, 3 * mm))
    assert grid_of(image).affine is None
    assert grid_of(image).shape == STACK.shape
    np.testing.assert_array_equal(image.array, STACK)


def test_imagej_leaves_out_a_spacing_of_one(tmp_path: Path) -> None:
    image = read_image(imagej(tmp_path / "a.tif", (2, 2), unit="um"))
    assert image.spacing == pytest.approx((0.0005, 0.0005, 0.001))


@pytest.mark.parametrize("metadata", [{}, {"unit": "pixel"}, {"unit": "pixels", "spacing": 2.0}])
def test_imagej_without_a_unit_gives_no_voxel_size(
    tmp_path: Path, metadata: dict[str, Any]
) -> None:
    image = read_image(imagej(tmp_path / "a.tif", (2, 2), **metadata))
    assert image.grid is None
    assert image.notes == ()


def test_a_unit_that_nobody_knows_is_said(tmp_path: Path) -> None:
    image = read_image(imagej(tmp_path / "a.tif", (2, 2), unit="furlong"))
    assert image.grid is None
    assert "'furlong', is not known, so that no voxel size is" in image.notes[0]


@pytest.mark.parametrize(
    ("sizes", "spacing"),
    [
        ({"X": 0.5, "Y": 0.25, "Z": 2}, (5e-4, 2.5e-4, 2e-3)),
        (
            {"X": 0.5, "XUnit": "mm", "Y": 250, "YUnit": "nm", "Z": 2, "ZUnit": "µm"},
            (0.5, 2.5e-4, 2e-3),
        ),
        ({}, None),
    ],
)
def test_voxel_sizes_of_ome(
    tmp_path: Path, sizes: dict[str, Any], spacing: tuple[float, ...] | None
) -> None:
    metadata = {"axes": "ZYX"} | {f"PhysicalSize{name}": value for name, value in sizes.items()}
    tifffile.imwrite(tmp_path / "a.ome.tif", np.ascontiguousarray(STACK.T), metadata=metadata)
    image = read_image(tmp_path / "a.ome.tif")
    assert image.spacing == (None if spacing is None else pytest.approx(spacing))
    assert image.notes == ()


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"X": 0.5, "Y": 0.5}, "gives no PhysicalSizeZ"),
        (
            {"X": 0.5, "Y": 0.5, "Z": 1, "ZUnit": "reference frame"},
            "'reference frame', is not known",
        ),
    ],
)
def test_voxel_sizes_of_ome_that_are_missing_are_said(
    tmp_path: Path, sizes: dict[str, Any], words: str
) -> None:
    metadata = {"axes": "ZYX"} | {f"PhysicalSize{name}": value for name, value in sizes.items()}
    tifffile.imwrite(tmp_path / "a.ome.tif", np.ascontiguousarray(STACK.T), metadata=metadata)
    image = read_image(tmp_path / "a.ome.tif")
    assert image.grid is None
    assert words in image.notes[0]


def test_the_spacing_that_nnunet_writes_beside_it(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ascontiguousarray(STACK.T), compression="zlib")
    beside = tmp_path / "a.json"
    beside.write_text(json.dumps({"spacing": [3, 0.5, 0.25]}))
    image = read_image(tmp_path / "a.tif")
    assert image.spacing == (0.25, 0.5, 3.0)
    assert image.notes == ()
    imagej(tmp_path / "a.tif", (2, 2), unit="mm", spacing=1.0)
    image = read_image(tmp_path / "a.tif")
    assert image.spacing == (0.25, 0.5, 3.0)
    assert (
        "its voxel size is (0.5, 0.5, 1) mm, and (0.25, 0.5, 3) mm by the .json" in image.notes[0]
    )
    for text in ("{", "[1]", '{"shapes": []}', "[" * 100_000, '{"spacing": null}'):
        beside.write_text(text)
        assert read_image(tmp_path / "a.tif").spacing == (0.5, 0.5, 1.0)
    for wrong in ([1, 2], "abc", [1, 2, "x"], 3, [1, -2, 3]):
        beside.write_text(json.dumps({"spacing": wrong}))
        with pytest.raises(ValueError, match=r"a\.json: "):
            read_image(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", np.ascontiguousarray(STACK[:, :, 0].T))
    beside.write_text(json.dumps({"spacing": [999, 0.5, 0.25]}))
    assert read_image(tmp_path / "a.tif").spacing == (0.25, 0.5)


@pytest.mark.parametrize("axes", ["TYX", "CYX"])
@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_time_and_channels_are_refused(tmp_path: Path, axes: str, kind: str) -> None:
    options: dict[str, Any] = {kind: True, "metadata": {"axes": axes}}
    tifffile.imwrite(
        tmp_path / "a.tif", np.ascontiguousarray(STACK.T), photometric="minisblack", **options
    )
    refused(tmp_path / "a.tif", f"its axes are {axes} with (5, 9, 13)", "slices as Z")


def test_axes_of_one_entry_are_dropped(tmp_path: Path) -> None:
    array = np.ascontiguousarray(STACK.T[:, None, None])
    tifffile.imwrite(tmp_path / "a.ome.tif", array, metadata={"axes": "ZTCYX"})
    np.testing.assert_array_equal(read_image(tmp_path / "a.ome.tif").array, STACK)


def test_colours_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 13, 3), np.uint8), photometric="rgb")
    refused(tmp_path / "a.tif", "a picture in colour (3 samples a pixel)")
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((9, 13), complex))
    refused(tmp_path / "b.tif", "complex128")
    Picture.fromarray(STACK[:, :, 0].T).save(tmp_path / "c.tif", compression="jpeg")
    refused(tmp_path / "c.tif", "compressed with JPEG, which does not keep labels")


def test_a_palette_leaves_the_indices_and_inverted_grey_what_is_stored(tmp_path: Path) -> None:
    picture = Picture.fromarray(STACK[:, :, 0].T)
    picture.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    picture.save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").array, STACK[:, :, 0])
    tifffile.imwrite(tmp_path / "b.tif", np.ascontiguousarray(STACK.T), photometric="miniswhite")
    image = read_image(tmp_path / "b.tif")
    np.testing.assert_array_equal(image.array, STACK)
    assert "photometric 0" in image.notes[0]


def test_codes_that_need_another_package_name_it(tmp_path: Path) -> None:
    if _has_imagecodecs():
        pytest.skip("it is installed")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ascontiguousarray(STACK.T), compression="zlib", metadata=None)
    data = path.read_bytes()
    field = struct.pack("<HHIHH", 259, 3, 1, 8, 0)
    assert field in data
    path.write_bytes(data.replace(field, struct.pack("<HHIHH", 259, 3, 1, 50000, 0)))
    with pytest.raises(ValueError, match=r"a\.tif.*pip install imagecodecs"):
        read_image(path)


def _has_imagecodecs() -> bool:
    try:
        importlib.import_module("imagecodecs")
    except ImportError:
        return False
    return True


@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib"}, {"imagej": True}, {"tile": (16, 16)}]
)
def test_every_truncation_is_found(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "a.tif"
    if "imagej" in options:
        options = {**options, "metadata": {"axes": "ZYX"}}
    tifffile.imwrite(path, np.ascontiguousarray(STACK.T), **options)
    data = path.read_bytes()
    for length in (*range(1, len(data), len(data) // 40), int(len(data) * 0.99)):
        path.write_bytes(data[:length])
        try:
            read = read_image(path)
        except ValueError:
            refused(path)
        else:  # what was cut off were no pixels
            np.testing.assert_array_equal(read.array, STACK)
            assert length > 0.5 * len(data)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_promises_are_compared_with_the_file(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, np.ascontiguousarray(STACK[:, :, 0].T), compression=compression, metadata=None
    )
    data = path.read_bytes()
    for tag, size in ((256, 13), (257, 9), (278, 9)):
        for kind, form in ((3, "<HHIHH"), (4, "<HHII")):
            old = struct.pack(form, tag, kind, 1, size, *([0] if kind == 3 else []))
            data = data.replace(old, struct.pack("<HHII", tag, 4, 1, 1_000_000))
    path.write_bytes(data)
    refused(path, "promises 1,000,000,000,000 bytes")


def reason_of(path: Path) -> str:
    """Why a file is refused, if it is."""
    try:
        read_image(path)
    except ValueError as error:
        return str(error)
    return ""


def test_pages_in_a_circle_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ascontiguousarray(STACK.T), metadata=None)
    with tifffile.TiffFile(path) as file:
        first, second = (file.pages[i].offset for i in (0, 1))
    data = path.read_bytes()
    for target in (first, len(data) + 100, 9):
        damaged = data.replace(struct.pack("<I", second), struct.pack("<I", target))
        path.write_bytes(damaged)
        refused(path, "truncated or damaged")


@pytest.mark.parametrize("compression", ["zlib", "tiff_lzw"])
@pytest.mark.filterwarnings("ignore:Tag data larger|Metadata Warning|Truncated File:UserWarning")
def test_corrupt_files_are_one_line(
    tmp_path: Path, compression: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bits flip anywhere: the labels are read, or refused, and nothing else is written."""
    path = tmp_path / "a.tif"
    if compression == "zlib":
        tifffile.imwrite(path, np.ascontiguousarray(STACK.T), compression="zlib")
    else:
        Picture.fromarray(STACK[:, :, 0].T).save(path, compression=compression)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            damaged[at] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        reason = reason_of(path)
        assert not reason or str(path) in reason
        assert "\n" not in reason
        assert len(reason) < 500 + len(str(path))
    assert capfd.readouterr().err == ""
