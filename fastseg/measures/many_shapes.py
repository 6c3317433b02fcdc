"""The shapes of many structures side by side, and their metrics as array operations.

The values are those of :class:`fastseg.measures.shape.ShapePair` to the bit: both are made of whole numbers of any
size, and rounded once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Spacing
from fastseg.measures.shape import WholeNumbers, distance_of_centers, mahalanobis_of
from fastseg.measures.topology import euler_weights
from fastseg.threads import lazy

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

# Bits of a digit: the counts of all corners of 2²⁹ voxels, times a digit, add up to less than 2⁵³.
_BITS = 22
_WHOLE = 1 << 62


class CodeSums:
    """What counts of corner codes are multiplied with, all at once: float64 sums that are not rounded.

    Attributes
    ----------
    columns : float64 ndarray (n_codes, k)
        Weights of both Euler numbers, then the digits of areas and of areas by Crofton's formula, if these are wanted.
    """

    def __init__(self, ndim: int, tables: Sequence[WholeNumbers]) -> None:
        self._ndim, self._tables = ndim, tables
        weights = [euler_weights(ndim, corners_connect) for corners_connect in (True, False)]
        digits = [_digits(table.values) for table in self._tables]
        self._ends = list(itertools.accumulate([2, *map(len, digits)]))
        self.columns = np.ascontiguousarray(
            np.array([*weights, *itertools.chain.from_iterable(digits)]).T, float
        )

    def of(self, codes: Floats) -> Floats:
        """Add up, for counts of codes as whole numbers."""
        return np.asarray(codes @ self.columns)

    def euler_numbers(self, sums: Floats) -> Integers:
        """Give the Euler numbers where corners connect, and where faces do."""
        return sums[..., :2].astype(np.int64) >> self._ndim

    def areas(self, sums: Floats) -> list[list[float]]:
        """Give what each table adds up to, of each of some masks."""
        found = []
        for table, start, stop in zip(self._tables, self._ends, self._ends[1:], strict=False):
            totals = [0] * len(sums)
            for digit in reversed(range(start, stop)):
                column = sums[:, digit].astype(np.int64).tolist()
                totals = [(total << _BITS) + own for total, own in zip(totals, column, strict=True)]
            found.append([math.ldexp(total, table.exponent) for total in totals])
        return found


def _digits(values: tuple[int, ...]) -> list[list[float]]:
    """Write whole numbers as digits, the least significant ones first."""
    digits = []
    while any(values):
        digits.append([float(value & ((1 << _BITS) - 1)) for value in values])
        values = tuple(value >> _BITS for value in values)
    return digits


class ManyShapes:
    """The shapes of both masks of many structures."""

    def __init__(self, code_sums: CodeSums, sums: Floats, moments: Integers, spacing: Spacing):
        """Take what was found.

        Parameters
        ----------
        code_sums : CodeSums
        sums : float64 ndarray (n, 2, k)
            Of the codes of either mask.
        moments : int64 ndarray (n, 2, 1 + ndim + ndim * (ndim + 1) / 2)
            Voxels, their positions added up, and the products of these for each two axes, in the order of the axes.
        spacing : tuple of float
        """
        self._code_sums, self._sums = code_sums, sums.reshape(-1, sums.shape[-1])
        self._moments, self.spacing = moments, spacing

    @lazy
    def _measured(self) -> list[list[float]]:
        return self._code_sums.areas(self._sums)

    @lazy
    def areas(self) -> list[tuple[float, float]]:
        """The areas of both masks of each structure."""
        return _in_twos(self._measured[0])

    @lazy
    def crofton_areas(self) -> list[tuple[float, float]]:
        """The same by Crofton's formula."""
        return _in_twos(self._measured[1])

    @lazy
    def _offsets(self) -> list[list[int]]:
        """How far the prediction's centre lies behind the reference's, times the voxels of both, along each axis."""
        reference, prediction = self._moments[:, 0], self._moments[:, 1]
        n, m = _exact(reference[:, 0], prediction[:, 0])
        offsets = []
        for axis in range(1, 1 + len(self.spacing)):
            r, p = _exact(reference[:, axis], prediction[:, axis])
            offsets.append((n * p - m * r).tolist())
        return offsets

    @lazy
    def center_distances(self) -> list[float]:
        """The distances between both centres."""
        sizes = self._moments[:, :, 0].tolist()
        return [
            distance_of_centers(n, m, offset, self.spacing)
            for (n, m), *offset in zip(sizes, *self._offsets, strict=True)
        ]

    @lazy
    def mahalanobis(self) -> list[float]:
        """The distances between both centres in units of the pooled standard deviation."""
        ndim = len(self.spacing)
        reference, prediction = self._moments[:, 0], self._moments[:, 1]
        n, m = _exact(reference[:, 0], prediction[:, 0])
        spreads = []
        for column, (i, j) in enumerate(itertools.combinations_with_replacement(range(ndim), 2)):
            own = n * _exact(reference[:, 1 + ndim + column])[0]
            own = own - _exact(reference[:, 1 + i])[0] * _exact(reference[:, 1 + j])[0]
            other = m * _exact(prediction[:, 1 + ndim + column])[0]
            other = other - _exact(prediction[:, 1 + i])[0] * _exact(prediction[:, 1 + j])[0]
            spreads.append(m * own + n * other)
        sizes = self._moments[:, :, 0].tolist()
        return [
            mahalanobis_of(of_size[0], of_size[1], spread, offset)
            for of_size, spread, offset in zip(
                sizes, zip(*spreads, strict=True), zip(*self._offsets, strict=True), strict=True
            )
        ]


class OneShapePair:
    """The shapes of both masks of one of many structures."""

    __slots__ = ("_many", "_place")

    def __init__(self, many: ManyShapes, place: int) -> None:
        self._many, self._place = many, place

    @property
    def areas(self) -> tuple[float, float]:
        """As of a pair of shapes, and so is all else."""
        return self._many.areas[self._place]

    @property
    def crofton_areas(self) -> tuple[float, float]:
        """The areas by Crofton's formula."""
        return self._many.crofton_areas[self._place]

    @property
    def center_distance(self) -> float:
        """The distance between both centres of mass."""
        return self._many.center_distances[self._place]

    @property
    def mahalanobis(self) -> float:
        """The distance between both centres in units of the pooled standard deviation."""
        return self._many.mahalanobis[self._place]


def _in_twos(values: list[float]) -> list[tuple[float, float]]:
    return list(zip(values[::2], values[1::2], strict=True))


def _exact(*columns: Integers) -> tuple[NDArray[Any], ...]:
    """Turn whole numbers into those of any size."""
    return tuple(column.astype(object) for column in columns)
