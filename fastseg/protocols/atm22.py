"""ATM'22 and AIIB'23: airways by the length of their tree and the branches that are found, and by overlap."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fastseg.errors import InputError
from fastseg.inputs.c_order import c_ordered
from fastseg.inputs.structures import Structure
from fastseg.measures.joint_histogram import Counts
from fastseg.measures.trees import tree_overlap
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.airway_tree import (
    Bools,
    Places,
    branches_at,
    largest_component,
    refined_branches,
    skeleton_of,
    without_holes,
)
from fastseg.protocols.rules.whole_map import cropped, whole_maps
from fastseg.results.rows import Row

_SMOOTH = 1e-5
_NUMBERS = ("total_branch_num", "detected_branch_num")
# of an IoU, so that nothing over nothing is 1; too small to change anything else
_TINY = 1e-32


class _Airways(NamedTuple):
    """Both masks, cut to what is in either of them with a margin inside the image."""

    structure: Structure
    reference: Bools
    prediction: Bools
    counts: Counts


def _airways(pair: LabelPair, name: str) -> Iterator[_Airways]:
    if pair.ndim != 3:
        raise InputError(f"{name}: expected label maps of three axes, got {pair.ndim}")
    for maps in whole_maps(pair, "airway"):
        parts, _ = cropped(pair, maps)
        masks = [c_ordered(labels != 0) for labels in (parts.reference, parts.prediction)]
        structure = maps.structure
        counts = pair.histogram.pair_counts(structure.reference, structure.prediction)
        yield _Airways(structure, masks[0], masks[1], counts)


def evaluate_atm(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case as ATM'22 does."""
    rows = []
    for airways in _airways(pair, "atm22"):
        values = {**_tree_of_atm(pair, airways, options), **_overlaps(airways.counts, options)}
        rows.append(pair.row(airways.structure, values))
    return rows


def _overlaps(counts: Counts, options: Options) -> dict[str, float]:
    """Make the scores of counts of voxels, in percent, with the script's order of operations."""
    smooth = _SMOOTH if options.quirk("smoothed") else 0.0
    missed = _ratio((counts.fn + smooth) * 100, counts.reference + smooth)
    extra = _ratio((counts.fp + smooth) * 100, counts.tn + counts.fp + smooth)
    missed, extra = _rounded(missed, 3, options), _rounded(extra, 3, options)
    both = counts.reference + counts.prediction + smooth
    dice = _ratio(2.0 * counts.tp + smooth, both) * 100
    precision = _ratio((counts.tp + smooth) * 100, counts.prediction + smooth)
    return {
        "DSC": _rounded(dice, 2, options),
        "Precision": _rounded(precision, 3, options),
        "Sensitivity": _rounded(100 - missed, 3, options),
        "Specificity": _rounded(100 - extra, 3, options),
        "FNR": missed,
        "FPR": extra,
    }


def _tree_of_atm(pair: LabelPair, airways: _Airways, options: Options) -> dict[str, float]:
    """Make TD and BD: of the reference's largest component with its holes filled."""
    values = dict.fromkeys(("TD", "BD", *_NUMBERS), math.nan)
    if not airways.counts.reference:
        return values
    operations = pair.backend.operations
    mask = without_holes(operations, largest_component(operations, airways.reference))
    skeleton = skeleton_of(operations, mask, pair.shape[0] > 1)
    predicted = airways.prediction
    if options["largest_component"]:
        predicted = largest_component(operations, predicted)
    inside = predicted.reshape(-1)[skeleton]
    smooth = _SMOOTH if options.quirk("smoothed") else 0.0
    length = _ratio(int(np.count_nonzero(inside)) + smooth, len(skeleton) + smooth) * 100
    values["TD"] = _rounded(length, 2, options)
    mirrored = options.quirk("mirrored-border")
    branches: Places | None
    if options["refine"]:
        branches = refined_branches(operations, skeleton, mask, mirrored=mirrored)
    else:
        branches, _ = branches_at(skeleton, skeleton, mask, mirrored=mirrored)
    if branches is None or not branches.any():
        return values
    found = tree_overlap(branches, inside)
    share = found.branches_found * 100 / found.branches
    # of whole numbers, which Python divides and rounds, where others are NumPy's
    values["BD"] = round(share, 2) if options.quirk("rounded") else share
    values.update(zip(_NUMBERS, found[2:], strict=True))
    return values


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _rounded(value: float, digits: int, options: Options) -> float:
    """Round as NumPy does, which scales, rounds and scales back."""
    return float(np.round(np.float64(value), digits)) if options.quirk("rounded") else value


def evaluate_aiib(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case as AIIB'23 does."""
    return [
        pair.row(airways.structure, _scores_of_aiib(pair, airways, options))
        for airways in _airways(pair, "aiib23")
    ]


def _scores_of_aiib(pair: LabelPair, airways: _Airways, options: Options) -> dict[str, float]:
    operations = pair.backend.operations
    reference = airways.reference
    values = dict.fromkeys(("iou", "DLR", "DBR", "precision", "leakages"), math.nan)
    if not airways.counts.reference or not airways.counts.prediction:
        return values
    voxels = airways.counts.reference
    predicted = largest_component(operations, airways.prediction)
    iou, shared = _iou(reference, predicted)
    if options.quirk("second-component") and iou < 0.1:
        predicted = largest_component(operations, airways.prediction, 1)
        iou, shared = _iou(reference, predicted)
        if iou < 0.1:
            return values
    several = pair.shape[0] > 1
    skeleton = skeleton_of(operations, reference, several)
    inside = predicted.reshape(-1)[skeleton]
    size = int(np.count_nonzero(predicted))
    values["iou"] = iou
    values["DLR"] = _ratio(float(np.count_nonzero(inside)), len(skeleton))
    values["precision"] = shared / size
    values["leakages"] = (size - shared) / voxels
    mask = without_holes(operations, largest_component(operations, reference))
    own = skeleton if mask is reference else skeleton_of(operations, mask, several)
    mirrored = options.quirk("mirrored-border")
    branches, count = branches_at(skeleton, own, mask, mirrored=mirrored)
    values["DBR"] = _ratio(tree_overlap(branches, inside).branches_found, count)
    return values


def _iou(reference: Bools, prediction: Bools) -> tuple[float, int]:
    """Give the IoU and how many voxels two masks share."""
    shared = int(np.count_nonzero(reference & prediction))
    both = int(np.count_nonzero(reference)) + int(np.count_nonzero(prediction))
    part = shared + _TINY
    return part / (both - part + _TINY), shared


_MIRRORED = Quirk(
    "mirrored-border",
    "Neighbours are counted as if the image were mirrored at its border: a voxel of the skeleton in the first or last "
    "slice counts itself and its neighbours there twice, and what runs along the border is all taken for crossings.",
    "A line of seven voxels in the first slice, which the prediction has: no branch; without the quirk one, found.",
)
_COMPONENTS = "largest one of each map, of equally large ones the last; branches by 26 neighbours"

ATM_22 = Protocol(
    name="atm22",
    title="ATM'22: airway trees in CT",
    source=(
        "EndoluminalSurgicalVision-IMR/ATM-22-Related-Work @ 5220811, evaluation/evaluation_atm_22.py and tree_parse.py"
    ),
    about=(
        "All labels together, in percent: the length of the reference's tree that is detected (TD) and its branches "
        "that are (BD), Dice, precision, sensitivity, specificity and the rates of errors. The tree is the skeleton of "
        "the reference's largest component, its holes filled. Voxels with more than two neighbours are taken out, what "
        "is left in pieces of at least five voxels is a branch, and each voxel of the airway is of the branch that is "
        "nearest in voxels. Branches are then joined: where one touches several of the generation before, these; where "
        "one has a single child, both. A branch is detected if at least 0.8 of its skeleton are. TD and BD look at the "
        "prediction's largest component, which the challenge says and its functions leave to the caller "
        "(largest_component=False); overlaps look at all of it. refine=False leaves branches as they are. The script "
        "has skeletons as bytes, as scikit-image gave them before 0.23; with later versions it takes no crossings out. "
        "The copies that were read and run are those of commits e011a47 and 1533ce7."
    ),
    scores=(
        Score("TD", unit="%", about="length of the tree that is detected"),
        Score("BD", unit="%", about="branches that are detected"),
        Score("total_branch_num", None, about="branches of the reference"),
        Score("detected_branch_num", about="of these, detected"),
        Score("DSC", unit="%"),
        Score("Precision", unit="%"),
        Score("Sensitivity", unit="%"),
        Score("Specificity", unit="%"),
        Score("FNR", False, "%", "false negatives per voxel of the reference"),
        Score("FPR", False, "%", "false positives per voxel outside it"),
    ),
    rules=Rules(
        components=_COMPONENTS,
        connectivity="6 neighbours",
        dilation="none",
        matching="a branch is detected from 0.8 of its skeleton",
        penalty="none",
        empties="both empty: overlaps 100; no reference, or one without branches: the script fails, here nan",
    ),
    options={"largest_component": True, "refine": True},
    quirks=(
        Quirk(
            "smoothed",
            "0.00001 is added to both sides of each ratio but BD, so that nothing of nothing is 100 %, and not even a "
            "perfect map has an error rate of 0 before it is rounded.",
            "A prediction of two voxels beside a reference of two others: DSC 0.0 after rounding, and 0.00025 before; "
            "two empty maps: DSC 100, without the quirk nan.",
        ),
        Quirk(
            "rounded",
            "Percentages are rounded, TD, BD and DSC to two digits and others to three, and sensitivity and "
            "specificity are made of rates that are rounded already.",
            "Two of three voxels found: FNR 33.334 and Sensitivity 66.666; without the quirk 33.33356 and 66.66644.",
        ),
        _MIRRORED,
    ),
    evaluate=evaluate_atm,
)

AIIB_23 = Protocol(
    name="aiib23",
    title="AIIB'23, task 1: airway trees of fibrotic lungs in CT",
    source="ayanglab/AIIB @ 3f742c9, scoring metrics/task1.py and utils.py",
    about=(
        "The prediction's largest component beside the reference with all its labels together: IoU, the length of the "
        "tree that is detected (DLR), its branches that are (DBR), precision and leakages, as ratios and without "
        "rounding. Branches are those of the reference's largest component with its holes filled, as ATM'22 has them "
        "before it joins any; the skeleton in them is that of the reference as it is."
    ),
    scores=(
        Score("iou"),
        Score("DLR", about="length of the tree that is detected"),
        Score("DBR", about="branches that are detected"),
        Score("precision"),
        Score("leakages", False, about="false positives per voxel of the reference"),
    ),
    rules=Rules(
        components=_COMPONENTS,
        connectivity="6 neighbours",
        dilation="none",
        matching="a branch is detected from 0.8 of its skeleton",
        penalty="none",
        empties="an empty map, or no branch: the script fails, here nan",
    ),
    quirks=(
        Quirk(
            "second-component",
            "Where the largest component has an IoU below 0.1, the second largest is taken instead; if that has too, "
            "or there is none, the script goes on forever or fails, and all scores are nan here.",
            "Lungs as the largest component and the airway as the second: the airway is scored; without the quirk the "
            "lungs.",
        ),
        _MIRRORED,
    ),
    evaluate=evaluate_aiib,
)

PROTOCOLS = (ATM_22, AIIB_23)
