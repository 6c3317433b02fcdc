"""PI-CAI: detection of prostate cancer, lesion by lesion and patient by patient, as picai_eval scores it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputWarning
from fastseg.inputs.arrays import Array, check_same_shape
from fastseg.inputs.choices import unknown
from fastseg.measures.joint_histogram import Counts, JointHistogram
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Rules, Score
from fastseg.protocols.rules.detection_maps import (
    Candidates,
    DetectionPair,
    backend_for,
    connected,
    occupied,
    overlaps,
)
from fastseg.protocols.rules.picai_scores import aggregate
from fastseg.results.instance import Instance
from fastseg.results.rows import Row

Floats = NDArray[np.float64]

_NAME, _LABEL = "lesion", 1
_EPSILON = 1e-8
_OVERLAPS = ("IoU", "DSC")
_CASE_CONFIDENCES = ("max", "bayesian")


def opened(reference: Any, prediction: Any, case: str) -> DetectionPair:
    """Read a label map and a detection map, with the axes of SimpleITK's arrays where they are images."""
    return DetectionPair.of(reference, prediction, case, "zyx")


def evaluate(pair: DetectionPair, options: Options) -> list[Row]:
    """Match the candidates of a case with its lesions."""
    if options["overlap_func"] not in _OVERLAPS:
        raise unknown("overlap_func", options["overlap_func"], _OVERLAPS)
    if options["case_confidence_func"] not in _CASE_CONFIDENCES:
        raise unknown("case_confidence_func", options["case_confidence_func"], _CASE_CONFIDENCES)
    detections = pair.detections.astype(
        np.float32 if options.quirk("single-precision") else np.float64, copy=False
    )
    if options.quirk("smaller-map-is-centred"):
        detections = _centred(detections, pair.reference.shape)
    check_same_shape(pair.reference, detections)
    backend = backend_for(detections.ndim)
    by_value = not options.quirk("touching-candidates-merge")
    box = occupied(detections, pair.reference)
    found = Candidates.of(detections[box], backend, by_value=by_value)
    lesions, _ = connected(pair.reference[box] != 0, backend)
    histogram = overlaps(lesions, found.components, backend)
    table = _Table.of(histogram.shifted([along.start for along in box]), detections.size)
    scores = _scores(table, options)
    lesion_rows, candidate_rows = _assigned(scores)
    confidences = found.confidences.astype(np.float64)
    make = _rows_of(pair, table, confidences)
    rows = [
        make(lesion, candidate, 1, float(scores[lesion, candidate] - 1))
        for lesion, candidate in zip(lesion_rows, candidate_rows, strict=True)
    ]
    missed = sorted({*range(len(table.lesions))}.difference(lesion_rows))
    rows += [make(lesion, None, 1, 0.0) for lesion in missed]
    counted = {*candidate_rows}
    if options.quirk("surplus-candidates-are-free"):
        counted.update(np.flatnonzero((scores > 0).any(axis=0)).tolist())
    wrong = [one for one in range(len(confidences)) if one not in counted]
    rows += [make(None, candidate, 0, 0.0) for candidate in wrong]
    case = {
        "case_pred": _case_confidence(confidences, options),
        "case_target": len(table.lesions) > 0,
        "num_lesions": len(table.lesions),
        "num_candidates": len(confidences),
        "num_free_candidates": len(confidences) - len(candidate_rows) - len(wrong),
    }
    return [_structure_row(pair, table, case), *rows]


def _centred(detections: Array, shape: tuple[int, ...]) -> Array:
    """Pad or crop all axes around the centre, as the script does wherever the first axis is shorter."""
    if detections.ndim != len(shape) or detections.shape[0] >= shape[0]:
        return detections
    warnings.warn(
        f"the prediction's shape {detections.shape} is not the reference's, {shape}: it was centred",
        InputWarning,
        stacklevel=4,
    )
    for axis, (size, wanted) in enumerate(zip(detections.shape, shape, strict=True)):
        start = (size - wanted) // 2
        detections = detections.take(range(max(start, 0), min(max(start, 0) + wanted, size)), axis)
        before = max((wanted - size) // 2, 0)
        padding = [(0, 0)] * len(shape)
        padding[axis] = before, wanted - detections.shape[axis] - before
        detections = np.pad(detections, padding)
    return detections


@dataclass(frozen=True, eq=False)
class _Table:
    """Lesions and candidates by number: their sizes and boxes, and what they share."""

    lesions: NDArray[np.int64]
    candidates: NDArray[np.int64]
    shared: NDArray[np.int64]
    lesion_boxes: Sequence[Any]
    candidate_boxes: Sequence[Any]
    voxels: int

    @classmethod
    def of(cls, histogram: JointHistogram, voxels: int) -> _Table:
        first = histogram.reference_labels.astype(np.int64)
        second = histogram.prediction_labels.astype(np.int64)
        shared = np.zeros((first.max(initial=0) + 1, second.max(initial=0) + 1), np.int64)
        shared[first, second] = histogram.counts
        return cls(
            shared[1:].sum(axis=1),
            shared[:, 1:].sum(axis=0),
            shared[1:, 1:],
            _boxes(first, histogram),
            _boxes(second, histogram),
            voxels,
        )


def _boxes(labels: NDArray[np.int64], histogram: JointHistogram) -> list[Any]:
    """Join the boxes of the pairs of each component."""
    shape = (labels.max(initial=0) + 1, histogram.starts.shape[1])
    starts = np.full(shape, np.iinfo(np.int64).max)
    stops = np.zeros(shape, np.int64)
    np.minimum.at(starts, labels, histogram.starts)
    np.maximum.at(stops, labels, histogram.stops)
    return [
        tuple(zip(start, stop, strict=True))
        for start, stop in zip(starts[1:].tolist(), stops[1:].tolist(), strict=True)
    ]


def _scores(table: _Table, options: Options) -> Floats:
    """Give 1 and the overlap of every lesion with every candidate, and 0 where that is too little."""
    both, sizes = table.shared, table.lesions[:, None] + table.candidates
    epsilon = _EPSILON if options.quirk("overlap-epsilon") else 0.0
    if options["overlap_func"] == "IoU":
        overlap = (both + epsilon) / (sizes - both + epsilon)
    else:
        overlap = (both * 2.0 + epsilon) / (sizes + epsilon)
    overlap[overlap < options["min_overlap"]] = 0
    overlap[overlap > 0] += 1  # more matches before better ones
    return overlap


def _assigned(scores: Floats) -> tuple[list[int], list[int]]:
    """Match as many as possible, with the largest sum of overlaps."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(scores, maximize=True)
    kept = scores[rows, columns] > 0
    return rows[kept].tolist(), columns[kept].tolist()


def _case_confidence(confidences: Floats, options: Options) -> float:
    if options["case_confidence_func"] == "max":
        return float(confidences.max(initial=0.0))
    return float(1 - np.prod([1 - one for one in confidences.tolist()]))


def _rows_of(
    pair: DetectionPair, table: _Table, confidences: Floats
) -> Callable[[int | None, int | None, int, float], Row]:
    """Give what makes a row of a lesion, a candidate or both, each by its place."""

    def row(lesion: int | None, candidate: int | None, is_lesion: int, overlap: float) -> Row:
        reference = 0 if lesion is None else int(table.lesions[lesion])
        prediction = 0 if candidate is None else int(table.candidates[candidate])
        matched = lesion is not None and candidate is not None
        tp = int(table.shared[lesion, candidate]) if matched else 0
        return _row(
            pair,
            {"is_lesion": is_lesion, "overlap": overlap},
            Counts(tp, prediction - tp, reference - tp, table.voxels - reference - prediction + tp),
            None if lesion is None else lesion + 1,
            None if candidate is None else candidate + 1,
            Instance(
                overlap if matched else math.nan,
                math.nan if candidate is None else float(confidences[candidate]),
                None if lesion is None else table.lesion_boxes[lesion],
                None if candidate is None else table.candidate_boxes[candidate],
            ),
        )

    return row


def _structure_row(pair: DetectionPair, table: _Table, values: dict[str, float]) -> Row:
    reference, prediction = int(table.lesions.sum()), int(table.candidates.sum())
    tp = int(table.shared.sum())
    counts = Counts(tp, prediction - tp, reference - tp, table.voxels - reference - prediction + tp)
    return _row(pair, values, counts, _LABEL, _LABEL, None)


def _row(
    pair: DetectionPair,
    values: dict[str, float],
    counts: Counts,
    reference_label: int | None,
    prediction_label: int | None,
    instance: Instance | None,
) -> Row:
    return Row(
        pair.case,
        _LABEL,
        _NAME,
        reference_label,
        prediction_label,
        {name: float(value) for name, value in values.items()},
        counts,
        math.prod(pair.spacing),
        counts.empty,
        "",
        "structure" if instance is None else "instance",
        instance=instance,
    )


QUIRKS = (
    Quirk(
        "surplus-candidates-are-free",
        "Of several candidates that overlap one lesion enough, one is a hit, and the others are neither hits nor false "
        "positives: cutting a candidate into pieces costs nothing.",
        "A lesion of 8 voxels, with candidates of 3, 2 and 1 of its voxels: 1 hit and 0 false positives; without the "
        "quirk 1 hit and 2.",
    ),
    Quirk(
        "touching-candidates-merge",
        "Candidates that touch are one, with the higher confidence. A map with more different confidences than "
        "components is refused as one of probabilities, but not where other candidates make up for it.",
        "Candidates of 0.9 and 0.2 side by side, the first of them on a lesion of its size, and two of 0.9 elsewhere: "
        "3 candidates; without the quirk 4.",
    ),
    Quirk(
        "last-threshold-is-lost",
        "The lowest threshold of the curve behind lesion_TPR_at_FPR is taken for that of missed lesions, 0. Where no "
        "lesion was missed it is a real one, and its hits are lost.",
        "Two cases, both lesions found with 0.9 and 0.4, no false positive: lesion_TPR_at_FPR_1 is 0.5; without the "
        "quirk 1.",
    ),
    Quirk(
        "thresholds-thinned",
        "Of more than 10 000 different confidences, lesion_TPR_at_FPR looks at those above 0.8, the 20 lowest, and "
        "10 000 that were meant to be spread evenly: their places are rounded down to a whole step, so that below "
        "20 000 they are the highest.",
        "12 000 confidences, all below 0.8, the 11 001st of which is the only hit: at 11 000 false positives a case "
        "lesion_TPR_at_FPR is 0, as no threshold is there; without the quirk 1.",
    ),
    Quirk(
        "overlap-epsilon",
        "1e-8 is added to both sides of each overlap.",
        "Two voxels of which one is hit: an overlap of 0.5000000025; without the quirk 0.5.",
    ),
    Quirk(
        "single-precision",
        "Confidences, and the rates behind lesion_TPR_at_FPR, are rounded to single precision.",
        "A confidence of 0.1 is 0.10000000149011612; without the quirk 0.1.",
    ),
    Quirk(
        "no-lesions-is-zero",
        "A cohort without any lesion has an AP of 0.",
        "One case without lesions: AP is 0; without the quirk nan.",
    ),
    Quirk(
        "smaller-map-is-centred",
        "A detection map whose first axis is shorter than the reference's is padded and cropped around its centre, "
        "wherever it may belong.",
        "A map of 3 slices with a candidate in the first, beside a reference of 5: it is compared with the "
        "second slice; without the quirk it is refused.",
    ),
)

PROTOCOLS = (
    Protocol(
        name="picai",
        title="PI-CAI 2022, clinically significant prostate cancer in MRI: picai_eval",
        source="DIAGNijmegen/picai_eval @ 81d6067 (1.4.13), src/picai_eval/eval.py, metrics.py",
        about=(
            "The prediction is a detection map: 0 outside, and a confidence above 0 in each candidate. Candidates and "
            "lesions are components whose voxels share a corner. Overlaps of less than 0.1 do not count; the others "
            "are matched one to one so that there are most matches, and among these the largest sum of overlaps. "
            "Lesions are scored by average precision (AP), patients by the area under the ROC curve of the highest "
            "confidence (auroc); their mean ranks. n_bootstraps=1000 adds percentile intervals over cases. All cases "
            "weigh 1."
        ),
        axes="zyx",
        scores=(
            Score("case_pred", about="the case's confidence"),
            Score("case_target", None, about="1 where the reference has a lesion"),
            Score("num_lesions", None),
            Score("num_candidates", None),
            Score("num_free_candidates", None, about="candidates that count nowhere"),
            Score(
                "is_lesion", None, about="of a lesion, found or missed: 1; of a false positive: 0"
            ),
            Score("overlap", about="of a lesion with its candidate; 0 without one"),
        ),
        rules=Rules(
            components="of both maps, whatever their values",
            connectivity="26 neighbours",
            dilation="none",
            matching="one to one, most pairs with IoU ≥ 0.1, then the largest sum of IoU",
            penalty="a missed lesion is one that is found at a confidence of 0, with a precision of 0",
            empties="cases without lesions have false positives alone; one kind of case only: auroc nan",
        ),
        options={
            "min_overlap": 0.1,
            "overlap_func": "IoU",
            "case_confidence_func": "max",
            "false_positive_rates": (0.1, 0.5, 1.0, 2.0, 5.0),
            "n_bootstraps": 0,
            "seed": 0,
        },
        limits={"min_overlap": (0, 1), "n_bootstraps": (0, 10**6)},
        quirks=QUIRKS,
        evaluate=evaluate,
        cohort=aggregate,
        opens=opened,
    ),
)
