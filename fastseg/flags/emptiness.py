"""Flags of structures that a map lacks, or that are equal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastseg.flags.facts import CaseFacts
from fastseg.flags.registry import flag
from fastseg.flags.size import PAPER


@flag(
    threshold=0,
    measures="voxels that the prediction has of a structure that the reference lacks",
    effect="overlap is 0 and distances are infinite, however few they are; a mean over cases is decided by the policy",
    instead="false positives counted for themselves; the empties policy in the settings",
    figure=f"{PAPER}, SN 2.33; lecture 3.4.6",
)
def empty_reference(facts: CaseFacts) -> NDArray[np.float64]:
    """Count what was predicted of nothing; nan where neither map has it."""
    nothing = (facts.reference_voxels == 0) & (facts.prediction_voxels > 0)
    return np.where(nothing, facts.prediction_voxels, np.nan).astype(np.float64)


@flag(
    threshold=0,
    measures="voxels of the reference of a structure that the prediction lacks",
    effect="distances are infinite, or whatever the policy makes of them; tools that leave the case out are "
    "better for it",
    instead="missed structures counted for themselves; the empties policy in the settings",
    figure=f"{PAPER}, SN 2.33; lecture 3.4.6",
)
def empty_prediction(facts: CaseFacts) -> NDArray[np.float64]:
    """Count what was missed as a whole."""
    nothing = (facts.reference_voxels > 0) & (facts.prediction_voxels == 0)
    return np.where(nothing, facts.reference_voxels, np.nan).astype(np.float64)


@flag(
    threshold=0,
    measures="voxels of a structure that both maps have exactly alike",
    effect="a perfect score: the prediction may be a copy of the reference",
    instead="where the prediction comes from",
    figure="",
)
def identical(facts: CaseFacts) -> NDArray[np.float64]:
    """Count the voxels of what is equal to the voxel."""
    tp, fp, fn, _ = facts.voxels.T
    return np.where((tp > 0) & (fp == 0) & (fn == 0), tp, np.nan).astype(np.float64)
