"""Device memory of the stand-in: aligned, with guard zones, poisoned until written."""

from __future__ import annotations

import weakref

import numpy as np
from numpy.typing import NDArray

ALIGNMENT = 256
GUARD = 256
POISON = 0xCD
GUARD_BYTE = 0xCB

_live: weakref.WeakSet[Allocation] = weakref.WeakSet()


class Allocation:
    """A stretch of device memory, and which of its bytes have been written."""

    def __init__(self, size: int) -> None:
        whole = np.full(size + 2 * GUARD + ALIGNMENT, GUARD_BYTE, np.uint8)
        start = -(whole.ctypes.data + GUARD) % ALIGNMENT + GUARD
        self.size = size
        self.guards = (whole[:start], whole[start + size :])
        self.bytes: NDArray[np.uint8] = whole[start : start + size]
        self.bytes[:] = POISON
        self.initialised = np.zeros(size, np.uint8)
        _live.add(self)

    @property
    def address(self) -> int:
        return int(self.bytes.ctypes.data)

    def damaged(self) -> str | None:
        """Which guard zone has been written to, if any."""
        for guard, side in zip(self.guards, ("before", "after"), strict=True):
            if (guard != GUARD_BYTE).any():
                return side
        return None


def holding(address: int) -> Allocation:
    """The allocation that an address is in."""
    for allocation in _live:
        if allocation.address <= address <= allocation.address + allocation.size:
            return allocation
    raise ValueError(f"{address:#x} is not device memory")
