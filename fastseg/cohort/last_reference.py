"""The reference that was read last, for the next case if that has the same: several algorithms against one folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence

from fastseg import io
from fastseg.cohort.outcomes import Case

_Read = Callable[[], io.ReadMap]


def reference_key(case: Case, pair: io.PreparedPair) -> Hashable:
    """Name what is read of a reference where other cases may have the same; None where that is not to be expected.

    What is laid onto the grid of a prediction is of that case alone.
    """
    if not case.algorithm or not pair.reference_alone:
        return None
    try:
        state = os.stat(case.reference)
    except OSError:
        return None
    return os.fspath(case.reference), state.st_size, state.st_mtime_ns, state.st_ino


class LastReference:
    """Keeps a reference until one is asked for that is another."""

    def __init__(self) -> None:
        self._key: Hashable = None
        self._once: _Once | None = None

    def shared(self, key: Hashable, reads: Sequence[_Read]) -> list[_Read]:
        """Give what reads the maps of a case, the reference's first, which may have been read already."""
        if key is None:
            self._key = self._once = None
            return list(reads)
        if key != self._key or self._once is None:
            self._key, self._once = key, _Once(reads[0])
        return [self._once, *reads[1:]]


class _Once:
    """Reads a map when it is first called; what was raised then is raised again by another try."""

    def __init__(self, read: _Read) -> None:
        self._read = read
        self._found: io.ReadMap | None = None

    def __call__(self) -> io.ReadMap:
        if self._found is None:
            self._found = self._read()
        return self._found
