"""Headers of .npy files: those that NumPy and others write, and nonsense of every kind."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastseg import read_image
from fastseg.errors import InputError
from fastseg.inputs.source import Source
from fastseg.io.npy_header import Header, read_header
from fastseg.io.pairs import read_map

WHOLE = "{'descr': '<u2', 'fortran_order': False, 'shape': (4, 3, 2), }"
VOXELS = np.arange(24, dtype="<u2").reshape(4, 3, 2)


def npy(text: str | bytes, version: tuple[int, int] = (1, 0), data: bytes = b"") -> bytes:
    """A file with the given text for a header."""
    raw = text.encode("utf-8") if isinstance(text, str) else text
    count = struct.pack("<H" if version == (1, 0) else "<I", len(raw))
    return b"\x93NUMPY" + bytes(version) + count + raw + (data or VOXELS.tobytes())


def read(data: bytes) -> Header:
    return read_header(io.BytesIO(data).read, "a.npy")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3), (2, 3, 4), (1, 2, 3, 4)])
def test_what_numpy_writes(version: Any, order: Any, shape: tuple[int, ...]) -> None:
    for dtype in ("?", "u1", "<i2", ">i2", "<u8", ">f4", "f8", "c8", "S3", "<U2", "V3", "f2"):
        array = np.zeros(shape, dtype, order)
        file = io.BytesIO()
        np.lib.format.write_array(file, array, version)
        file.seek(0)
        found = read_header(file.read, "a.npy")
        assert found.shape == shape
        assert found.dtype == array.dtype
        assert found.fortran_order == (order == "F" and not array.flags.c_contiguous)


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        WHOLE + "\n",
        WHOLE + " " * 5000,
        "{'shape':(4,3,2),'fortran_order':False,'descr':'<u2'}",
        '{"descr": "<u2", "fortran_order": False, "shape": (4, 3, 2)}',
        "{'descr': 'uint16', 'fortran_order': False, 'shape': (4, 3, 2,)}",
        "{'descr': '<u2', 'fortran_order': False, 'shape': (4L, 3L, 2L), }",
    ],
)
def test_what_others_write(text: str, tmp_path: Path) -> None:
    assert read(npy(text)) == ((4, 3, 2), False, np.dtype("<u2"))
    path = tmp_path / "a.npy"
    path.write_bytes(npy(text))
    np.testing.assert_array_equal(read_image(path).array, VOXELS)


NONSENSE = {
    "": "header",
    "(": "header",
    "(" * 9000: "header",
    "{" * 9000: "header",
    "-" * 9000: "header",
    "[1, 2]": "header",
    "{}": "header",
    "'''": "header",
    "\0" * 60: "header",
    "{'descr': '<u2', 'fortran_order': False}": "header",
    WHOLE.replace("}", "'more': 1}"): "header",
    WHOLE.replace("}", "'descr': '<u2'}"): "header",
    WHOLE.replace("False", "0"): "header",
    WHOLE.replace("False", "'False'"): "header",
    WHOLE.replace("False", "None"): "header",
    WHOLE.replace("'<u2'", "5"): "header",
    WHOLE.replace("'<u2'", "b'<u2'"): "header",
    WHOLE.replace("(4, 3, 2)", "[4, 3, 2]"): "header",
    WHOLE.replace("(4, 3, 2)", "24"): "header",
    WHOLE.replace("(4, 3, 2)", "(True, 3, 2)"): "header",
    WHOLE.replace("(4, 3, 2)", "(-4, 3, 2)"): "header",
    WHOLE.replace("(4, 3, 2)", "(4.0, 3, 2)"): "header",
    WHOLE.replace("(4, 3, 2)", "(4 + 0, 3, 2)"): "header",
    WHOLE.replace("(4, 3, 2)", "(0x4, 3, 2)"): "header",
    WHOLE.replace("(4, 3, 2)", "(4,, 3, 2)"): "shape",
    WHOLE.replace("(4, 3, 2)", "(4 3, 2)"): "shape",
    WHOLE.replace("(4, 3, 2)", "(24)"): "shape",
    WHOLE.replace("(4, 3, 2)", "(04, 3, 2)"): "shape",
    WHOLE.replace("(4, 3, 2)", "(" + "9" * 6000 + ",)"): "shape",
    WHOLE.replace("(4, 3, 2)", "(" + "1, " * 3000 + ")"): "shape",
    WHOLE.replace("(4, 3, 2)", "(0, 9223372036854775807, 3)"): "larger than any memory",
    WHOLE.replace("<u2", "<q2"): "type",
    WHOLE.replace("<u2", "u3"): "type",
    WHOLE.replace("<u2", "spam, ham"): "type",
    WHOLE.replace("<u2", "(2,3)u1"): "type",
    WHOLE.replace("<u2", "u1,u1"): "type",
    WHOLE.replace("<u2", "S0"): "type",
    WHOLE.replace("<u2", "|O"): "Python objects",
    WHOLE.replace("'<u2'", "[('a', '<u2'), ('b', '<f4')]"): "table of several columns",
}


@pytest.mark.parametrize("text", NONSENSE, ids=lambda text: repr(text[:60]))
def test_nonsense_is_refused_in_one_short_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(npy(text))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.write(path, "seg.npy")
    for name in ("a.npy", "a.npz"):
        with pytest.raises(InputError, match=NONSENSE[text]) as caught:
            read_image(tmp_path / name)
        message = str(caught.value)
        assert message.startswith(str(tmp_path / name))
        assert message.isprintable()
        assert len(message) < len(str(tmp_path)) + 450


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "begins with"),
        (b"\x93NUM", "begins with"),
        (b"hello, world", "begins with"),
        (b"\x93NUMPY", "version"),
        (b"\x93NUMPY\x01", "version 1"),
        (npy(WHOLE, (9, 3)), r"version 9\.3"),
        (b"\x93NUMPY\x01\x00", "ends within"),
        (b"\x93NUMPY\x01\x00\x50", "ends within"),
        (npy(WHOLE)[:40], "ends within"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + WHOLE.encode(), "4,294,967,295 bytes"),
        (npy(b"\xff" + WHOLE.encode(), (3, 0)), "header"),
    ],
)
def test_files_that_are_no_arrays(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(data)


def _mutated(good: bytes, rng: random.Random) -> bytes:
    """Change a few bytes of the header, or leave some out, or double some."""
    data = bytearray(good)
    for _ in range(rng.choice([1, 1, 2, 4])):
        place, many = rng.randrange(min(len(data), 128)), rng.randint(1, 12)
        kind = rng.randrange(5)
        if kind == 0:
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[place : place + many] = rng.choice(
                [
                    b"(",
                    b")",
                    b"'",
                    b'"',
                    b"[",
                    b"True",
                    b"-1",
                    b"L",
                    b"\\",
                    b"\x1b[2J",
                    b"1e9",
                    b"#",
                ]
            )
        elif kind == 2:
            del data[place : place + many]
        elif kind == 3:
            data[place:place] = data[place : place + many]
        else:
            data[8:10] = rng.randbytes(2)
    return bytes(data)


def _numpys(data: bytes) -> tuple[Any, ...] | None:
    """What NumPy reads; None where it refuses."""
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        reader = "read_array_header_1_0" if version == (1, 0) else "read_array_header_2_0"
        if version == (3, 0):
            return None
        return (*getattr(np.lib.format, reader)(file), file.tell())
    except Exception:
        return None


@pytest.mark.filterwarnings("ignore")  # NumPy's, of the headers that it evaluates
def test_any_header_is_refused_in_words_or_read_as_numpy_reads_it() -> None:
    rng = random.Random(12)
    good = []
    for shape in ((4, 3, 2), (24,), (2, 12)):
        for version in ((1, 0), (2, 0), (3, 0)):
            file = io.BytesIO()
            np.lib.format.write_array(file, VOXELS.reshape(shape), version)
            good.append(file.getvalue())
    right = 0
    refusals = []
    for number in range(20_000):
        data = _mutated(good[number % len(good)], rng)
        file = io.BytesIO(data)
        try:
            found = read_header(file.read, "a.npy")
        except InputError as error:
            refusals.append(str(error))
            continue
        right += 1
        if data[6:8] != b"\x03\x00":
            assert (*found, file.tell()) == _numpys(data), data
    assert right > 500 < len(refusals)
    assert max(map(len, refusals)) < 500
    assert all(text.isprintable() for text in refusals)


def test_a_mapped_array_has_the_same_header(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(npy(WHOLE, (2, 0)))
    source: Source = read_map(path).source
    assert source.shape == (4, 3, 2)
    path.write_bytes(npy(WHOLE.replace("(4,", "(True,")))
    with pytest.raises(InputError, match="header"):
        read_map(path)
