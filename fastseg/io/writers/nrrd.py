"""NRRD files with their voxels zipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastseg.io.nrrd import place_of_nrrd
from fastseg.io.replacing import replacing
from fastseg.io.writers.what import Voxels, itk_place, words
from fastseg.io.writers.zipped import blocks, gzipped

# NRRD's names of NumPy's types.
_TYPES = {f"{kind}{bits}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
_TYPES |= {"float32": "float", "float64": "double"}


def write(path: Path, voxels: Voxels) -> None:
    """Write a .nrrd file."""
    array = voxels.array
    lines = [
        "NRRD0004",
        f"type: {_TYPES[array.dtype.name]}",
        f"dimension: {array.ndim}",
        f"sizes: {' '.join(map(str, array.shape))}",
        *_place(voxels, str(path)),
        f"kinds: {' '.join(['domain'] * array.ndim)}",
        "endian: little",
        "encoding: gzip",
    ]
    dtype = array.dtype.newbyteorder("<")
    with replacing(path, binary=True) as file:
        file.write(("\n".join(lines) + "\n\n").encode("ascii"))
        with gzipped(file) as stream:
            for block in blocks(array, dtype):
                stream.write(block)


def _place(voxels: Voxels, path: str) -> list[str]:
    """Write the fields that say where voxels lie: those of a NRRD file as they stand there, else by the grid."""
    grid, ndim = voxels.grid, voxels.array.ndim
    if grid is None:
        return []
    if isinstance(voxels.like, str) and voxels.like.lower().endswith((".nrrd", ".nhdr")):
        lines = place_of_nrrd(voxels.like)
        if lines is not None:
            return lines
    place = itk_place(voxels, path)
    if place is None:
        return [f"spacings: {words(grid.spacing)}"]
    columns = np.asarray(place.direction) * place.spacing
    vectors = [f"({words(column).replace(' ', ',')})" for column in columns.T]
    space = "space: left-posterior-superior" if ndim == 3 else "space dimension: 2"
    return [
        space,
        f"space directions: {' '.join(vectors)}",
        f"space origin: ({words(place.origin).replace(' ', ',')})",
    ]
