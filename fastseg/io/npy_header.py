"""The header of a .npy file, read strictly: a dtype, an order and a shape in so many words, and nothing is evaluated.

NumPy's own reader takes the header for a Python expression, and raises whatever tokenizing and parsing nonsense
raises. What NumPy and the libraries that write its format put there, for arrays of numbers, is a dict of three entries.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastseg.errors import InputError, shortened

MAGIC = b"\x93NUMPY"

#: bytes of the header's length, and the encoding of its text, by the version of the format
_VERSIONS = {(1, 0): (2, "latin-1"), (2, 0): (4, "latin-1"), (3, 0): (4, "utf-8")}

# Of a table of many columns the header is long; of an array it has some hundred bytes, padded.
_LONGEST = 1 << 16

# NumPy makes no array of more axes, nor of more bytes.
_MOST_AXES = 64
_MOST_BYTES = (1 << 63) - 1

_SPACE = " \t\n\r\f"
_ENTRY = re.compile(
    r"""\s*+(['"])(?P<key>descr|fortran_order|shape)\1\s*+:\s*+"""
    r"""(?:(['"])(?P<text>[^'"\\\n]*+)\3|(?P<flag>True|False)|\((?P<sizes>[\dL,\s]*+)\))\s*+(?:,|$)""",
    re.ASCII,
)
_SIZES = re.compile(r"\s*+(?:(?:0|[1-9]\d*+)L?\s*+,\s*+)*+(?:(?:0|[1-9]\d*+)L?\s*+)?+", re.ASCII)
_NUMBER = re.compile(r"[<>=|]?[a-zA-Z?]\d{0,4}|bool|(?:u?int|float|complex)\d{1,3}", re.ASCII)

_EXPECTED = "expected {'descr': …, 'fortran_order': True or False, 'shape': (…)}"


class Header(NamedTuple):
    """What the header of a .npy file says of its array."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]


def read_header(read: Callable[[int], bytes], path: str) -> Header:
    """Read the header of a .npy file, up to where the voxels begin.

    Parameters
    ----------
    read : callable
        Gives the next bytes of the file, at most as many as asked for, and fewer only at its end.
    path : str
        For messages.

    Returns
    -------
    Header
        The dtype may be of any kind that has no fields and no Python objects.

    Raises
    ------
    InputError
        For anything but a header of an array of numbers.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> np.save(file, np.zeros((2, 3), np.uint8))
    >>> _ = file.seek(0)
    >>> read_header(file.read, "a.npy")
    Header(shape=(2, 3), fortran_order=False, dtype=dtype('uint8'))
    """
    try:
        return _parsed(_text(read))
    except _WrongHeaderError as error:
        raise InputError(f"{path}: not a readable NumPy array: {error}") from None


class _WrongHeaderError(Exception):
    """What is wrong with a header."""


def _text(read: Callable[[int], bytes]) -> str:
    start = read(len(MAGIC) + 2)
    if start[: len(MAGIC)] != MAGIC:
        raise _WrongHeaderError(f"it begins with {start[: len(MAGIC)]!r}, not with {MAGIC!r}")
    version = tuple(start[len(MAGIC) :])
    if version not in _VERSIONS:
        name = ".".join(map(str, version))
        raise _WrongHeaderError(f"its format is of version {name}, and 1.0, 2.0 and 3.0 are known")
    width, encoding = _VERSIONS[version]
    count = read(width)
    length = int.from_bytes(count, "little")
    if len(count) == width and length > _LONGEST:
        raise _WrongHeaderError(f"its header has {length:,} bytes, which no array of numbers needs")
    header = read(length)
    if len(count) < width or len(header) < length:
        raise _WrongHeaderError("it ends within its header")
    try:
        return header.decode(encoding)
    except UnicodeDecodeError:
        raise _WrongHeaderError(f"its header is {shortened(repr(header))}; {_EXPECTED}") from None


def _parsed(text: str) -> Header:
    entries = _entries(text)
    wrong = _WrongHeaderError(f"its header is {shortened(repr(text))}; {_EXPECTED}")
    if entries is None:
        if re.match(r"""\s*+\{.*?(['"])descr\1\s*+:\s*+[\[(]""", text, re.DOTALL):
            raise _WrongHeaderError("it is a table of several columns, and not an array of numbers")
        raise wrong
    descr, flag, sizes = entries
    if descr is None or flag is None or sizes is None:
        raise wrong
    dtype = _dtype(descr)
    return Header(_shape(sizes, dtype), flag == "True", dtype)


def _entries(text: str) -> tuple[str | None, str | None, str | None] | None:
    """Take the three entries of the dict apart; None where it is none, or has others, or one twice."""
    text = text.strip(_SPACE)
    if not (text.startswith("{") and text.endswith("}") and text.isascii()) or "\v" in text:
        return None
    text = text[1:-1].rstrip(_SPACE)
    found: dict[str, re.Match[str]] = {}
    place = 0
    while place < len(text):
        entry = _ENTRY.match(text, place)
        if entry is None or entry["key"] in found:
            return None
        found[entry["key"]] = entry
        place = entry.end()
    if len(found) < 3:
        return None
    return found["descr"]["text"], found["fortran_order"]["flag"], found["shape"]["sizes"]


def _dtype(descr: str) -> np.dtype[Any]:
    wrong = _WrongHeaderError(
        f"expected one label a voxel, but its voxels are of type {shortened(repr(descr))}"
    )
    if not _NUMBER.fullmatch(descr):
        raise wrong
    try:
        dtype = np.dtype(descr)
    except (TypeError, ValueError, DeprecationWarning):
        raise wrong from None
    if dtype.hasobject:
        raise _WrongHeaderError("it holds Python objects (dtype object), which are never loaded")
    if dtype.itemsize == 0:
        raise wrong
    return dtype


def _shape(sizes: str, dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Read a tuple of whole numbers; ``3L`` is what Python 2 wrote, and ``(3)`` is no tuple."""
    numbers = re.findall(r"\d+", sizes, re.ASCII)
    is_tuple = _SIZES.fullmatch(sizes) and (len(numbers) != 1 or "," in sizes)
    if not is_tuple or len(numbers) > _MOST_AXES or any(len(number) > 19 for number in numbers):
        raise _WrongHeaderError(
            f"its shape is {shortened(f'({sizes})')}; expected whole numbers separated by commas"
        )
    shape = tuple(map(int, numbers))
    if math.prod(size for size in shape if size) * dtype.itemsize > _MOST_BYTES:
        raise _WrongHeaderError(f"its shape is {shape}, larger than any memory")
    return shape
