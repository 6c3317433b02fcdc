"""The shape of a mask: where it lies and how far it spreads, in whole numbers, and what area its surface has."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Spacing
from fastseg.measures.surface_areas import surfel_measures


@dataclass(frozen=True, eq=False)
class Shape:
    """The shape of a mask.

    Attributes
    ----------
    size : int
        Voxels.
    sums : tuple of int
        Their positions along each axis added up, counted from the start of some box.
    products : tuple of tuple of int
        The products of their positions along each two axes added up.
    codes : int64 ndarray (2 ** 2 ** ndim,)
        How often each corner code occurs that carries surface; see :mod:`fastseg.measures.surface_areas`.
    """

    size: int
    sums: tuple[int, ...]
    products: tuple[tuple[int, ...], ...]
    codes: NDArray[np.int64]


class ShapePair(NamedTuple):
    """The shapes of both masks of a structure, of positions in one box, and the voxel size along each axis."""

    reference: Shape
    prediction: Shape
    spacing: Spacing

    @property
    def areas(self) -> tuple[float, float]:
        """The area of the marching cubes' surface of both; in a plane a length."""
        return self._measured(area_numbers(self.spacing))

    @property
    def crofton_areas(self) -> tuple[float, float]:
        """The area of both by Crofton's formula; in a plane a length."""
        return self._measured(crofton_numbers(self.spacing))

    def _measured(self, table: WholeNumbers) -> tuple[float, float]:
        return table.sum(self.reference.codes), table.sum(self.prediction.codes)

    @property
    def center_distance(self) -> float:
        """The distance between both centres of mass; nan if a mask is empty."""
        return distance_of_centers(
            self.reference.size, self.prediction.size, self._offset, self.spacing
        )

    @property
    def mahalanobis(self) -> float:
        """The distance between both centres in units of the pooled standard deviation; nan if a mask is empty.

        It does not depend on the spacing. 0 for equal centres, inf where both masks are flat and lie beside each other.
        """
        n, m = self.reference.size, self.prediction.size
        first, second = self.reference, self.prediction
        spread = [
            m * (n * first.products[i][j] - first.sums[i] * first.sums[j])
            + n * (m * second.products[i][j] - second.sums[i] * second.sums[j])
            for i, j in combinations_with_replacement(range(len(self.spacing)), 2)
        ]
        return mahalanobis_of(n, m, spread, self._offset)

    @property
    def _offset(self) -> list[int]:
        """How far the prediction's centre lies behind the reference's, times the voxels of both."""
        n, m = self.reference.size, self.prediction.size
        return [
            n * p - m * r for r, p in zip(self.reference.sums, self.prediction.sums, strict=True)
        ]


class Shapes(Protocol):
    """What is known of the shapes of both masks of a structure, by themselves or among many."""

    @property
    def areas(self) -> tuple[float, float]:
        """As of :class:`ShapePair`, and so are the others."""

    @property
    def crofton_areas(self) -> tuple[float, float]:
        """Of both masks."""

    @property
    def center_distance(self) -> float:
        """Of one mask from the other."""

    @property
    def mahalanobis(self) -> float:
        """The same in standard deviations."""


class WholeNumbers(NamedTuple):
    """A table of float64 as whole numbers, which are these numbers times a power of two."""

    values: tuple[int, ...]
    exponent: int

    @classmethod
    def of(cls, table: NDArray[np.float64]) -> WholeNumbers:
        """Take the greatest power of two of which all numbers are multiples."""
        ratios = [value.as_integer_ratio() for value in table.tolist()]
        exponent = max(denominator.bit_length() - 1 for _, denominator in ratios)
        values = tuple((value << exponent) // denominator for value, denominator in ratios)
        return cls(values, -exponent)

    def sum(self, counts: NDArray[np.int64]) -> float:
        """Add up the numbers, each as often as it occurs, and round once."""
        places = counts.nonzero()[0].tolist()
        found = sum(
            self.values[i] * n for i, n in zip(places, counts[places].tolist(), strict=True)
        )
        return math.ldexp(found, self.exponent)


@functools.lru_cache(maxsize=64)
def area_numbers(spacing: Spacing) -> WholeNumbers:
    """Give :func:`fastseg.measures.surface_areas.surfel_measures` as whole numbers."""
    return WholeNumbers.of(surfel_measures(spacing))


@functools.lru_cache(maxsize=64)
def crofton_numbers(spacing: Spacing) -> WholeNumbers:
    """Give :func:`crofton_measures` as whole numbers."""
    return WholeNumbers.of(crofton_measures(spacing))


def distance_of_centers(n: int, m: int, offset: Sequence[int], spacing: Spacing) -> float:
    """Measure from one centre of mass to the other; nan if a mask is empty.

    Parameters
    ----------
    n, m : int
        Voxels of the reference and of the prediction.
    offset : sequence of int
        How far one centre lies behind the other, times both.
    spacing : tuple of float
    """
    both = n * m
    if not both:
        return math.nan
    # in whole numbers, so that it does not depend on where positions are counted from
    steps = [step / both * unit for step, unit in zip(offset, spacing, strict=True)]
    return math.sqrt(math.fsum([step * step for step in steps]))


def mahalanobis_of(n: int, m: int, spread: Sequence[int], offset: Sequence[int]) -> float:
    """Measure in units of the pooled standard deviation.

    Parameters
    ----------
    n, m, offset
        As of :func:`distance_of_centers`.
    spread : sequence of int
        The pooled covariance of each two axes, the first with all, the second with itself and those behind it, …, times
        n · m · (n + m).
    """
    if not n * m:
        return math.nan
    found = _quadratic_form(spread, offset)
    if found is None:
        return math.inf
    numerator, denominator = found
    return math.sqrt(numerator * (n + m) / (denominator * n * m))


def _quadratic_form(spread: Sequence[int], vector: Sequence[int]) -> tuple[int, int] | None:
    """Give vᵀ M⁻¹ v of a symmetric matrix, none of its eigenvalues negative, as a fraction; None without a solution."""
    if len(vector) == 3:
        aa, ab, ac, bb, bc, cc = spread
        x, y, z = vector
        # the rows of the adjugate
        first, second, third = bb * cc - bc * bc, ac * bc - ab * cc, ab * bc - ac * bb
        determinant = aa * first + ab * second + ac * third
        if determinant:
            form = x * (x * first + 2 * (y * second + z * third))
            form += y * (y * (aa * cc - ac * ac) + 2 * z * (ab * ac - aa * bc))
            return form + z * z * (aa * bb - ab * ab), determinant
    if len(vector) == 2:
        aa, ab, bb = spread
        x, y = vector
        if determinant := aa * bb - ab * ab:
            return x * x * bb - 2 * x * y * ab + y * y * aa, determinant
    size = len(vector)
    matrix = [[0] * size for _ in vector]
    for (i, j), value in zip(combinations_with_replacement(range(size), 2), spread, strict=True):
        matrix[i][j] = matrix[j][i] = value
    return _reduced(matrix, vector)


def _reduced(matrix: list[list[int]], vector: Sequence[int]) -> tuple[int, int] | None:
    """Give the form by elimination.

    The matrix is reduced with v beside it, without a division: what has been taken off a corner of 0 under v is the
    form. Rows of 0 on the diagonal are rows of 0.
    """
    size = len(vector)
    rows = [[*row, value] for row, value in zip(matrix, vector, strict=True)]
    rows.append([*vector, 0])
    scale = 1  # of the last row
    for i in range(size):
        pivot = rows[i][i]
        if not pivot:
            if rows[i][size]:
                return None
            continue
        for k in range(i + 1, size + 1):
            factor = rows[k][i]
            rows[k] = [
                pivot * own - factor * other for own, other in zip(rows[k], rows[i], strict=True)
            ]
        scale *= pivot
    return -rows[size][size], scale


@functools.lru_cache(maxsize=64)
def crofton_measures(spacing: Spacing) -> NDArray[np.float64]:
    """Measure of every corner code by Crofton's formula, as :func:`surfel_measures` has that of marching cubes.

    The area is what lines of all directions find: here of those between a voxel and its 26 neighbours (8 in a plane),
    each for the share of all directions that are nearest to it: Legland, Kiêu & Devaux 2007,
    doi:10.5566/ias.v26.p83-92.

    Parameters
    ----------
    spacing : tuple of 1 to 3 floats

    Returns
    -------
    float64 ndarray (2 ** 2 ** ndim,), read-only
    """
    ndim = len(spacing)
    if ndim == 1:
        return surfel_measures(spacing)
    directions = [
        step for step in product((-1, 0, 1), repeat=ndim) if step > (0,) * ndim
    ]  # one of each two that are opposite
    steps = np.array(directions) * np.array(spacing)
    lengths = np.sqrt((steps * steps).sum(axis=1))
    shares = _shares(steps / lengths[:, None])
    factor = math.prod(spacing) * (2.0 if ndim == 3 else math.pi / 2)
    voxels = list(product((0, 1), repeat=ndim))
    codes = np.arange(2 ** len(voxels))
    table = np.zeros(len(codes))
    for direction, length, share in zip(directions, lengths, shares, strict=True):
        changes = np.zeros(len(codes), np.int64)
        pairs = 0
        for bit, start in enumerate(voxels):
            end = tuple(a + b for a, b in zip(start, direction, strict=True))
            if end in voxels:
                changes += (codes >> bit ^ codes >> voxels.index(end)) & 1
                pairs += 1
        table += changes * (factor * share / length / pairs)
    table.flags.writeable = False
    return table


def _shares(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tell what share of all directions is nearest to each of some lines, which are unit vectors; it adds up to 1."""
    if directions.shape[1] == 2:
        angles = np.arctan2(directions[:, 1], directions[:, 0]) % math.pi
        order = np.argsort(angles)
        gaps = np.diff(angles[order], append=angles[order[0]] + math.pi)
        shares = np.empty(len(angles))
        shares[order] = (gaps + np.roll(gaps, 1)) / (2 * math.pi)
        return shares
    from scipy.spatial import SphericalVoronoi

    both = np.concatenate([directions, -directions])
    areas = SphericalVoronoi(both, threshold=1e-12).calculate_areas()
    shares = areas[: len(directions)] + areas[len(directions) :]
    return np.asarray(shares / shares.sum())
