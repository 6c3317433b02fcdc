"""One-to-one pairs of instances: as many as can reach a threshold, and of such choices that of the largest scores.

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

from fastseg.instances.scores import scores_of
from fastseg.measures.instance_table import InstanceTable

Longs = NDArray[np.int64]
Floats = NDArray[Any]


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

    @classmethod
    def of(cls, table: InstanceTable, score: str, dtype: DTypeLike = np.float64) -> Scored:
        """Score the pairs of a table, as :func:`fastseg.instances.scores.scores_of` names scores."""
        values = scores_of(table, score).astype(dtype, copy=False)
        shape = len(table.reference), len(table.prediction)
        return cls(shape, table.reference_rows, table.prediction_rows, values)

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
