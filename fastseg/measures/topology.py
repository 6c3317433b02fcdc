"""The topology of a mask in whole numbers: components, holes and the Euler number."""

from __future__ import annotations

import functools
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.overlap import Overlap


class Topology(NamedTuple):
    """The topology of a mask, around which lies background.

    Attributes
    ----------
    ndim : int
        Axes of the mask, 1 to 3.
    components : int
        How many connected components it has.
    euler : int
        Its Euler number.
    holes : int
        How many components of its background are enclosed by it: cavities, in a plane holes.
    hole_voxels : int
        How many voxels these have.
    """

    ndim: int
    components: int
    euler: int
    holes: int
    hole_voxels: int

    @property
    def betti(self) -> tuple[int, int, int]:
        """The Betti numbers: components, tunnels (in a plane holes), cavities."""
        if self.ndim == 3:
            return self.components, self.components + self.holes - self.euler, self.holes
        return self.components, self.components - self.euler, 0


class TopologyPair(NamedTuple):
    """The topology of both masks of a structure, and how the masks overlap once their holes are filled."""

    reference: Topology
    prediction: Topology
    filled: Overlap


@functools.cache
def euler_weights(ndim: int, corners_connect: bool) -> NDArray[np.int64]:
    """Tell what each corner code adds to the Euler number, times 2ⁿ; codes are those of the surface elements.

    Where corners connect, the mask is the union of its closed voxels, and a code sees, of each cell of the lattice at
    its corner, whether one of the voxels around it is set. A cell of k axes has 2ᵏ corners. Where only faces connect,
    centres of voxels are the points, and a cell is there if all voxels around it are set.

    Returns
    -------
    int64 ndarray (2 ** 2 ** ndim,), read-only
    """
    voxels = list(product((0, 1), repeat=ndim))
    weights = np.zeros(2 ** len(voxels), np.int64)
    for code in range(len(weights)):
        is_set = {voxel: code >> bit & 1 for bit, voxel in enumerate(voxels)}
        for cell in product(
            (None, 0, 1), repeat=ndim
        ):  # None: across this axis lies a voxel on either side
            around = [
                is_set[voxel]
                for voxel in voxels
                if all(side in (None, own) for side, own in zip(cell, voxel, strict=True))
            ]
            across = cell.count(None)
            axes = ndim - across if corners_connect else across
            there = any(around) if corners_connect else all(around)
            weights[code] += there * (-1) ** axes * 2**across
    weights.flags.writeable = False
    return weights


def euler_number(codes: NDArray[np.int64], ndim: int, corners_connect: bool) -> int:
    """Find the Euler number from how often each corner code occurs; those of all or no voxels need not be counted."""
    return int(codes @ euler_weights(ndim, corners_connect)) >> ndim
