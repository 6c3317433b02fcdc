"""LNQ 2023: Dice and a mean surface distance, as SimpleITK's filters give them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Array
from fastseg.measures.joint_histogram import JointHistogram
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules import itk
from fastseg.protocols.rules.nearest import nearest_distances
from fastseg.protocols.rules.whole_map import Maps, by_structure, cropped, named, whole_maps
from fastseg.results.rows import Row


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case."""
    rows = []
    for maps in whole_maps(pair, "lymph node"):
        # the script casts both images so
        maps = Maps(
            maps.structure, maps.reference.astype(np.uint8), maps.prediction.astype(np.uint8)
        )
        parts, origin = cropped(pair, maps)
        values = {
            "DiceCoefficient": _dice(
                pair.joint_histogram(maps.reference, maps.prediction),
                infinite=options.quirk("both-empty-is-infinite"),
            ),
            "AverageSymmetricSurfaceDistance": _surface_distance(pair, parts, origin, options),
        }
        rows.append(pair.row(maps.structure, values))
    return rows


def _dice(histogram: JointHistogram, *, infinite: bool) -> float:
    """Give ITK's Dice of all labels but 0 together, made from the intersection over the union."""
    tp = union = 0
    for label in histogram.labels:
        if label:
            counts = histogram.pair_counts([label])
            tp += counts.tp
            union += counts.tp + counts.fp + counts.fn
    if not union:
        return math.inf if infinite else math.nan
    return 2.0 * (tp / union) / (1.0 + tp / union)


def _surface_distance(
    pair: LabelPair, parts: Maps, origin: tuple[int, ...], options: Options
) -> float:
    """Halve the mean distances of both directions and add them; or divide the sum of all by their number."""
    maps: list[Array] = [parts.prediction, parts.reference]
    if not options.quirk("values-as-weights"):
        maps = [(labels != 0).astype(np.uint8) for labels in maps]
    border = not options.quirk("border-is-no-surface")
    surfaces = [itk.contour(labels, full=False, border=border) for labels in maps]
    if not (surfaces[0].any() and surfaces[1].any()):
        return math.nan
    directions = []
    for labels, own, other in zip(maps, surfaces, reversed(surfaces), strict=True):
        found: NDArray[np.floating]
        if options.quirk("distances-in-float32"):
            to = itk.boundary(other, border=border)
            found = itk.distances(to, own, pair.spacing, origin=origin)
        else:
            found = nearest_distances(pair, other, own)
        directions.append(_as_summed(found, labels[own]))
    if options.quirk("mean-of-means"):
        return float(np.mean(directions[0]) / 2 + np.mean(directions[1]) / 2)
    return float(np.mean(np.concatenate(directions), dtype=np.float64))


def _as_summed(distances: NDArray[np.floating], values: Array) -> NDArray[np.floating]:
    """Weigh distances by the labels where they are measured, and have as many as the labels add up to.

    Those that are 0 come last, as doubles that make the list one of doubles; where there is none, NumPy adds up in the
    type of the distances.
    """
    weighted = distances * values.astype(distances.dtype)
    weighted = weighted[weighted != 0]
    zeros = int(values.sum(dtype=np.int64)) - len(weighted)
    return np.concatenate([weighted, np.zeros(zeros)]) if zeros else weighted


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Average over all cases, exactly; one that is undefined leaves the mean so."""
    structures = by_structure(rows)
    return {
        named(name, score, len(structures) == 1): float(statistics.mean(values))
        for name, scores in structures.items()
        for score, values in scores.items()
    }


LNQ_2023 = Protocol(
    name="lnq2023",
    title="LNQ 2023, mediastinal lymph nodes in CT",
    source="LymphNodeQuantification/LNQ2023 @ 6e32f39, Evaluation/evaluation.py",
    about=(
        "Dice by SimpleITK's overlap of labels, and the mean distance between the contours of both masks, by its "
        "distance map: the mean of the two directions' means. Both maps are taken as they are, in 8 bits, unless "
        "labels are asked for. A case without one of the masks has no distance, and with it the cohort's mean is "
        "undefined. The copy of the script whose functions were read and run is that of commit 4fdc47d."
    ),
    axes="zyx",
    scores=(
        Score("DiceCoefficient"),
        Score("AverageSymmetricSurfaceDistance", False, "mm", "mean of the directions' means"),
    ),
    rules=Rules(
        components="none",
        matching="none: voxels and contours by faces",
        penalty="none",
        empties="one empty: Dice 0, distance nan; both: Dice inf, distance nan; either makes the cohort's mean so",
    ),
    quirks=(
        Quirk(
            "both-empty-is-infinite",
            "Where both maps are empty, ITK divides its largest number by itself and Dice is infinite.",
            "Two empty maps: inf; without the quirk nan.",
        ),
        Quirk(
            "mean-of-means",
            "What is called the average symmetric surface distance is the mean of the two directions' means, in which "
            "a small surface weighs as much as a large one; that of the literature is the mean over both surfaces.",
            "A row of voxels, the reference those of the places 1 and 2, the prediction that of 12: distances 11 and "
            "10 one way and 10 the other, 10.25; without the quirk 10.333333333333334.",
        ),
        Quirk(
            "border-is-no-surface",
            "A voxel at the border of the image is on the surface only if a neighbour inside the image is of another "
            "label, so that a mask cut by the border is open there, and one that fills the image has no surface.",
            "Two masks that fill the image: nan; without the quirk 0. Of a row of 7 voxels the first 4 against the "
            "first 2: 2; without the quirk, in a volume of that row alone, 0.375.",
        ),
        Quirk(
            "values-as-weights",
            "Surface voxels are counted by adding up the labels, and distances are multiplied by them.",
            "Two voxels of the reference with the labels 1 and 3, of which the prediction has the first, 4 from the "
            "other: 1.5; without the quirk 1.",
        ),
        Quirk(
            "distances-in-float32",
            "Distances are made in float32 from positions in the image, so that equal ones differ by 1e-7 of them, "
            "equal masks may be 1e-7 apart, and added up in float32 where none is 0.",
            "Two neighbours in a row of voxels of 0.7 mm, at the places 1 and 2: 0.699999988079071 mm; at 3 and 4: "
            "0.7000000476837158 mm; without the quirk 0.7 at either.",
        ),
    ),
    evaluate=evaluate,
    aggregate=aggregate,
)

PROTOCOLS = (LNQ_2023,)
