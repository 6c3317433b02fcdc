"""Flags of how large a structure is, and how much of it is surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastseg.flags.facts import CaseFacts
from fastseg.flags.registry import flag

#: Reinke et al., Understanding metric-related pitfalls in image analysis validation, Nat. Methods 21, 182 (2024)
PAPER = "Reinke et al. 2024, doi:10.1038/s41592-023-02150-0"


@flag(
    threshold=0.02,
    measures="what one voxel of the reference is of Dice: 1 / |R|",
    effect="dice, iou, precision and recall jump by this much with a single voxel of the boundary",
    instead="nsd and hd95; counts of instances, if it is a lesion",
    figure=f"{PAPER}, SN 2.12; lecture 3.4.1",
)
def small_structure(facts: CaseFacts) -> NDArray[np.float64]:
    """Tell how much a single voxel counts."""
    voxels = facts.reference_voxels.astype(np.float64)
    with np.errstate(divide="ignore"):
        share = np.where(voxels > 0, 1 / voxels, np.nan)
    found: NDArray[np.float64] = share
    return found


@flag(
    threshold=0.9,
    measures="which share of the reference's voxels lies on its surface",
    effect="a shift by one voxel takes most of dice and iou, and losing a thin branch takes almost nothing",
    instead="cl_dice, topology_sensitivity, nsd",
    figure=f"{PAPER}, SN 2.14; lecture 3.4.2",
)
def thin_structure(facts: CaseFacts) -> NDArray[np.float64]:
    """Tell how much of a structure is surface; nan where voxel surfaces were not measured."""
    if facts.boundary != "voxel" or 1 in facts.shape:
        return np.full(len(facts.structures), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: NDArray[np.float64] = facts.surfaces.elements[:, 0] / facts.reference_voxels
    return found


@flag(
    threshold=0.9,
    measures="which share of a region's voxels in the reference is of its largest label",
    effect="the pooled score of the region says nothing of its smaller parts",
    instead="a row for each label; instances, averaged",
    figure=f"{PAPER}, SN 2.13; lecture 3.4.1",
)
def dominated_region(facts: CaseFacts) -> NDArray[np.float64]:
    """Tell how much of a region the largest of its labels is; nan of what has a single label."""
    sizes = facts.histogram.sides[0]
    found = np.full(len(facts.structures), np.nan)
    for row, structure in enumerate(facts.structures):
        rows = sizes.rows(structure.reference) if len(structure.reference) > 1 else []
        if len(rows) > 1:
            found[row] = sizes.sizes[rows].max() / sizes.sizes[rows].sum()
    return found
