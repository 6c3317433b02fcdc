"""The columns of an evaluation of probabilities, and its curves, from how often each probability occurs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.measures import probability_scores as scores
from fastseg.measures.joint_histogram import Counts
from fastseg.probabilities.result import Curves, ratio
from fastseg.probabilities.tables import Counted

#: thresholds of the Dice curve, which go through no bin
_THRESHOLDS = np.arange(129) / 128


class ProbabilityScore(NamedTuple):
    """A column of :func:`fastseg.evaluate_probabilities`.

    Attributes
    ----------
    name : str
    larger_is_better : bool or None
        None where neither is.
    formula, source : str
        p is the probability of a voxel, y whether it is in the structure, n how many voxels count.
    """

    name: str
    larger_is_better: bool | None
    formula: str
    source: str


_MURPHY = "Murphy 1973, of the ranges of the reliability table"
_GUO = "Guo et al. 2017; Maier-Hein et al. 2024"

SCORES = tuple(
    ProbabilityScore(*facts)
    for facts in (
        ("roc_auc", True, "share of pairs (y = 1, y = 0) with the larger p at y = 1; ties are half", "Hanley 1982"),
        ("average_precision", True, "Σ (recallₖ - recallₖ₋₁) precisionₖ, all thresholds", "scikit-learn"),
        ("brier", False, "Σ (p - y)² / n", "Brier 1950"),
        ("brier_reliability", False, "Σ nₖ (mean pₖ - mean yₖ)² / n", _MURPHY),
        ("brier_resolution", True, "Σ nₖ (mean yₖ - mean y)² / n", _MURPHY),
        ("brier_uncertainty", None, "mean y (1 - mean y)", _MURPHY),
        ("log_loss", False, "-Σ (y ln p + (1 - y) ln(1 - p)) / n, p from ε to 1 - ε", "scikit-learn"),
        ("ece", False, "Σ nₖ |mean pₖ - mean yₖ| / n, ranges of equal width", f"Naeini 2015; {_GUO}"),
        ("ace", False, "mean |mean pₖ - mean yₖ|, ranges of equally many voxels", "Nixon et al. 2019"),
        ("mce", False, "max |mean pₖ - mean yₖ|, ranges of equal width", f"Naeini 2015; {_GUO}"),
        ("soft_dice", True, "2 Σpy / (Σp + Σy)", "Drozdzal et al. 2016"),
        ("soft_dice_squared", True, "2 Σpy / (Σp² + Σy)", "Milletari et al. 2016"),
        ("best_dice", True, "largest Dice of p ≥ t over all t", ""),
        ("best_threshold", None, "the largest t that gives best_dice", ""),
        ("roc_auc_error", False, "by how much roc_auc may be off", ""),
        ("average_precision_error", False, "by how much average_precision may be off", ""),
        ("ace_error", False, "by how much ace may be off", ""),
        ("best_dice_error", False, "by how much best_dice may be off", ""),
    )
)  # fmt: skip

#: the columns, and whether more is better
COLUMNS = {one.name: one.larger_is_better for one in SCORES}


def list_probability_scores() -> tuple[ProbabilityScore, ...]:
    """List the columns of :func:`fastseg.evaluate_probabilities`, with their formulas and sources.

    Examples
    --------
    >>> import fastseg
    >>> [one.name for one in fastseg.list_probability_scores() if one.larger_is_better][:3]
    ['roc_auc', 'average_precision', 'brier_resolution']
    """
    return SCORES


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
