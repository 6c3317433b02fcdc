"""What a backend tells of the connected components of a region, without an array unless it is asked for one."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

Longs = NDArray[np.int64]


class RegionComponents(Protocol):
    """The components of the voxels of a box that have one of some labels, all positions in the box.

    They are numbered from 1 in the order in which their first voxels come in the C order of the map's axes.
    """

    @property
    def count(self) -> int:
        """How many there are."""

    @property
    def sizes(self) -> Longs:
        """How many voxels each has, (count,)."""

    @property
    def boxes(self) -> tuple[Longs, Longs]:
        """Where the box of each starts and stops, (count, ndim) each, along the map's axes."""

    @property
    def firsts(self) -> Longs:
        """Where the first voxel of each lies in the C order of the box, (count,)."""

    @property
    def sums(self) -> Longs:
        """The positions of each one's voxels along the map's axes, added up, (count, ndim)."""

    def numbers_at(self, positions: tuple[Longs, ...]) -> Longs:
        """Tell the numbers of some voxels, given along the map's axes, 0 for those that are in none."""

    def painted(self, dtype: DTypeLike) -> Any:
        """Make an array of the box, int32 or uint32, that holds the number of its component at each voxel."""
