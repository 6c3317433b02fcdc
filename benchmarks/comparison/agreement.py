"""Whether two answers are the same, and by how much they differ if not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.programs import Answer

_CHUNK = 1 << 24  # elements compared at a time


class DisagreementError(Exception):
    """Two libraries give different answers to one question."""


@dataclass(frozen=True)
class Check:
    """Which answers are compared, and how much they may differ.

    `relative` and `absolute` bound the difference; `units` allows so many units in the last place
    instead. All zero is equality to the bit.
    """

    names: Sequence[str]
    relative: float = 0.0
    absolute: float = 0.0
    units: int = 0

    def run(self, ours: Answer, theirs: Answer) -> str:
        """Say what was found equal; raise a DisagreementError otherwise.

        A name stands for itself, and for itself after a label: "hd" for "1 hd", "2 hd" …
        """
        said = []
        for name in self.names:
            keys = [key for key in theirs if key == name or key.endswith(f" {name}")]
            if not keys:
                raise DisagreementError(f"{name}: the peer gives none")
            found = [self._compare(key, ours, theirs) for key in keys]
            said.append((name if len(keys) == 1 else f"{name} of {len(keys)} labels", max(found)))
        worst = max(difference for _, difference in said)
        return f"{', '.join(name for name, _ in said)}: {self._words(worst)}"

    def _compare(self, key: str, ours: Answer, theirs: Answer) -> float:
        if key not in ours:
            raise DisagreementError(f"{key}: fastseg gives none")
        a, b = _array(ours[key]), _array(theirs[key])
        if a.shape != b.shape:
            raise DisagreementError(f"{key}: shapes {a.shape} and {b.shape}")
        worst = 0.0
        for start in range(0, a.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            worst = max(worst, self._difference(key, a[part], b[part]))
        return worst

    def _difference(self, key: str, a: NDArray[Any], b: NDArray[Any]) -> float:
        """The largest difference, in the terms of the check."""
        differ = np.flatnonzero(a != b)
        if not len(differ):
            return 0.0
        there = b[differ]
        here, size = a[differ].astype(np.float64), np.abs(there)
        finite = np.isfinite(here) & np.isfinite(there)
        off = np.abs(np.where(finite, here, 1) - np.where(finite, there, 0))
        unit = np.spacing(size) if self.units else np.maximum(size, 1e-300)
        allowed = self.units * unit if self.units else self.absolute + self.relative * unit
        bad = ~finite | ~(off <= allowed)
        if bad.any():
            first = differ[np.flatnonzero(bad)[0]]
            raise DisagreementError(
                f"{key}: {np.count_nonzero(bad)} of {a.size} values differ, the first: "
                f"fastseg {a[first]!r}, peer {b[first]!r}"
            )
        return float((off if self.absolute else off / unit).max())

    def _words(self, worst: float) -> str:
        if not worst:
            return "equal to the bit"
        if self.units:
            return f"within {worst:.0f} unit in the last place"
        return f"within {worst:.0e}" + (", relative" if not self.absolute else "")


def _array(value: Any) -> NDArray[Any]:
    """The values as a flat array; files stay on disk."""
    array = np.load(value, mmap_mode="r") if isinstance(value, Path) else np.asarray(value)
    return np.atleast_1d(array.reshape(-1))
