"""The sparse table of two instance maps: the instances of either side, and which of them overlap in how many voxels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.joint_histogram import JointHistogram
from fastseg.measures.label_sides import Side, order_of
from fastseg.threads import lazy

Longs = NDArray[np.int64]

#: the label of what is no instance, on either side
BACKGROUND = 0


@dataclass(frozen=True, eq=False)
class Instances:
    """The instances of one map, a row each, by ascending id.

    Attributes
    ----------
    ids : int64 ndarray (n,)
        Labels in the map; uint64 where one has no room in int64.
    sizes : int64 ndarray (n,)
        Voxels of each.
    starts, stops : int64 ndarray (n, ndim)
        Box of each, half open, in array axes.
    """

    ids: Longs
    sizes: Longs
    starts: Longs
    stops: Longs

    def __len__(self) -> int:
        return len(self.ids)


class _InstancesOfSide(Instances):
    """Instances whose boxes, which a histogram of many pairs finds in a second reading, are found when asked for."""

    _find: Callable[[], tuple[Longs, Longs]]

    @classmethod
    def of(cls, side: Side) -> _InstancesOfSide:
        kept = (side.labels != BACKGROUND).nonzero()[0]
        labels = side.labels[kept]
        room = len(labels) == 0 or int(labels[-1]) <= np.iinfo(np.int64).max
        instances = cls.__new__(cls)
        instances.__dict__.update(
            ids=labels.astype(np.int64 if room else np.uint64),
            sizes=side.sizes[kept],
            _find=lambda: tuple(ends[kept] for ends in side.boxes),
        )
        return instances

    def __reduce__(self) -> tuple[type[Instances], tuple[Longs, ...]]:
        return Instances, (self.ids, self.sizes, self.starts, self.stops)

    @lazy
    def _boxes(self) -> tuple[Longs, Longs]:
        return self._find()

    @lazy
    def starts(self) -> Longs:
        """Where boxes start."""
        return self._boxes[0]

    @lazy
    def stops(self) -> Longs:
        """Where boxes stop."""
        return self._boxes[1]


@dataclass(frozen=True, eq=False)
class InstanceTable:
    """All that a matching depends on: the instances of both maps, and the pairs that share a voxel.

    Attributes
    ----------
    reference, prediction : Instances
    reference_rows, prediction_rows : int64 ndarray (m,)
        Rows of each pair in `reference` and `prediction`; sorted by the first, then by the second.
    overlaps : int64 ndarray (m,)
        Voxels that each pair shares, at least 1.
    """

    reference: Instances
    prediction: Instances
    reference_rows: Longs
    prediction_rows: Longs
    overlaps: Longs

    @classmethod
    def of(cls, histogram: JointHistogram) -> InstanceTable:
        """Read the table off the joint histogram of two instance maps, whose label 0 is background.

        Parameters
        ----------
        histogram : JointHistogram
            Of the maps as a whole.
        """
        sides = histogram.sides
        both = (histogram.reference_labels != BACKGROUND).nonzero()[0]
        both = both[histogram.prediction_labels[both] != BACKGROUND]
        # the background may be one of the rows of a side, and is none here
        rows = [(np.cumsum(side.labels != BACKGROUND) - 1)[side.row[both]] for side in sides]
        first, second = map(_InstancesOfSide.of, sides)
        order = order_of(rows[0] * max(1, len(second)) + rows[1])
        return cls(first, second, rows[0][order], rows[1][order], histogram.counts[both[order]])

    @lazy
    def reference_sizes(self) -> Longs:
        """Voxels of the reference instance of each pair."""
        return self.reference.sizes[self.reference_rows]

    @lazy
    def prediction_sizes(self) -> Longs:
        """Voxels of the predicted instance of each pair."""
        return self.prediction.sizes[self.prediction_rows]

    def transposed(self) -> InstanceTable:
        """Exchange the two sides."""
        order = order_of(self.prediction_rows * max(1, len(self.reference)) + self.reference_rows)
        return InstanceTable(
            self.prediction,
            self.reference,
            self.prediction_rows[order],
            self.reference_rows[order],
            self.overlaps[order],
        )
