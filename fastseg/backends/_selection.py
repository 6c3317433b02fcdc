"""Masks of the numba backend: the voxels of a box that have some labels, packed when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.arrays import Array, Spacing
from fastseg.backends._packed import Choice, as_unsigned
from fastseg.backends._steps import Words
from fastseg.joint import Box
from fastseg.lazy import lazy
from fastseg_kernels.cpu import bits

ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True)
class Selection:
    """The voxels of a box that have one of some labels; as bits, 64 voxels to a word along the last axis.

    Attributes
    ----------
    volume : unsigned ndarray (nz, ny, nx)
        The labels, as the bits that they are.
    values : uint64 ndarray
        Those that are selected.
    corner : int64 ndarray (3,)
        Where the box starts.
    shape : tuple of 3 int
        Its voxels along z, y, x.
    ndim : int
        How many of these axes the image has, counted from the last.
    reverse : bool
        Whether the image's axes are x, y, z.
    ignored : Selection or None
        Voxels of the same box that do not count.
    whole : bool
        Whether the box is the whole image, which may be much larger than what is selected.
    """

    volume: Array
    values: Words
    corner: NDArray[np.int64]
    shape: tuple[int, int, int]
    ndim: int
    reverse: bool
    ignored: Selection | None
    whole: bool

    @property
    def row_words(self) -> int:
        """Words of a row."""
        return -(-self.shape[2] // 64)

    @property
    def last_bits(self) -> np.uint64:
        """The bits of a row's last word that are voxels."""
        return ALL_BITS >> np.uint64(-self.shape[2] % 64)

    def spacing(self, spacing: Spacing) -> Spacing:
        """The spacing along z, y, x."""
        ordered = spacing[::-1] if self.reverse else spacing
        return (1.0,) * (3 - len(spacing)) + tuple(ordered)

    @lazy
    def words(self) -> Words:
        """All of it, uint64 (nz, ny, row_words), packed once; bits beyond the end of a row are 0."""
        nz, ny, nx = self.shape
        words = np.empty((nz, ny, self.row_words), np.uint64)
        threads.run(
            lambda slab: self._pack(*slab, words[slice(*slab)]),
            threads.slabs(nz, nz * ny * nx, 1 << 22),
        )
        return words

    def slices(self, first: int, stop: int) -> Words:
        """Some slices of it, packed anew unless all of it is packed."""
        packed: Words | None = self.__dict__.get("words")
        if packed is not None:
            return packed[first:stop]
        words = np.empty((stop - first, self.shape[1], self.row_words), np.uint64)
        self._pack(first, stop, words)
        return words

    def _pack(self, first: int, stop: int, out: Words) -> None:
        corner = self.corner.copy()
        corner[0] += first
        kernel = bits.select[self.volume.dtype]
        kernel(self.volume, self.values, 0, stop - first, corner, self.shape[2], out)
        if self.ignored is not None:
            out &= ~self.ignored.slices(first, stop)


def select(
    labels: Array, values: Sequence[int], box: Box | None = None, ignored: Selection | None = None
) -> Selection:
    """Select the voxels of a box whose label is one of `values`."""
    volume, corner, shape, wanted = Choice.of(labels, values, box)
    return Selection(
        as_unsigned(volume.array),
        np.array(wanted, np.uint64),
        np.array(corner, np.int64),
        shape,
        volume.ndim,
        volume.reverse,
        ignored,
        whole=box is None,
    )
