"""Which instances of two maps were taken for the same: the value that a rule of matching gives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.instance_table import InstanceTable, Longs
from fastseg.threads import lazy


@dataclass(frozen=True, eq=False)
class Matching:
    """The pairs of instances that a rule accepted; those of a rule that allows it share instances.

    Attributes
    ----------
    table : InstanceTable
    reference_rows, prediction_rows : int64 ndarray (k,)
        Rows of each pair in the table's two sides; sorted by the first, then by the second.
    scores : float64 ndarray (k,)
        Of each pair; of the rule "merge", at each pair, that of the reference with all that was merged for it.
    score : str
        Which score this is.
    reference_scores : float64 ndarray (number of reference instances,)
        The score of each reference instance with all its matched predictions together; nan where it has none.
    """

    table: InstanceTable
    reference_rows: Longs
    prediction_rows: Longs
    scores: NDArray[np.float64]
    score: str
    reference_scores: NDArray[np.float64]

    @lazy
    def reference_matched(self) -> NDArray[np.bool_]:
        """Which reference instances are in a pair."""
        return _occurring(self.reference_rows, len(self.table.reference))

    @lazy
    def prediction_matched(self) -> NDArray[np.bool_]:
        """Which predicted instances are in a pair."""
        return _occurring(self.prediction_rows, len(self.table.prediction))

    @lazy
    def tp(self) -> int:
        """Reference instances that were found: those in a pair."""
        return int(np.count_nonzero(self.reference_matched))

    @lazy
    def fn(self) -> int:
        """Reference instances that were missed."""
        return len(self.table.reference) - self.tp

    @lazy
    def fp(self) -> int:
        """Predicted instances that are in no pair."""
        return len(self.table.prediction) - int(np.count_nonzero(self.prediction_matched))

    @lazy
    def sum_of_scores(self) -> float:
        """The scores of the reference instances found, added up so that no rounding depends on their order."""
        return math.fsum(self.reference_scores[self.reference_matched].tolist())

    def predictions_of(self, reference_row: int) -> Longs:
        """Find the rows of the predictions that were matched to a reference instance, ascending."""
        first, stop = np.searchsorted(self.reference_rows, (reference_row, reference_row + 1))
        return self.prediction_rows[first:stop]


def _occurring(rows: Longs, n: int) -> NDArray[np.bool_]:
    found = np.zeros(n, bool)
    found[rows] = True
    return found
