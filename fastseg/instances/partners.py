"""What the rows of a structure's instances are about: each reference instance with its partners, each false one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg.instances.components import Longs
from fastseg.instances.scores import overlaps_of
from fastseg.measures.instance_table import Instances
from fastseg.measures.matching import Matching
from fastseg.threads import lazy

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Partners:
    """The rows of a matching: its reference instances, each with all predictions that it has; then those without any.

    Attributes
    ----------
    matching : Matching
    sums : pair of int64 ndarray (number of instances, ndim)
        The positions of the voxels of each instance of either side, added up.
    """

    matching: Matching
    sums: tuple[Longs, Longs]

    @lazy
    def n_references(self) -> int:
        """How many rows have a reference instance: the first ones."""
        return len(self.matching.table.reference)

    @lazy
    def false_rows(self) -> Longs:
        """The predictions without a partner."""
        return (~self.matching.prediction_matched).nonzero()[0]

    @lazy
    def n_partners(self) -> Longs:
        """How many predictions each reference instance has."""
        return np.bincount(self.matching.reference_rows, minlength=self.n_references)

    @lazy
    def _first(self) -> Longs:
        """Where the pairs of each matched reference instance begin."""
        first = np.cumsum(self.n_partners) - self.n_partners
        return first[self.n_partners > 0]

    @lazy
    def predictions(self) -> list[tuple[int, ...]]:
        """The rows of each row's predictions."""
        rows = self.matching.prediction_rows.tolist()
        ends = np.cumsum(self.n_partners).tolist()
        starts = [0, *ends[:-1]]
        matched = [tuple(rows[a:b]) for a, b in zip(starts, ends, strict=False)]
        return [*matched, *((row,) for row in self.false_rows.tolist())]

    @lazy
    def is_pair(self) -> NDArray[np.bool_]:
        """Which rows have both sides."""
        return np.concatenate([self.n_partners > 0, np.zeros(len(self.false_rows), bool)])

    def _joined(self, of_each: Longs, join: np.ufunc) -> Longs:
        """Join something of the predictions of each row; 0 where there are none."""
        width = of_each.shape[1:]
        found = np.zeros((self.n_references, *width), np.int64)
        if len(self._first):
            partners = of_each[self.matching.prediction_rows]
            found[self.n_partners > 0] = join.reduceat(partners, self._first)
        joined: Longs = np.concatenate([found, of_each[self.false_rows]])
        return joined

    def _alone(self, of_each: Longs) -> Longs:
        """Take something of the reference instance of each row; 0 where there is none."""
        nothing = np.zeros((len(self.false_rows), *of_each.shape[1:]), np.int64)
        found: Longs = np.concatenate([of_each, nothing])
        return found

    @lazy
    def shared(self) -> Longs:
        """How many voxels both sides of each row share."""
        matching = self.matching
        found = np.zeros(self.n_references + len(self.false_rows), np.int64)
        pairs = matching.reference_rows, matching.prediction_rows
        np.add.at(found, pairs[0], overlaps_of(matching.table, *pairs))
        return found

    @lazy
    def sides(self) -> tuple[Instances, Instances]:
        """Sizes and boxes of the two sides of each row, 0 where there is none; ids mean nothing."""
        reference, prediction = self.matching.table.reference, self.matching.table.prediction
        rows = np.arange(len(self.is_pair))
        return (
            Instances(
                rows,
                self._alone(reference.sizes),
                self._alone(reference.starts),
                self._alone(reference.stops),
            ),
            Instances(
                rows,
                self._joined(prediction.sizes, np.add),
                self._joined(prediction.starts, np.minimum),
                self._joined(prediction.stops, np.maximum),
            ),
        )

    @lazy
    def centroids(self) -> tuple[Floats, Floats]:
        """The mean position of each side's voxels; meaningless where there are none."""
        sums = self._alone(self.sums[0]), self._joined(self.sums[1], np.add)
        first, second = (
            of_side / np.maximum(side.sizes, 1)[:, None]
            for of_side, side in zip(sums, self.sides, strict=True)
        )
        return first, second

    @lazy
    def pair_boxes(self) -> tuple[Longs, Longs]:
        """Where the boxes of rows with both sides start and stop."""
        (first, second), kept = self.sides, self.is_pair
        return (
            np.minimum(first.starts[kept], second.starts[kept]),
            np.maximum(first.stops[kept], second.stops[kept]),
        )
