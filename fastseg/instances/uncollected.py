"""Many objects made at once, without Python's collector going through them again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Rows from which on the collector takes a noticeable time: it doubles that of a hundred thousand (benchmarks: many).
_MANY_ROWS = 1 << 12


@contextmanager
def uncollected(n_rows: int) -> Iterator[None]:
    """Pause the collector of cycles while so many rows are made, if they are many.

    Rows are in no cycles, and grow by one at a time: the collector goes through all that there are each time they are a
    quarter more. Where several threads make rows, the first that is done lets it go on.

    Parameters
    ----------
    n_rows : int
    """
    if n_rows < _MANY_ROWS or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
