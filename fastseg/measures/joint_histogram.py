"""The joint histogram of two label maps: all that counting metrics need, from one read of both volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Array, Box
from fastseg.threads import lazy

# Pairs for which a loop is faster than array operations (benchmarks: confusion_matrix/organs).
_FEW_PAIRS = 256

#: which side of a pair lacks a structure
Empty = Literal["", "reference", "prediction", "both"]


class Counts(NamedTuple):
    """Voxel counts of one structure: true positives, false positives, false negatives, true negatives."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def reference(self) -> int:
        """Voxels of the reference."""
        return self.tp + self.fn

    @property
    def prediction(self) -> int:
        """Voxels of the prediction."""
        return self.tp + self.fp

    @property
    def empty(self) -> Empty:
        """Which side lacks the structure; "" if neither does."""
        tp, fp, fn, _ = self
        if tp or (fp and fn):
            return ""
        if fn:
            return "prediction"
        return "reference" if fp else "both"


class _Side(NamedTuple):
    """What one of the two maps holds, a row for each of its labels."""

    row_of: dict[int, int]
    row: NDArray[np.intp]  # of each pair
    order: NDArray[np.intp]  # sorts the pairs by their row
    ends: list[int]  # of each label's pairs in that order, after a 0
    sizes: list[int]  # voxels of each label
    starts: NDArray[np.int64]  # of each label's box
    stops: NDArray[np.int64]

    def rows(self, labels: Sequence[int]) -> list[int]:
        """Find the rows of those labels that occur."""
        if len(labels) == 1:  # most often
            return [self.row_of[labels[0]]] if labels[0] in self.row_of else []
        return [self.row_of[label] for label in labels if label in self.row_of]


@dataclass(frozen=True)
class JointHistogram:
    """How often each (reference label, prediction label) pair occurs, and within which box.

    Attributes
    ----------
    reference_labels, prediction_labels : ndarray (n,)
        The pairs that occur, each once.
    counts : int64 ndarray (n,)
        Voxels of each pair.
    starts, stops : int64 ndarray (n, ndim)
        Bounding box of each pair's voxels, half open, in array axes.
    """

    reference_labels: Array
    prediction_labels: Array
    counts: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    @classmethod
    def merged(cls, parts: Sequence[JointHistogram]) -> JointHistogram:
        """Join the histograms of parts of one volume, whose boxes are in the volume's coordinates."""
        if len(parts) == 1:
            return parts[0]
        references = np.concatenate([part.reference_labels for part in parts])
        predictions = np.concatenate([part.prediction_labels for part in parts])
        order = np.lexsort((predictions, references))
        references, predictions = references[order], predictions[order]
        first = np.ones(len(order), bool)
        first[1:] = (references[1:] != references[:-1]) | (predictions[1:] != predictions[:-1])
        groups = np.flatnonzero(first)
        gathered = [
            np.concatenate([getattr(part, field) for part in parts])[order]
            for field in ("counts", "starts", "stops")
        ]
        return cls(
            references[groups],
            predictions[groups],
            np.add.reduceat(gathered[0], groups),
            np.minimum.reduceat(gathered[1], groups),
            np.maximum.reduceat(gathered[2], groups),
        )

    def shifted(self, offset: Sequence[int]) -> JointHistogram:
        """Move the boxes of a part to where the part lies in its volume."""
        return replace(self, starts=self.starts + offset, stops=self.stops + offset)

    def without(self, label: int | None) -> JointHistogram:
        """Leave out the voxels whose reference is `label`."""
        if label is None:
            return self
        keep = self.reference_labels != label
        return JointHistogram(
            self.reference_labels[keep],
            self.prediction_labels[keep],
            self.counts[keep],
            self.starts[keep],
            self.stops[keep],
        )

    @lazy
    def labels(self) -> list[int]:
        """All labels of either volume, ascending."""
        found: list[int] = np.union1d(self.reference_labels, self.prediction_labels).tolist()
        return list(map(int, found))

    @lazy
    def total(self) -> int:
        """Number of voxels."""
        return int(self.counts.sum())

    @lazy
    def _sides(self) -> tuple[_Side, _Side]:
        return self._side(self.reference_labels), self._side(self.prediction_labels)

    def _side(self, labels: Array) -> _Side:
        order = np.argsort(labels, kind="stable")
        ordered = labels[order]
        is_first = np.ones(len(ordered), bool)
        np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
        first = is_first.nonzero()[0]
        if not len(first):
            return _Side({}, order, order, [0], [], self.starts, self.stops)
        row = np.empty_like(order)
        row[order] = is_first.cumsum() - 1
        return _Side(
            dict(zip(map(int, ordered[first].tolist()), range(len(first)), strict=True)),
            row,
            order,
            [*first.tolist(), len(ordered)],
            np.add.reduceat(self.counts[order], first).tolist(),
            np.minimum.reduceat(self.starts[order], first),
            np.maximum.reduceat(self.stops[order], first),
        )

    def pair_counts(
        self, reference: Sequence[int], prediction: Sequence[int] | None = None
    ) -> Counts:
        """Count the voxels of a structure: some labels of the reference, and of the prediction.

        Parameters
        ----------
        reference, prediction : sequence of int
            The labels that it is made of in either map; None for the prediction stands for the same.
        """
        first, second = self._sides
        rows = first.rows(reference)
        columns = second.rows(reference if prediction is None else prediction)
        if len(rows) == len(columns) == 1:
            pairs = first.order[first.ends[rows[0]] : first.ends[rows[0] + 1]]
            tp = int(self.counts[pairs[second.row[pairs] == columns[0]]].sum())
        else:
            both = np.isin(first.row, rows) & np.isin(second.row, columns)
            tp = int(self.counts[both].sum())
        fn = sum(map(first.sizes.__getitem__, rows)) - tp
        fp = sum(map(second.sizes.__getitem__, columns)) - tp
        return Counts(tp, fp, fn, self.total - tp - fp - fn)

    def box(self, reference: Sequence[int], prediction: Sequence[int] | None = None) -> Box | None:
        """Find the smallest box that holds a structure in both volumes, None where it does not occur.

        Parameters
        ----------
        reference, prediction : sequence of int
            As in :meth:`pair_counts`.
        """
        first, second = self._sides
        rows = first.rows(reference)
        columns = second.rows(reference if prediction is None else prediction)
        if not rows and not columns:
            return None
        starts = np.concatenate([first.starts[rows], second.starts[columns]]).min(axis=0)
        stops = np.concatenate([first.stops[rows], second.stops[columns]]).max(axis=0)
        return tuple(map(slice, starts.tolist(), stops.tolist()))

    def matrix(self, labels: Sequence[int]) -> NDArray[np.int64]:
        """Make the confusion matrix over `labels`: rows reference, columns prediction; other labels are left out."""
        row_of = {int(label): i for i, label in enumerate(labels)}
        matrix = np.zeros((len(row_of), len(row_of)), np.int64)
        sides = self.reference_labels, self.prediction_labels
        if len(self.counts) <= _FEW_PAIRS:
            columns_of = (*sides, self.counts)
            for first, second, count in zip(*(c.tolist() for c in columns_of), strict=True):
                if first in row_of and second in row_of:
                    matrix[row_of[first], row_of[second]] = count
            return matrix
        rows, columns = (_rows_of(found, row_of) for found in sides)
        inside = ((rows >= 0) & (columns >= 0)).nonzero()[0]
        matrix[rows[inside], columns[inside]] = self.counts[inside]  # each pair is there once
        return matrix


def _rows_of(found: Array, row_of: dict[int, int]) -> NDArray[np.intp]:
    """Look up the row of each label, -1 where it has none."""
    rows = np.full(len(found), -1, np.intp)
    if not len(found) or not row_of:
        return rows
    if found.dtype == bool:
        found = found.view(np.uint8)
    limits = np.iinfo(found.dtype)
    known = np.array(
        [label for label in sorted(row_of) if limits.min <= label <= limits.max], found.dtype
    )
    if not len(known):
        return rows
    within = ((found >= known[0]) & (found <= known[-1])).nonzero()[0]
    candidates = found[within]
    places = np.searchsorted(known, candidates)
    hits = known[places] == candidates
    rows_of_known = np.array([row_of[int(label)] for label in known], np.intp)
    rows[within[hits]] = rows_of_known[places[hits]]
    return rows
