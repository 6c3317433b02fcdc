"""FLARE 2022 to 2024: Dice and surface Dice of thirteen abdominal organs, with a tolerance for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fastseg.inputs.structures import Structure
from fastseg.measures.joint_histogram import Counts
from fastseg.measures.regions import Region
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.organs import both_have, by_column, dice_of, region_of
from fastseg.protocols.rules.surfels import surfels_of
from fastseg.results.rows import Row

#: in mm
TOLERANCES = {
    "Liver": 5,
    "RK": 3,
    "Spleen": 3,
    "Pancreas": 5,
    "Aorta": 2,
    "IVC": 2,
    "RAG": 2,
    "LAG": 2,
    "Gallbladder": 2,
    "Esophagus": 3,
    "Stomach": 5,
    "Duodenum": 7,
    "LK": 3,
    "Tumor": 2,
}
ORGANS = {name: i for i, name in enumerate(list(TOLERANCES)[:13], 1)}

#: what was not outlined over its whole length
TUBES = ("Aorta", "IVC", "Esophagus")


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case, to four decimal places."""
    rows = []
    for structure in pair.labels:
        counts = pair.histogram.pair_counts(structure.reference, structure.prediction)
        dice, surface = _scores(pair, structure, counts, options)
        if options.quirk("rounded"):
            dice, surface = (float(np.round(value, 4)) for value in (dice, surface))
        rows.append(pair.row(structure, {"DSC": dice, "NSD": surface}, counts=counts))
    return rows


def _scores(
    pair: LabelPair, structure: Structure, counts: Counts, options: Options
) -> tuple[float, float]:
    if counts.empty == "both":
        return 1.0, 1.0
    if counts.empty:
        return 0.0, 0.0
    part, region = pair, region_of(pair, structure)
    if structure.name in TUBES and options["labelled_slices_only"]:
        part = _labelled_slices(pair, structure, options)
        if not part.reference.size:
            return math.nan, math.nan
        if not both_have(part, structure):
            return 0.0, 0.0
        region = Region(structure.reference, structure.prediction)
        counts = part.histogram.pair_counts(structure.reference, structure.prediction)
    dice = dice_of(counts)
    if dice < options["least_dice"]:
        return dice, 0.0
    [surfels] = surfels_of(part, [region])
    return dice, surfels.surface_dice(TOLERANCES.get(structure.name, options["tolerance"]))


def _labelled_slices(pair: LabelPair, structure: Structure, options: Options) -> LabelPair:
    """Cut both maps to the slices in which the reference has an organ, less the last of them as the script has it."""
    box = pair.histogram.box(structure.reference, ())
    assert box is not None
    start, stop = box[-1].start, box[-1].stop
    if options.quirk("last-slice-left-out"):
        stop -= 1
    reference, prediction = pair.reference[..., start:stop], pair.prediction[..., start:stop]
    return replace(pair, reference=reference, prediction=prediction)


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Average each column over the cases and round it, then average organs: the tumour is none."""
    values = by_column(rows, ("DSC", "NSD"), lambda score, row: f"{row.name}_{score}")
    found = {name: _rounded_mean(held) for name, held in values.items()}
    for score in ("DSC", "NSD"):
        organs = [
            value
            for name, value in found.items()
            if name.endswith(f"_{score}") and not name.startswith("Tumor")
        ]
        if organs:
            found[f"Organ_{score}"] = _rounded_mean(organs)
    return found


def _rounded_mean(values: Sequence[float]) -> float:
    return float(np.round(np.mean(values), 4))


_QUIRKS = (
    Quirk(
        "last-slice-left-out",
        "Aorta, inferior vena cava and oesophagus are scored in the slices from the first to the last in which the "
        "reference has them, but the last one itself is cut off; what lies in one slice alone has no score (the script "
        "stops there).",
        "An aorta in slices 3 to 6, right in all but the last, where the prediction lacks it: DSC 1.0; without the "
        "quirk 0.8571.",
    ),
    Quirk(
        "rounded",
        "Scores of cases are rounded to four decimal places before they are averaged, and the averages again.",
        "A Dice of 2/3 is 0.6667; without the quirk 0.66666….",
    ),
)

FLARE22 = Protocol(
    name="flare22",
    title="FLARE 2022, abdominal organs in CT: Dice and surface Dice",
    source="JunMa11/FLARE @ aad2cc2, FLARE22/Evaluation/FLARE22_DSC_NSD_Eval.py",
    about=(
        "Scores thirteen organs by Dice and by surface-distance's surface Dice, at 2 to 7 mm by organ. Aorta, inferior "
        "vena cava and oesophagus count only in the slices in which the reference has them. The script makes no "
        "averages over cases; those of FLARE 2023 are given."
    ),
    labels=ORGANS,
    axes="xyz",
    scores=(Score("DSC"), Score("NSD")),
    rules=Rules(
        components="none",
        matching="none: organs",
        penalty="0 where one map lacks the organ",
        empties="both: 1 and 1; one: 0 and 0",
    ),
    options={"tolerance": 2.0, "least_dice": 0.0, "labelled_slices_only": True},
    limits={"least_dice": (0, 1)},
    quirks=_QUIRKS,
    evaluate=evaluate,
    aggregate=aggregate,
)
_LOW = Quirk(
    "poor-dice-has-no-surface",
    "Where Dice is less than a bound, surface Dice is 0 and not what it is.",
    "A shifted cube with DSC 0.05 and NSD 0.4: NSD 0; without the quirk 0.4.",
)


def _with_bound(year: str, bound: float, labels: dict[str, int], path: str) -> Protocol:
    def own(pair: LabelPair, options: Options) -> list[Row]:
        if not options.quirk(_LOW.name):
            options = replace(options, values={**options.values, "least_dice": 0.0})
        return evaluate(pair, options)

    return replace(
        FLARE22,
        name=f"flare{year[2:]}",
        title=f"FLARE {year}, abdominal organs in CT: Dice and surface Dice",
        source=f"JunMa11/FLARE @ aad2cc2, {path}",
        labels=labels,
        about=FLARE22.about.replace(
            "The script makes no averages over cases; those of FLARE 2023 are given.",
            f"Surface Dice is 0 where Dice is less than {bound}.",
        ),
        options={**FLARE22.options, "least_dice": bound},
        quirks=(*_QUIRKS, _LOW),
        evaluate=own,
    )


PROTOCOLS = (
    FLARE22,
    _with_bound("2023", 0.1, {**ORGANS, "Tumor": 14}, "FLARE23/FLARE23_DSC_NSD_Eval.py"),
    _with_bound("2024", 0.2, ORGANS, "FLARE24/T2andT3_FLARE24_DSC_NSD_Eval.py"),
)
