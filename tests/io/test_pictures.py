"""PNG and BMP: one label a pixel, or a reason."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from PIL import Image as Picture

from fastseg.io import read_image
from tests.io.files import labels, refused

FLAT = labels(shape=(13, 7))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, bits: int, data: bytes, kind: int = 0) -> bytes:
    """Make a PNG of packed rows, grey unless told otherwise."""
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_axes_are_x_and_y(tmp_path: Path, suffix: str) -> None:
    Picture.fromarray(FLAT.T).save(tmp_path / f"a{suffix}")
    image = read_image(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(image.array, FLAT)
    assert image.grid is None
    assert image.notes == ()
    if suffix == ".png":  # ITK makes colours of a grey BMP
        theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "a.png")))
        np.testing.assert_array_equal(image.array, theirs.T)


def test_sixteen_bits_are_kept(tmp_path: Path) -> None:
    array = FLAT.astype(np.uint16) * 650
    Picture.fromarray(array.T).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.array, array)
    assert image.array.dtype == np.uint16


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_a_palette_leaves_the_indices(tmp_path: Path, suffix: str) -> None:
    picture = Picture.fromarray(FLAT.T)
    picture.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    assert picture.mode == "P"
    picture.save(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}").array, FLAT)


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_one_bit_is_false_or_true(tmp_path: Path, suffix: str) -> None:
    Picture.fromarray(FLAT.T > 50).save(tmp_path / f"a{suffix}")
    image = read_image(tmp_path / f"a{suffix}")
    assert image.array.dtype == bool
    np.testing.assert_array_equal(image.array, FLAT > 50)


def test_few_bits_of_grey_are_spread_as_everywhere_and_said(tmp_path: Path) -> None:
    rows = b"".join(b"\0" + bytes([0b00011011]) for _ in range(3))
    (tmp_path / "a.png").write_bytes(png(4, 3, 2, rows))
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.array[:, 0], [0, 85, 170, 255])
    assert "have 2 bits: they are spread over 0 to 255" in image.notes[0]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_colours_are_refused_with_advice(tmp_path: Path, mode: str) -> None:
    Picture.fromarray(FLAT.T).convert(mode).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", f"in colour or with transparency ({mode})", "as one grey channel")


def test_moving_pictures_are_refused(tmp_path: Path) -> None:
    one, other = Picture.fromarray(FLAT.T), Picture.fromarray(FLAT.T[::-1])
    one.save(tmp_path / "a.png", save_all=True, append_images=[other])
    refused(tmp_path / "a.png", "expected one picture, but it holds 2")


def test_larger_pictures_than_pillow_opens_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Picture.fromarray(FLAT.T).save(tmp_path / "a.png")
    monkeypatch.setattr(Picture, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(Picture.DecompressionBombError):
        Picture.open(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").array, FLAT)


@pytest.mark.parametrize("size", [(10**6, 10**6), (2**31 - 1, 2**31 - 1)])
def test_promises_are_compared_with_the_file(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "a.png").write_bytes(png(*size, 8, bytes(100)))
    refused(tmp_path / "a.png", f"promises {size[0] * size[1]:,} pixels")
    Picture.fromarray(FLAT.T).save(tmp_path / "a.bmp")
    data = bytearray((tmp_path / "a.bmp").read_bytes())
    struct.pack_into("<ii", data, 18, *size)
    (tmp_path / "a.bmp").write_bytes(data)
    refused(tmp_path / "a.bmp")


@pytest.mark.parametrize("where", range(8, 200, 7))
def test_flipped_bits_of_a_png_are_found(tmp_path: Path, where: int) -> None:
    path = tmp_path / "a.png"
    Picture.fromarray(FLAT.T).save(path)
    data = bytearray(path.read_bytes())
    where %= len(data)
    data[where] ^= 0x10
    path.write_bytes(data)
    refused(path)


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_every_truncation_is_found(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Picture.fromarray(FLAT.T).save(path)
    data = path.read_bytes()
    for length in (*range(1, len(data) - 4, 11), len(data) - 4):  # rows of BMP end with padding
        path.write_bytes(data[:length])
        refused(path)


@pytest.mark.parametrize(("name", "other"), [("a.png", "bmp"), ("a.bmp", "png"), ("a.png", "tiff")])
def test_a_file_of_another_kind_is_said(tmp_path: Path, name: str, other: str) -> None:
    Picture.fromarray(FLAT.T).save(tmp_path / name, other)
    refused(tmp_path / name, f"not a {name[2:].upper()} image")
