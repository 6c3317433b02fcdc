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
from tests.io.files import LPS_TO_RAS, Array, affine_in, affine_of, labels, refused, taken
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
    (tmp_path / "50%.raw").write_bytes(as_file(array))
    (tmp_path / "skip.raw").write_bytes(b"12345" + as_file(array))
    heads = {
        "a.mhd": META + "ElementDataFile = my voxels.raw\n",
        "c.mhd": META + "ElementDataFile = 50%.raw\n",
        "b.mhd": META + "HeaderSize = 5\nElementDataFile = skip.raw",
    }
    for name, text in heads.items():
        (tmp_path / name).write_text(text)
        np.testing.assert_array_equal(read_image(tmp_path / name).array, array)
    (tmp_path / "my voxels.raw").unlink()
    with pytest.raises(FileNotFoundError, match=r"my voxels\.raw: no such file"):
        read_image(tmp_path / "a.mhd")


@pytest.mark.parametrize(
    "files", ["LIST", "LIST 2", "LIST 2D", "s%03d.raw 1 9 1", "s%03d.raw 1 9", "s%03d.raw"]
)
@pytest.mark.parametrize("zipped", [False, True])
def test_voxels_in_a_file_a_slice(tmp_path: Path, files: str, zipped: bool) -> None:
    array = labels(np.int16) * 300
    for k in range(9):
        data = as_file(array[:, :, k])
        (tmp_path / f"s{k + 1:03d}.raw").write_bytes(zlib.compress(data) if zipped else data)
    names = "".join(f"s{k + 1:03d}.raw\n" for k in range(9)) if "LIST" in files else ""
    path = tmp_path / "a.mhd"
    path.write_text(f"{META}CompressedData = {zipped}\nElementDataFile = {files}\n{names}")
    image = read_image(path)
    np.testing.assert_array_equal(image.array, array)
    assert image.array.flags.f_contiguous
    if not zipped and files not in ("s%03d.raw 1 9", "s%03d.raw"):  # at which ITK divides by 0
        theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
        np.testing.assert_array_equal(image.array, theirs.T)
    (tmp_path / "s007.raw").unlink()
    with pytest.raises(FileNotFoundError, match=r"s007\.raw: no such file, but .*a\.mhd keeps"):
        read_image(path)


def test_a_file_a_volume_of_two(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(as_file(labels(np.int16)))
    path = tmp_path / "a.mhd"
    path.write_text(META + "ElementDataFile = LIST 3D\na.raw\n")
    np.testing.assert_array_equal(read_image(path).array, labels())


@pytest.mark.parametrize(
    ("fields", "factor"),
    [
        ("", 1),
        ("DistanceUnits = ?\n", 1),
        ("DistanceUnits = mm\n", 1),
        ("DistanceUnits = cm\n", 10),
        ("DistanceUnits = um\n", 1e-3),
    ],
)
def test_units_of_length_become_millimetres(tmp_path: Path, fields: str, factor: float) -> None:
    path = tmp_path / "a.mha"
    path.write_bytes(
        f"{META}{fields}ElementDataFile = LOCAL\n".encode() + as_file(labels(np.int16))
    )
    image = read_image(path)
    assert image.spacing == pytest.approx((0.5 * factor, 2 * factor, 3 * factor))
    expected = affine_of(spacing=(0.5, 2, 3), origin=(1, 2, 3))
    expected[:3] *= factor
    np.testing.assert_allclose(affine_in(image), LPS_TO_RAS @ expected)
    assert image.notes == ()


def test_a_unit_that_nobody_knows_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.mha"
    text = META + "DistanceUnits = furlong\nElementDataFile = LOCAL\n"
    path.write_bytes(text.encode() + as_file(labels(np.int16)))
    assert "'furlong', is not known: taken as mm" in read_image(path).notes[0]


def test_a_header_without_voxel_size_gives_none(tmp_path: Path) -> None:
    path = tmp_path / "a.mha"
    text = META.replace("ElementSpacing = 0.5 2 3\n", "") + "ElementDataFile = LOCAL\n"
    path.write_bytes(text.encode() + as_file(labels(np.int16)))
    assert read_image(path).grid is None
    size = text.replace("Offset", "ElementSize = 0.5 2 3\nPosition")
    path.write_bytes(size.encode() + as_file(labels(np.int16)))
    image = read_image(path)
    assert image.spacing == (0.5, 2.0, 3.0)
    assert affine_in(image)[:3, 3].tolist() == [-1, -2, 3]


@pytest.mark.parametrize("seed", range(40))
def test_headers_mean_what_they_mean_to_itk(tmp_path: Path, seed: int) -> None:
    """Fields in any order that ITK takes, by any of their names, with any separator."""
    rng = np.random.default_rng(seed)
    ndim = int(rng.integers(2, 4))
    shape = [int(size) for size in rng.integers(1, 7, ndim)]
    kind, name = [("u1", "MET_UCHAR"), ("i2", "MET_SHORT"), ("u4", "MET_UINT"), ("i4", "MET_LONG")][
        rng.integers(4)
    ]
    kind, name = [(kind, name), ("f4", "MET_FLOAT"), ("f8", "MET_DOUBLE")][rng.integers(3)]
    big = bool(rng.integers(2))
    turn = np.linalg.qr(rng.normal(size=(ndim, ndim)))[0]

    def text(values: Array) -> str:
        return " ".join(f"{value:.9g}" for value in values)

    fields = {
        ["TransformMatrix", "Rotation", "Orientation"][rng.integers(3)]: text(turn.ravel()),
        ["Offset", "Position", "Origin"][rng.integers(3)]: text(rng.normal(size=ndim) * 50),
        "CenterOfRotation": text(np.zeros(ndim)),
        "AnatomicalOrientation": "RAI",
        ["ElementSpacing", "ElementSize"][rng.integers(2)]: text(rng.uniform(0.1, 5, ndim)),
        "DimSize": text(np.array(shape)),
        "BinaryData": "True",
        ["BinaryDataByteOrderMSB", "ElementByteOrderMSB"][rng.integers(2)]: str(big),
        "ElementType": name,
        "Comment": "nothing = of : importance",
    }
    names = list(fields)
    rng.shuffle(names)
    separator = [" = ", "=", " : ", " =\t"][rng.integers(4)]
    lines = [f"NDims{separator}{ndim}"] + [f"{name}{separator}{fields[name]}" for name in names]
    lines = ["ObjectType = Image", *lines] if rng.integers(2) else lines
    array = rng.integers(0, 100, shape).astype(f"{'>' if big else '<'}{kind}")
    path = tmp_path / "a.mha"
    head = "\n".join([*lines, "ElementDataFile = LOCAL\n"])
    path.write_bytes(head.encode() + array.tobytes(order="F"))
    image, theirs = read_image(path), taken(SimpleITK.ReadImage(str(path)))
    np.testing.assert_array_equal(image.array, theirs.array)
    assert image.array.dtype == theirs.array.dtype
    np.testing.assert_allclose(affine_in(image), affine_in(theirs), atol=1e-12)


def altered(**fields: str | None) -> str:
    """Give a header with fields set, or left out."""
    given = dict(line.split(" = ") for line in META.splitlines())
    kept = {name: value for name, value in (given | fields).items() if value is not None}
    return "".join(f"{name} = {value}\n" for name, value in kept.items())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (altered(NDims=None), "no field NDims"),
        (altered(NDims="-1"), "NDims = -1"),
        (altered(NDims="0"), "NDims = 0"),
        (altered(NDims="1000000"), "NDims = 1000000"),
        (altered(NDims="x"), "whole numbers in the header's NDims, not 'x'"),
        (altered(NDims="2"), "2 numbers in the header's DimSize, not '5 7 9'"),
        (altered(NDims="4"), "4 numbers in the header's DimSize"),
        (altered(DimSize=None), "no field DimSize"),
        (altered(DimSize="5 7"), "3 numbers in the header's DimSize"),
        (altered(DimSize="5 -7 -9"), "DimSize must be positive"),
        (altered(DimSize="5 7 0"), "DimSize must be positive"),
        (altered(DimSize="5.5 7 9"), "whole numbers in the header's DimSize"),
        (altered(DimSize="10000 10000 10000"), "promises 2,000,000,000,000 bytes"),
        (altered(DimSize="99999999999999999999 7 9"), "promises"),
        (altered(ElementType=None), "no field ElementType"),
        (altered(ElementType="MET_NONSENSE"), "1 x MET_NONSENSE"),
        (altered(ElementType="MET_UCHAR_ARRAY"), "1 x MET_UCHAR_ARRAY"),
        (altered(ElementNumberOfChannels="3"), "3 x MET_SHORT"),
        (altered(ElementSpacing="1 2"), "3 numbers in the header's ElementSpacing"),
        (altered(ElementSpacing="a b c"), "numbers in the header's ElementSpacing, not 'a b c'"),
        (altered(ElementSpacing="nan 1 1"), "not 'nan 1 1'"),
        (altered(ElementSpacing="0.5 -2 3"), "finite and positive"),
        (altered(ElementSpacing="0.5 0 3"), "finite and positive"),
        (altered(Offset="1"), "3 numbers in the header's Offset"),
        (altered(TransformMatrix="1 0 0"), "9 numbers in the header's TransformMatrix"),
        (altered(TransformMatrix="1 0 0 0 1 0 1 0 0"), "point the same way"),
        (altered(ObjectType="Mesh"), "an object of type 'Mesh'"),
        (altered(BinaryData="False"), "stored as text"),
        (altered(CompressedData="True", HeaderSize="-1"), "HeaderSize = -1"),
        (altered(HeaderSize="many"), "HeaderSize, not 'many'"),
        (altered() + "DimSize = 9 7 5\n", "twice what DimSize is: '5 7 9' and '9 7 5'"),
        (altered() + "Origin = 0 0 0\n", "twice what Offset is"),
        ("hello world\n" + altered(), "the line 'hello world', which is no field"),
        (altered() + "x" * 100_000 + "\n", "which is no field"),
    ],
)
def test_headers_that_make_no_sense_are_said(
    tmp_path: Path, text: str, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.mha"
    path.write_bytes(text.encode() + b"ElementDataFile = LOCAL\n" + as_file(labels(np.int16)))
    refused(path, reason)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ("", "no field ElementDataFile"),
        ("ElementDataFile =\n", "names no file"),
        (
            "ElementDataFile = LIST\na.raw\nb.raw\n",
            "names 2 files of voxels, but its sizes ask for 9",
        ),
        ("ElementDataFile = a%03d.raw 1 4 1\n", "names 4 files of voxels"),
        ("ElementDataFile = a%s.raw 1 9 1\n", "no pattern of file names"),
        ("ElementDataFile = a%99999999d.raw 1 9 1\n", "no pattern of file names"),
        ("ElementDataFile = a%d.raw 1 99999999999 1\n", "names 99,999,999,999 files"),
        ("ElementDataFile = a%d.raw 1 x 1\n", "whole numbers in the header's ElementDataFile"),
    ],
)
def test_files_of_voxels_that_cannot_be(tmp_path: Path, last: str, reason: str) -> None:
    (tmp_path / "a.mhd").write_text(META + last)
    refused(tmp_path / "a.mhd", reason)
