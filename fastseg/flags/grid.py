"""Flags of the image that a structure lies in: its voxels, and where it ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastseg.flags.facts import CaseFacts
from fastseg.flags.registry import flag
from fastseg.flags.size import PAPER


@flag(
    threshold=0,
    measures="on how many sides the reference reaches the end of the image",
    effect="the image cuts the structure: its surface there is none of its own, its volume is not whole",
    instead="a comparison within the field of view, or a larger one",
    figure="Nikolov et al. 2021, doi:10.2196/26151: slices that end a structure",
)
def touches_edge(facts: CaseFacts) -> NDArray[np.float64]:
    """Count the sides of the image that a structure touches; axes of one entry have none."""
    long = np.array(facts.shape) > 1
    starts, stops = facts.reference_boxes
    sides = ((starts == 0) & long).sum(1) + ((stops == facts.shape) & long).sum(1)
    return np.where(facts.reference_voxels > 0, sides, np.nan).astype(np.float64)


@flag(
    threshold=3.0,
    measures="the longest side of a voxel over the shortest one",
    effect="with boundary='voxel' an element of the surface stands for very different areas: averages and nsd lean "
    "towards what lies along the short axes",
    instead="boundary='surfel', 'vertex' or 'mesh', which weigh elements by their area",
    figure=f"{PAPER}, SN 2.36; lecture 3.4.7",
)
def anisotropic_voxels(facts: CaseFacts) -> NDArray[np.float64]:
    """Compare the sides of a voxel; nan where surfaces are weighed, or were not measured."""
    sides = facts.voxel_sides
    ratio = max(sides) / min(sides) if facts.boundary == "voxel" and sides else np.nan
    return np.where(facts.surfaces.measured, ratio, np.nan)


@flag(
    threshold=1.0,
    measures="the shortest side of a voxel over the tolerance",
    effect="nsd asks for more than the grid can show: a shift by one voxel fails everywhere",
    instead="a tolerance of at least a voxel, or the disagreement of raters",
    figure=f"{PAPER}, SN 2.36; lecture 3.4.7",
)
def tolerance_below_voxel(facts: CaseFacts) -> NDArray[np.float64]:
    """Compare the tolerance with a voxel; nan where no metric uses it, and of a tolerance of 0, which means it."""
    used = ~np.isnan(facts.column("nsd"))
    if facts.band_is_tolerance:
        used |= ~np.isnan(facts.column("boundary_iou"))
    tolerances = np.array(facts.tolerances, np.float64)
    with np.errstate(divide="ignore"):
        ratio = min(facts.voxel_sides, default=np.nan) / tolerances
    return np.where(used & (tolerances > 0), ratio, np.nan)
