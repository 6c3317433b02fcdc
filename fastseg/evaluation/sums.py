"""What is found block by block, added up: distributions in any order, and counts of bands."""

from __future__ import annotations

import numpy as np

from fastseg.measures.distributions import Distribution
from fastseg.measures.overlap import Overlap


class Sum:
    """Distributions that are added up."""

    def __init__(self) -> None:
        self._parts: list[Distribution] = []
        self._entries = 0

    def add(self, part: Distribution) -> None:
        """Add one."""
        self._parts.append(part)
        self._entries += len(part.counts)
        if len(self._parts) > 1 and self._entries > 1 << 20:
            self._parts = [Distribution.joined(*self._parts)]
            self._entries = 0

    @property
    def all(self) -> Distribution:
        """What they are together."""
        return Distribution.joined(*self._parts) if self._parts else Distribution.of(np.empty(0))


class Band:
    """How many voxels of both bands there are, in the blocks that were counted.

    Attributes
    ----------
    width : float
    reach : tuple of 2 int
        How many slices and rows a window must have around a block.
    overlap : Overlap or None
        None before the first block.
    possible : bool
        Whether the backend counts bands so wide.
    """

    def __init__(self, width: float, reach: tuple[int, int]) -> None:
        self.width, self.reach = width, reach
        self.overlap: Overlap | None = None
        self.possible = True

    def fits(self, margin: tuple[int, int]) -> bool:
        """Tell whether a margin is wide enough."""
        return all(own <= given for own, given in zip(self.reach, margin, strict=True))

    def add(self, part: Overlap | None) -> None:
        """Add what was counted in a block; None if it was not."""
        if part is None:
            self.possible = False
        else:
            before = self.overlap or Overlap(0, 0, 0)
            self.overlap = Overlap(*map(sum, zip(before, part, strict=True)))
