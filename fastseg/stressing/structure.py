"""A structure that errors are made of: its mask in its box, and what several errors need to know of it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastseg.components import connected_components
from fastseg.inputs.arrays import Box, Spacing
from fastseg.inputs.structures import Label
from fastseg.primitives import distance_transform_edt
from fastseg.threads import lazy

Mask = NDArray[np.bool_]
_Value = TypeVar("_Value")


class NotPossibleError(Exception):
    """An error makes no sense for a structure; the message says why."""


class Damage(NamedTuple):
    """A damaged mask: a window of the image, and the first voxel of it along each axis."""

    mask: Mask
    start: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class StressedStructure:
    """A structure of the reference.

    Attributes
    ----------
    name : str
    label : int or tuple of int
    mask : bool ndarray
        Its voxels, within its box.
    start : tuple of int
        The first voxel of the box.
    shape : tuple of int
        Of the image.
    spacing : tuple of float
    slice_axis : int
        Along which slices follow each other.
    seed : int
    others : list of StressedStructure
        The other structures of the image.
    """

    name: str
    label: Label
    mask: Mask
    start: tuple[int, ...]
    shape: tuple[int, ...]
    spacing: Spacing
    slice_axis: int
    seed: int
    others: list[StressedStructure] = field(default_factory=list, repr=False)
    _kept: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.mask.ndim

    @property
    def stop(self) -> tuple[int, ...]:
        """The voxel behind the box."""
        return tuple(np.add(self.start, self.mask.shape).tolist())

    @lazy
    def voxels(self) -> int:
        """How many voxels it has."""
        return int(np.count_nonzero(self.mask))

    @lazy
    def extents(self) -> tuple[float, ...]:
        """How long its box is along each axis, in the units of the spacing."""
        return tuple(n * step for n, step in zip(self.mask.shape, self.spacing, strict=True))

    @property
    def long_axis(self) -> int:
        """The axis along which it is longest; the first of several."""
        return int(np.argmax(self.extents))

    def random(self, error: str) -> np.random.Generator:
        """Give a generator that depends on the seed, the error and the structure's name alone."""
        names = (zlib.crc32(text.encode("utf-8", "replace")) for text in (error, self.name))
        return np.random.default_rng([self.seed, *names])

    def kept(self, what: object, make: Callable[[], _Value]) -> _Value:
        """Give what was made for another amount, or make it; why it cannot be made is kept too."""
        if what not in self._kept:
            try:
                self._kept[what] = make()
            except NotPossibleError as reason:
                self._kept[what] = reason
        value: _Value | NotPossibleError = self._kept[what]
        if isinstance(value, NotPossibleError):
            raise value.with_traceback(None)
        return value

    def voxels_of(self, length: float) -> tuple[int, ...]:
        """Give how many voxels a length reaches along each axis, rounded up."""
        return tuple(math.ceil(length / step) for step in self.spacing)

    def window(self, margin: Sequence[int]) -> tuple[Mask, tuple[int, ...]]:
        """Give the mask with a margin of so many voxels along each axis, as far as the image reaches, and its start."""
        low = [max(0, at - more) for at, more in zip(self.start, margin, strict=True)]
        high = [
            min(size, at + more)
            for size, at, more in zip(self.shape, self.stop, margin, strict=True)
        ]
        found = np.zeros([b - a for a, b in zip(low, high, strict=True)], np.bool_)
        found[box_within(self.start, self.mask.shape, low)] = self.mask
        return found, tuple(low)

    @lazy
    def depth(self) -> NDArray[np.float64]:
        """How far each voxel of the box is from the background; inf where the image has none. Outside is nothing."""
        margin = [1] * self.ndim
        mask, start = self.window(margin)
        distances: NDArray[np.float64] = distance_transform_edt(mask, self.spacing)
        within: NDArray[np.float64] = distances[box_within(self.start, self.mask.shape, start)]
        return within

    @lazy
    def components(self) -> tuple[NDArray[np.int32], int]:
        """The numbers of its connected components, corners connect, and how many there are."""
        numbers, n = connected_components(self.mask)
        return numbers, n

    def without(self, removed: Mask) -> Damage:
        """Give the mask without some of the voxels of the box."""
        return Damage(self.mask & ~removed, self.start)


def box_within(start: Sequence[int], shape: Sequence[int], window: Sequence[int]) -> Box:
    """Give where a box lies in a window that begins at a voxel of the image."""
    return tuple(
        slice(at - first, at - first + size)
        for at, size, first in zip(start, shape, window, strict=True)
    )


def number_of_components(mask: Mask) -> int:
    """Count connected components, where corners connect."""
    return connected_components(mask)[1]
