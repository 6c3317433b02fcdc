"""TotalSegmentator's own evaluation: Dice and surface Dice at 3 mm of every class."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.organs import both_have, by_column, region_of
from fastseg.protocols.rules.surfels import surfels_of
from fastseg.results.rows import Row

DICE, SURFACE = "dice", "surface_dice_3"


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case: nothing where the reference lacks a class, 0 where the prediction does."""
    spacing = pair.spacing
    if options.quirk("voxels-of-1-5-mm"):
        spacing = (1.5,) * pair.ndim
    there = [one for one in pair.labels if both_have(pair, one)]
    regions = [region_of(pair, one) for one in there]
    found = dict(zip(there, surfels_of(pair, regions, spacing), strict=True))
    rows = []
    for structure in pair.labels:
        counts = pair.histogram.pair_counts(structure.reference, structure.prediction)
        if structure in found:
            total = counts.reference + counts.prediction
            values = {
                DICE: 2 * counts.tp / (total + 1e-6),
                SURFACE: found[structure].surface_dice(options["tolerance"]),
            }
        else:
            unseen = counts.empty == "both" or (
                counts.empty == "reference" and options.quirk("false-positives-unseen")
            )
            values = dict.fromkeys((DICE, SURFACE), math.nan if unseen else 0.0)
        rows.append(pair.row(structure, values, counts=counts))
    return rows


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Average each class over the cases that have it, as pandas does."""
    values = by_column(rows, (DICE, SURFACE), lambda score, row: f"{score}-{row.name}")
    return {name: _mean(held) for name, held in values.items()}


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return math.fsum(defined) / len(defined) if defined else math.nan


PROTOCOLS = (
    Protocol(
        name="totalsegmentator",
        title="TotalSegmentator's evaluation: Dice and surface Dice at 3 mm",
        source="wasserth/TotalSegmentator @ 398ff34, resources/evaluate.py",
        about=(
            "Scores every class of a label map by Dice and by surface-distance's surface Dice at 3 mm. Classes are "
            "those of labels=; by default all labels that occur."
        ),
        axes="xyz",
        scores=(Score(DICE), Score(SURFACE)),
        rules=Rules(
            components="none",
            matching="none: classes",
            penalty="0 where the prediction lacks a class",
            empties="reference empty: no value, whatever was predicted",
        ),
        options={"tolerance": 3.0},
        quirks=(
            Quirk(
                "voxels-of-1-5-mm",
                "Distances are measured as if every voxel were 1.5 mm wide, whatever the image says: of images with "
                "other voxels, 3 mm are two voxels along every axis.",
                "A cube that is one slice of 5 mm off has surface_dice_3 1.0, as its error counts as 1.5 mm; without "
                "the quirk the faces before and behind lie 5 mm apart, and it is less.",
            ),
            Quirk(
                "false-positives-unseen",
                "A class that the reference lacks has no value, so that predicting it there costs nothing.",
                "An organ of 1 000 voxels where there is none: nan; without the quirk 0.",
            ),
        ),
        evaluate=evaluate,
        aggregate=aggregate,
    ),
)
