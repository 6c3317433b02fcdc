"""One-to-one pairs of instances, as many as reach a threshold, and of these choices the one of the largest sum of scores.

It is what stardist and those after it do: a linear sum assignment whose cost of a pair is −1 if its score reaches the
threshold, less a share of the score so small that all shares together are at most a half.

Nearly always no assignment has to be solved for it. Where no instance is in two pairs that reach the threshold (none
can be in two whose IoU is above a half), every best choice has all of these pairs: to leave one out costs 1, and all
that could be won for it is a half. Elsewhere SciPy is given the same costs as there, in a full matrix, so that of equal
choices it takes the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.label_sides import Side

Longs = NDArray[np.int64]
Floats = NDArray[Any]


@dataclass(frozen=True)
class Overlaps:
    """The pairs of instances of two maps that overlap; 0 is the background of either.

    Attributes
    ----------
    reference_ids, prediction_ids : integer ndarray
        The instances of either map, ascending.
    reference_sizes, prediction_sizes : int64 ndarray
        Voxels of each.
    rows, columns : int64 ndarray (k,)
        The instance of either map in each pair; sorted by the first, then by the second.
    voxels : int64 ndarray (k,)
        Of each pair.
    union : int
        Voxels that are in an instance of either map.
    """

    reference_ids: NDArray[Any]
    prediction_ids: NDArray[Any]
    reference_sizes: Longs
    prediction_sizes: Longs
    rows: Longs
    columns: Longs
    voxels: Longs
    union: int

    @classmethod
    def of(cls, histogram: JointHistogram) -> Overlaps:
        """Take the instances out of a joint histogram."""
        sides = [
            Side(labels, histogram.counts, lambda: (histogram.starts, histogram.stops))
            for labels in (histogram.reference_labels, histogram.prediction_labels)
        ]
        inside = [
            labels != 0 for labels in (histogram.reference_labels, histogram.prediction_labels)
        ]
        kept = (inside[0] & inside[1]).nonzero()[0]
        rows, columns = (
            side.row[kept] - int(len(side.labels) > 0 and side.labels[0] == 0) for side in sides
        )
        order = np.lexsort((columns, rows))
        instances = [side.labels != 0 for side in sides]
        return cls(
            *(side.labels[found] for side, found in zip(sides, instances, strict=True)),
            *(side.sizes[found] for side, found in zip(sides, instances, strict=True)),
            rows[order],
            columns[order],
            histogram.counts[kept][order],
            int(histogram.counts[inside[0] | inside[1]].sum()),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """How many instances the reference and the prediction have."""
        return len(self.reference_ids), len(self.prediction_ids)

    def iou(self, dtype: DTypeLike = np.float64) -> Scored:
        """Divide what each pair shares by what either has."""
        sizes = self.reference_sizes[self.rows] + self.prediction_sizes[self.columns]
        return self._scored(self.voxels / (sizes - self.voxels), dtype)

    def of_reference(self, dtype: DTypeLike = np.float64) -> Scored:
        """Divide what each pair shares by what its instance of the reference has."""
        return self._scored(self.voxels / self.reference_sizes[self.rows], dtype)

    def of_prediction(self, dtype: DTypeLike = np.float64) -> Scored:
        """Divide what each pair shares by what its instance of the prediction has."""
        return self._scored(self.voxels / self.prediction_sizes[self.columns], dtype)

    def _scored(self, values: Floats, dtype: DTypeLike) -> Scored:
        return Scored(self.shape, self.rows, self.columns, values.astype(dtype, copy=False))


@dataclass(frozen=True)
class Scored:
    """The scores of pairs of instances; all other pairs have 0.

    Attributes
    ----------
    shape : tuple of 2 int
        How many instances there are on either side.
    rows, columns : int64 ndarray (k,)
        Of each pair; sorted by the first, then by the second.
    values : float32 or float64 ndarray (k,)
        Of each pair: above 0, at most 1.
    """

    shape: tuple[int, int]
    rows: Longs
    columns: Longs
    values: Floats

    def dense(self) -> Floats:
        """Give the scores as a matrix."""
        matrix = np.zeros(self.shape, self.values.dtype)
        matrix[self.rows, self.columns] = self.values
        return matrix

    def accepted(self, threshold: float) -> tuple[Longs, Longs, Floats]:
        """Find the chosen pairs that reach a threshold: rows, columns and scores, by ascending row."""
        if not min(self.shape):
            return self.rows[:0], self.columns[:0], self.values[:0]
        if not threshold <= 0:  # else pairs that do not overlap reach it too
            reached = (self.values >= threshold).nonzero()[0]
            rows, columns = self.rows[reached], self.columns[reached]
            if _different(rows) and _different(np.sort(columns)):
                return rows, columns, self.values[reached]
        rows, columns, values = self.assigned(threshold)
        reached = (values >= threshold).nonzero()[0]
        return rows[reached], columns[reached], values[reached]

    def assigned(self, threshold: float) -> tuple[Longs, Longs, Floats]:
        """Find all chosen pairs, also those that do not reach the threshold: as many as the smaller side has instances.

        Those of score 0 are SciPy's choice among many.
        """
        from scipy.optimize import linear_sum_assignment

        scores = self.dense()
        n_matched = min(self.shape)
        if not n_matched:
            return self.rows[:0], self.columns[:0], self.values[:0]
        costs = -(scores >= threshold).astype(np.float64) - scores / (2 * n_matched)
        rows, columns = linear_sum_assignment(costs)
        return rows, columns, scores[rows, columns]


def _different(ascending: Longs) -> bool:
    return bool((ascending[1:] != ascending[:-1]).all())
