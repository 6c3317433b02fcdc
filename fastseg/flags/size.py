"""Flags of a structure's size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastseg.flags.facts import CaseFacts
from fastseg.flags.registry import flag


@flag(
    threshold=0.02,
    measures="how much of Dice one voxel of the reference is: 1 / |reference|",
    effect="overlap metrics jump by this much with a single voxel of the boundary",
    instead="nsd, hd95, and counts of instances",
    figure="Reinke et al., Understanding metric-related pitfalls (2024), SN 2.12; lecture 3.4.1",
)
def small_structure(facts: CaseFacts) -> NDArray[np.float64]:
    """Tell how much a single voxel counts."""
    tp, _, fn, _ = facts.voxels.T
    with np.errstate(divide="ignore"):
        share = 1 / (tp + fn)
    share[tp + fn == 0] = np.nan
    found: NDArray[np.float64] = share
    return found
