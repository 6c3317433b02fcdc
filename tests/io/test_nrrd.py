"""NRRD: encodings, byte orders, spaces, voxels in another file, ITK's words for what is wrong."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from fastseg.io import read_image
from tests.io.files import Array, affine_in, affine_of, labels, refused
from tests.io.text_headers import NRRD, as_file


@pytest.mark.parametrize(
    ("header", "pack"),
    [
        ("encoding: raw\nendian: little\n\n", as_file),
        ("encoding: raw\nendian: big\n\n", lambda a: as_file(a, ">")),
        ("encoding: gzip\nendian: big\n\n", lambda a: gzip.compress(as_file(a, ">"))),
        (
            "encoding: gz\nendian: little\nbyte skip: 3\n\n",
            lambda a: gzip.compress(b"abc" + as_file(a)),
        ),
        ("encoding: raw\nendian: little\nbyte skip: 3\n\n", lambda a: b"abc" + as_file(a)),
        ("encoding: raw\nendian: little\nbyteskip: -1\n\n", lambda a: b"abc" + as_file(a)),
    ],
)
@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", [-1, -1, 1]),
        ("right-anterior-superior", [1, 1, 1]),
        ("LAS", [-1, 1, 1]),
    ],
)
@pytest.mark.usefixtures("unzip")
def test_nrrd_dialects(
    tmp_path: Path, header: str, pack: Callable[[Array], bytes], space: str, signs: list[int]
) -> None:
    array = labels(np.int16) * 300
    text = NRRD.replace("left-posterior-superior", space) + header
    path = tmp_path / "a.nrrd"
    path.write_bytes(text.encode() + pack(array))
    image = read_image(path)
    np.testing.assert_array_equal(image.array, array)
    np.testing.assert_array_equal(
        image.array.T, SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    )
    expected = np.diag([*signs, 1.0]) @ affine_of(spacing=(0.5, 2, 3), origin=(1, 2, 3))
    np.testing.assert_allclose(affine_in(image), expected)


def test_voxels_in_a_file_of_their_own(tmp_path: Path) -> None:
    array = labels(np.int16)
    (tmp_path / "my voxels.raw").write_bytes(as_file(array))
    path = tmp_path / "a.nrrd"
    path.write_text(NRRD + "encoding: raw\nendian: little\ndata file: my voxels.raw\n")
    np.testing.assert_array_equal(read_image(path).array, array)
    (tmp_path / "my voxels.raw").unlink()
    with pytest.raises(FileNotFoundError, match=r"my voxels\.raw: no such file"):
        read_image(path)


@pytest.mark.parametrize(
    "text",
    [
        NRRD + "encoding: ascii\n\n1 2 3",
        NRRD + "encoding: raw\nendian: little\nline skip: 2\n\n",
        NRRD + "encoding: gzip\nendian: little\nbyte skip: -1\n\n",
        NRRD + "encoding: raw\nendian: little\nbyte skip: many\n\n",
        NRRD + "encoding: raw\nendian: little\ndata file: LIST\na.raw\n",
        NRRD + "encoding: raw\nendian: little\ndata file: a%02d.raw 1 9 1\n",
        "NRRD0005\nencoding: raw\n\n",
        "NRRD0005\nhello\n",
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.nrrd").write_text(text)
    refused(tmp_path / "a.nrrd")


def test_itk_errors_are_condensed_and_warnings_restored(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(True)  # the default
    (tmp_path / "a.nrrd").write_text("NRRD0005\nencoding: raw\ntype: nonsense\n\n")
    with pytest.raises(ValueError) as caught:
        read_image(tmp_path / "a.nrrd")
    assert "nonsense" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("[nrrd]", "0x", ".cxx", "Exception"))
    assert SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    assert capfd.readouterr().err == ""
