"""Scores of probabilities, as functions of a table of how often each occurs; with bounds where rows are bins."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from fastseg.measures.probability_bins import Floats, Integers
from fastseg.measures.probability_table import ProbabilityTable


class Bounded(NamedTuple):
    """A value and how far it may be off; 0 where it is exact."""

    value: float
    error: float


class Reliability(NamedTuple):
    """Voxels by ranges of probability.

    Attributes
    ----------
    edges : float64 ndarray (n + 1,)
    counts, positives : int64 ndarray (n,)
        All voxels of a range, and those in the structure.
    sums : float64 ndarray (n,)
        Of the probabilities.
    """

    edges: Floats
    counts: Integers
    positives: Integers
    sums: Floats

    @property
    def filled(self) -> Integers:
        """The ranges that hold voxels."""
        return self.counts.nonzero()[0]

    @property
    def confidence(self) -> Floats:
        """The mean probability of each range that holds voxels."""
        mean: Floats = self.sums[self.filled] / self.counts[self.filled]
        return mean

    @property
    def frequency(self) -> Floats:
        """The share of the structure in each range that holds voxels."""
        share: Floats = self.positives[self.filled] / self.counts[self.filled]
        return share

    @property
    def gaps(self) -> Floats:
        """How far both are apart."""
        return np.abs(self.confidence - self.frequency)


# Numbers that are added up as Python's floats; of more, a few roundings that pairwise sums have are left in.
_ADDED_EXACTLY = 1 << 12


def total(values: Floats) -> float:
    """Add up, rounding once; of very many numbers pairwise, which leaves less than 1e-14 of their sizes."""
    if values.size > _ADDED_EXACTLY:
        return float(np.add.reduce(values.ravel()))
    return math.fsum(values.ravel().tolist())


def roc_auc(table: ProbabilityTable) -> Bounded:
    """Share of the pairs of a voxel inside and one outside in which the one inside has more; a tie is half a pair.

    Voxels of one bin count as tied: each bin may be off by half of its pairs. nan where there is no pair.
    """
    outside, inside = table.totals
    if not (outside and inside):
        return Bounded(math.nan, math.nan)
    negatives, positives = table.counts
    # twice the pairs: whole numbers, in Python's integers where 64 bits may not hold them
    above = table.above[1] - positives
    if 2 * outside * inside < 1 << 62:
        pairs = int((negatives * (2 * above + positives)).sum())
    else:
        pairs = sum(
            n * (2 * a + p)
            for n, a, p in zip(negatives.tolist(), above.tolist(), positives.tolist(), strict=True)
        )
    open_pairs = total(negatives[table.mixed] * positives[table.mixed].astype(float))
    pairs_of_all = outside * inside
    return Bounded(pairs / (2 * pairs_of_all), open_pairs / (2 * pairs_of_all))


def average_precision(table: ProbabilityTable) -> Bounded:
    """Mean over the voxels inside of the precision at their probability as a threshold; nan where there are none."""
    _, inside = table.totals
    if not inside:
        return Bounded(math.nan, math.nan)
    negatives, positives = table.counts
    fp, tp = table.above
    rows = positives.nonzero()[0]
    negatives, positives, fp, tp = negatives[rows], positives[rows], fp[rows], tp[rows]
    precision = tp / (tp + fp)
    value = total(positives * precision) / inside
    best = tp / (tp + fp - negatives)
    worst = (tp - positives + 1) / (tp - positives + 1 + fp)
    # also of a bin that holds voxels inside alone: each of them may be a threshold of its own
    open_rows = (table.low < table.high)[rows]
    off = np.where(open_rows, positives * np.maximum(best - precision, precision - worst), 0.0)
    return Bounded(value, total(off) / inside)


def brier(table: ProbabilityTable) -> float:
    """Mean of (p - y)²; nan without voxels."""
    n = sum(table.totals)
    if not n:
        return math.nan
    outside, inside = table.means**2, (1 - table.means) ** 2
    squares = table.counts * np.stack([outside[0], inside[1]]) + table.spreads
    return total(squares) / n


def log_loss(table: ProbabilityTable, smallest: float) -> float:
    """Mean of -ln p inside and -ln(1 - p) outside, of probabilities from `smallest` to 1 - `smallest`.

    Within a bin a logarithm is followed to the second power of the distance from the mean, which leaves less than
    1e-10 of it.
    """
    n = sum(table.totals)
    if not n:
        return math.nan
    loss = np.zeros(table.counts.shape)
    for own, values in ((0, 1 - table.means[0]), (1, table.means[1])):
        rows = table.counts[own].nonzero()[0]
        likely = np.clip(values[rows], smallest, 1 - smallest)
        # 1 - p has few digits left where p is small
        small = np.clip(table.means[0, rows], smallest, 0.5)
        logs = np.where((own == 0) & (likely > 0.5), np.log1p(-small), np.log(likely))
        clipped = (values[rows] < smallest) | (values[rows] > 1 - smallest)
        spread = np.where(clipped, 0.0, table.spreads[own, rows] / (2 * likely**2))
        loss[own, rows] = -table.counts[own, rows] * logs + spread
    return total(loss) / n


def soft_dice(table: ProbabilityTable, squared: bool = False) -> float:
    """2 Σpy / (Σp + Σy), with `squared` 2 Σpy / (Σp² + Σy); nan where nothing is predicted and nothing is there."""
    _, inside = table.totals
    predicted = table.counts * table.means**2 + table.spreads if squared else table.sums
    whole = total(predicted) + inside
    return 2 * total(table.sums[1]) / whole if whole else math.nan


def dice_at(table: ProbabilityTable, thresholds: Floats) -> tuple[Integers, Integers]:
    """Count tp and fp of p ≥ t for thresholds that go through no row."""
    rows = np.searchsorted(table.low, thresholds, side="left")
    above = np.concatenate([table.above, np.zeros((2, 1), np.int64)], axis=1)
    return above[1][rows], above[0][rows]


def best_dice(table: ProbabilityTable) -> tuple[Bounded, float]:
    """Find the largest Dice of any threshold, and the largest such threshold; nan where nothing is there."""
    _, inside = table.totals
    if not inside:
        return Bounded(math.nan, math.nan), math.nan
    fp, tp = table.above
    dice = 2 * tp / (tp + fp + inside)
    best = len(dice) - 1 - int(np.argmax(dice[::-1]))
    within = 2 * tp / (tp + fp - table.counts[0] + inside)
    most = float(np.max(np.where(table.mixed, within, 0.0), initial=0.0))
    value = float(dice[best])
    return Bounded(value, max(0.0, most - value)), float(table.low[best])


def reliability(table: ProbabilityTable, edges: Floats, cuts: Floats) -> Reliability:
    """Sum rows up by ranges, whose inner edges are the cuts, and so go through no row."""
    place = np.searchsorted(cuts, table.low, side="right")
    n = len(edges) - 1
    counts, positives = np.zeros(n, np.int64), np.zeros(n, np.int64)
    np.add.at(counts, place, table.counts.sum(axis=0))
    np.add.at(positives, place, table.counts[1])
    limits = np.searchsorted(place, np.arange(n + 1))
    sums = [total(table.sums[:, a:b]) for a, b in itertools.pairwise(limits)]
    return Reliability(edges, counts, positives, np.array(sums))


class Calibration(NamedTuple):
    """What a reliability table comes down to."""

    ece: float
    mce: float
    reliability: float
    resolution: float
    uncertainty: float


def calibration(found: Reliability) -> Calibration:
    """Sum up the gaps of the ranges: expected and maximum error, and Murphy's parts of the Brier score."""
    n = int(found.counts.sum())
    if not n:
        return Calibration(*(math.nan,) * 5)
    weights = found.counts[found.filled] / n
    rate = int(found.positives.sum()) / n
    return Calibration(
        total(weights * found.gaps),
        float(found.gaps.max()),
        total(weights * found.gaps**2),
        total(weights * (found.frequency - rate) ** 2),
        rate * (1 - rate),
    )


def adaptive_calibration_error(table: ProbabilityTable, n_ranges: int) -> Bounded:
    """Mean gap of ranges that hold equally many voxels; equal probabilities are dealt out to ranges in proportion.

    Where an end of a range lies in a bin, it is off by what either order of its voxels would change.
    """
    n = sum(table.totals)
    if not n:
        return Bounded(math.nan, math.nan)
    counts = table.counts.sum(axis=0)
    ends = np.concatenate([[0], np.cumsum(counts)])
    at = np.arange(n_ranges + 1) * n / n_ranges

    def up_to(column: Floats) -> Floats:
        # sums of whole numbers, and of differences from the row's share, at places between two rows
        below = np.concatenate([[0.0], np.cumsum(column)])
        found: Floats = np.interp(at, ends, below)
        return found

    excess = table.sums.sum(axis=0) - table.counts[1]
    gaps = np.abs(np.diff(up_to(excess))) * n_ranges / n
    rows = np.clip(np.searchsorted(ends, at[1:-1], side="right") - 1, 0, len(counts) - 1)
    inner = ends[rows] < at[1:-1]
    width = table.high[rows] - table.low[rows]
    apart = table.counts[:, rows].min(axis=0) + counts[rows] * width
    off = np.where(inner & (width > 0), apart, 0.0)
    return Bounded(total(gaps) / n_ranges, 2 * total(off) / n)
