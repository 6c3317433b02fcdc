"""Voxels on their way to the disk: a few slices at a time, in Fortran order, zipped or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from fastseg.io.voxels import inflaters

# Label maps and maps of distances are long runs: higher levels take several times as long for a few percent.
LEVEL = 4

_AT_ONCE = 1 << 24


def blocks(array: np.ndarray, dtype: np.dtype[Any]) -> Iterator[bytes]:
    """Give the bytes of an array in Fortran order, slices of its last axis at a time."""
    thickness = max(1, _AT_ONCE // max(1, array[..., :1].size * dtype.itemsize))
    for start in range(0, array.shape[-1], thickness):
        part = array[..., start : start + thickness]
        yield part.astype(dtype, order="F", copy=False).tobytes(order="F")


@contextmanager
def gzipped(file: BinaryIO) -> Iterator[Any]:
    """Open a gzip stream on a file; it holds neither a name nor a time, so that equal images are equal files."""
    gzip_module, _ = inflaters()
    with gzip_module.GzipFile(
        filename="", mode="wb", compresslevel=LEVEL, fileobj=file, mtime=0
    ) as stream:
        yield stream
