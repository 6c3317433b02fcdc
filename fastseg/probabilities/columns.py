"""The columns of an evaluation of probabilities, and its curves, from how often each probability occurs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastseg.measures import probability_scores as scores
from fastseg.measures.joint_histogram import Counts
from fastseg.probabilities.result import Curves, ratio
from fastseg.probabilities.tables import Counted

#: thresholds of the Dice curve, which go through no bin
_THRESHOLDS = np.arange(129) / 128

#: the columns, and whether more is better
COLUMNS: dict[str, bool | None] = {
    "roc_auc": True,
    "average_precision": True,
    "brier": False,
    "brier_reliability": False,
    "brier_resolution": True,
    "brier_uncertainty": None,
    "log_loss": False,
    "ece": False,
    "ace": False,
    "mce": False,
    "soft_dice": True,
    "soft_dice_squared": True,
    "best_dice": True,
    "best_threshold": None,
    "roc_auc_error": False,
    "average_precision_error": False,
    "ace_error": False,
    "best_dice_error": False,
}


def scores_of(
    counted: Counted, edges: NDArray[np.float64], smallest: float
) -> tuple[dict[str, float], Curves]:
    """Compute every column, and the curves."""
    table, cuts, _ = counted
    auc, precision = scores.roc_auc(table), scores.average_precision(table)
    by_range = scores.reliability(table, edges, cuts)
    of_ranges = scores.calibration(by_range)
    adaptive = scores.adaptive_calibration_error(table, len(edges) - 1)
    best, threshold = scores.best_dice(table)
    values = (
        auc.value,
        precision.value,
        scores.brier(table),
        of_ranges.reliability,
        of_ranges.resolution,
        of_ranges.uncertainty,
        scores.log_loss(table, smallest),
        of_ranges.ece,
        adaptive.value,
        of_ranges.mce,
        scores.soft_dice(table),
        scores.soft_dice(table, squared=True),
        best.value,
        threshold,
        auc.error,
        precision.error,
        adaptive.error,
        best.error,
    )
    records = [
        {
            "low": low,
            "high": high,
            "voxels": n,
            "positives": hits,
            "confidence": ratio(sum_of, n),
            "frequency": ratio(hits, n),
        }
        for low, high, n, hits, sum_of in zip(
            edges[:-1].tolist(),
            edges[1:].tolist(),
            by_range.counts.tolist(),
            by_range.positives.tolist(),
            by_range.sums.tolist(),
            strict=True,
        )
    ]
    _, inside = table.totals
    counts = (column.tolist() for column in scores.dice_at(table, _THRESHOLDS))
    dice = [
        {
            "threshold": at,
            "dice": ratio(2 * tp, tp + fp + inside),
            "tp": tp,
            "fp": fp,
            "fn": inside - tp,
        }
        for at, tp, fp in zip(_THRESHOLDS.tolist(), *counts, strict=True)
    ]
    return dict(zip(COLUMNS, values, strict=True)), Curves(records, dice)


def counts_of(counted: Counted) -> Counts:
    """Count the voxels of p ≥ 0.5 in and outside the structure."""
    [tp], [fp] = scores.dice_at(counted.table, np.array([0.5]))
    outside, inside = counted.table.totals
    return Counts(int(tp), int(fp), inside - int(tp), outside - int(fp))
