"""A label map in chunks, on disk or elsewhere: a part is decoded when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fastseg.errors import FastsegError, InputError, shortened
from fastseg.inputs.arrays import Array, Box, Spacing, as_label_map
from fastseg.inputs.chunk_grid import ChunkGrid
from fastseg.inputs.whole_numbers import nothing_left

# Bytes of a map that are decoded at once when nothing was found in it.
_CHECKED_AT_ONCE = 1 << 26


@dataclass(frozen=True, eq=False)
class ChunkedSource:
    """A label map that is stored in chunks: an array of Zarr, HDF5 or Dask, or anything that is sliced like one.

    Attributes
    ----------
    stored : object
        What has a shape and a dtype, and gives a NumPy array, or what becomes one, for a tuple of slices.
    stored_chunks : ChunkGrid
        The chunks of what is stored, along all of its axes.
    axes : tuple of int
        The stored axes that the map has, in its order; the others have one entry.
    """

    stored: Any
    stored_chunks: ChunkGrid
    axes: tuple[int, ...]
    spacing: Spacing | None = None
    grid: Any = None
    name: str = ""
    segments: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    own_labels: bool = True
    array: None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return self.chunks.shape

    @property
    def chunks(self) -> ChunkGrid:
        """Where the chunks lie along the map's own axes."""
        return self.stored_chunks.kept(self.axes)

    @property
    def itemsize(self) -> int:
        """Bytes of a stored voxel."""
        return int(np.dtype(self.stored.dtype).itemsize)

    def slabs(self, size: int) -> list[Box]:
        """Cut the map into boxes of whole chunks, so that a pass decodes each chunk once."""
        return self.chunks.slabs(size, self.itemsize)

    def window(self, box: Box) -> Array:
        """Decode the chunks that a box touches, and give the labels within it."""
        return as_label_map(self.values(box), self.name, tuple(along.start for along in box))

    def values(self, box: Box) -> Array:
        """Decode the chunks that a box touches, and give what is stored within it."""
        places = dict(zip(self.axes, box, strict=True))
        whole = tuple(
            places.get(axis, slice(0, 1)) for axis in range(len(self.stored_chunks.edges))
        )
        try:
            values: Array = np.asarray(self.stored[whole])
        except (FastsegError, MemoryError):
            raise
        except Exception as error:  # codecs raise whatever they like on damaged chunks
            raise InputError(
                f"{self.name}: the voxels from {tuple(along.start for along in box)} to "
                f"{tuple(along.stop for along in box)} cannot be read: "
                f"{shortened(error) or type(error).__name__}"
            ) from error
        size = tuple(along.stop - along.start for along in box)
        if values.size != np.prod(size, dtype=np.int64):
            raise InputError(
                f"{self.name}: expected {size} voxels, but what is stored gave {values.shape}"
            )
        fortran = values.flags.f_contiguous and not values.flags.c_contiguous
        return values.reshape(size, order="F" if fortran else "C")

    def whole(self) -> Array:
        """Decode all of it, and give what is stored."""
        return self.values(tuple(slice(0, length) for length in self.shape))

    def check_background(self) -> None:
        """Raise if the map, of which nothing but 0 was found, holds something that was rounded to 0."""
        if np.dtype(self.stored.dtype).kind != "f":
            return
        for box in self.slabs(_CHECKED_AT_ONCE):
            part = self.values(box)
            if part.any():
                raise nothing_left(float(part.min()), float(part.max()), self.name)

    def with_shape(self, shape: tuple[int, ...]) -> ChunkedSource:
        """Give the same map with axes of one entry left out."""
        return replace(self, axes=without_single(self.shape, self.axes, shape))


def without_single(
    shape: Iterable[int], axes: Iterable[int], wanted: Sequence[int]
) -> tuple[int, ...]:
    """Leave out axes of one entry, so that those of a shape that is wanted are left.

    Examples
    --------
    >>> without_single((1, 5, 1, 4), (0, 1, 2, 3), (5, 1, 4))
    (1, 2, 3)
    """
    kept: list[int] = []
    for axis, size in zip(axes, shape, strict=True):
        if len(kept) < len(wanted) and size == wanted[len(kept)]:
            kept.append(axis)
    return tuple(kept)
