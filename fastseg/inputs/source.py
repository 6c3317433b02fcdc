"""Label maps as they are measured: in memory, on disk or in chunks, whole or window by window."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fastseg.inputs.arrays import Array, Spacing, as_label_map
from fastseg.measures.joint_histogram import Box


class Source(Protocol):
    """A label map that can be asked for all of it, or for parts."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of what it gives."""

    @property
    def spacing(self) -> Spacing | None:
        """The voxel size that it brings, None if it knows none."""

    @property
    def grid(self) -> Any:
        """Where its voxels lie in space, a :class:`fastseg.io.Grid`; None if it does not know."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    def whole(self) -> Array | None:
        """Give the whole map as one array of labels; None if it should be read by windows."""

    def slabs(self, size: int) -> list[Box]:
        """Cut the map into boxes that are read well one after another and take about `size` bytes each."""

    def window(self, box: Box) -> Array:
        """Give the labels within a box, as an array of labels in memory."""


@dataclass(frozen=True, eq=False)
class ArraySource:
    """A label map that is an array, in memory or mapped into it from a file."""

    array: Array
    spacing: Spacing | None = None
    grid: Any = None
    name: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        shape: tuple[int, ...] = self.array.shape
        return shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the array."""
        return np.dtype(self.array.dtype)

    def whole(self) -> Array | None:
        """Give the array."""
        return self.array

    def slabs(self, size: int) -> list[Box]:
        """Cut the array along its slowest axis."""
        return slabs_of(self.shape, self.dtype, size, reverse=bool(self.array.flags.f_contiguous))

    def window(self, box: Box) -> Array:
        """Give a view of the array."""
        return self.array[box]


@dataclass(frozen=True, eq=False)
class ConvertedSource(ArraySource):
    """An array on disk that holds labels in a form to be converted, floats say, which is done window by window."""

    def whole(self) -> Array | None:
        """Give nothing: a copy of it might not fit into memory."""
        return None

    def window(self, box: Box) -> Array:
        """Convert a part of the array."""
        return as_label_map(np.asarray(self.array[box]), self.name)


def slabs_of(
    shape: tuple[int, ...], dtype: np.dtype[Any], size: int, *, reverse: bool = False
) -> list[Box]:
    """Cut a shape along its first axis, or its last if `reverse`, into boxes of about `size` bytes.

    Examples
    --------
    >>> [box[0] for box in slabs_of((5, 4, 4), np.dtype("u1"), 32)]
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    axis = len(shape) - 1 if reverse else 0
    thickness = max(1, size // max(1, math.prod(shape) // shape[axis] * dtype.itemsize))
    edges = [*range(0, shape[axis], thickness), shape[axis]]
    whole = [slice(0, length) for length in shape]
    return [
        tuple(slice(*pair) if i == axis else part for i, part in enumerate(whole))
        for pair in itertools.pairwise(edges)
    ]
