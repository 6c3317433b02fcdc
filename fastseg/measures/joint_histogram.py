"""The joint histogram of two label maps: all that counting metrics need, from one read of both volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

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


class _Side:
    """What one of the two maps holds, a row for each of its labels, ascending.

    Parameters
    ----------
    histogram : JointHistogram
    of_pairs : ndarray (n,)
        The label of each pair on this side.
    """

    def __init__(self, histogram: JointHistogram, of_pairs: Array) -> None:
        self._histogram = histogram
        numbers = of_pairs.view(np.uint8) if of_pairs.dtype == bool else of_pairs
        self.order: NDArray[np.intp] = np.argsort(numbers, kind="stable")  # sorts the pairs by row
        self.labels, first = _distinct(numbers[self.order])
        self.ends = np.append(first, len(numbers))  # of each label's pairs in that order, after a 0
        counts = histogram.counts[self.order]
        self.sizes = np.add.reduceat(counts, first) if len(first) else counts  # voxels of each

    @lazy
    def row_of(self) -> dict[int, int]:
        """The row of each label."""
        return dict(zip(self.labels.tolist(), range(len(self.labels)), strict=True))

    @lazy
    def row(self) -> NDArray[np.intp]:
        """The row of each pair."""
        rows = np.empty_like(self.order)
        rows[self.order] = np.repeat(np.arange(len(self.labels)), np.diff(self.ends))
        return rows

    @lazy
    def boxes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the box of each label starts and stops."""
        starts, stops = self._histogram.starts, self._histogram.stops
        first = self.ends[:-1]
        if not len(first):
            return starts, stops
        return (
            np.minimum.reduceat(starts[self.order], first),
            np.maximum.reduceat(stops[self.order], first),
        )

    def rows(self, labels: Sequence[int]) -> list[int]:
        """Find the rows of those labels that occur."""
        return [self.row_of[label] for label in labels if label in self.row_of]

    def row_of_each(self, labels: Sequence[int] | Array) -> NDArray[np.intp]:
        """Find the row of each label, -1 where it does not occur."""
        rows = np.full(len(labels), -1, np.intp)
        wanted, inside = _in_type(labels, self.labels.dtype)
        if len(self.labels):
            places = np.searchsorted(self.labels, wanted)
            places[places == len(self.labels)] = 0
            rows[inside] = np.where(self.labels[places] == wanted, places, -1)
        return rows


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
        if len(self.counts) <= _FEW_PAIRS:
            return sorted(
                {
                    *map(int, self.reference_labels.tolist()),
                    *map(int, self.prediction_labels.tolist()),
                }
            )
        found: list[int] = _distinct(
            np.sort(np.concatenate([side.labels for side in self._sides]))
        )[0].tolist()
        return found

    @lazy
    def total(self) -> int:
        """Number of voxels."""
        return int(self.counts.sum())

    @lazy
    def _sides(self) -> tuple[_Side, _Side]:
        return _Side(self, self.reference_labels), _Side(self, self.prediction_labels)

    @lazy
    def _agreement(self) -> NDArray[np.int64]:
        """The voxels of each label of the reference that have it in the prediction, too."""
        first, _ = self._sides
        agreeing = (self.reference_labels == self.prediction_labels).nonzero()[0]
        voxels = np.zeros(len(first.labels), np.int64)
        voxels[first.row[agreeing]] = self.counts[agreeing]  # each pair is there once
        return voxels

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
        fn = int(first.sizes[rows].sum()) - tp
        fp = int(second.sizes[columns].sum()) - tp
        return Counts(tp, fp, fn, self.total - tp - fp - fn)

    def counts_of_each(self, labels: Sequence[int] | Array) -> tuple[NDArray[np.int64], ...]:
        """Count the voxels of many structures at once, each with one label, the same in both maps.

        Parameters
        ----------
        labels : sequence of int or integer ndarray (n,)
            Labels that do not occur are of structures without voxels.

        Returns
        -------
        tuple of three int64 ndarrays (n,)
            True positives, false positives and false negatives, as `pair_counts` of each label has them.
        """
        first, second = self._sides
        rows, columns = first.row_of_each(labels), second.row_of_each(labels)
        # row -1, of what does not occur, is the last one
        tp = np.append(self._agreement, 0)[rows]
        return tp, np.append(second.sizes, 0)[columns] - tp, np.append(first.sizes, 0)[rows] - tp

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
        (starts, stops), (other_starts, other_stops) = first.boxes, second.boxes
        start = np.concatenate([starts[rows], other_starts[columns]]).min(axis=0)
        stop = np.concatenate([stops[rows], other_stops[columns]]).max(axis=0)
        return tuple(map(slice, start.tolist(), stop.tolist()))

    def boxes_of_each(
        self, labels: Sequence[int] | Array
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find the boxes of many structures at once, each with one label, the same in both maps.

        Parameters
        ----------
        labels : sequence of int or integer ndarray (n,)
            As in :meth:`counts_of_each`.

        Returns
        -------
        tuple of two int64 ndarrays (n, ndim)
            Where each box starts and stops, as `box` of each label has it; both 0 where a structure has no voxels.
        """
        ends = []
        rows = [side.row_of_each(labels) for side in self._sides]
        nowhere = (rows[0] < 0) & (rows[1] < 0)
        limits = np.iinfo(np.int64)
        for end, (join, nothing) in enumerate(((np.minimum, limits.max), (np.maximum, limits.min))):
            of_sides = []
            for side, found in zip(self._sides, rows, strict=True):
                own = side.boxes[end]
                of_sides.append(np.concatenate([own, np.full((1, own.shape[1]), nothing)])[found])
            joined = join(*of_sides)
            joined[nowhere] = 0
            ends.append(joined)
        return ends[0], ends[1]

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


def _distinct(ascending: Array) -> tuple[Array, NDArray[np.intp]]:
    """Find the distinct labels among ascending ones, and where the first of each is."""
    is_first = np.ones(len(ascending), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=is_first[1:])
    first = is_first.nonzero()[0]
    return ascending[first], first


def _in_type(labels: Sequence[int] | Array, dtype: np.dtype[Any]) -> tuple[Array, Any]:
    """Bring labels to the type of a map, and tell which ones it has room for: their index."""
    limits = np.iinfo(dtype)
    if isinstance(labels, np.ndarray):
        numbers = labels.view(np.uint8) if labels.dtype == bool else labels
        if numbers.dtype == dtype:
            return numbers, slice(None)
        inside = ((numbers >= limits.min) & (numbers <= limits.max)).nonzero()[0]
        return numbers[inside].astype(dtype), inside
    try:
        return np.array(list(map(int, labels)), dtype), slice(None)
    except OverflowError:
        fitting = [i for i, label in enumerate(labels) if limits.min <= label <= limits.max]
        return np.array([labels[i] for i in fitting], dtype), fitting
