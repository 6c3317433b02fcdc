"""Where the voxels of NRRD and MetaImage files are, in one file or many, and how they come off the disk."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from fastseg.errors import InputError, shortened
from fastseg.inputs.source import Source
from fastseg.io.image import Grid, Opened
from fastseg.io.mapped import mapped
from fastseg.io.squeezed import squeezed_source
from fastseg.io.voxels import Encoding, open_voxels

# Headers are a few hundred bytes; a 3D Slicer segmentation adds some 600 a segment.
LONGEST_HEADER = 1 << 20

# A file a slice; more would be a header that lies.
MOST_FILES = 100_000


class Storage(NamedTuple):
    """The voxels begin `skip` bytes into the (unzipped) data that begin at byte `offset`.

    Of several files each holds an equally long piece of them, one after another.
    """

    paths: tuple[str, ...]
    encoding: Encoding
    offset: int
    skip: int  # −1: raw voxels at the very end of the file
    big_endian: bool

    def check(self, voxels: int, dtype: np.dtype[Any]) -> None:
        """Refuse a header that promises more than its files can hold."""
        size = self._size_of_a_piece(voxels, dtype)
        for path in self.paths:
            offset, skip = self._start(path, size)
            with open_voxels(path, self.encoding, offset) as voxel_file:
                voxel_file.check_promise(skip + size)

    def with_ways(
        self,
        opened: Opened,
        dtype: np.dtype[Any],
        path: str,
        segments: Mapping[str, tuple[int, ...]] | None = None,
    ) -> Opened:
        """Say how voxels that are one label map in one file are read without taking memory for all of them."""
        shape, dtype = opened.shape, self._in_its_order(dtype)
        opened = replace(opened, nbytes=math.prod(shape) * dtype.itemsize, dtype=dtype)
        if len(self.paths) > 1:
            return opened
        (voxel_path,), size = self.paths, opened.nbytes
        offset, skip = self._start(voxel_path, size)
        if self.encoding == "raw":
            with open_voxels(voxel_path, "raw", offset) as voxel_file:
                voxel_file.check_size(skip + size)
            way = mapped(voxel_path, offset + skip, shape, dtype, segments=segments, name=path)
            return replace(opened, map=way.map, map_from=way.map_from)

        def in_pieces(grid: Grid | None) -> Source:
            return squeezed_source(
                lambda: open_voxels(voxel_path, self.encoding, offset),
                skip,
                shape,
                dtype,
                path,
                grid,
                segments=segments,
            )

        return replace(opened, in_pieces=in_pieces)

    def _in_its_order(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Give the type of the voxels in the file's byte order."""
        return dtype.newbyteorder(">" if self.big_endian else "<")

    def read(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
        """Read the voxels: a Fortran-ordered, writable array."""
        dtype = self._in_its_order(dtype)
        size = self._size_of_a_piece(math.prod(shape), dtype)
        if len(self.paths) == 1:
            return self._read(self.paths[0], shape, dtype, size)
        self.check(math.prod(shape), dtype)
        count = size // dtype.itemsize
        voxels = np.empty(count * len(self.paths), dtype.newbyteorder("="))
        for i, path in enumerate(self.paths):
            voxels[i * count : (i + 1) * count] = self._read(path, (count,), dtype, size)
        return voxels.reshape(shape, order="F")

    def _read(
        self, path: str, shape: tuple[int, ...], dtype: np.dtype[Any], size: int
    ) -> np.ndarray:
        offset, skip = self._start(path, size)
        with open_voxels(path, self.encoding, offset) as voxel_file:
            return voxel_file.voxels(skip, shape, dtype)

    def _start(self, path: str, size: int) -> tuple[int, int]:
        if self.skip >= 0:
            return self.offset, self.skip
        return max(self.offset, os.path.getsize(path) - size), 0

    def _size_of_a_piece(self, voxels: int, dtype: np.dtype[Any]) -> int:
        count, rest = divmod(voxels, len(self.paths))
        if rest:
            raise InputError(
                f"{self.paths[0]}: {voxels:,} voxels cannot lie in {len(self.paths)} files of one size"
            )
        return count * dtype.itemsize


def data_files(path: str, names: Sequence[str], expected: int) -> tuple[str, ...]:
    """Return the files that a header names, all of which there must be.

    Raises
    ------
    FileNotFoundError
        One or some are missing; the message names them.
    """
    if len(names) != expected:
        raise InputError(
            f"{path}: the header names {len(names)} files of voxels, but its sizes ask for {expected}"
        )
    paths = tuple(os.path.join(os.path.dirname(path), name) for name in names)
    missing = [data_path for data_path in paths if not os.path.isfile(data_path)]
    if missing:
        more = f" (nor {len(missing) - 1} more, of {len(paths)})" if len(missing) > 1 else ""
        raise FileNotFoundError(
            f"{missing[0]}: no such file{more}, but {path} keeps its voxels in it"
        )
    return paths


def numbered(path: str, pattern: str, numbers: range) -> list[str]:
    """Write out a pattern of file names such as slice%03d.raw."""
    if len(numbers) > MOST_FILES:
        raise InputError(f"{path}: the header names {len(numbers):,} files of voxels")
    if not re.fullmatch(r"[^%]*%0?\d{0,2}[diu][^%]*", pattern):
        raise InputError(
            f"{path}: {shortened(pattern)!r} is no pattern of file names such as slice%03d.raw"
        )
    return [pattern % number for number in numbers]


def integers(path: str, field: str, text: str, count: int | None = None) -> tuple[int, ...]:
    """Read the whole numbers of a field."""
    words = text.split()
    try:
        values = tuple(int(word) for word in words)
    except ValueError:
        raise InputError(
            f"{path}: expected whole numbers in the header's {field}, not {shortened(text)!r}"
        ) from None
    if count is not None and len(values) != count:
        raise InputError(_count(path, field, text, count))
    return values


def floats(path: str, field: str, text: str, count: int) -> tuple[float, ...]:
    """Read the finite numbers of a field."""
    try:
        values = tuple(float(word) for word in text.split())
    except ValueError:
        values = (math.nan,)
    if not all(map(math.isfinite, values)):
        raise InputError(
            f"{path}: expected numbers in the header's {field}, not {shortened(text)!r}"
        )
    if len(values) != count:
        raise InputError(_count(path, field, text, count))
    return values


def _count(path: str, field: str, text: str, count: int) -> str:
    what = "one number" if count == 1 else f"{count} numbers"
    return f"{path}: expected {what} in the header's {field}, not {shortened(text)!r}"


def lines_of(header: bytes) -> list[str]:
    """Return the lines of a header, which is ASCII by its rules and UTF-8 or Latin-1 by its writers."""
    try:
        text = header.decode("utf-8")
    except UnicodeDecodeError:
        text = header.decode("latin-1")
    return [line.rstrip("\r") for line in text.split("\n")]
