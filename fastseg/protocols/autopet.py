"""autoPET III and IV: Dice, and the volumes of components that the other side does not touch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastseg.measures.joint_histogram import JointHistogram
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.described import mean_of_defined
from fastseg.protocols.rules.overlapping_components import overlapping_components
from fastseg.protocols.rules.voxel_volume import millilitres
from fastseg.protocols.rules.whole_map import by_structure, named, whole_maps
from fastseg.results.rows import Row


def _evaluate(pair: LabelPair, options: Options, *, fourth: bool) -> list[Row]:
    millilitre = millilitres(pair.spacing, in_float32=options.quirk("voxel-volume-in-float32"))
    rows = []
    for structure, reference, prediction in whole_maps(pair, "lesion"):
        histogram = (
            pair.histogram if pair.given is None else pair.joint_histogram(reference, prediction)
        )
        sides = overlapping_components(
            pair,
            reference,
            prediction,
            options["connectivity"],
            by_value=options.quirk("components-by-value"),
        )
        missed = float(sides[0].missed_voxels)
        if fourth and not len(sides[0]):
            missed = math.nan
        values = {
            "dice_sc": _dice_of_fourth(histogram, options) if fourth else _dice(histogram, options),
            "false_pos_vol": sides[1].missed_voxels * millilitre,
            "false_neg_vol": missed * millilitre,
        }
        rows.append(pair.row(structure, values))
    return rows


def _dice(histogram: JointHistogram, options: Options) -> float:
    """Divide twice the product of the maps by their sum: of their values, or of their foregrounds."""
    first = histogram.reference_labels.astype(np.float64)
    second = histogram.prediction_labels.astype(np.float64)
    if not options.quirk("values-as-weights"):
        first, second = (first != 0).astype(np.float64), (second != 0).astype(np.float64)
    product = float((first * second * histogram.counts).sum())
    total = float(((first + second) * histogram.counts).sum())
    return 2 * product / total if total else math.nan


def _dice_of_fourth(histogram: JointHistogram, options: Options) -> float:
    """As above, but undefined without a reference, and over classes where the reference has several."""
    classes = sorted(set(histogram.reference_labels.tolist()))
    if not any(classes):
        return math.nan
    if len(classes) <= 2:
        return _dice(histogram, options)
    if not options.quirk("background-is-a-class"):
        classes = [label for label in classes if label]
    dices = []
    for label in classes:
        counts = histogram.pair_counts([label])
        dices.append(2 * counts.tp / (counts.reference + counts.prediction))
    return float(np.mean(dices))


def evaluate_third(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case as autoPET III does."""
    return _evaluate(pair, options, fourth=False)


def evaluate_fourth(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case as autoPET IV does."""
    return _evaluate(pair, options, fourth=True)


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Average over the cases in which a score is defined, as pandas does."""
    structures = by_structure(rows)
    return {
        named(name, score, len(structures) == 1): mean_of_defined(values)
        for name, scores in structures.items()
        for score, values in scores.items()
    }


_SCORES = (
    Score("dice_sc", about="Dice of the foreground"),
    Score("false_pos_vol", False, "ml", "volume of predicted components without a true voxel"),
    Score("false_neg_vol", False, "ml", "volume of true components without a predicted voxel"),
)

_QUIRKS = (
    Quirk(
        "values-as-weights",
        "The maps are multiplied and added up as numbers: Dice depends on the number by which a mask is stored.",
        "Two equal masks of 255: Dice 255; without the quirk 1.",
    ),
    Quirk(
        "components-by-value",
        "Voxels of different labels are different components even where they touch, so that a lesion of two labels "
        "may be missed by half.",
        "A lesion of the labels 1 and 2, 3 voxels of 1 ml each, of which the prediction has the 1 alone: 3 ml are "
        "false negatives; without the quirk none.",
    ),
    Quirk(
        "voxel-volume-in-float32",
        "The volume of a voxel is computed in the type of a NIfTI header, with an error of up to 1e-7 of it.",
        "1000 missed voxels of 0.1 × 0.1 × 0.1 mm: 0.0009999999974752427 ml; without the quirk 0.0010000000000000002.",
    ),
)

_RULES = Rules(
    components="of both maps, by label",
    connectivity="18 neighbours",
    dilation="none",
    matching="one common voxel",
    penalty="the volume of a component that the other map does not touch",
)

AUTOPET_3 = Protocol(
    name="autopet3",
    title="autoPET III, lesions in whole-body PET/CT",
    source="lab-midas/autoPET @ 468179b, val_script.py",
    about=(
        "Dice of the foreground, the volume of predicted components that share no voxel with the reference, and the "
        "volume of the reference's components that share none with the prediction. Both maps are taken as they are, "
        "with all labels, unless labels are asked for. A single common voxel is enough for a component of any size. "
        "The copy of the script that was read and run is that of commit f34b430."
    ),
    axes="xyz",
    scores=_SCORES,
    rules=Rules(
        **{**vars(_RULES), "empties": "both empty: Dice nan; volumes 0 where there is nothing"}
    ),
    options={"connectivity": 2},
    limits={"connectivity": (1, 3)},
    quirks=_QUIRKS,
    evaluate=evaluate_third,
    aggregate=aggregate,
)

AUTOPET_4 = Protocol(
    name="autopet4",
    title="autoPET IV, lesions in whole-body PET/CT and in longitudinal CT",
    source="lab-midas/autoPETCTIV @ 80af68d, evaluation_metrics/evaluation_metrics.py",
    about=(
        "As autoPET III, but without a reference Dice and the false negatives are undefined and leave the cohort's "
        "mean, and where the reference has several labels, Dice is the mean over these. The copy of the script whose "
        "functions were read and run is that of commit e31941b; its command line asks for options that it does not "
        "define. The areas under the curves over clicks, of several predictions of a case, are not made here."
    ),
    axes="xyz",
    scores=_SCORES,
    rules=Rules(
        **{
            **vars(_RULES),
            "empties": "no reference: Dice and false negatives nan, and not in the mean; no prediction: Dice 0",
        }
    ),
    options={"connectivity": 2},
    limits={"connectivity": (1, 3)},
    quirks=(
        *_QUIRKS,
        Quirk(
            "background-is-a-class",
            "Where the reference has two labels or more, the background's Dice, which is nearly 1, is one of those "
            "that are averaged; with one label it is not.",
            "Nothing found of two lesions of 1 voxel each in 100, of the labels 1 and 2: Dice 0.32996632996632996; "
            "without the quirk 0.",
        ),
    ),
    evaluate=evaluate_fourth,
    aggregate=aggregate,
)

PROTOCOLS = (AUTOPET_3, AUTOPET_4)
