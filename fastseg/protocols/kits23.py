"""KiTS23: Dice and surface Dice of three nested regions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.organs import both_have, by_column, dice_of, region_of
from fastseg.protocols.rules.surfels import surfels_of
from fastseg.results.rows import Row

#: in mm, from how far raters of KiTS21 lie apart
TOLERANCES = {
    "kidney_and_mass": 1.0330772532390826,
    "mass": 1.1328796488598762,
    "tumor": 1.1498198361434828,
}

#: how the columns of the organiser's evaluation.csv call the regions
_COLUMNS = {"kidney_and_mass": "kidney", "mass": "masses", "tumor": "tumor"}


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case: 1 where neither map has a region, 0 where one of them lacks it."""
    there = [one for one in pair.labels if both_have(pair, one)]
    found = dict(zip(there, surfels_of(pair, [region_of(pair, one) for one in there]), strict=True))
    rows = []
    for structure in pair.labels:
        counts = pair.histogram.pair_counts(structure.reference, structure.prediction)
        if structure in found:
            tolerance = TOLERANCES.get(structure.name, options["tolerance"])
            values = {"Dice": dice_of(counts), "SD": found[structure].surface_dice(tolerance)}
        else:
            perfect = counts.empty == "both" and options.quirk("absent-region-is-perfect")
            undefined = counts.empty == "both" and not perfect
            values = dict.fromkeys(("Dice", "SD"), np.nan if undefined else float(perfect))
        rows.append(pair.row(structure, values, counts=counts))
    return rows


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Average every column over the cases."""
    values = by_column(
        rows, ("Dice", "SD"), lambda score, row: f"{score}_{_COLUMNS.get(row.name, row.name)}"
    )
    return {column: float(np.mean(held)) for column, held in values.items()}


PROTOCOLS = (
    Protocol(
        name="kits23",
        title="KiTS23, kidney tumours in CT: Dice and surface Dice of nested regions",
        source="neheller/kits23 @ c108835, kits23/evaluation/metrics.py",
        about=(
            "Scores kidney with all masses, masses (tumour and cyst) and tumour by Dice, and by surface-distance's "
            "surface Dice at a tolerance of its own for each, which is how far raters lie apart."
        ),
        labels={"kidney_and_mass": (1, 2, 3), "mass": (2, 3), "tumor": 2},
        axes="zyx",
        scores=(Score("Dice"), Score("SD", about="surface Dice")),
        rules=Rules(
            components="none",
            matching="none: regions",
            penalty="0 where one map lacks the region",
            empties="both: 1 and 1; one: 0 and 0",
        ),
        options={"tolerance": 1.0},
        quirks=(
            Quirk(
                "absent-region-is-perfect",
                "A case without a tumour in either map scores 1, and lifts the mean over cases as a perfect "
                "segmentation does.",
                "Two cases, a tumour found with Dice 0.5 and no tumour at all: the mean is 0.75; without the quirk "
                "the second has no value, and the mean is 0.5.",
            ),
        ),
        evaluate=evaluate,
        aggregate=aggregate,
    ),
)
