"""The joint histogram of two label maps: all that counting metrics need, from one read of both volumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Array, Box
from fastseg.measures.label_sides import Side, distinct, in_type
from fastseg.threads import lazy

# Pairs for which a loop is faster than array operations (benchmarks: confusion_matrix/organs).
_FEW_PAIRS = 256
# Pairs of which a loop finds one structure faster than all labels are made a table (benchmarks: small).
_VERY_FEW_PAIRS = 16
# Pairs that take as long to sort by their labels as to go through a hundred times.
_MANY_PAIRS = 1 << 16
_MOST_READINGS = 32

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
        return cls._grouped(
            np.concatenate([part.reference_labels for part in parts]),
            np.concatenate([part.prediction_labels for part in parts]),
            lambda field: np.concatenate([getattr(part, field) for part in parts]),
        )

    @classmethod
    def _grouped(
        cls, references: Array, predictions: Array, column: Callable[[str], NDArray[np.int64]]
    ) -> JointHistogram:
        """Make one pair of those that have the same labels."""
        order = np.lexsort((predictions, references))
        references, predictions = references[order], predictions[order]
        first = np.ones(len(order), bool)
        first[1:] = (references[1:] != references[:-1]) | (predictions[1:] != predictions[:-1])
        groups = first.nonzero()[0]
        counts, starts, stops = (column(field)[order] for field in ("counts", "starts", "stops"))
        if len(groups) == len(order):
            return JointHistogram(references, predictions, counts, starts, stops)
        return JointHistogram(
            references[groups],
            predictions[groups],
            np.add.reduceat(counts, groups),
            np.minimum.reduceat(starts, groups),
            np.maximum.reduceat(stops, groups),
        )

    def relabelled(self, references: Array, predictions: Array) -> JointHistogram:
        """Give other labels to the pairs, (n,) on either side; pairs that are equal then become one."""
        return self._grouped(references, predictions, lambda field: getattr(self, field))

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
            sides = self.reference_labels.tolist(), self.prediction_labels.tolist()
            return sorted(map(int, {*sides[0], *sides[1]}))
        found: list[int] = self._distinct.tolist()
        return found

    @lazy
    def _distinct(self) -> Array:
        """The labels of either volume, ascending."""
        return distinct(np.sort(np.concatenate([side.labels for side in self.sides])))[0]

    def sizes(self, side: Literal["reference", "prediction"]) -> dict[int, int]:
        """Count the voxels of each label of one map; labels ascend."""
        if len(self.counts) <= _VERY_FEW_PAIRS:
            voxels: dict[int, int] = {}
            labels = self.reference_labels if side == "reference" else self.prediction_labels
            for label, count in zip(map(int, labels.tolist()), self.counts.tolist(), strict=True):
                voxels[label] = voxels.get(label, 0) + count
            return dict(sorted(voxels.items()))
        own = self.sides[side == "prediction"]
        return dict(zip(own.labels.tolist(), own.sizes.tolist(), strict=True))

    @lazy
    def total(self) -> int:
        """Number of voxels."""
        return int(self.counts.sum())

    @lazy
    def sides(self) -> tuple[Side, Side]:
        """The labels of either map."""

        def boxes() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            return self.starts, self.stops  # which may not be there yet

        return (
            Side(self.reference_labels, self.counts, boxes),
            Side(self.prediction_labels, self.counts, boxes),
        )

    @lazy
    def _agreement(self) -> NDArray[np.int64]:
        """The voxels of each label of the reference that have it in the prediction, too."""
        first, _ = self.sides
        agreeing = (self.reference_labels == self.prediction_labels).nonzero()[0]
        voxels = np.zeros(len(first.labels), np.int64)
        voxels[first.row[agreeing]] = self.counts[agreeing]  # each pair is there once
        return voxels

    @lazy
    def _few(self) -> list[tuple[int, int, int, list[int], list[int]]]:
        """The pairs, a row each."""
        return list(
            zip(
                self.reference_labels.tolist(),
                self.prediction_labels.tolist(),
                self.counts.tolist(),
                self.starts.tolist(),
                self.stops.tolist(),
                strict=True,
            )
        )

    def _asked_little(self) -> bool:
        """Tell whether going through many pairs is still cheaper than to sort them, and note that it was asked."""
        if len(self.counts) <= _MANY_PAIRS or "sides" in self.__dict__:
            return False
        readings: int = self.__dict__.get("_readings", 0)
        self.__dict__["_readings"] = readings + 1
        return readings < _MOST_READINGS

    @lazy
    def _counts_of_label(self) -> dict[int, tuple[int, int, int]]:
        columns = (column.tolist() for column in self.counts_of_each(self._distinct))
        return dict(zip(self.labels, zip(*columns, strict=True), strict=True))

    @lazy
    def _box_of_label(self) -> dict[int, tuple[list[int], list[int]]]:
        starts, stops = self.boxes_of_each(self._distinct)
        return dict(
            zip(self.labels, zip(starts.tolist(), stops.tolist(), strict=True), strict=True)
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
        if prediction is None:
            prediction = reference
        if len(self.counts) <= _VERY_FEW_PAIRS:
            tp = fp = fn = 0
            for first, second, count, *_ in self._few:
                if first in reference:
                    if second in prediction:
                        tp += count
                    else:
                        fn += count
                elif second in prediction:
                    fp += count
        elif self._asked_little():
            of_reference = _among(self.reference_labels, reference)
            of_prediction = _among(self.prediction_labels, prediction)
            tp = int(self.counts[of_reference & of_prediction].sum())
            fn = int(self.counts[of_reference].sum()) - tp
            fp = int(self.counts[of_prediction].sum()) - tp
        elif len(reference) == 1 and reference == prediction:
            tp, fp, fn = self._counts_of_label.get(reference[0], (0, 0, 0))
        else:
            tp, fp, fn = self._region_counts(reference, prediction)
        return Counts(tp, fp, fn, self.total - tp - fp - fn)

    def _region_counts(
        self, reference: Sequence[int], prediction: Sequence[int]
    ) -> tuple[int, int, int]:
        first, second = self.sides
        rows, columns = first.rows(reference), second.rows(prediction)
        if len(rows) == len(columns) == 1:
            pairs = first.order[first.ends[rows[0]] : first.ends[rows[0] + 1]]
            tp = int(self.counts[pairs[second.row[pairs] == columns[0]]].sum())
        else:
            both = np.isin(first.row, rows) & np.isin(second.row, columns)
            tp = int(self.counts[both].sum())
        return tp, int(second.sizes[columns].sum()) - tp, int(first.sizes[rows].sum()) - tp

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
        first, second = self.sides
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
        if prediction is None:
            prediction = reference
        if len(self.counts) <= _VERY_FEW_PAIRS:
            starts, stops = [], []
            for first, second, _, start, stop in self._few:
                if first in reference or second in prediction:
                    starts.append(start)
                    stops.append(stop)
            if not starts:
                return None
            return tuple(map(slice, map(min, *starts, starts[0]), map(max, *stops, stops[0])))
        if self._asked_little():
            pairs = (
                _among(self.reference_labels, reference)
                | _among(self.prediction_labels, prediction)
            ).nonzero()[0]
            if not len(pairs):
                return None
            start, stop = self.starts[pairs].min(axis=0), self.stops[pairs].max(axis=0)
            return tuple(map(slice, start.tolist(), stop.tolist()))
        if len(reference) == 1 and reference == prediction:
            found = self._box_of_label.get(reference[0])
            return None if found is None else tuple(map(slice, *found))
        one, other = self.sides
        rows, columns = one.rows(reference), other.rows(prediction)
        if not rows and not columns:
            return None
        of_sides = zip(one.boxes, other.boxes, strict=True)
        both = [np.concatenate([own[rows], others[columns]]) for own, others in of_sides]
        return tuple(map(slice, both[0].min(axis=0).tolist(), both[1].max(axis=0).tolist()))

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
        rows = [side.row_of_each(labels) for side in self.sides]
        nowhere = (rows[0] < 0) & (rows[1] < 0)
        limits = np.iinfo(np.int64)
        for end, (join, nothing) in enumerate(((np.minimum, limits.max), (np.maximum, limits.min))):
            of_sides = []
            for side, found in zip(self.sides, rows, strict=True):
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


def _among(found: Array, labels: Sequence[int]) -> NDArray[np.bool_]:
    """Tell which pairs have one of some labels."""
    wanted, _ = in_type(labels, found.dtype)
    if len(wanted) == 1:
        same: NDArray[np.bool_] = found == wanted[0]
        return same
    return np.isin(found, wanted)
