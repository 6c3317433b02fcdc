"""Where the voxels of NRRD and MetaImage files are: the part of their headers that says so."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from fastseg.errors import InputError
from fastseg.io.voxels import Encoding

# Headers are a few hundred bytes; a 3D Slicer segmentation adds some 600 a segment.
LONGEST_HEADER = 1 << 20


class Storage(NamedTuple):
    """The voxels begin `skip` bytes into the (unzipped) data that begin at byte `offset`."""

    path: str
    encoding: Encoding
    offset: int
    skip: int  # −1: raw voxels at the very end of the file
    big_endian: bool


def nrrd_storage(path: str, head: bytes) -> Storage:
    """Read a NRRD header (https://teem.sourceforge.net/nrrd/format.html)."""
    if not head.startswith(b"NRRD"):
        raise InputError(f"{path}: not a NRRD image")
    blank_line = re.search(rb"\n\r?\n", head)
    offset = blank_line.end() if blank_line else len(head)
    fields: dict[str, str] = {}
    for line in head[:offset].decode("latin-1").splitlines():
        # "field: value"; a comment begins with #, and "key:=value" is the writer's own business.
        key, colon, value = line.partition(":")
        if colon and not line.startswith("#") and not value.startswith("="):
            fields[key.lower().replace(" ", "")] = value.strip()
    name = fields.get("encoding", "").lower()
    encodings: dict[str, Encoding] = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}
    skip = _integer(path, fields.get("byteskip", "0"))
    if name not in encodings or fields.get("lineskip", "0") != "0" or (skip < 0 and name != "raw"):
        raise InputError(
            f"{path}: only the encodings raw and gzip, without line skip, can be read, "
            f"but the header says {name!r}: save the image again in one of them"
        )
    data_path, offset = _data_file(path, fields.get("datafile"), offset)
    big_endian = fields.get("endian", "").lower() == "big"
    return Storage(data_path, encodings[name], offset, skip, big_endian)


def metaimage_storage(path: str, head: bytes) -> Storage:
    """Read a MetaImage header (https://itk.org/Wiki/MetaIO/Documentation)."""
    # ElementDataFile is the last field; the voxels may follow on the next line.
    last = re.search(rb"^ElementDataFile[ \t]*=[^\n]*(?:\n|\Z)", head, re.MULTILINE)
    if last is None:
        raise InputError(f"{path}: not a MetaImage")
    fields: dict[str, str] = {}
    for line in head[: last.end()].decode("latin-1").splitlines():
        key, _, value = line.partition("=")
        fields[key.strip()] = value.strip()

    def is_true(field: str, default: str) -> bool:
        return fields.get(field, default)[:1] in ("T", "t", "1")

    if not is_true("BinaryData", "True"):
        raise InputError(f"{path}: the voxels are stored as text: save the image again as binary")
    data_file: str | None = fields["ElementDataFile"]
    if data_file is not None and data_file.upper() == "LOCAL":
        data_file = None
    data_path, offset = _data_file(path, data_file, last.end())
    skip = _integer(path, fields.get("HeaderSize", "0"))
    if skip > 0:  # counted from the front of the file
        offset, skip = skip, 0
    big_endian = is_true("BinaryDataByteOrderMSB", "F") or is_true("ElementByteOrderMSB", "F")
    zipped = is_true("CompressedData", "False")
    if zipped and skip < 0:
        raise InputError(f"{path}: HeaderSize = {skip} cannot be used with zipped data")
    return Storage(data_path, "zlib" if zipped else "raw", offset, skip, big_endian)


def _data_file(path: str, name: str | None, offset: int) -> tuple[str, int]:
    """Return the file with the voxels and the byte where they begin."""
    if name is None:
        return path, offset
    if name.split(maxsplit=1)[:1] == ["LIST"] or "%" in name:
        raise InputError(
            f"{path}: the voxels are spread over several files ({name!r}): save them as one image"
        )
    data_path = os.path.join(os.path.dirname(path), name)
    if not os.path.isfile(data_path):
        raise FileNotFoundError(f"{data_path}: no such file, but {path} keeps its voxels in it")
    return data_path, 0


def _integer(path: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{path}: expected a whole number in the header, not {text!r}") from None
