"""Zipped voxels that are unzipped once, a few slices at a time, and kept in memory zipped again, slice by slice.

A gzip stream can only be read from its front. Label maps are long runs: squeezed anew in pieces they take a hundredth
of their size, at a quarter of the time of unzipping the file, and a window is there again twice as fast as from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from fastseg import threads
from fastseg.errors import InputError
from fastseg.inputs.arrays import Array, Box, as_label_map
from fastseg.inputs.chunk_grid import ChunkGrid
from fastseg.inputs.chunked_source import ChunkedSource
from fastseg.inputs.source import Scaling
from fastseg.inputs.whole_numbers import nothing_left
from fastseg.io.image import Grid
from fastseg.io.voxels import BLOCK, VoxelFile, inflaters

# Bytes of a piece: small beside any window, large beside what a call of the library costs.
PIECE_BYTES = 1 << 20

_INTEGERS = tuple(np.dtype(f"{kind}{size}") for size in (1, 2, 4, 8) for kind in ("u", "i"))


class Opener(Protocol):
    """What opens a file of voxels."""

    def __call__(self) -> AbstractContextManager[VoxelFile]:
        """Open it."""


def squeezed_source(
    open_file: Opener,
    start: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    path: str,
    grid: Grid | None,
    *,
    scaling: Scaling | None = None,
    segments: Any = None,
    trailer: int = BLOCK,
) -> ChunkedSource:
    """Unzip voxels once and keep them in pieces.

    Parameters
    ----------
    open_file : callable
        Opens the file of voxels.
    start, shape, dtype, trailer
        As of :meth:`fastseg.io.voxels.VoxelFile.voxels`.
    path : str
        For messages.
    grid : Grid or None
    scaling : Scaling, optional
        How labels are made of what is stored.
    segments : mapping, optional
        Names of the segments.
    """
    a_slice = max(1, int(np.prod(shape[:-1], dtype=np.int64)) * dtype.itemsize)
    thickness = max(1, PIECE_BYTES // a_slice)
    with open_file() as file:
        stored = SqueezedVoxels.of(
            file.slices(start, shape, dtype, thickness, trailer), shape, thickness, path, scaling
        )
    spacing = None if grid is None else grid.spacing
    chunks = ChunkGrid.regular(shape, (*shape[:-1], thickness))
    axes = tuple(range(len(shape)))
    return ChunkedSource(stored, chunks, axes, spacing, grid, path, segments or {})


class SqueezedVoxels:
    """A label map in pieces of some slices along its last axis, each of them zipped; sliced as an array is."""

    def __init__(
        self,
        pieces: list[tuple[bytes, np.dtype[Any]]],
        shape: tuple[int, ...],
        thickness: int,
        dtype: np.dtype[Any],
    ) -> None:
        self.shape, self.dtype = shape, dtype
        self._pieces, self._thickness = pieces, thickness

    @classmethod
    def of(
        cls,
        slices: Iterable[Array],
        shape: tuple[int, ...],
        thickness: int,
        name: str,
        scaling: Scaling | None = None,
    ) -> SqueezedVoxels:
        """Squeeze a map that comes in pieces of so many slices, Fortran-ordered."""
        _, zlib = inflaters()
        pieces: list[tuple[bytes, np.dtype[Any]]] = []
        ranges: list[tuple[float, float, int, int]] = []
        for number, part in enumerate(slices):
            where = (*(0,) * (len(shape) - 1), number * thickness)
            numbers, labels = part, part
            if scaling is not None:
                numbers, labels = scaling.numbers(part), scaling.labels(part)
            labels = as_label_map(labels, name, where)
            if numbers.dtype.kind == "f":
                lowest, highest = float(numbers.min()), float(numbers.max())
                ranges.append((lowest, highest, int(labels.min()), int(labels.max())))
            flat = labels.reshape(-1, order="F")
            pieces.append((zlib.compress(flat.view(np.uint8), 1), labels.dtype))
        dtype = pieces[0][1] if not ranges else _type_of(ranges, name)
        return cls(pieces, shape, thickness, dtype)

    @property
    def nbytes(self) -> int:
        """Bytes that the pieces take in memory."""
        return sum(len(piece) for piece, _ in self._pieces)

    def __getitem__(self, box: Box) -> Array:
        """Unzip the pieces that a box touches."""
        size = tuple(along.stop - along.start for along in box)
        window: Array = np.empty(size, self.dtype, order="F")
        _, zlib = inflaters()
        last = box[-1]

        def unzip(number: int) -> None:
            zipped, dtype = self._pieces[number]
            begin = number * self._thickness
            end = min(begin + self._thickness, self.shape[-1])
            shape = (*self.shape[:-1], end - begin)
            size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
            flat = zlib.decompress(zipped, bufsize=size)
            part = np.frombuffer(flat, dtype).reshape(shape, order="F")
            start, stop = max(begin, last.start), min(end, last.stop)
            window[..., start - last.start : stop - last.start] = part[
                (*box[:-1], slice(start - begin, stop - begin))
            ]

        threads.run(unzip, self._touched(last), window.size)
        return window

    def _touched(self, last: slice) -> Iterator[int]:
        return iter(range(last.start // self._thickness, -(-last.stop // self._thickness)))


def _type_of(ranges: list[tuple[float, float, int, int]], name: str) -> np.dtype[Any]:
    """Find the narrowest type for the labels of all pieces, of which not all may have been rounded to nothing."""
    low, high = min(one[2] for one in ranges), max(one[3] for one in ranges)
    lowest, highest = min(one[0] for one in ranges), max(one[1] for one in ranges)
    if low == high == 0 and (lowest or highest):
        raise nothing_left(lowest, highest, name)
    for dtype in _INTEGERS:
        if np.iinfo(dtype).min <= low and high <= int(np.iinfo(dtype).max):
            return dtype
    raise InputError(f"{name}: labels from {low} to {high} go beyond 64 bits; renumber them")
