"""MetaImage files with their voxels zipped."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from fastseg.io.metaimage import DTYPES, place_of_metaimage
from fastseg.io.replacing import replacing
from fastseg.io.voxels import inflaters
from fastseg.io.writers.what import Voxels, itk_place, words
from fastseg.io.writers.zipped import LEVEL, blocks

_TYPES = {np.dtype(code).name: name for name, code in DTYPES.items() if "LONG" not in name}
_TYPES |= {"int64": "MET_LONG_LONG", "uint64": "MET_ULONG_LONG"}

# How many digits are kept free for a size that is known in the end.
_DIGITS = 20


def write(path: Path, voxels: Voxels) -> None:
    """Write a .mha file."""
    array = voxels.array
    _, zlib_module = inflaters()
    squeeze = zlib_module.compressobj(LEVEL, zlib.DEFLATED)
    before = [
        "ObjectType = Image",
        f"NDims = {array.ndim}",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = True",
        "CompressedDataSize = ",
    ]
    after = [
        "",
        *_place(voxels, str(path)),
        f"DimSize = {' '.join(map(str, array.shape))}",
        f"ElementType = {_TYPES[array.dtype.name]}",
        "ElementDataFile = LOCAL",
        "",
    ]
    with replacing(path, binary=True) as file:
        file.write("\n".join(before).encode("ascii"))
        for_size = file.tell()
        file.write(b" " * _DIGITS + "\n".join(after).encode("ascii"))
        start = file.tell()
        for block in blocks(array, array.dtype.newbyteorder("<")):
            file.write(squeeze.compress(block))
        file.write(squeeze.flush())
        size = file.tell() - start
        file.seek(for_size)
        file.write(str(size).encode("ascii"))


def _place(voxels: Voxels, path: str) -> list[str]:
    """Write the fields that say where voxels lie: those of a MetaImage as they stand there, else by the grid."""
    if voxels.grid is None:
        return []
    if isinstance(voxels.like, str) and voxels.like.lower().endswith((".mha", ".mhd")):
        lines = place_of_metaimage(voxels.like, voxels.array.ndim)
        if lines is not None:
            return lines
    place = itk_place(voxels, path)
    if place is None:
        return [f"ElementSpacing = {words(voxels.grid.spacing)}"]
    return [
        f"TransformMatrix = {words(np.asarray(place.direction).T)}",  # each axis is a row of the file
        f"Offset = {words(place.origin)}",
        f"ElementSpacing = {words(place.spacing)}",
    ]
