"""stardist's matching: instances one to one at a threshold of IoU, and the statistics of an image or of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastseg.errors import InputError
from fastseg.inputs.choices import unknown
from fastseg.inputs.scalars import shown
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.instance_maps import at_threshold, instance_maps
from fastseg.protocols.rules.threshold_assignment import Scored
from fastseg.protocols.rules.threshold_statistics import FIELDS, gathered, restored, statistics_of
from fastseg.protocols.rules.whole_map import named
from fastseg.results.rows import Row

_CRITERIA = {"iou": "iou", "iot": "recall", "iop": "precision"}


def thresholds_of(given: Any, name: str) -> list[float]:
    """Read thresholds: one number, or several.

    Raises
    ------
    InputError
        For anything else.
    """
    several = list(given) if isinstance(given, (list, tuple)) else [given]
    if not several or not all(
        isinstance(value, (int, float)) and not isinstance(value, bool) for value in several
    ):
        raise InputError(f"{name}: expected a number or several, got {shown(given)}")
    return [float(value) for value in several]


def evaluate(pair: LabelPair, options: Options) -> list[Row]:
    """Match the instances of an image, at each threshold."""
    criterion = options["criterion"]
    if criterion not in _CRITERIA:
        raise unknown("criterion", criterion, _CRITERIA)
    thresholds = thresholds_of(options["thresh"], "thresh")
    dtype = np.float32 if options.quirk("single-precision") else np.float64
    rows = []
    for maps in instance_maps(pair):
        scores = Scored.of(maps.table, _CRITERIA[criterion], dtype)
        for threshold in thresholds:
            found = statistics_of(scores, threshold)
            values = {field: found[field] for field in FIELDS}
            structure = at_threshold(maps.structure, threshold, len(thresholds) == 1)
            row = pair.row(structure, {"thresh": threshold, **values}, counts=maps.counts)
            rows.append(row)
    return rows


def cohort(rows: Sequence[Row], options: Options) -> dict[str, float]:
    """Gather the images as matching_dataset does."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row.name, []).append(row)
    scores: dict[str, float] = {}
    for name, of_name in by_name.items():
        statistics = [_statistics(row, options) for row in of_name]
        for field, value in gathered(statistics, options["by_image"]).items():
            scores[named(name, field, len(by_name) == 1)] = float(value)
    return scores


def _statistics(row: Row, options: Options) -> Mapping[str, Any]:
    values = {field: row[field] for field in FIELDS}
    return restored(values) if options.quirk("single-precision") else values


STARDIST = Protocol(
    name="stardist",
    title="stardist, matching of cells and nuclei",
    source="stardist/stardist @ 650d3a1, stardist/matching.py",
    about=(
        "Labels are instances. They are matched one to one, so that as many pairs as possible reach the threshold and "
        "among such choices the sum of all scores is largest; pairs that reach it are true positives. accuracy is "
        "TP / (TP + FP + FN), which others call average precision. Images are gathered as matching_dataset does: "
        "counts and scores are added up, or with by_image=true the ratios averaged. thresh takes several numbers; then "
        "each is a row, instances@0.75. The script that was run is that of 0.9.2."
    ),
    axes="zyx",
    scores=(
        Score("thresh", None),
        Score("fp", False),
        Score("tp"),
        Score("fn", False),
        Score("precision"),
        Score("recall"),
        Score("accuracy"),
        Score("f1"),
        Score("n_true", None),
        Score("n_pred", None),
        Score(
            "mean_true_score", about="the matched scores, divided by the number of true instances"
        ),
        Score("mean_matched_score", about="the matched scores, divided by the number of matches"),
        Score("panoptic_quality"),
    ),
    rules=Rules(
        components="labels are instances",
        matching="one to one, most pairs with IoU ≥ 0.5, then the largest sum of scores",
        penalty="none: a wrong instance counts one, whatever its size",
        empties="all ratios 0, also where neither image has an instance",
    ),
    options={"thresh": (0.5,), "criterion": "iou", "by_image": False},
    limits={"thresh": (0, 1)},
    quirks=(
        Quirk(
            "single-precision",
            "Scores are rounded to float32 before they are compared and added up, so that a pair just below the "
            "threshold reaches it, and means are exact to seven digits.",
            "One voxel of three shared, an IoU of 1/3: at a threshold of 0.33333334 a true positive, and its mean "
            "score is 0.3333333432674408; without the quirk none, and at 1/3 the mean is 0.3333333333333333.",
        ),
    ),
    evaluate=evaluate,
    cohort=cohort,
)

PROTOCOLS = (STARDIST,)
