"""The statistics that stardist makes of instances matched at a threshold, of an image and of many.

Each number is rounded as there, where scores are float32 and counts are what NumPy counts with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.protocols.rules.threshold_assignment import Scored

#: in stardist's order, after its criterion and thresh
FIELDS = (
    *("fp", "tp", "fn", "precision", "recall", "accuracy", "f1", "n_true", "n_pred"),
    *("mean_true_score", "mean_matched_score", "panoptic_quality"),
)
_BY_COUNTS = FIELDS[3:7]
# What is a mean over images where it is taken by image.
_MEANS = (*_BY_COUNTS, *FIELDS[9:])

#: what NumPy counts with: its own type or Python's, by its version, on which it depends how quotients are rounded
COUNT: Any = type(np.count_nonzero(np.ones(1, bool)))


def statistics_of(scores: Scored, threshold: float) -> dict[str, Any]:
    """Match at a threshold."""
    *_, values = scores.accepted(threshold)
    return statistics_of_values(scores.shape, values)


def statistics_of_values(shape: tuple[int, int], values: NDArray[Any]) -> dict[str, Any]:
    """Make the statistics of matched pairs, given their scores by ascending row."""
    n_true, n_pred = shape
    tp: Any = COUNT(len(values)) if min(shape) else 0
    total: Any = np.sum(values) if min(shape) else 0.0
    fp, fn = n_pred - tp, n_true - tp
    made = (fp, tp, fn, *_ratios(tp, fp, fn), n_true, n_pred, *_scores(total, tp, fp, fn, n_true))
    return dict(zip(FIELDS, made, strict=True))


def gathered(statistics: Sequence[Mapping[str, Any]], by_image: bool) -> dict[str, Any]:
    """Add up the statistics of at least one image, in their order, and make the ratios of the sums or the means."""
    sums: dict[str, Any] = dict.fromkeys(FIELDS, 0)
    for one in statistics:
        for field in FIELDS:
            value = one[field]
            if field == "mean_true_score" and not by_image:
                value = value * one["n_true"]  # the sum of the scores
            sums[field] = sums[field] + value
    if by_image:
        for field in _MEANS:
            sums[field] = sums[field] / len(statistics)
        return sums
    tp, fp, fn = sums["tp"], sums["fp"], sums["fn"]
    sums.update(zip(_BY_COUNTS, _ratios(tp, fp, fn), strict=True))
    made = _scores(sums["mean_true_score"], tp, fp, fn, sums["n_true"])
    sums.update(zip(FIELDS[9:], made, strict=True))
    return sums


def restored(values: Mapping[str, float]) -> dict[str, Any]:
    """Give statistics that were kept as floats the types again that they had, by which sums of them are rounded."""
    quotient = type(np.float32(1) / COUNT(1))
    types = {
        **dict.fromkeys(("fp", "tp", "fn"), COUNT),
        **dict.fromkeys(("n_true", "n_pred"), int),
        "mean_true_score": np.float32,
        **dict.fromkeys(("mean_matched_score", "panoptic_quality"), quotient),
    }
    return {field: types.get(field, float)(values[field]) for field in FIELDS}


def _ratios(tp: Any, fp: Any, fn: Any) -> tuple[Any, Any, Any, Any]:
    """Precision, recall, accuracy and F1."""
    if not tp > 0:
        return 0, 0, 0, 0
    return tp / (tp + fp), tp / (tp + fn), tp / (tp + fp + fn), (2 * tp) / (2 * tp + fp + fn)


def _scores(total: Any, tp: Any, fp: Any, fn: Any, n_true: Any) -> tuple[Any, Any, Any]:
    """The sum of the scores by true and by matched instances, and panoptic quality."""
    return _quotient(total, n_true), _quotient(total, tp), _quotient(total, tp + fp / 2 + fn / 2)


def _quotient(total: Any, divisor: Any) -> Any:
    return total / divisor if np.abs(divisor) > 1e-10 else 0.0
