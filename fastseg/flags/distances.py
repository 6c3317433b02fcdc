"""Flags of distances that one piece decides, and of a place and a shape that disagree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastseg.flags.facts import CaseFacts
from fastseg.flags.registry import flag
from fastseg.flags.size import PAPER

# Percentiles right below and above the usual one.
_BELOW, _ABOVE = 90, 98


@flag(
    threshold=5.0,
    measures="the 98th percentile of the distances over the 90th, a voxel at least, in either direction",
    effect="a piece of a few percent of the surface lies far away: a little more or less of it, and hd95 is another",
    instead="hd, assd and nsd beside hd95; components; distance_map, which shows the piece",
    figure=f"{PAPER}, SN 2.24",
)
def percentile_at_a_jump(facts: CaseFacts) -> NDArray[np.float64]:
    """Compare the percentiles around the usual one."""
    voxel = min(facts.voxel_sides, default=1.0)
    below, above = (facts.surfaces.percentile(one) for one in (_BELOW, _ABOVE))
    jump = (above / np.maximum(below, voxel)).max(1)
    return np.where(np.isfinite(jump) & facts.present, jump, np.nan)


def _center_distance(facts: CaseFacts) -> NDArray[np.float64]:
    """Give how far the centres of both boxes are apart, as a share of half of the reference's diagonal."""
    first, second = facts.reference_boxes, facts.prediction_boxes
    spacing = np.array(facts.spacing)
    step = (first.starts + first.stops - second.starts - second.stops) / 2 * spacing
    size = first.sizes * spacing / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.sqrt((step**2).sum(1)) / np.sqrt((size**2).sum(1))
    return np.where(facts.present, share, np.nan)


def _dice(facts: CaseFacts) -> NDArray[np.float64]:
    tp, fp, fn, _ = facts.voxels.T
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = 2 * tp / (2 * tp + fp + fn)
    return found


@flag(
    threshold=0.4,
    measures="1 - Dice, where the centres of both boxes lie within a twentieth of the structure's radius",
    effect="the place is right and the shape is wrong: overlap alone reads as if it had been missed",
    instead="center_distance for the place, cl_dice and hd95 for the shape",
    figure=f"{PAPER}, SN 2.7; lecture 3.4.3",
)
def place_right_shape_wrong(facts: CaseFacts) -> NDArray[np.float64]:
    """Tell how wrong the shape is of what lies in the right place."""
    return np.where(_center_distance(facts) <= 0.05, 1 - _dice(facts), np.nan)


@flag(
    threshold=0.4,
    measures="1 - Dice, where both boxes and volumes are alike to a tenth, and their centres are not",
    effect="the shape may be right and the place is wrong: overlap alone does not tell the two apart",
    instead="center_distance; registration of both images",
    figure=f"{PAPER}, SN 2.7; lecture 3.4.3",
)
def shape_right_place_wrong(facts: CaseFacts) -> NDArray[np.float64]:
    """Tell how wrong the place is of what is as large as it should be."""
    first, second = facts.reference_boxes.sizes, facts.prediction_boxes.sizes
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = (np.abs(second - first) <= np.maximum(first * 0.1, 1)).all(1)
        alike &= np.abs(facts.prediction_voxels / facts.reference_voxels - 1) <= 0.1
    return np.where(alike & (_center_distance(facts) > 0.25), 1 - _dice(facts), np.nan)


@flag(
    threshold=0,
    measures="by how many holes both masks differ, where topology was asked for",
    effect="a hole takes few voxels: overlap hardly sees it, and metrics of outer boundaries not at all",
    instead="hole_count_difference, filled_dice, the Betti errors",
    figure=f"{PAPER}, SN 2.6; lecture 3.4.4",
)
def different_holes(facts: CaseFacts) -> NDArray[np.float64]:
    """Count the holes that one mask has and the other has not; nan where topology was not measured."""
    found = np.full(len(facts.structures), np.nan)
    for row, measured in enumerate(facts.measured):
        pair = measured.get("topology")
        if pair is not None and facts.present[row]:
            found[row] = abs(pair.prediction.holes - pair.reference.holes)
    return found
