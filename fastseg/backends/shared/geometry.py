"""Where the voxels of a box lie, and how the codes of its corners are read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Spacing


class Geometry(NamedTuple):
    """Sizes and spacing along z, y, x of a box of voxels, or of the lattice of their corners.

    Attributes
    ----------
    shape : tuple of 3 int
    ndim : int
        How many axes the image has; they are the last ones.
    spacing : tuple of 3 float
    reverse : bool
        Whether the image's axes are x, y, z.
    """

    shape: tuple[int, int, int]
    ndim: int
    spacing: Spacing
    reverse: bool

    @property
    def order(self) -> tuple[int, int, int]:
        """The axes in the image's order, in which squares are summed."""
        return (2, 1, 0) if self.reverse else (0, 1, 2)

    def lattice(self) -> Geometry:
        """Take the corners of these voxels: one more along each axis that the image has."""
        nz, ny, nx = self.shape
        return self._replace(shape=(nz + (self.ndim >= 3), ny + (self.ndim >= 2), nx + 1))


def ordered_codes(table: NDArray[np.float64], ndim: int, reverse: bool) -> NDArray[np.float64]:
    """Reorder a table of corner codes for codes that are read along z, y, x where the image's axes are x, y, z."""
    if not reverse:
        return table
    cube = np.arange(2**ndim).reshape((2,) * ndim).T.ravel()
    codes = np.arange(len(table))
    swapped = np.zeros_like(codes)
    for bit, image_bit in enumerate(cube):
        swapped |= (codes >> bit & 1) << image_bit
    return table[swapped]
