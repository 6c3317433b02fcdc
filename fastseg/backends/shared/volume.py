"""Label maps as volumes, in NumPy's or CuPy's memory: x the fastest axis, labels as the bits that they are."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from fastseg.inputs.arrays import Array, Box, Spacing, in_order, is_contiguous
from fastseg.measures.regions import Region

_Mask = TypeVar("_Mask")


class Volume(NamedTuple):
    """A label map seen as (z, y, x) with x the fastest axis.

    Arrays in C order are seen as they are, arrays in Fortran order transposed, and fewer axes as a volume of one slice
    or one row.

    Attributes
    ----------
    labels : unsigned array (nz, ny, nx)
        C-contiguous; the labels as the bits that they are.
    dtype : dtype
        What these bits mean.
    ndim : int
        How many axes the map has; they are the last ones of the volume.
    reverse : bool
        Whether the map's axes are x, y, z. Distances are summed in the order of the map's own axes.
    """

    labels: Array
    dtype: np.dtype[Any]
    ndim: int
    reverse: bool

    @classmethod
    def of(cls, labels: Array, reverse: bool | None = None) -> Volume:
        """See a label map as a volume, copying only what is in neither order.

        What is in both, a single row say, is reversed where the caller says so, for the sake of other parts of the map.
        """
        if reverse is None:
            reverse = is_reversed(labels)
        else:
            labels = in_order(labels, "F" if reverse else "C")
        ordered = labels if is_contiguous(labels) else labels.copy(order="C")
        ordered = ordered.T if reverse else ordered
        bits = ordered.reshape((1,) * (3 - labels.ndim) + ordered.shape).view(f"u{labels.itemsize}")
        return cls(bits, np.dtype(labels.dtype), labels.ndim, reverse)

    def part(self, box: Box | None) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Find where a box of the map starts in the volume, and its sizes; None is the box of all."""
        if box is None:
            nz, ny, nx = self.labels.shape
            return (0, 0, 0), (nz, ny, nx)
        ordered = [slice(0, 1)] * (3 - self.ndim) + list(box[::-1] if self.reverse else box)
        z, y, x = ordered
        sizes = z.stop - z.start, y.stop - y.start, x.stop - x.start
        return (z.start, y.start, x.start), sizes

    def bits_of(self, labels: Sequence[int]) -> list[int]:
        """Give labels as the unsigned numbers that their bits are, without those that the dtype cannot hold."""
        low, high, mask = _limits(self.dtype)
        bits = []
        for label in labels:
            if low <= label <= high:
                bits.append(label & mask)  # noqa: PERF401
        return bits

    def spacing(self, spacing: Spacing) -> Spacing:
        """Turn a spacing along the map's axes into one along z, y, x."""
        ordered = spacing[::-1] if self.reverse else spacing
        return (1.0,) * (3 - self.ndim) + tuple(ordered)

    def restored(self, voxels: Array) -> Array:
        """Give an array (nz, ny, nx) the axes of the map."""
        voxels = voxels.reshape(voxels.shape[3 - self.ndim :])
        return voxels.T if self.reverse else voxels


@functools.lru_cache(maxsize=16)  # thousands of structures ask for it
def _limits(dtype: np.dtype[Any]) -> tuple[int, int, int]:
    """Find the least and the largest label of a type, and the largest number of its bits."""
    mask = (1 << 8 * dtype.itemsize) - 1
    if dtype.kind == "b":
        return 0, 1, mask
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max), mask


def is_reversed(array: Array) -> bool:
    """Tell whether the first axis is the fastest, so that the transposed view is the one in C order."""
    return bool(array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous)


def masks_of(
    take: Callable[..., _Mask],
    reference: Volume,
    prediction: Volume,
    region: Region,
    ignored: tuple[int, ...] = (),
) -> tuple[_Mask, _Mask]:
    """Take both masks of a region, without the voxels whose reference is one of the ignored labels.

    Parameters
    ----------
    take : callable
        How a backend makes a mask: of a volume, labels, a box and the mask of what is left out, or None.
    reference, prediction : Volume
    region : Region
    ignored : tuple of int
    """
    left_out = take(reference, ignored, region.box, None) if ignored else None
    return (
        take(reference, region.reference, region.box, left_out),
        take(prediction, region.prediction, region.box, left_out),
    )
