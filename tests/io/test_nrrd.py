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
    "files", ["LIST", "LIST 2", "LIST 3", "s%02d.raw 1 9 1", "s%02d.raw 9 1 -1 2"]
)
def test_voxels_in_a_file_a_slice(tmp_path: Path, files: str) -> None:
    array = labels(np.int16) * 300
    ordered = array[:, :, ::-1] if "-1" in files else array
    for k in range(9):
        (tmp_path / f"s{k + 1:02d}.raw").write_bytes(b"ab" + as_file(ordered[:, :, k]))
    names = "".join(f"s{k + 1:02d}.raw\n" for k in range(9)) if "LIST" in files else ""
    path = tmp_path / "a.nhdr"
    path.write_text(
        f"{NRRD}encoding: raw\nendian: little\nbyte skip: 2\ndata file: {files}\n{names}"
    )
    image = read_image(path)
    np.testing.assert_array_equal(image.array, array)
    assert image.array.flags.f_contiguous
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    np.testing.assert_array_equal(image.array, theirs.T)
    (tmp_path / "s04.raw").write_bytes(as_file(array[:, :, 3])[:-1])
    with pytest.raises(ValueError, match=r"s04\.raw: truncated"):
        read_image(path)
    for k in (3, 5):
        (tmp_path / f"s{k + 1:02d}.raw").unlink()
    with pytest.raises(FileNotFoundError, match=r"s0[46]\.raw: no such file \(nor 1 more, of 9\)"):
        read_image(path)


@pytest.mark.parametrize("name", ["a.nhdr", "A.NHDR", "a.nrrd"])
def test_detached_voxels_that_end_early(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.raw").write_bytes(as_file(labels(np.int16))[:-1])
    (tmp_path / name).write_text(NRRD + "encoding: raw\nendian: little\ndata file: a.raw\n\n")
    with pytest.raises(ValueError, match=r"a\.raw: truncated.* promises 630 bytes"):
        read_image(tmp_path / name)


def written(path: Path, fields: str, space: str = "") -> Path:
    """Write a file with other fields of space than usual."""
    start = NRRD.index("space:")
    path.write_bytes(
        f"{NRRD[:start]}{space or NRRD[start:]}{fields}encoding: raw\nendian: little\n\n".encode()
        + as_file(labels(np.int16))
    )
    return path


@pytest.mark.parametrize(
    ("units", "factors"),
    [
        ('"um" "um" "um"', [1e-3, 1e-3, 1e-3]),
        ('"µm" "microns" "Micrometer"', [1e-3, 1e-3, 1e-3]),
        ('"mm" "cm" "m"', [1, 10, 1000]),
        ('"" "" ""', [1, 1, 1]),
        ('"nm"    "inch" "dm"', [1e-6, 25.4, 100]),
    ],
)
def test_space_units_become_millimetres(tmp_path: Path, units: str, factors: list[float]) -> None:
    image = read_image(written(tmp_path / "a.nrrd", f"space units: {units}\n"))
    expected = affine_of(spacing=(0.5, 2, 3), origin=(1, 2, 3))
    expected[:3] *= np.array(factors)[:, np.newaxis]
    np.testing.assert_allclose(affine_in(image), np.diag([-1, -1, 1, 1]) @ expected)
    assert image.spacing == pytest.approx(np.multiply([0.5, 2, 3], factors))
    assert image.notes == ()


def test_units_belong_to_axes_of_space_and_not_of_the_array(tmp_path: Path) -> None:
    space = 'space: RAS\nspace directions: (0,2,0) (0,0,3) (0.5,0,0)\nspace units: "um" "mm" "cm"\n'
    image = read_image(written(tmp_path / "a.nrrd", "", space))
    assert image.spacing == pytest.approx((2, 30, 0.0005))


def test_a_unit_that_nobody_knows_is_said(tmp_path: Path) -> None:
    image = read_image(written(tmp_path / "a.nrrd", 'space units: "mm" "furlong" "mm"\n'))
    assert image.spacing == (0.5, 2.0, 3.0)
    (note,) = image.notes
    assert "'furlong', is not known: taken as mm" in note


@pytest.mark.parametrize(
    ("space", "spacing"),
    [
        ("spacings: 0.5 2 3\n", (0.5, 2, 3)),
        ('spacings: 500 2 3\nunits: "um" "mm" "mm"\n', (0.5, 2, 3)),
        ("spacings: 0.5 nan 3\n", None),
        ("centerings: cell cell cell\n", None),
    ],
)
def test_a_header_without_directions_gives_no_orientation(
    tmp_path: Path, space: str, spacing: tuple[float, ...] | None
) -> None:
    image = read_image(written(tmp_path / "a.nrrd", "", space))
    assert image.spacing == (None if spacing is None else pytest.approx(spacing))
    assert image.grid is None or image.grid.affine is None
    np.testing.assert_array_equal(image.array, labels())


@pytest.mark.parametrize(
    "text",
    [
        NRRD + "encoding: ascii\n\n1 2 3",
        NRRD + "encoding: raw\nendian: little\nline skip: 2\n\n",
        NRRD + "encoding: gzip\nendian: little\nbyte skip: -1\n\n",
        NRRD + "encoding: raw\nendian: little\nbyte skip: many\n\n",
        NRRD + "encoding: raw\nendian: little\ndata file: LIST\na.raw\n",
        NRRD + "encoding: raw\nendian: little\ndata file: a%02d.raw 1 8 1\n",
        NRRD + "encoding: raw\nendian: little\ndata file: a%02d.raw 1 9 0\n",
        NRRD + "encoding: raw\nendian: little\ndata file: a%999999999d.raw 1 9 1\n",
        NRRD + "encoding: raw\nendian: little\ndata file: a%s.raw 1 9 1\n",
        NRRD + "encoding: raw\nendian: little\ndata file: a%d.raw 1 999999999999 1\n",
        NRRD + "encoding: raw\nendian: little\ndata file: LIST 7\na.raw\n",
        NRRD + "encoding: raw\nendian: little\ndata file:\n",
        NRRD + "encoding: raw\nencoding: gzip\nendian: little\n\n",
        NRRD.replace("sizes: 5 7 9", "sizes: 5 7") + "encoding: raw\nendian: little\n\n",
        NRRD.replace("sizes: 5 7 9", "sizes: 5 7 x") + "encoding: raw\nendian: little\n\n",
        NRRD.replace("sizes: 5 7 9", "sizes: 5 -7 -9") + "encoding: raw\nendian: little\n\n",
        NRRD.replace("dimension: 3", "dimension: 999") + "encoding: raw\nendian: little\n\n",
        NRRD.replace("(0,0,3)", "(0,0,nan)") + "encoding: raw\nendian: little\n\n",
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
    (tmp_path / "a.nrrd").write_text(
        NRRD.replace("type: short", "type: nonsense") + "encoding: raw\nendian: little\n\n"
    )
    with pytest.raises(ValueError) as caught:
        read_image(tmp_path / "a.nrrd")
    assert "nonsense" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("[nrrd]", "0x", ".cxx", "Exception"))
    assert SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    assert capfd.readouterr().err == ""
