"""How much two sets of voxels have in common."""

from __future__ import annotations

from typing import NamedTuple


class Overlap(NamedTuple):
    """Voxels of a set of the reference, of a set of the prediction, and those in both."""

    reference: int
    prediction: int
    both: int
