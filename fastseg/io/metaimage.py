"""MetaImage: .mha files, and .mhd headers whose voxels are in files of their own.

The header is read here. ITK's reader of it writes to the terminal by itself, gives "Success" as the reason of a
failure, ends the process on a negative NDims, and takes the voxel size from a neighbouring field where one is short.
"""

from __future__ import annotations

import math
import os
import re

import numpy as np

from fastseg.errors import InputError, shortened
from fastseg.io.image import (
    LPS_TO_RAS,
    Grid,
    Image,
    Opened,
    check_spacing,
    make_grid,
    spatial_shape,
)
from fastseg.io.text_headers import (
    LONGEST_HEADER,
    Storage,
    data_files,
    floats,
    integers,
    lines_of,
    numbered,
)
from fastseg.io.units import millimetres

DTYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",  # of 32-bit systems, where the format was made
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}

# Fields that say where and how voxels lie: given twice, one of both would be wrong.
SYNONYMS = {
    "Position": "Offset",
    "Origin": "Offset",
    "Rotation": "TransformMatrix",
    "Orientation": "TransformMatrix",
    "ElementByteOrderMSB": "BinaryDataByteOrderMSB",
}
ONCE = {
    "ObjectType",
    "NDims",
    "DimSize",
    "ElementType",
    "ElementSpacing",
    "ElementSize",
    "ElementNumberOfChannels",
    "Offset",
    "TransformMatrix",
    "DistanceUnits",
    "BinaryData",
    "BinaryDataByteOrderMSB",
    "CompressedData",
    "HeaderSize",
}

MOST_AXES = 10  # ITK's limit


def open_metaimage(path: str) -> Opened:
    """Open a .mha file, or an .mhd file and the files of voxels that it names (https://itk.org/Wiki/MetaIO)."""
    with open(path, "rb") as file:
        head = file.read(LONGEST_HEADER)
    fields, names, end = _fields(path, head)
    (ndim,) = integers(path, "NDims", _required(path, fields, "NDims"), 1)
    if not 1 <= ndim <= MOST_AXES:
        raise InputError(f"{path}: expected a 2-D or 3-D image, but its header says NDims = {ndim}")
    sizes = integers(path, "DimSize", _required(path, fields, "DimSize"), ndim)
    if min(sizes) < 1:
        raise InputError(f"{path}: the header's DimSize must be positive, but is {sizes}")
    channels = integers(
        path, "ElementNumberOfChannels", fields.get("ElementNumberOfChannels", "1"), 1
    )
    kind = _required(path, fields, "ElementType")
    if kind not in DTYPES or channels != (1,):
        raise InputError(
            f"{path}: expected one label a voxel, but it holds {channels[0]} x {shortened(kind)}"
        )
    dtype = np.dtype(DTYPES[kind])
    shape = spatial_shape(sizes, path)
    notes: list[str] = []
    grid = _grid(path, fields, ndim, shape, notes)
    storage = _storage(path, fields, names, end, sizes)
    storage.check(math.prod(shape), dtype)
    opened = Opened(
        path,
        shape,
        grid,
        lambda: Image(storage.read(shape, dtype), grid, path, notes=tuple(notes)),
        notes=tuple(notes),
    )
    return storage.with_ways(opened, dtype, path)


# The fields that say where voxels lie.
_PLACE = (
    *("TransformMatrix", "Offset", "CenterOfRotation", "AnatomicalOrientation"),
    *("ElementSpacing", "ElementSize", "DistanceUnits"),
)


def place_of_metaimage(path: str, ndim: int) -> list[str] | None:
    """Give the lines of a header that say where voxels lie; None where it has another number of axes."""
    with open(path, "rb") as file:
        fields = _fields(path, file.read(LONGEST_HEADER))[0]
    if int(fields["NDims"]) != ndim:
        return None
    return [f"{name} = {fields[name]}" for name in _PLACE if name in fields]


def _fields(path: str, head: bytes) -> tuple[dict[str, str], list[str], int]:
    """Return the fields, the lines behind them, and where those begin."""
    # ElementDataFile is the last field; the voxels, or the names of their files, may follow on the next line.
    last = re.search(rb"^[ \t]*ElementDataFile[ \t]*[=:][^\n]*(?:\n|\Z)", head, re.MULTILINE)
    if last is None:
        kind = "" if b"NDims" in head or b"DimSize" in head else "not a MetaImage: "
        raise InputError(f"{path}: {kind}its header has no field ElementDataFile")
    fields: dict[str, str] = {}
    for line in lines_of(head[: last.end()]):
        name, separator, value = _split(line)
        if not separator and line.strip():
            raise InputError(
                f"{path}: not a readable MetaImage: its header has the line {shortened(line)!r}, which is no field"
            )
        name = SYNONYMS.get(name, name)
        if name in ONCE and name in fields and fields[name] != value:
            raise InputError(
                f"{path}: its header says twice what {name} is: {shortened(fields[name])!r} and {shortened(value)!r}"
            )
        fields[name] = value
    if fields.get("ObjectType", "Image").lower() != "image":
        raise InputError(
            f"{path}: not an image, but an object of type {shortened(fields['ObjectType'])!r}"
        )
    names: list[str] = []
    if _is_list(fields["ElementDataFile"]):
        lines = (line.strip() for line in lines_of(head[last.end() :]))
        names = [line for line in lines if line]
    return fields, names, last.end()


def _split(line: str) -> tuple[str, str, str]:
    found = re.match(r"\s*([^=:]*?)\s*([=:])\s*(.*?)\s*$", line, re.DOTALL)
    return (found[1], found[2], found[3]) if found else (line.strip(), "", "")


def _required(path: str, fields: dict[str, str], name: str) -> str:
    if name not in fields:
        raise InputError(f"{path}: not a readable MetaImage: its header has no field {name}")
    return fields[name]


def _is_list(value: str) -> bool:
    return value.split(maxsplit=1)[:1] == ["LIST"]


def _grid(
    path: str, fields: dict[str, str], ndim: int, shape: tuple[int, ...], notes: list[str]
) -> Grid | None:
    """Find where the voxels lie; without their size nowhere."""
    unit = 1.0
    named = fields.get("DistanceUnits", "?")
    if named not in ("?", ""):
        known = millimetres(named)
        if known is None:
            notes.append(
                f"{path}: its unit of length, {shortened(named)!r}, is not known: taken as mm"
            )
        unit = known or 1.0
    matrix = np.eye(ndim)
    if "TransformMatrix" in fields:
        cosines = floats(path, "TransformMatrix", fields["TransformMatrix"], ndim * ndim)
        matrix = np.array(cosines).reshape(ndim, ndim).T  # each axis is a row of the file
    offset = floats(path, "Offset", fields.get("Offset", "0 " * ndim), ndim)
    name = "ElementSpacing" if "ElementSpacing" in fields else "ElementSize"
    if name not in fields:
        return None
    kept = len(shape)
    spacing = np.array(floats(path, name, fields[name], ndim))[:kept] * unit
    check_spacing(spacing, path, "the voxel sizes")
    affine = np.eye(4)
    affine[:kept, :kept] = matrix[:kept, :kept] * spacing
    affine[:kept, 3] = np.array(offset[:kept]) * unit
    # x grows to the left and y to the back (LPS), RAS+ to the right and to the front
    return make_grid(shape, LPS_TO_RAS @ affine, path)


def _storage(
    path: str, fields: dict[str, str], names: list[str], end: int, sizes: tuple[int, ...]
) -> Storage:
    """Find where the voxels are."""

    def is_true(field: str, default: str) -> bool:
        return fields.get(field, default)[:1] in ("T", "t", "1")

    if not is_true("BinaryData", "True"):
        raise InputError(f"{path}: the voxels are stored as text: save the image again as binary")
    (skip,) = integers(path, "HeaderSize", fields.get("HeaderSize", "0"), 1)
    zipped = is_true("CompressedData", "False")
    if zipped and skip < 0:
        raise InputError(f"{path}: HeaderSize = {skip} cannot be used with zipped data")
    paths, offset = _files(path, fields["ElementDataFile"], names, end, sizes)
    if skip > 0:  # counted from the front of the file
        offset, skip = skip, 0
    return Storage(
        paths,
        "zlib" if zipped else "raw",
        offset,
        skip,
        is_true("BinaryDataByteOrderMSB", "F"),
    )


def _files(
    path: str, value: str, names: list[str], end: int, sizes: tuple[int, ...]
) -> tuple[tuple[str, ...], int]:
    """Return the files with the voxels and the byte where they begin."""
    if value.upper() == "LOCAL":
        return (path,), end
    if _is_list(value):
        words = value.split()
        ndim = len(sizes) - 1
        if len(words) > 1 and (named := re.match(r"\d{1,3}", words[1])):  # "2D"
            ndim = int(named[0]) if 0 < int(named[0]) <= len(sizes) else ndim
        expected = math.prod(sizes[ndim:])
        return data_files(path, names, expected), 0
    if "%" in value and not os.path.isfile(os.path.join(os.path.dirname(path), value)):
        words = value.split()
        given = integers(path, "ElementDataFile", " ".join(words[1:4]))
        first = given[0] if given else 1
        last = given[1] if len(given) > 1 else first + sizes[-1] - 1
        numbers = range(first, last + 1, max(1, given[2]) if len(given) > 2 else 1)
        return data_files(path, numbered(path, words[0], numbers), sizes[-1]), 0
    if not value:
        raise InputError(f"{path}: its header's ElementDataFile names no file")
    return data_files(path, [value], 1), 0
