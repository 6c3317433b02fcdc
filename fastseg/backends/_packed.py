"""Arrays as volumes, of NumPy or CuPy: x the fastest axis, labels as the bits that they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.arrays import Array, is_contiguous
from fastseg.joint import Box


class Volume(NamedTuple):
    """An array seen as (nz, ny, nx), C-contiguous; `reverse` if its axes are x, y, z."""

    array: Array
    ndim: int
    reverse: bool


def is_reversed(array: Array) -> bool:
    """Whether the first axis is the fastest, so that the transposed view is the one in C order."""
    return bool(array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous)


def as_volume(array: Array) -> Volume:
    """See an array as a volume with its fastest axis last, copying only what is in neither order."""
    reverse = is_reversed(array)
    ordered = array if is_contiguous(array) else array.copy(order="C")
    ordered = ordered.T if reverse else ordered
    return Volume(ordered.reshape((1,) * (3 - array.ndim) + ordered.shape), array.ndim, reverse)


def as_unsigned(array: Array) -> Array:
    """The same bits as an unsigned type, which is what label kernels compare."""
    return array.view(f"u{array.dtype.itemsize}")


def as_word(value: int, dtype: np.dtype[Any]) -> int | None:
    """A label as the unsigned number that its bits are; None if the type cannot hold it."""
    if dtype.kind == "b":
        return value if value in (0, 1) else None
    limits = np.iinfo(dtype)
    fits = int(limits.min) <= value <= int(limits.max)
    return value & ((1 << 8 * dtype.itemsize) - 1) if fits else None


class Choice(NamedTuple):
    """Which voxels of a volume are asked for: those of a box that have one of some values."""

    volume: Volume
    corner: list[int]  # where the box starts along z, y, x
    shape: tuple[int, int, int]  # its sizes
    values: list[int]  # as unsigned numbers; without those that the labels' type cannot hold

    @classmethod
    def of(cls, labels: Array, values: Sequence[int], box: Box | None) -> Choice:
        """The same of labels whose axes may be in the other order; None is the box of all."""
        volume = as_volume(labels)
        slices = tuple(slice(0, size) for size in labels.shape) if box is None else box
        ordered = (slice(0, 1),) * (3 - volume.ndim)
        ordered += tuple(slices[::-1] if volume.reverse else slices)
        nz, ny, nx = (part.stop - part.start for part in ordered)
        wanted = [word for value in values if (word := as_word(value, labels.dtype)) is not None]
        return cls(volume, [part.start for part in ordered], (nz, ny, nx), wanted)


def ordered_codes(table: NDArray[np.float64], ndim: int, reverse: bool) -> NDArray[np.float64]:
    """A table of corner codes for codes read in z, y, x order, where the image's axes are x, y, z."""
    if not reverse:
        return table
    cube = np.arange(2**ndim).reshape((2,) * ndim).T.ravel()
    codes = np.arange(len(table))
    swapped = np.zeros_like(codes)
    for bit, image_bit in enumerate(cube):
        swapped |= (codes >> bit & 1) << image_bit
    return table[swapped]
