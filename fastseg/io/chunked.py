"""Arrays in chunks, of HDF5, Dask and whatever is sliced like them: opened, and not read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastseg.errors import InputError
from fastseg.inputs.arrays import Array
from fastseg.inputs.chunk_grid import ChunkGrid
from fastseg.inputs.chunked_source import ChunkedSource
from fastseg.inputs.source import Source
from fastseg.io.image import Grid, Image, Opened, check_one_number_a_voxel, native

# From this size on a map is decoded while it is measured; smaller ones are measured faster when all is decoded first.
DECODED_FROM = 1 << 28

# A chunk may be larger than its array, but not by so many times, unless it is small.
_CHUNK_TIMES = 8
_LARGEST_CHUNK = 1 << 26


def is_in_chunks(value: object) -> bool:
    """Tell whether something is an array that is not in memory, and knows its chunks or that it has none."""
    return (
        all(hasattr(value, name) for name in ("shape", "dtype", "chunks", "__getitem__"))
        and hasattr(value, "ndim")
        and not isinstance(value, np.ndarray)
    )


def from_chunks(stored: Any, argument: str = "") -> Opened:
    """Take an array of Dask or HDF5, or one that is like them."""
    library = type(stored).__module__.partition(".")[0]
    return opened_chunks(stored, stored.chunks, argument or f"the {library} array", None, ())


def opened_chunks(
    stored: Any,
    chunks: Sequence[Any] | None,
    name: str,
    grid: Grid | None,
    notes: Sequence[str],
    axes: tuple[int, ...] | None = None,
) -> Opened:
    """Open what is sliced like an array.

    Parameters
    ----------
    stored : object
    chunks : sequence, or None
        The length of a chunk along each axis, or those of all; None where it has no chunks.
    name : str
        For messages.
    grid : Grid or None
    notes : sequence of str
    axes : tuple of int, optional
        The axes that are not left out.
    """
    dtype = np.dtype(stored.dtype)
    check_one_number_a_voxel(dtype, name)
    if stored.shape is None:  # HDF5's, of a type and no values
        raise InputError(f"{name}: it holds no voxels")
    if any(size != size for size in stored.shape):  # Dask does not know before it has computed it
        whole = Image(np.asarray(stored), grid, name, notes=tuple(notes))
        return replace(whole.opened(), nbytes=whole.array.nbytes)
    shape = tuple(int(size) for size in stored.shape)
    axes = tuple(range(len(shape))) if axes is None else axes
    if 0 in shape or len(axes) > 3 or not axes:
        return Image(_none_of(stored, shape, name), grid, name, notes=tuple(notes)).opened()
    _check_chunks(shape, chunks, dtype, name)
    source = ChunkedSource(stored, _grid(shape, chunks), axes, name=name)

    def mapped(on: Grid | None) -> Source:
        spacing = None if on is None else on.spacing
        return ChunkedSource(source.stored, source.stored_chunks, axes, spacing, on, name)

    return Opened(
        name,
        source.shape,
        grid,
        lambda: Image(native(source.whole()), grid, name, notes=tuple(notes)),
        mapped,
        tuple(notes),
        nbytes=math.prod(source.shape) * dtype.itemsize,
        dtype=dtype,
        map_from=DECODED_FROM,
    )


def _none_of(stored: Any, shape: tuple[int, ...], name: str) -> Array:
    """Give an array without voxels, which is refused with what was expected; refuse what has too many axes."""
    if 0 not in shape and len(shape) > 3:
        raise InputError(
            f"{name}: expected one to three axes, got {len(shape)} with {shape} entries; choose one volume"
        )
    return np.asarray(stored[()])


def _check_chunks(
    shape: tuple[int, ...], chunks: Sequence[Any] | None, dtype: np.dtype[Any], name: str
) -> None:
    """Refuse chunks that are far larger than the array: they would be decoded whole, whatever it takes."""
    if chunks is None or not all(isinstance(size, int) for size in chunks):
        return
    size = math.prod(chunks) * dtype.itemsize
    if size > max(_LARGEST_CHUNK, _CHUNK_TIMES * math.prod(shape) * dtype.itemsize):
        raise InputError(
            f"{name}: its metadata make no sense: chunks of {tuple(chunks)} entries, {size:,} bytes, for an array of "
            f"{shape}"
        )


def _grid(shape: tuple[int, ...], chunks: Sequence[Any] | None) -> ChunkGrid:
    """Make the grid of chunks: of a length along each axis, of all their lengths, or of slices where there are none."""
    if chunks is None or len(chunks) != len(shape):
        return ChunkGrid.regular(shape, (1,) * len(shape[:-1]) + shape[-1:])
    along: list[tuple[int, ...]] = []
    for length, size in zip(shape, chunks, strict=True):
        if isinstance(size, Sequence):
            edges = np.cumsum([0, *size]).tolist()
            along.append(tuple(sorted(set(edges))) if edges[-1] == length else (0, length))
        else:
            along.append(ChunkGrid.regular((length,), (int(size or length),)).edges[0])
    return ChunkGrid(tuple(along))
