"""nnDetection's FROC: boxes with a class and a score, matched by their overlap at several thresholds."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError
from fastseg.inputs.scalars import shown
from fastseg.measures.detection_curves import (
    FALSE_POSITIVE_RATES,
    OperatingPoints,
    sensitivities_at,
)
from fastseg.measures.joint_histogram import Counts
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.boxes import Boxes, box_ious
from fastseg.protocols.rules.scaled_roc import scaled_roc
from fastseg.results.instance import Instance
from fastseg.results.rows import Row

_REFERENCE = (("boxes", "gt_boxes"), ("classes", "gt_classes"))
_PREDICTION = (("pred_boxes", "boxes"), ("pred_labels", "labels"), ("pred_scores", "scores"))

# The thresholds that columns are kept for.
_THRESHOLDS = tuple(k / 10 for k in range(1, 10))
# A threshold of 1 means as good as all.
_HIGHEST = 1 - 1e-10


@dataclass(frozen=True, eq=False)
class BoxPair:
    """The boxes of an image: of the reference and of the prediction."""

    case: str
    reference: Boxes
    prediction: Boxes


def opened(reference: Any, prediction: Any, case: str) -> BoxPair:
    """Read the boxes of an image."""
    first = Boxes.read(reference, "reference", _REFERENCE)
    if prediction is None:
        width = first.corners.shape[1]
        return BoxPair(case, first, Boxes(np.empty((0, width)), np.empty(0, np.int64), np.empty(0)))
    second = Boxes.read(prediction, "prediction", _PREDICTION)
    if len(first) and len(second) and first.corners.shape[1] != second.corners.shape[1]:
        raise InputError(
            f"boxes of {first.corners.shape[1]} numbers in the reference and of {second.corners.shape[1]} in the "
            "prediction"
        )
    return BoxPair(case, first, second)


def _column(threshold: float) -> str:
    return f"match_IoU_{threshold:.2f}"


def _checked(options: Options) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Give the thresholds and the names of the classes."""
    thresholds, classes = options["iou_thresholds"], options["classes"]
    known = [_column(one) for one in _THRESHOLDS]
    if not thresholds:
        raise InputError("iou_thresholds: expected a list of them, as in [0.1, 0.5]")
    for one in thresholds:
        if _column(one) not in known:
            raise InputError(f"iou_thresholds: expected some of 0.1, 0.2, … 0.9, got {one!r}")
    if len(set(classes)) < len(classes):
        raise InputError(f"classes: each name once, got {shown(classes)}")
    return thresholds, classes


def evaluate(pair: BoxPair, options: Options) -> list[Row]:
    """Match the boxes of an image, class by class."""
    thresholds, classes = _checked(options)
    for side, boxes in (("reference", pair.reference), ("prediction", pair.prediction)):
        beyond = sorted({*boxes.classes.tolist()} - {*range(len(classes))})
        if beyond:
            raise InputError(
                f"{side}: class {beyond[0]} has no name; pass all of them as classes=, in the order of their numbers"
            )
    rows: list[Row] = []
    for number, name in enumerate(classes):
        reference, prediction = (
            side.of_class(number) for side in (pair.reference, pair.prediction)
        )
        surest = np.argsort(-prediction.scores, kind="stable")[: options["max_detections"]]
        corners, scores = prediction.corners[surest], prediction.scores[surest].astype(np.float64)
        overlaps = box_ious(corners, reference.corners) if len(surest) and len(reference) else None
        matches = [_matched(overlaps, len(surest), one, options) for one in thresholds]
        partners, pairs = matches[0], {one for one in matches[0] if one >= 0}
        missed = [one for one in range(len(reference)) if one not in pairs]
        counts = (len(pairs), len(surest) - len(pairs), len(missed))

        of_class = functools.partial(_row, pair.case, number, name)
        case = {"num_gt": len(reference), "num_detections": len(surest)}
        rows.append(of_class(case, Counts(*counts, 0), (number, number), None))
        for place, partner in enumerate(partners):
            hit = partner >= 0
            score = float(overlaps[place, partner]) if overlaps is not None and hit else math.nan
            rows.append(
                of_class(
                    {
                        _column(one): found[place] >= 0
                        for one, found in zip(thresholds, matches, strict=True)
                    },
                    Counts(int(hit), int(not hit), 0, 0),
                    (partner + 1 if hit else None, int(surest[place]) + 1),
                    Instance(score, float(scores[place])),
                )
            )
        rows += [of_class({}, Counts(0, 0, 1, 0), (one + 1, None), Instance()) for one in missed]
    return rows


def _row(
    case: str,
    number: int,
    name: str,
    values: Mapping[str, float],
    counts: Counts,
    ids: tuple[int | None, int | None],
    instance: Instance | None,
) -> Row:
    """Make a row, whose counts are of boxes."""
    return Row(
        case,
        number,
        name,
        *ids,
        {key: float(value) for key, value in values.items()},
        counts,
        0.0,
        counts.empty,
        "",
        "structure" if instance is None else "instance",
        instance=instance,
    )


def _matched(
    overlaps: NDArray[Any] | None, detections: int, threshold: float, options: Options
) -> list[int]:
    """Give each detection, the surest first, the free box that it overlaps most; -1 where none is enough."""
    if overlaps is None:
        return [-1] * detections
    least = min(threshold, _HIGHEST)
    takes_last = options.quirk("equal-overlaps-take-the-last")
    nan_matches = options.quirk("empty-boxes-match")
    free = list(range(overlaps.shape[1]))
    partners = []
    for of_detection in overlaps.tolist():
        best, partner = least, -1
        for place in free:
            overlap = of_detection[place]
            if overlap < best or (overlap != overlap and not nan_matches):
                continue
            if overlap == best and partner >= 0 and not takes_last:
                continue
            best, partner = overlap, place
        partners.append(partner)
        if partner >= 0:
            free.remove(partner)
    return partners


def aggregate(rows: Sequence[Row], options: Options) -> dict[str, float]:
    """Score all images: the mean sensitivity at seven rates at each threshold, of all classes together and of each."""
    thresholds, classes = _checked(options)
    images = len({row.case for row in rows})
    scores = _scores(rows, images, thresholds, options)
    for name in classes:
        own = [row for row in rows if row.name == name]
        found = _scores(own, images, thresholds, options)
        scores.update({f"{name}_{key}": value for key, value in found.items()})
    return scores


def _scores(
    rows: Sequence[Row], images: int, thresholds: Sequence[float], options: Options
) -> dict[str, float]:
    lesions = int(sum(row["num_gt"] for row in rows if row.level == "structure"))
    if not lesions and options.quirk("no-objects-is-zero"):
        return {"froc_score": 0.0}
    detections = [
        row for row in rows if row.level == "instance" and row.prediction_label is not None
    ]
    confidences = [row.instance.confidence for row in detections if row.instance is not None]
    scores, curves = {}, {}
    for threshold in thresholds:
        hits = np.array([row[_column(threshold)] == 1 for row in detections], bool)
        curve = scaled_roc(
            OperatingPoints.of(confidences, hits),
            lesions=lesions,
            images=images,
            no_hit_is_nan=options.quirk("no-hit-is-nan"),
        )
        read = sensitivities_at(curve)
        scores[f"FROC_score_IoU_{threshold:.2f}"] = float(np.mean(read))
        for rate, value in zip(FALSE_POSITIVE_RATES, read.tolist(), strict=True):
            curves[f"FROC_curve_IoU_{threshold:.2f} at {rate:g}"] = value
    return scores | curves


QUIRKS = (
    Quirk(
        "no-hit-is-nan",
        "Where no detection hits anything there is no ROC curve, and the score is nan.",
        "One image with one box and a detection elsewhere: FROC_score_IoU_0.10 is nan; without the quirk 0.",
    ),
    Quirk(
        "no-objects-is-zero",
        "Without any box of the reference there is one score of another name, froc_score, which is 0.",
        "One image without boxes and with a detection: froc_score is 0; without the quirk FROC_score_IoU_0.10 is nan.",
    ),
    Quirk(
        "equal-overlaps-take-the-last",
        "Of two boxes that a detection overlaps equally it takes the later one, so that the order of the boxes decides "
        "what is left for the next detection.",
        "Boxes A and B side by side, a detection that covers both, and a less sure one on A: 2 hits; without the "
        "quirk 1, as the first took A.",
    ),
    Quirk(
        "empty-boxes-match",
        "Two boxes without any volume have an IoU of 0/0, which no comparison finds too small: they match, wherever "
        "they are.",
        "A box (0, 0, 0, 0) and a detection (5, 5, 5, 5): a hit; without the quirk none.",
    ),
)

PROTOCOLS = (
    Protocol(
        name="nndetection",
        title="nnDetection, boxes: FROC",
        source="MIC-DKFZ/nnDetection @ 97a58f3, nndet/evaluator/detection/froc.py; compared with 68352e5",
        about=(
            "Inputs are boxes, (x1, y1, x2, y2) or (x1, y1, x2, y2, z1, z2): of the reference a mapping with boxes and "
            "classes, of the prediction one with pred_boxes, pred_labels and pred_scores, or files of .npz, .pkl or "
            ".json that hold these; classes are numbers from 0 on, whose names are passed as classes=. In each image "
            "and class the 100 surest detections take, one after the other, the free box that they overlap most, if "
            "that is enough. Sensitivity is read from straight lines of the FROC curve at 1/8, 1/4, 1/2, 1, 2, 4 and 8 "
            "false positives per image; the mean is the score, of all boxes together and of each class."
        ),
        scores=(
            Score("num_gt", None),
            Score("num_detections", None, about="the surest 100 at most"),
            *(
                Score(_column(one), about="1 for a detection that hits a box")
                for one in _THRESHOLDS
            ),
        ),
        rules=Rules(
            components="none: boxes",
            matching="one to one, the surest first, IoU of boxes ≥ 0.1 and ≥ 0.5",
            penalty="none: missed boxes lower the sensitivity",
            empties="no detection: 0; no hit: nan; no box: froc_score 0",
        ),
        options={"iou_thresholds": (0.1, 0.5), "classes": ("0",), "max_detections": 100},
        limits={"iou_thresholds": (0, 1), "max_detections": (1, math.inf)},
        quirks=QUIRKS,
        evaluate=evaluate,
        cohort=aggregate,
        opens=opened,
    ),
)
