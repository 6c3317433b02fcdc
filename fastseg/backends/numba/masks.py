"""Masks of the numba backend: the voxels of a box that have some labels, packed into bits when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends.shared.offsets import Words
from fastseg.backends.shared.volume import Volume
from fastseg.inputs.arrays import Box
from fastseg.threads import lazy
from fastseg_kernels.cpu import masks

ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True)
class Mask:
    """The voxels of a box that have one of some labels; as bits, 64 voxels to a word along the last axis.

    Attributes
    ----------
    volume : Volume
    labels : uint64 ndarray
        The labels that it is made of, as the bits that they are.
    corner : tuple of 3 int
        Where the box starts.
    shape : tuple of 3 int
        Its voxels along z, y, x.
    ignored : Mask or None
        Voxels of the same box that do not count.
    whole : bool
        Whether the box is the whole image, which may be much larger than the mask.
    """

    volume: Volume
    labels: Words
    corner: tuple[int, int, int]
    shape: tuple[int, int, int]
    ignored: Mask | None = None
    whole: bool = False

    @classmethod
    def of(
        cls, volume: Volume, labels: tuple[int, ...], box: Box | None, ignored: Mask | None = None
    ) -> Mask:
        """Take the voxels of a box, or of the whole volume, whose label is one of some."""
        corner, shape = volume.part(box)
        numbers = np.array(volume.bits_of(labels), np.uint64)
        return cls(volume, numbers, corner, shape, ignored, box is None)

    @property
    def ndim(self) -> int:
        """How many axes the image has."""
        return self.volume.ndim

    @property
    def row_words(self) -> int:
        """Words of a row."""
        return -(-self.shape[2] // 64)

    @property
    def last_bits(self) -> np.uint64:
        """The bits of a row's last word that are voxels."""
        return ALL_BITS >> np.uint64(-self.shape[2] % 64)

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
        """Give some slices of it, packed anew unless all of it is packed."""
        packed: Words | None = self.__dict__.get("words")
        if packed is not None:
            return packed[first:stop]
        nx = self.shape[2]
        words = np.empty((stop - first, self.shape[1], -(-nx // 64)), np.uint64)
        self._pack(first, stop, words)
        return words

    def _pack(self, first: int, stop: int, out: Words) -> None:
        z, y, x = self.corner
        kernel = masks.select[self.volume.labels.dtype]
        corner: NDArray[np.int64] = np.array((z + first, y, x))
        labels, width, rows = self.volume.labels, self.shape[2], out
        if self.shape[1:] == labels.shape[1:] and width % 64 == 0:
            # rows that follow each other are one, which saves what each costs: half of the time (benchmarks: lesions)
            labels, width, rows = labels[z + first : z + stop].reshape(1, 1, -1), 64 * out.size, out
            corner, rows = np.zeros(3, np.int64), out.reshape(1, 1, -1)
        kernel(labels, self.labels, 0, len(rows), corner, width, rows)
        if self.ignored is not None:
            out &= ~self.ignored.slices(first, stop)
