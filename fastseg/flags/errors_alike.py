"""Flags of errors that are one mistake all over: a layer too much, labels or axes confused, a map that is shifted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastseg.flags.facts import CaseFacts
from fastseg.flags.registry import flag
from fastseg.flags.size import PAPER

# A layer is a voxel thick along every axis, to the corner.
_LAYER = 1 + 1e-6
# Of how many voxels the error has to be: a few on one side tell nothing.
_FEWEST = 20


def _one_sided(facts: CaseFacts) -> NDArray[np.float64]:
    """Give (FP - FN) / (FP + FN) where all surfaces lie within a voxel of each other, nan elsewhere."""
    _, fp, fn, _ = facts.voxels.T
    layer = float(np.hypot.reduce(facts.voxel_sides or [0.0])) * _LAYER
    wrong = fp + fn
    furthest = facts.surfaces.percentile(100).max(1)
    # a layer is as many voxels as half of a surface has
    is_layer = wrong >= facts.surfaces.elements.sum(1) / 4
    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[np.float64] = (fp - fn) / wrong
    return np.where(
        is_layer & (furthest <= layer) & (wrong >= _FEWEST) & facts.present, found, np.nan
    )


@flag(
    threshold=0.9,
    measures="(FP - FN) / (FP + FN), where both surfaces lie within a voxel of each other",
    effect="a layer too much: dice and iou punish the prediction less than one that is a layer too small",
    instead="f_beta with the β that the task needs, volume_difference; where the border of the reference is drawn",
    figure=f"{PAPER}, SN 2.10; lecture 3.5",
)
def one_layer_too_large(facts: CaseFacts) -> NDArray[np.float64]:
    """Tell how much of the error is too much."""
    return _one_sided(facts)


@flag(
    threshold=0.9,
    measures="(FN - FP) / (FP + FN), where both surfaces lie within a voxel of each other",
    effect="a layer too little: dice and iou punish the prediction more than one that is a layer too large",
    instead="f_beta with the β that the task needs, volume_difference; where the border of the reference is drawn",
    figure=f"{PAPER}, SN 2.10; lecture 3.5",
)
def one_layer_too_small(facts: CaseFacts) -> NDArray[np.float64]:
    """Tell how much of the error is too little."""
    found: NDArray[np.float64] = -_one_sided(facts)
    return found


@flag(
    threshold=0.5,
    measures="Dice of the reference with another label of the prediction, where its own is worse",
    effect="labels are swapped or permuted: every metric of the structure is of the wrong pair",
    instead='labels={"name": {"reference": …, "prediction": …}}',
    figure="",
)
def other_label(facts: CaseFacts) -> NDArray[np.float64]:
    """Find the label of the prediction that fits the reference best, where it is none of the structure's own."""
    histogram = facts.histogram
    first, second = histogram.sides
    found = np.full(len(facts.structures), np.nan)
    if len(first.labels) < 2 or len(second.labels) < 2:
        return found
    foreground = histogram.prediction_labels != 0
    overlap = np.where(foreground, histogram.counts, 0).astype(np.float64)
    with np.errstate(invalid="ignore"):
        dice = 2 * overlap / (first.sizes[first.row] + second.sizes[second.row])
    best = np.maximum.reduceat(dice[first.order], first.ends[:-1])
    lone = [one.reference[0] if len(one.reference) == 1 else 0 for one in facts.structures]
    rows = first.row_of_each(lone)
    tp, fp, fn, _ = facts.voxels.T
    with np.errstate(invalid="ignore"):
        own = 2 * tp / (2 * tp + fp + fn)
    for row, structure in enumerate(facts.structures):
        alone = len(structure.reference) == 1 and rows[row] >= 0
        if alone and best[rows[row]] > own[row] + 1e-9:
            found[row] = best[rows[row]]
    return found


def _moved(facts: CaseFacts) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Give how far each box was moved, and where it is as large as before, and the structure too."""
    first, second = facts.reference_boxes, facts.prediction_boxes
    same = facts.present & (facts.reference_voxels == facts.prediction_voxels)
    same &= (first.sizes == second.sizes).all(1)
    return second.starts - first.starts, same


@flag(
    threshold=0.5,
    measures="by how many voxels the prediction is moved, where it is as large as the reference in every direction "
    "and has as many voxels",
    effect="a shift of the grid, not of the contour: overlap and distances of all structures are of another position",
    instead="origins and offsets of both images, cropping and padding, indices that begin at 1",
    figure="",
)
def shifted(facts: CaseFacts) -> NDArray[np.float64]:
    """Measure the step between boxes of one size."""
    step, same = _moved(facts)
    return np.where(same & (facts.reference_voxels > 1), np.sqrt((step**2).sum(1)), np.nan)


@flag(
    threshold=0,
    measures="along how many axes the prediction's box is the reference's, seen in a mirror",
    effect="an axis is flipped, left for right say: all metrics are of another place",
    instead="orientations of both images; reorient=True undoes flips that headers tell of",
    figure="",
)
def mirrored(facts: CaseFacts) -> NDArray[np.float64]:
    """Count the axes along which a box, as large as before and with as many voxels, lies where a mirror shows it."""
    step, same = _moved(facts)
    first, second = facts.reference_boxes, facts.prediction_boxes
    seen = (first.starts + second.stops == facts.shape) & (step != 0)
    still = step == 0
    flipped = same & (seen | still).all(1) & seen.any(1) & (facts.reference_voxels > 1)
    return np.where(flipped, seen.sum(1), np.nan)
