"""The joint histogram of two label maps: all that counting metrics need, from one read of both volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.arrays import Array
from fastseg.lazy import lazy

Box = tuple[slice, ...]


class PairCounts(NamedTuple):
    """Voxel counts of one structure: true positives, false positives, false negatives, true negatives."""

    tp: int
    fp: int
    fn: int
    tn: int


class _Labels(NamedTuple):
    """Sums of a joint histogram, a row for each label found in either volume."""

    row_of: dict[int, int]
    reference_size: NDArray[np.int64]
    prediction_size: NDArray[np.int64]
    overlap: NDArray[np.int64]
    start: NDArray[np.int64]  # of the box that holds the label in both volumes
    stop: NDArray[np.int64]
    reference_row: NDArray[np.int64]  # of each pair
    prediction_row: NDArray[np.int64]


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
        """Join the histograms of parts of one volume."""
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

    def without(self, label: int | None) -> JointHistogram:
        """The histogram of the voxels whose reference is not `label`."""
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
        return [int(label) for label in np.union1d(self.reference_labels, self.prediction_labels)]

    @lazy
    def total(self) -> int:
        """Number of voxels."""
        return int(self.counts.sum())

    @lazy
    def _by_label(self) -> _Labels:
        labels = np.union1d(self.reference_labels, self.prediction_labels)
        rows = np.searchsorted(labels, self.reference_labels)
        columns = np.searchsorted(labels, self.prediction_labels)
        sizes = [np.zeros(len(labels), np.int64) for _ in range(3)]
        np.add.at(sizes[0], rows, self.counts)
        np.add.at(sizes[1], columns, self.counts)
        same = rows == columns
        np.add.at(sizes[2], rows[same], self.counts[same])
        ndim = self.starts.shape[1]
        start = np.full((len(labels), ndim), np.iinfo(np.int64).max)
        stop = np.zeros((len(labels), ndim), np.int64)
        for side in (rows, columns):
            np.minimum.at(start, side, self.starts)
            np.maximum.at(stop, side, self.stops)
        row_of = {int(label): i for i, label in enumerate(labels)}
        return _Labels(row_of, sizes[0], sizes[1], sizes[2], start, stop, rows, columns)

    def _rows(self, values: Sequence[int]) -> list[int]:
        row_of = self._by_label.row_of
        return [row_of[value] for value in values if value in row_of]

    def pair_counts(self, values: Sequence[int]) -> PairCounts:
        """Counts of the structure that the labels `values` form together."""
        sums, rows = self._by_label, self._rows(values)
        if len(rows) == 1:
            tp = int(sums.overlap[rows[0]])
        else:
            both = np.isin(sums.reference_row, rows) & np.isin(sums.prediction_row, rows)
            tp = int(self.counts[both].sum())
        fn = int(sums.reference_size[rows].sum()) - tp
        fp = int(sums.prediction_size[rows].sum()) - tp
        return PairCounts(tp, fp, fn, self.total - tp - fp - fn)

    def box(self, values: Sequence[int]) -> Box | None:
        """The smallest box that holds the labels `values` in both volumes, None where they do not occur."""
        sums, rows = self._by_label, self._rows(values)
        if not rows:
            return None
        start, stop = sums.start[rows].min(axis=0), sums.stop[rows].max(axis=0)
        return tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))

    def matrix(self, labels: Sequence[int]) -> NDArray[np.int64]:
        """The confusion matrix over `labels`: rows reference, columns prediction; other labels are left out."""
        wanted = np.asarray(labels, dtype=object)
        row_of = {int(label): i for i, label in enumerate(wanted)}
        matrix = np.zeros((len(wanted), len(wanted)), np.int64)
        pairs = zip(
            self.reference_labels.tolist(),
            self.prediction_labels.tolist(),
            self.counts.tolist(),
            strict=True,
        )
        for reference, prediction, count in pairs:
            if reference in row_of and prediction in row_of:
                matrix[row_of[reference], row_of[prediction]] += count
        return matrix
