"""How much memory label maps that are read in pieces may take, and what it is spent on."""

from __future__ import annotations

import os
from typing import NamedTuple

from fastseg.errors import InputError
from fastseg.inputs.scalars import as_whole_number

#: what is taken at most where nothing is said, of a machine's memory a quarter
_USUAL = 2 << 30
_LEAST = 1 << 10
# Of a slab: arrays of more than 31 MiB are new pages each time, to fill which takes as long as to decode (benchmarks:
# large volumes), and chunks tend to be powers of two.
LARGEST_SLAB = 1 << 24


class Budget(NamedTuple):
    """Bytes, and their shares.

    They are shares of what grows with the volume; the interpreter and the decoder of a store come on top.

    Attributes
    ----------
    slab : int
        Of one map. There are two, and of each two more slabs are read while one is worked on.
    gathered : int
        Of structures that are gathered from several slabs, as bits.
    kept : int
        Of large structures, as compressed bits.
    working : int
        Of the search in a window, or of structures that are measured.
    left : int
        Of surface elements whose distance is still looked for.
    """

    slab: int
    gathered: int
    kept: int
    working: int
    left: int

    @classmethod
    def of(cls, size: int | None = None) -> Budget:
        """Share out so many bytes; None is 2 GiB, or a quarter of the memory where that is less.

        Raises
        ------
        TypeError, ValueError
            For what is no number of bytes, and for less than a kilobyte.
        """
        if size is None:
            size = min(_USUAL, _memory() // 4)
        size = as_whole_number(size, "budget", "expected a number of bytes")
        if size < _LEAST:
            raise InputError(f"budget: expected at least {_LEAST} bytes, got {size}")
        return cls(min(size // 32, LARGEST_SLAB), size // 8, size // 4, size // 4, size // 8)


def _memory() -> int:
    """Tell how many bytes of memory the machine has."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 4 * _USUAL
