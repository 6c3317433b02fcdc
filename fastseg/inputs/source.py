"""Label maps as they are measured: in memory, on disk or in chunks, whole or window by window."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from fastseg.inputs.arrays import Array, Box, Spacing, as_label_map
from fastseg.inputs.device import check_in_cpu_memory
from fastseg.inputs.whole_numbers import nothing_left

# Bytes of a map on disk.
_CHECKED_AT_ONCE = 1 << 26


class Source(Protocol):
    """A label map that can be asked for all of it, or for parts."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""

    @property
    def array(self) -> Array | None:
        """The whole map as one array of labels; None if it should be read by windows."""

    @property
    def spacing(self) -> Spacing | None:
        """The voxel size that it brings, None if it knows none."""

    @property
    def grid(self) -> Any:
        """Where its voxels lie in space, a :class:`fastseg.io.Grid`; None if it does not know."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    @property
    def segments(self) -> Mapping[str, tuple[int, ...]]:
        """What its file calls its segments: name to the labels that each consists of; empty for most."""

    @property
    def own_labels(self) -> bool:
        """Whether labels are the file's own; if not, only names tell what they are."""

    def slabs(self, size: int) -> list[Box]:
        """Cut the map into boxes that are read well one after another and take about `size` bytes each."""

    def window(self, box: Box) -> Array:
        """Give the labels within a box, as an array of labels in memory."""

    def with_shape(self, shape: tuple[int, ...]) -> Source:
        """Give the same map with axes of one entry left out."""


@runtime_checkable
class RoundedSource(Protocol):
    """A source whose windows are rounded one by one: all of it may be rounded to nothing."""

    def check_background(self) -> None:
        """Raise if the map, of which nothing but 0 was found, holds something that was rounded to 0."""


class Scaling(Protocol):
    """How labels are made of what is stored."""

    def numbers(self, stored: Array) -> Array:
        """Give the numbers that stored ones stand for."""

    def labels(self, stored: Array) -> Array:
        """Give them with what is a rounding off a whole number made whole."""


@dataclass(frozen=True, eq=False)
class ArraySource:
    """A label map that is an array, in memory or mapped into it from a file."""

    array: Array
    spacing: Spacing | None = None
    grid: Any = None
    name: str = ""
    segments: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    own_labels: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        shape: tuple[int, ...] = self.array.shape
        return shape

    def slabs(self, size: int) -> list[Box]:
        """Cut the array along its slowest axis."""
        return slabs_of(self.array, size)

    def window(self, box: Box) -> Array:
        """Give a view of the array."""
        return self.array[box]

    def with_shape(self, shape: tuple[int, ...]) -> ArraySource:
        """Give a view of the array with axes of one entry left out."""
        return replace(self, array=self.array.reshape(shape, order=memory_order(self.array)))


@dataclass(frozen=True, eq=False)
class ConvertedSource:
    """An array on disk that holds labels in a form to be converted, floats say, which is done window by window.

    A converted copy of all of it might not fit into memory.
    """

    stored: Array
    spacing: Spacing | None = None
    grid: Any = None
    name: str = ""
    segments: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    own_labels: bool = True
    scaling: Scaling | None = None
    array: None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        shape: tuple[int, ...] = self.stored.shape
        return shape

    def slabs(self, size: int) -> list[Box]:
        """Cut the array along its slowest axis."""
        return slabs_of(self.stored, size)

    def window(self, box: Box) -> Array:
        """Convert a part of the array."""
        start = tuple(along.start for along in box)
        part = np.asarray(self.stored[box])
        if self.scaling is not None:
            part = self.scaling.labels(part)
        return as_label_map(part, self.name, start)

    def check_background(self) -> None:
        """Raise if the map, of which nothing but 0 was found, holds something that was rounded to 0."""
        for box in self.slabs(_CHECKED_AT_ONCE):
            part = np.asarray(self.stored[box])
            if self.scaling is not None:
                part = self.scaling.numbers(part)
            if part.any():
                raise nothing_left(float(part.min()), float(part.max()), self.name)

    def with_shape(self, shape: tuple[int, ...]) -> ConvertedSource:
        """Give the array on disk with axes of one entry left out."""
        return replace(self, stored=self.stored.reshape(shape, order=memory_order(self.stored)))


def whole_map(source: Source, what: str) -> Array:
    """Give all labels of a source as an array in CPU memory.

    Parameters
    ----------
    source : Source
    what : str
        What is evaluated of it, for the error: "instances".

    Raises
    ------
    InputTypeError
        For an array on a GPU.
    InputError
        For what was rounded to nothing, window by window.
    """
    array = source.array
    if array is not None:
        check_in_cpu_memory(array, source.name or "label map", what)
        return array
    labels = source.window(tuple(slice(0, size) for size in source.shape))
    if isinstance(source, RoundedSource) and not labels.any():
        source.check_background()
    return labels


def memory_order(array: Array) -> Literal["C", "F"]:
    """Tell in which order a reshape that only leaves out axes of one entry copies nothing."""
    return "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"


def slabs_of(array: Array, size: int) -> list[Box]:
    """Cut an array along its slowest axis into boxes of about `size` bytes.

    Examples
    --------
    >>> [box[0] for box in slabs_of(np.zeros((5, 4, 4), np.uint8), 32)]
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    shape = array.shape
    axis = 0 if array.flags.c_contiguous or not array.flags.f_contiguous else array.ndim - 1
    thickness = max(1, size // max(1, array.nbytes // shape[axis]))
    edges = [*range(0, shape[axis], thickness), shape[axis]]
    whole = [slice(0, length) for length in shape]
    return [
        tuple(slice(*pair) if i == axis else part for i, part in enumerate(whole))
        for pair in itertools.pairwise(edges)
    ]
