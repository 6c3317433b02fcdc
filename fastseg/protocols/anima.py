"""Anima's segmentation performance analyser, by which MSSEG scores multiple sclerosis lesions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError
from fastseg.inputs.arrays import Array, matched
from fastseg.measures.instance_table import InstanceTable
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.regions import Region
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules import itk
from fastseg.protocols.rules.detected_lesions import LesionTable, Thresholds, count_detected
from fastseg.protocols.rules.nearest import Bools, nearest_distances
from fastseg.protocols.rules.whole_map import Maps, cropped, whole_maps
from fastseg.results.rows import Row

# From which its search for the smallest distance starts.
_FARTHEST = 1e6


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case: overlap, surfaces and lesions of the maps as they are, or of each structure."""
    for name in (
        "min_overlap_ratio",
        "max_false_positive_ratio",
        "max_false_positive_ratio_moderator",
    ):
        if not 0 < options[name] <= 1:
            raise InputError(f"{name}: expected more than 0 and at most 1, got {options[name]!r}")
    return [
        pair.row(maps.structure, _scores(pair, maps, options))
        for maps in whole_maps(pair, "lesion")
    ]


def _scores(pair: LabelPair, maps: Maps, options: Options) -> dict[str, float]:
    lowest = options.quirk("lowest-label-is-background")
    reference, n_reference = _ranked(maps.reference, lowest)
    prediction, n_prediction = _ranked(maps.prediction, lowest)
    if n_reference <= 1:
        return _of_empty_reference(pair, prediction, options)
    if n_prediction > 1 and n_reference != n_prediction:
        reference, prediction = (
            (reference > 0).astype(np.int32),
            (prediction > 0).astype(np.int32),
        )
    overlap = _overlap(pair.joint_histogram(reference, prediction))
    surfaces = dict.fromkeys(_SURFACE, math.nan)
    if n_prediction > 1:
        surfaces = _surface(pair, *_cut(pair, maps, reference, prediction), options)
    return {**overlap, **surfaces, **_lesions(pair, reference, prediction, options)}


def _ranked(labels: Array, lowest: bool) -> tuple[NDArray[np.int32], int]:
    """Number the labels of a map from 0 in their order, and tell how many there are."""
    found = np.unique(labels)
    if not lowest and 0 not in found:
        found = np.concatenate([[0], found])
    ranks = np.searchsorted(found, labels).astype(np.int32)
    return ranks, len(found)


def _overlap(histogram: JointHistogram) -> dict[str, float]:
    """Add up over all labels but 0; what is divided by nothing is undefined."""
    labels = [int(label) for label in histogram.labels if label]
    counts = [histogram.pair_counts([label]) for label in labels]
    tp = sum(count.tp for count in counts)
    fp, fn = sum(count.fp for count in counts), sum(count.fn for count in counts)
    tn = histogram.pair_counts([0]).tp
    # a label of the numbers from 1, up to the first that is missing
    classes = next((i for i, label in enumerate(labels) if label != i + 1), len(labels))
    jaccard = _ratio(tp, tp + fp + fn)
    return {
        "Jaccard": jaccard,
        "Dice": 2.0 * jaccard / (1.0 + jaccard),
        "Sensitivity": _ratio(tp, tp + fn),
        "Specificity": _ratio(tn, fp / classes + tn),
        "PPV": _ratio(tp, tp + fp),
        "NPV": _ratio(tn, tn + fn / classes),
        "RelativeVolumeError": _ratio(fp - fn, tp + fn) * 100,
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


_SURFACE = ("HausdorffDistance", "ContourMeanDistance", "SurfaceDistance")


def _cut(pair: LabelPair, maps: Maps, reference: Array, prediction: Array) -> tuple[Array, Array]:
    """Cut both maps to what is in either, if their background is 0, with a margin for contours."""
    if maps.reference.min() or maps.prediction.min():
        return reference, prediction
    parts, _ = cropped(pair, Maps(maps.structure, reference, prediction))
    return parts.reference, parts.prediction


def _surface(
    pair: LabelPair, reference: Array, prediction: Array, options: Options
) -> dict[str, float]:
    """Measure between the masks, between their contours, and between the contours of each label."""
    maps = reference, prediction
    border, running = not options.quirk("border-is-no-contour"), options.quirk("running-minimum")
    if max(int(labels.max()) for labels in maps) > 1:
        contours = [labels * itk.contour(labels, full=False, border=border) for labels in maps]
        means = _contour_means(pair, contours, border)
        directions = _of_each_label(pair, contours)
    else:
        directions = _between_contours(pair, maps, border)
        means = [float(found.mean()) if len(found) else math.nan for found in directions]
    if running:
        directions = [np.minimum.accumulate(found) for found in directions]
    total = sum((float(found.sum()) for found in directions), 0.0)
    return {
        "HausdorffDistance": max(
            _farthest(pair, maps[to] != 0, maps[1 - to] != 0) for to in (0, 1)
        ),
        "ContourMeanDistance": max(means),
        "SurfaceDistance": _ratio(total, sum(map(len, directions))),
    }


def _farthest(pair: LabelPair, to: Bools, at: Bools) -> float:
    """Find how far a voxel of one mask lies from the other at most."""
    outside = at & ~to
    return float(nearest_distances(pair, to, outside).max()) if outside.any() else 0.0


def _between_contours(
    pair: LabelPair, maps: tuple[Array, Array], border: bool
) -> list[NDArray[np.float64]]:
    """Measure from each contour voxel of either mask to the other's contour, in C order."""
    if border or not any(map(_at_border, maps)):  # then contours are what surfaces are elsewhere
        found = pair.backend.operations.surface_distances(
            *matched(*maps), Region(), pair.spacing, "voxel"
        )
        return [found.reference_to_prediction, found.prediction_to_reference]
    contours = [itk.contour(labels, full=False) for labels in maps]
    if not (contours[0].any() and contours[1].any()):
        return [np.full(int(contour.sum()), _FARTHEST) for contour in contours]
    return [nearest_distances(pair, contours[1 - at], contours[at]) for at in (0, 1)]


def _at_border(labels: Array) -> bool:
    """Tell whether a mask has voxels at the border of its array."""
    ends = (labels.take((0, -1), axis) for axis in range(labels.ndim))
    return any(bool(end.any()) for end in ends)


def _contour_means(pair: LabelPair, contours: Sequence[Array], border: bool) -> list[float]:
    """Average, over the boundary of each contour, the distance to that of the other, on either side of it."""
    first, second = (itk.boundary(contour != 0, border=border) for contour in contours)
    means = []
    for to, at in ((second, first), (first, second)):
        if not at.any():
            means.append(math.nan)
        elif not to.any():
            means.append(math.sqrt(np.finfo(np.float64).max))
        else:
            means.append(float(nearest_distances(pair, to, at).mean()))
    return means


def _of_each_label(pair: LabelPair, contours: Sequence[Array]) -> list[NDArray[np.float64]]:
    """Measure from each contour voxel of a label to the other's contour of the same, label by label, both ways."""
    directions = []
    for label in range(1, max(int(contour.max()) for contour in contours) + 1):
        first, second = (contour == label for contour in contours)
        for to, at in ((second, first), (first, second)):
            if not at.any():
                continue
            found = np.full(int(at.sum()), _FARTHEST)
            if to.any():
                found = np.minimum(nearest_distances(pair, to, at), _FARTHEST)
            directions.append(found)
    return directions


def _least_voxels(pair: LabelPair, options: Options) -> int:
    """How many voxels are more than the smallest volume of a lesion."""
    voxel = math.prod(reversed(pair.spacing))  # ITK's first axis is the last one
    volume: float = options["min_lesion_volume"]
    return math.floor(volume / voxel) + 1


def _lesions(
    pair: LabelPair, reference: Array, prediction: Array, options: Options
) -> dict[str, float]:
    """Count the lesions that are detected, and the detections that a lesion is detected for."""
    components = pair.backend.operations.component_pair(
        *matched(reference != 0, prediction != 0), 1
    )
    table = LesionTable.of(InstanceTable.of(components.histogram), _least_voxels(pair, options))
    thresholds = Thresholds(
        options["min_overlap_ratio"],
        options["max_false_positive_ratio"],
        options["max_false_positive_ratio_moderator"],
    )
    how = {
        "stops_early": options.quirk("walk-stops-early"),
        "ties_by_gcc": options.quirk("ties-by-sort"),
    }
    precision, sensitivity = (
        _ratio(count_detected(one, thresholds, **how), len(one.sizes))
        for one in (table.transposed(), table)
    )
    f1 = _ratio(2 * (precision * sensitivity), precision + sensitivity)
    if not options.quirk("nothing-detected-is-undefined") and precision + sensitivity == 0:
        f1 = 0.0
    return {"PPVL": precision, "SensL": sensitivity, "F1_score": f1}


def _of_empty_reference(pair: LabelPair, prediction: Array, options: Options) -> dict[str, float]:
    """Count what is predicted where there is nothing."""
    components = pair.backend.operations.component_pair(
        *matched(prediction != 0, prediction != 0), 1
    )
    sizes = InstanceTable.of(components.histogram).prediction.sizes
    sizes = sizes[sizes >= _least_voxels(pair, options)]
    voxel = math.prod(reversed(pair.spacing))
    return {"NbTestedLesions": len(sizes), "VolTestedLesions": int(sizes.sum()) * voxel}


_QUIRKS = (
    Quirk(
        "running-minimum",
        "SurfaceDistance is too small: the smallest distance is not forgotten from one contour voxel to the next, so "
        "that each counts with the smallest of all before it, and the mean depends on the order of the voxels.",
        "A row of voxels 1 mm apart, the reference those of the places 1 and 8, the prediction the first: 0; without "
        "the quirk 2.3333333333333335.",
    ),
    Quirk(
        "walk-stops-early",
        "Of the detections that overlap a lesion, no more are looked at than there are lesions, and one: with few "
        "lesions and many detections, those that are mostly elsewhere are not seen.",
        "One lesion, covered in 3, 3, 2 and 2 voxels by four detections, of which the third lies to 80 % elsewhere: "
        "SensL 1; without the quirk 0.",
    ),
    Quirk(
        "ties-by-sort",
        "Detections of equal overlap are looked at in the order in which the compiler's sort leaves them, which is "
        "that of their sizes only up to 16 detections. Here it is that of GCC.",
        "One lesion, covered in one voxel by each of 17 detections, of which the two largest lie mostly elsewhere: "
        "SensL 1, because others are looked at first; without the quirk 0.",
    ),
    Quirk(
        "lowest-label-is-background",
        "Labels are numbered from the lowest that occurs, so that a map without 0 has no lesion of its lowest label.",
        "A prediction that fills the image, of which the reference is one half: Dice 0; without the quirk "
        "0.6666666666666666.",
    ),
    Quirk(
        "border-is-no-contour",
        "A voxel at the border of the image is on a contour only if a neighbour inside the image is of another label.",
        "Of a row of 10 voxels, 1 mm apart, the first 5 against the first 4: ContourMeanDistance 1; without the quirk, "
        "in a volume of that row alone, 0.2.",
    ),
    Quirk(
        "nothing-detected-is-undefined",
        "Where no lesion is detected and no detection is right, F1_score is 0 divided by 0, and leaves a cohort's mean "
        "instead of lowering it.",
        "A lesion and a detection that do not overlap: nan; without the quirk 0.",
    ),
)

ANIMA = Protocol(
    name="anima",
    title="Anima's animaSegPerfAnalyzer, by which MSSEG 2016 scores multiple sclerosis lesions",
    source="Inria-Empenn/Anima-Public @ d9fb323, animaSegPerfCAnalyzer.cxx",
    about=(
        "Overlap of voxels, distances between masks and contours, and lesions: of the components of more than 3 mm³ on "
        "either side, one of the reference is detected if more than 10 % of it is covered and, looked at in the order "
        "of their overlap until they make up 65 % of it, no detection lies to more than 70 % outside of all lesions "
        "(SensL); the same with the sides exchanged is PPVL, and F1_score is made of both. These are the thresholds of "
        "its command line; the class itself has 5, 50 and 50 %. Labels are renumbered from the lowest; where the maps "
        "have equally many, labels are compared, otherwise foregrounds. It was read and not run: ITK's filters and the "
        "detection, compiled from the script's text at commit 03aa12c, were. What it writes of cases without a "
        "reference, NbTestedLesions and VolTestedLesions alone, is by its header and its users' description."
    ),
    axes="zyx",
    scores=(
        Score("Jaccard", about="over all labels together, as all of overlap"),
        Score("Dice"),
        Score("Sensitivity"),
        Score("Specificity"),
        Score("PPV"),
        Score("NPV"),
        Score("RelativeVolumeError", None, "%"),
        Score("HausdorffDistance", False, "mm", "between all voxels of the masks"),
        Score("ContourMeanDistance", False, "mm", "the larger of the directions' means"),
        Score("SurfaceDistance", False, "mm", "over both contours together"),
        Score("PPVL", about="share of the detections that detect"),
        Score("SensL", about="share of the lesions that are detected"),
        Score("F1_score", about="of PPVL and SensL"),
        Score(
            "NbTestedLesions", False, about="without a reference: how many lesions are predicted"
        ),
        Score("VolTestedLesions", False, "mm³", "without a reference: their volume"),
    ),
    rules=Rules(
        components="of both maps' foreground, of more than 3 mm³",
        connectivity="6 neighbours",
        dilation="none",
        matching="covered share, and shares outside of its detections, many to many",
        penalty="none",
        empties="no reference: number and volume of predicted lesions alone; no prediction: distances, PPVL, F1 nan",
    ),
    options={
        "min_lesion_volume": 3.0,
        "min_overlap_ratio": 0.1,
        "max_false_positive_ratio": 0.7,
        "max_false_positive_ratio_moderator": 0.65,
    },
    quirks=_QUIRKS,
    evaluate=evaluate,
)

PROTOCOLS = (ANIMA,)
