"""Where a large structure has surface at all, roughly: which bounds how far away the nearest of it can be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.shared.offsets import Floats, Words

# Cells that there are at most.
_MOST_CELLS = 1 << 22
# Bounds are no answers: they leave room for rounding.
_SLACK = 1 + 1e-9


class Cells:
    """A coarse map of where there is surface, in cubes of so many elements that their number stays small."""

    def __init__(self, elements: tuple[int, ...]) -> None:
        self.size = 8
        while math.prod(-(-n // self.size) for n in elements) > _MOST_CELLS:
            self.size *= 2
        self._shape = tuple(-(-n // self.size) for n in elements)
        self._occupied = [np.zeros(self._shape, bool), np.zeros(self._shape, bool)]

    def enter(self, side: int, words: Words, z: int, y: int) -> None:
        """Mark the cells of set bits, which begin at a slice and row of the box."""
        first: list[int] = []
        for axis, start in enumerate((z, y)):
            stop = start + words.shape[axis]
            first.append(start // self.size)
            edges = range(first[axis] * self.size, stop, self.size)
            words = np.bitwise_or.reduceat(words, [max(edge - start, 0) for edge in edges], axis)
        columns = np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8) != 0
        columns = columns[..., : self._shape[2] * (self.size // 8)]
        room = self._shape[2] * (self.size // 8) - columns.shape[2]
        columns = np.pad(columns, ((0, 0), (0, 0), (0, room)))
        cells = columns.reshape(*columns.shape[:2], self._shape[2], -1).any(axis=3)
        nz, ny, _ = cells.shape
        self._occupied[side][first[0] : first[0] + nz, first[1] : first[1] + ny] |= cells

    def of(self, places: NDArray[np.int32]) -> tuple[NDArray[np.int32], ...]:
        """Find the cells of some elements."""
        z, y, x = places.T // self.size
        return z, y, x

    def bounds(
        self, transform: Callable[..., Any], steps: tuple[float, ...], ndim: int
    ) -> list[Floats]:
        """Tell for each cell, and either surface, within which distance of all its elements there is one of it."""
        sides = tuple(self.size * step for step in steps)
        bounds = []
        for occupied in self._occupied:
            between, _ = transform(~occupied, sides, False, np.float64)
            bounds.append((np.asarray(between) + math.hypot(*sides[-ndim:])) * _SLACK)
        return bounds
