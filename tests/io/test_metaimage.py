"""MetaImage: byte orders, compression, header sizes, voxels in another file."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from fastseg.io import read_image
from tests.io.files import LPS_TO_RAS, Array, affine_in, affine_of, labels, refused
from tests.io.text_headers import META, as_file


@pytest.mark.parametrize(
    ("header", "pack"),
    [
        ("", as_file),
        ("BinaryData = True\nBinaryDataByteOrderMSB = False\n", as_file),
        ("BinaryDataByteOrderMSB = True\n", lambda a: as_file(a, ">")),
        ("ElementByteOrderMSB = True\n", lambda a: as_file(a, ">")),
        ("CompressedData = True\nCompressedDataSize = {}\n", lambda a: zlib.compress(as_file(a))),
        ("CompressedData = True\nCompressedDataSize = {}\n", lambda a: gzip.compress(as_file(a))),
        ("HeaderSize = -1\n", lambda a: b"abc" + as_file(a)),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.usefixtures("unzip")
def test_metaimage_dialects(
    tmp_path: Path, header: str, pack: Callable[[Array], bytes], newline: str
) -> None:
    array = labels(np.int16) * 300
    data = pack(array)
    text = META + header.format(len(data)) + "ElementDataFile = LOCAL\n"
    path = tmp_path / "a.mha"
    path.write_bytes(text.replace("\n", newline).encode() + data)
    image = read_image(path)
    np.testing.assert_array_equal(image.array, array)
    np.testing.assert_array_equal(
        image.array.T, SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    )
    expected = LPS_TO_RAS @ affine_of(spacing=(0.5, 2, 3), origin=(1, 2, 3))
    np.testing.assert_allclose(affine_in(image), expected)


def test_metaimage_header_size_counts_from_the_front(tmp_path: Path) -> None:
    text = META + "HeaderSize = 400\nElementDataFile = LOCAL\n"
    (tmp_path / "a.mha").write_bytes(text.encode().ljust(400) + as_file(labels(np.int16)))
    image = read_image(tmp_path / "a.mha")
    np.testing.assert_array_equal(image.array, labels())
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "a.mha")))
    np.testing.assert_array_equal(image.array, theirs.T)


def test_voxels_in_a_file_of_their_own(tmp_path: Path) -> None:
    array = labels(np.int16)
    (tmp_path / "my voxels.raw").write_bytes(as_file(array))
    (tmp_path / "skip.raw").write_bytes(b"12345" + as_file(array))
    heads = {
        "a.mhd": META + "ElementDataFile = my voxels.raw\n",
        "b.mhd": META + "HeaderSize = 5\nElementDataFile = skip.raw",
    }
    for name, text in heads.items():
        (tmp_path / name).write_text(text)
        np.testing.assert_array_equal(read_image(tmp_path / name).array, array)
    (tmp_path / "my voxels.raw").unlink()
    with pytest.raises(FileNotFoundError, match=r"my voxels\.raw: no such file"):
        read_image(tmp_path / "a.mhd")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.mha", META + "BinaryData = False\nElementDataFile = LOCAL\n1 2 3"),
        ("a.mha", META + "CompressedData = True\nHeaderSize = -1\nElementDataFile = LOCAL\n"),
        ("a.mhd", META + "ElementDataFile = LIST\na.raw\nb.raw\n"),
        ("a.mhd", META.replace("0.5 2 3", "0.5 -2 3") + "ElementDataFile = LOCAL\n"),
        ("a.mhd", META.replace("0.5 2 3", "0.5 0 3") + "ElementDataFile = LOCAL\n"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    refused(tmp_path / name)
