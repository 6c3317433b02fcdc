"""ToothFairy3: Dice and HD95 of jaws, canals and single teeth in cone beam CT, averaged over all classes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastseg.inputs.structures import Structure
from fastseg.measures.regions import Request
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.organs import both_have, dice_of, region_of
from fastseg.results.rows import Row

_TEETH = (
    "Central Incisor",
    "Lateral Incisor",
    "Canine",
    "First Premolar",
    "Second Premolar",
    "First Molar",
    "Second Molar",
    "Third Molar (Wisdom Tooth)",
)
_QUADRANTS = ("Upper Right", "Upper Left", "Lower Left", "Lower Right")
PULPS = tuple(100 + 10 * quadrant + tooth for quadrant in range(1, 5) for tooth in range(1, 9))

LABELS: dict[str, int | tuple[int, ...]] = {
    "Lower Jawbone": 1,
    "Upper Jawbone": 2,
    "Left Inferior Alveolar Canal": 3,
    "Right Inferior Alveolar Canal": 4,
    "Left Maxillary Sinus": 5,
    "Right Maxillary Sinus": 6,
    "Pharynx": 7,
    "Bridge": 8,
    "Crown": 9,
    "Implant": 10,
    **{
        f"{side} {tooth}": 10 * quadrant + place
        for quadrant, side in enumerate(_QUADRANTS, 1)
        for place, tooth in enumerate(_TEETH, 1)
    },
    "Left Mandibular Incisive Canal": 103,
    "Right Mandibular Incisive Canal": 104,
    "Lingual Canal": 105,
    "Pulp": (150, *PULPS),
}

AVERAGE = "average"


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case: every class by itself, and then their plain means."""
    spacing = pair.spacing
    if options.quirk("distances-in-voxels"):
        spacing = (1.0,) * pair.ndim
    there = [one for one in pair.labels if both_have(pair, one)]
    request = Request(frozenset(("surface_distributions",)), spacing)
    regions = [region_of(pair, one) for one in there]
    measured = pair.measure(pair.reference, pair.prediction, regions, request)
    found = dict(zip(there, measured, strict=True))
    farthest = math.sqrt(
        math.fsum((size * step) ** 2 for size, step in zip(pair.shape, spacing, strict=True))
    )
    absent_counts = options.quirk("absent-class-is-perfect")
    rows = []
    sums, classes = [0.0, 0.0], 0
    for structure in pair.labels:
        counts = pair.histogram.pair_counts(structure.reference, structure.prediction)
        dice, distance = 0.0, farthest
        if structure in found:
            dice = dice_of(counts)
            distance = found[structure]["surface_distributions"].hausdorff(95, "pooled")
        elif counts.empty == "both":
            dice, distance = (1.0, 0.0) if absent_counts else (math.nan, math.nan)
        rows.append(pair.row(structure, {"Dice": dice, "HD95": distance}, counts=counts))
        if dice == dice:
            sums, classes = [sums[0] + dice, sums[1] + distance], classes + 1
    averages = [total / classes if classes else math.nan for total in sums]
    every = tuple(dict.fromkeys(label for one in pair.labels for label in one.reference))
    whole = Structure(AVERAGE, every, every, every)
    values = {"Dice Average": averages[0], "HD95 Average": averages[1]}
    return [*rows, pair.row(whole, values)]


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Average the averages of the cases."""
    found = {}
    for score in ("Dice Average", "HD95 Average"):
        values = [row[score] for row in rows if row.name == AVERAGE]
        found[score] = math.fsum(values) / len(values) if values else math.nan
    return found


PROTOCOLS = (
    Protocol(
        name="toothfairy3",
        title="ToothFairy3, multi-instance segmentation of cone beam CT",
        source=(
            "AImageLab-zip/ToothFairy @ 681e8b0, ToothFairy3/Multi-Instance-Segmentation/evaluation/evaluation.py"
        ),
        about=(
            "Joins the 32 pulps, and scores 46 classes by Dice and by MedPy's HD95 (the percentile of both directions "
            "together). A case's scores are the plain means over all classes, in the row 'average'."
        ),
        labels=LABELS,
        axes="zyx",
        scores=(
            Score("Dice"),
            Score("HD95", larger_is_better=False, unit="voxels"),
            Score("Dice Average"),
            Score("HD95 Average", larger_is_better=False, unit="voxels"),
        ),
        rules=Rules(
            components="none",
            matching="none: classes",
            penalty="HD95: the diagonal of the image in voxels; Dice 0",
            empties="both: 1 and 0; one: 0 and the diagonal",
        ),
        quirks=(
            Quirk(
                "distances-in-voxels",
                "HD95 is measured in voxels, whatever their size, and so is the penalty for a missed class.",
                "A tooth that is one voxel of 0.3 mm off: 1.0; without the quirk 0.3.",
            ),
            Quirk(
                "absent-class-is-perfect",
                "A class that neither map has scores 1 and 0, and is averaged with those that are there: a jaw with "
                "few teeth has good averages before anything is segmented.",
                "Two of 46 classes are there, with Dice 0.5 each: Dice Average 0.9783; without the quirk 0.5.",
            ),
        ),
        evaluate=evaluate,
        aggregate=aggregate,
    ),
)
