"""Metrics of how instances were matched. TP: reference instances found; FN: missed; FP: predictions in no pair.

Each gives nan where its formula divides by 0; what then stands in the table is the empties policy's matter.
"""

from __future__ import annotations

import math

import numpy as np

from fastseg.measures.matching import Matching
from fastseg.metrics.registry import DEFAULTS, Function, Options, family, metric

KIRILLOV = "Kirillov et al. 2019, doi:10.1109/CVPR.2019.00963"
MAIER_HEIN = "Maier-Hein et al. 2024, doi:10.1038/s41592-023-02151-z"
STARDIST = "Weigert et al. 2020, doi:10.1109/WACV45572.2020.9093435"
OURS = "fastseg"

_NUMBER = r"(\d+(?:[._]\d+)?)"


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan


@metric(
    "matching",
    larger_is_better=None,
    best=math.nan,
    worst=math.nan,
    formula="TP + FN",
    source=MAIER_HEIN,
    always_defined=True,
)
def instances_reference(matching: Matching, options: Options = DEFAULTS) -> float:
    """Number of instances of the reference."""
    return float(len(matching.table.reference))


@metric(
    "matching",
    larger_is_better=None,
    best=math.nan,
    worst=math.nan,
    formula="TP + FP where each instance is in one pair",
    source=MAIER_HEIN,
    always_defined=True,
)
def instances_prediction(matching: Matching, options: Options = DEFAULTS) -> float:
    """Number of instances of the prediction."""
    return float(len(matching.table.prediction))


@metric(
    "matching",
    best=math.inf,
    worst=0.0,
    formula="TP",
    source=MAIER_HEIN,
    always_defined=True,
)
def instance_tp(matching: Matching, options: Options = DEFAULTS) -> float:
    """Number of reference instances that were found."""
    return float(matching.tp)


@metric(
    "matching",
    larger_is_better=False,
    best=0.0,
    worst=math.inf,
    formula="FP",
    source=MAIER_HEIN,
    always_defined=True,
)
def instance_fp(matching: Matching, options: Options = DEFAULTS) -> float:
    """Number of predicted instances that are in no pair."""
    return float(matching.fp)


@metric(
    "matching",
    larger_is_better=False,
    best=0.0,
    worst=math.inf,
    formula="FN",
    source=MAIER_HEIN,
    always_defined=True,
)
def instance_fn(matching: Matching, options: Options = DEFAULTS) -> float:
    """Number of reference instances that were missed."""
    return float(matching.fn)


@metric("matching", formula="TP / (TP + FP)", source=MAIER_HEIN)
def instance_precision(matching: Matching, options: Options = DEFAULTS) -> float:
    """Instances found as a share of them and of the false ones."""
    return _ratio(matching.tp, matching.tp + matching.fp)


@metric("matching", formula="TP / (TP + FN)", source=MAIER_HEIN)
def instance_recall(matching: Matching, options: Options = DEFAULTS) -> float:
    """Share of the reference instances that were found, the lesion-wise sensitivity."""
    return _ratio(matching.tp, matching.tp + matching.fn)


@metric("matching", formula="2 TP / (2 TP + FP + FN)", source=KIRILLOV)
def recognition_quality(matching: Matching, options: Options = DEFAULTS) -> float:
    """F1 score of instances: how well they were found, however well they were outlined."""
    return _ratio(2 * matching.tp, 2 * matching.tp + matching.fp + matching.fn)


@metric("matching", formula="Σ s / TP", source=KIRILLOV)
def segmentation_quality(matching: Matching, options: Options = DEFAULTS) -> float:
    """Mean score of the instances that were found."""
    return _ratio(matching.sum_of_scores, matching.tp)


@metric("matching", formula="Σ s / (TP + FP / 2 + FN / 2)", source=KIRILLOV)
def panoptic_quality(matching: Matching, options: Options = DEFAULTS) -> float:
    """Recognition quality times segmentation quality; 0 where none was found."""
    return _ratio(2 * matching.sum_of_scores, 2 * matching.tp + matching.fp + matching.fn)


@metric("matching", formula="TP / (TP + FP + FN)", source=STARDIST)
def instance_accuracy(matching: Matching, options: Options = DEFAULTS) -> float:
    """Instances found as a share of all, which cell segmentation calls average precision."""
    return _ratio(matching.tp, matching.tp + matching.fp + matching.fn)


@metric("matching", formula="Σ s / (TP + FN)", source=STARDIST)
def mean_reference_score(matching: Matching, options: Options = DEFAULTS) -> float:
    """Mean score of the reference instances, where a missed one has 0."""
    return _ratio(matching.sum_of_scores, matching.tp + matching.fn)


@metric(
    "matching",
    formula="Σ s / (TP + FP + FN)",
    source="BraTS 2023, https://github.com/rachitsaluja/BraTS-2023-Metrics",
)
def mean_instance_score(matching: Matching, options: Options = DEFAULTS) -> float:
    """Mean score of all instances, where a missed or false one has 0."""
    return _ratio(matching.sum_of_scores, matching.tp + matching.fp + matching.fn)


@metric(
    "matching",
    unit="mm³",
    larger_is_better=False,
    best=0.0,
    worst=math.inf,
    formula="v Σ |P| over the false positives, v the volume of a voxel",
    source="Gatidis et al. 2024, doi:10.1038/s42256-024-00912-9",
    always_defined=True,
    uses=("voxel_volume",),
)
def false_positive_volume(matching: Matching, options: Options = DEFAULTS) -> float:
    """Volume of the predicted instances that are in no pair."""
    if not matching.fp:
        return 0.0
    voxels = matching.table.prediction.sizes[~matching.prediction_matched].sum()
    return int(voxels) * options.voxel_volume


@metric(
    "matching",
    unit="mm³",
    larger_is_better=False,
    best=0.0,
    worst=math.inf,
    formula="v Σ |R| over the false negatives, v the volume of a voxel",
    source="Gatidis et al. 2024, doi:10.1038/s42256-024-00912-9",
    always_defined=True,
    uses=("voxel_volume",),
)
def false_negative_volume(matching: Matching, options: Options = DEFAULTS) -> float:
    """Volume of the reference instances that were missed."""
    if not matching.fn:
        return 0.0
    voxels = matching.table.reference.sizes[~matching.reference_matched].sum()
    return int(voxels) * options.voxel_volume


@metric(
    "matching",
    larger_is_better=None,
    best=0.0,
    worst=math.inf,
    formula="instances of the prediction − those of the reference",
    source=MAIER_HEIN,
    always_defined=True,
)
def instance_count_difference(matching: Matching, options: Options = DEFAULTS) -> float:
    """How many instances there are too many, matched or not; negative is too few."""
    return float(len(matching.table.prediction) - len(matching.table.reference))


@metric(
    "matching",
    larger_is_better=False,
    best=0.0,
    worst=math.inf,
    formula="reference instances with |R ∩ P| > |P| / 2 for two P or more",
    source=OURS,
    always_defined=True,
)
def instance_splits(matching: Matching, options: Options = DEFAULTS) -> float:
    """Number of reference instances in which most of several predictions lies, however they were matched."""
    table = matching.table
    if len(table.overlaps) < 2:  # most organs
        return 0.0
    mostly = 2 * table.overlaps > table.prediction_sizes
    return _shared_by_several(table.reference_rows[mostly])


@metric(
    "matching",
    larger_is_better=False,
    best=0.0,
    worst=math.inf,
    formula="predicted instances with |R ∩ P| > |R| / 2 for two R or more",
    source=OURS,
    always_defined=True,
)
def instance_merges(matching: Matching, options: Options = DEFAULTS) -> float:
    """Number of predicted instances in which most of several reference instances lies, however they were matched."""
    table = matching.table
    if len(table.overlaps) < 2:
        return 0.0
    mostly = 2 * table.overlaps > table.reference_sizes
    return _shared_by_several(table.prediction_rows[mostly])


def _shared_by_several(rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    return float(np.count_nonzero(np.bincount(rows) > 1)) if len(rows) else 0.0


def _recall_by_size(least: float, below: float) -> Function:
    """Recall of the reference instances of some volumes."""

    def recall_of_size(matching: Matching, options: Options = DEFAULTS) -> float:
        volumes = matching.table.reference.sizes * options.voxel_volume
        inside = (volumes >= least) & (volumes < below)
        found = np.count_nonzero(matching.reference_matched & inside)
        return _ratio(int(found), int(np.count_nonzero(inside)))

    return recall_of_size


@family(
    f"instance_recall_below_{_NUMBER}",
    "instance_recall_below_50",
    "instance_recall",
    "TP / (TP + FN) of reference instances with a volume below N",
)
def recall_below(volume: float) -> Function:
    """Recall of small reference instances."""
    return _recall_by_size(0.0, volume)


@family(
    f"instance_recall_from_{_NUMBER}",
    "instance_recall_from_500",
    "instance_recall",
    "TP / (TP + FN) of reference instances with a volume of N or more",
)
def recall_from(volume: float) -> Function:
    """Recall of large reference instances."""
    return _recall_by_size(volume, math.inf)


@family(
    f"instance_recall_{_NUMBER}_to_{_NUMBER}",
    "instance_recall_50_to_500",
    "instance_recall",
    "TP / (TP + FN) of reference instances with a volume from N on and below M",
)
def recall_between(least: float, below: float) -> Function:
    """Recall of reference instances of a size."""
    return _recall_by_size(least, below)
