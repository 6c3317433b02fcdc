"""Masks of the cupy backend: the voxels of a box that have some labels, packed on the device."""

from __future__ import annotations

from typing import NamedTuple

import cupy
import numpy as np

from fastseg.backends.shared.geometry import Geometry
from fastseg.backends.shared.volume import Volume
from fastseg.inputs.arrays import Box, Spacing
from fastseg_kernels.gpu import masks
from fastseg_kernels.gpu._module import DeviceArray


class Mask(NamedTuple):
    """A mask on the device, 32 voxels to a word along its last axis."""

    words: DeviceArray  # uint32 (nz, ny, ceil(nx / 32)); bits beyond nx are 0
    shape: tuple[int, int, int]
    volume: Volume

    @classmethod
    def of(
        cls,
        volume: Volume,
        labels: tuple[int, ...],
        box: Box | None = None,
        ignored: Mask | None = None,
    ) -> Mask:
        """Pack the voxels of a box, or of the whole volume, whose label is one of some."""
        corner, shape = volume.part(box)
        numbers = volume.bits_of(labels)
        if numbers:
            words = masks.select(volume.labels, numbers, corner, shape)
        else:
            words = cupy.zeros((*shape[:2], masks.n_words(shape[2])), np.uint32)
        if ignored is not None:
            words &= ~ignored.words
        return cls(words, shape, volume)

    def geometry(self, spacing: Spacing) -> Geometry:
        """Give sizes and spacing along z, y, x."""
        volume = self.volume
        return Geometry(self.shape, volume.ndim, volume.spacing(spacing), volume.reverse)
