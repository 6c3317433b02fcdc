"""Which lesions MSSEG takes for detected: enough of one overlaps, by detections that are not mostly elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.instance_table import InstanceTable
from fastseg.protocols.rules.unstable_sort import unstable_descending

Longs = NDArray[np.int64]


@dataclass(frozen=True)
class Thresholds:
    """When a lesion is detected.

    Attributes
    ----------
    overlap : float
        More than this share of it must be covered by detections.
    outside : float
        At most this share of a detection may lie outside of all lesions.
    weight : float
        Detections are looked at, those with most overlap first, until they make up this share of the overlap.
    """

    overlap: float
    outside: float
    weight: float


@dataclass(frozen=True)
class LesionTable:
    """Lesions and detections of at least some size, and what they share; each numbered by size, the largest first.

    Attributes
    ----------
    sizes, others : int64 ndarray
        Voxels of each lesion, and of each detection.
    rows, columns, overlaps : int64 ndarray (m,)
        The pairs that share voxels, by lesion and then by detection.
    """

    sizes: Longs
    others: Longs
    rows: Longs
    columns: Longs
    overlaps: Longs

    @classmethod
    def of(cls, table: InstanceTable, least: int) -> LesionTable:
        """Leave out what has fewer voxels, and number the rest: of equal size, the first in the image first."""
        sizes, numbers = [], []
        for side in (table.reference, table.prediction):
            order = np.argsort(-side.sizes, kind="stable")
            order = order[side.sizes[order] >= least]
            number = np.full(len(side), -1, np.int64)
            number[order] = np.arange(len(order))
            sizes.append(side.sizes[order])
            numbers.append(number)
        rows, columns = numbers[0][table.reference_rows], numbers[1][table.prediction_rows]
        kept = ((rows >= 0) & (columns >= 0)).nonzero()[0]
        pairs = _ordered(rows[kept], columns[kept], table.overlaps[kept])
        return cls(sizes[0], sizes[1], *pairs)

    def transposed(self) -> LesionTable:
        """Exchange lesions and detections."""
        return LesionTable(
            self.others, self.sizes, *_ordered(self.columns, self.rows, self.overlaps)
        )


def _ordered(rows: Longs, columns: Longs, overlaps: Longs) -> tuple[Longs, Longs, Longs]:
    order = np.lexsort((columns, rows))
    return rows[order], columns[order], overlaps[order]


def count_detected(
    table: LesionTable, thresholds: Thresholds, *, stops_early: bool, ties_by_gcc: bool
) -> int:
    """Count the lesions that are detected.

    Parameters
    ----------
    table : LesionTable
    thresholds : Thresholds
    stops_early : bool
        Whether no more detections are looked at than there are lesions, and one.
    ties_by_gcc : bool
        Whether detections of equal overlap come in the order in which GCC's sort leaves them, else by number.
    """
    n_lesions, n_others = len(table.sizes), len(table.others)
    inside = np.bincount(table.columns, table.overlaps, n_others)
    outside = ((table.others - inside) / table.others).tolist()
    ends = np.searchsorted(table.rows, np.arange(n_lesions + 1)).tolist()
    columns, overlaps = table.columns.tolist(), table.overlaps.tolist()
    most = n_lesions + 1 if stops_early else n_others
    detected = 0
    for row, size in enumerate(table.sizes.tolist()):
        mine = dict(
            zip(
                columns[ends[row] : ends[row + 1]], overlaps[ends[row] : ends[row + 1]], strict=True
            )
        )
        covered = sum(mine.values())
        if not covered / size > thresholds.overlap:
            continue
        weight, fits = 0.0, True
        for column in itertools.islice(_by_overlap(mine, n_others, ties_by_gcc), most):
            if outside[column] > thresholds.outside:
                fits = False
                break
            weight += mine.get(column, 0) / covered
            if weight >= thresholds.weight:
                break
        detected += fits
    return detected


def _by_overlap(mine: dict[int, int], n_others: int, ties_by_gcc: bool) -> Iterator[int]:
    """Give detections by their overlap with a lesion, the largest first.

    By GCC's sort those without any come in the end: shares that are added up may remain below 1.
    """
    tied = len(set(mine.values())) < len(mine)
    if not (ties_by_gcc and tied):
        yield from sorted(mine, key=lambda column: (-mine[column], column))
        if not ties_by_gcc:
            return
    dense = [mine.get(column, 0) for column in range(n_others)]
    order = unstable_descending(dense)
    yield from order if tied else order[len(mine) :]
