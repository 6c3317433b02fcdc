"""CVPR 2025, text-guided 3-D segmentation by foundation models: Dice and surface Dice of classes, F1 of instances."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastseg.inputs.arrays import Array, matched
from fastseg.inputs.structures import Structure
from fastseg.measures.instance_table import InstanceTable
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.instance_maps import InstanceMaps, instance_maps
from fastseg.protocols.rules.organs import dice_of, region_of
from fastseg.protocols.rules.surfels import surfels_of
from fastseg.protocols.rules.threshold_assignment import Scored
from fastseg.results.rows import Row

#: the row of a case of classes
ALL_CLASSES = "mean"


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Score a case: its classes and their means, or its instances."""
    if options["instances"]:
        return [_row_of_instances(pair, maps, options) for maps in instance_maps(pair)]
    return _rows_of_classes(pair, options)


def _rows_of_classes(pair: LabelPair, options: Options) -> list[Row]:
    structures = pair.labels
    of_classes = [
        _scores_of_class(pair, structure, options["tolerance"]) for structure in structures
    ]
    rows = [
        pair.row(structure, {"DSC": dice, "NSD": surface})
        for structure, (dice, surface) in zip(structures, of_classes, strict=True)
    ]
    means = {
        name: _rounded(_mean([scores[i] for scores in of_classes]), options)
        for i, name in enumerate(("DSC", "NSD"))
    }
    labels = {label for structure in structures for label in structure.reference}
    others = {label for structure in structures for label in structure.prediction}
    together = Structure(ALL_CLASSES, 1, tuple(sorted(labels)), tuple(sorted(others)))
    return [pair.row(together, means), *rows]


def _scores_of_class(
    pair: LabelPair, structure: Structure, tolerance: float
) -> tuple[float, float]:
    """Dice and surface Dice, nan where neither map has the class."""
    counts = pair.histogram.pair_counts(structure.reference, structure.prediction)
    if counts.empty:
        nothing = math.nan if counts.empty == "both" else 0.0
        return nothing, nothing
    [surfels] = surfels_of(pair, [region_of(pair, structure)])
    return dice_of(counts), surfels.surface_dice(tolerance)


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan


def _row_of_instances(pair: LabelPair, maps: InstanceMaps, options: Options) -> Row:
    reference, prediction = maps.reference, maps.prediction
    in_8_bits = options.quirk("labels-in-8-bits")
    if in_8_bits:
        reference, prediction = reference.astype(np.uint8), prediction.astype(np.uint8)
    if options.quirk("one-label-is-split"):
        prediction = _split(pair, prediction, in_8_bits)
    table = InstanceTable.of(pair.joint_histogram(*matched(reference, prediction)))
    n_true, n_pred = len(table.reference), len(table.prediction)
    tp = len(Scored.of(table, "iou").accepted(options["threshold"])[0])
    fp, fn = n_pred - tp, n_true - tp
    if not n_pred and options.quirk("nothing-predicted-is-not-counted"):
        fn = 0
    precision = tp / (tp + fp) if tp + fp else 0.0
    recall = tp / (tp + fn) if tp + fn else 0.0
    both = precision + recall
    f1 = 2 * precision * recall / both if both else 0.0
    values = {"F1": _rounded(f1, options), "TP": tp, "FP": fp, "FN": fn}
    return pair.row(maps.structure, values, counts=maps.counts)


def _split(pair: LabelPair, prediction: Array, in_8_bits: bool) -> Array:
    """Make instances of the components of a map that has two values, numbered after the largest of these."""
    values = pair.joint_histogram(prediction, prediction).sides[0].labels
    if len(values) != 2:
        return prediction
    components, _ = pair.backend.operations.connected_components(prediction, 1, np.dtype(np.uint32))
    inside = components > 0
    if not in_8_bits:
        return np.where(inside, components, 0)
    split = prediction.copy()
    split[inside] = (components[inside] + np.uint32(values[-1])).astype(np.uint8)
    return split


def _rounded(value: float, options: Options) -> float:
    return float(np.round(value, 4)) if options.quirk("rounded") else value


def aggregate(rows: Sequence[Row]) -> dict[str, float]:
    """Average each column of the table over the cases that have it."""
    held: dict[str, list[float]] = {}
    for row in rows:
        names = ("DSC", "NSD") if row.name == ALL_CLASSES else ("F1",)
        for name in set(names) & row.values_by_metric.keys():
            held.setdefault(name, []).append(row[name])
    return {name: _mean(held[name]) for name in ("DSC", "NSD", "F1") if name in held}


MEDSEGFM = Protocol(
    name="medsegfm",
    title="CVPR 2025 MedSegFM, text-guided segmentation of many kinds of images",
    source="JunMa11/CVPR-MedSegFMCompetition @ 748e862, CVPR25_text_eval.py",
    about=(
        "Of classes, Dice and surface-distance's surface Dice at 2 mm, and as the case's scores (the row mean) their "
        "means over the classes that either map has; the script takes the classes from the prompts, here they are the "
        "labels. With instances=true, F1 of instances whose IoU reaches 0.5, matched one to one, most pairs first; a "
        "prediction of one label is split into its components first. TP, FP and FN are the script's own, which it does "
        "not write out. It makes no means over cases; those of each column are given. The script that was run is that "
        "of commit 914e00f."
    ),
    axes="zyx",
    more_rows={ALL_CLASSES: 1, "1": 1},
    scores=(
        Score("DSC"),
        Score("NSD"),
        Score("F1"),
        Score("TP"),
        Score("FP", False),
        Score("FN", False),
    ),
    rules=Rules(
        components="of a prediction of one label; else labels are instances",
        connectivity="6 neighbours",
        dilation="none",
        matching="one to one, most pairs with IoU ≥ 0.5",
        penalty="none",
        empties="classes that neither map has are left out; one lacks it: 0; instances in neither: F1 0",
    ),
    options={"instances": False, "threshold": 0.5, "tolerance": 2.0},
    limits={"threshold": (0, 1)},
    quirks=(
        Quirk(
            "labels-in-8-bits",
            "Instances are cast to 8 bits: those whose numbers differ by 256 are one, and number 256 is background. "
            "The components of a prediction of one label are numbered from its label on in these 8 bits, too.",
            "256 instances of one voxel, all found: TP 255, FN 0; of 300, 255 again; without the quirk 256 and 300.",
        ),
        Quirk(
            "one-label-is-split",
            "A prediction of one label is split into components, and one of several labels is not, even where an "
            "instance is in pieces. What a single instance lacks a bridge for is several then.",
            "One instance of 6 voxels in a row, predicted without the fourth: IoU 5/6, but in pieces of 3 and 2; "
            "TP 1, FP 1, F1 0.6667; without the quirk F1 1.0.",
        ),
        Quirk(
            "nothing-predicted-is-not-counted",
            "Where nothing is predicted, missed instances are not counted. F1 is 0 either way.",
            "Two instances, no prediction: FN 0; without the quirk 2.",
        ),
        Quirk(
            "rounded",
            "Scores of cases are rounded to four decimal places before they are averaged.",
            "An F1 of 2/3 is 0.6667; without the quirk 0.66666….",
        ),
    ),
    evaluate=evaluate,
    aggregate=aggregate,
)

PROTOCOLS = (MEDSEGFM,)
