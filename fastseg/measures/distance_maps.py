"""Where two surfaces lie apart: signed distances on their voxels, painted into an image, and where the largest is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Spacing
from fastseg.measures.surface_distances import PlacedDistances

Direction = Literal["prediction_to_reference", "reference_to_prediction"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

Places = NDArray[np.int64]
Floats = NDArray[np.float64]


class Side(NamedTuple):
    """The distances of one directed set, and the voxels that they begin at.

    Attributes
    ----------
    places : int64 ndarray (n, ndim)
        Along the axes of the map.
    distances : float64 ndarray (n,)
    too_far : bool ndarray (n,)
        Whether the prediction goes beyond the reference there: what begins at the prediction's surface lies outside the
        reference, what begins at the reference's lies within the prediction.
    """

    places: Places
    distances: Floats
    too_far: NDArray[np.bool_]

    @property
    def signed(self) -> Floats:
        """The distances, positive where the prediction goes beyond the reference and negative where it falls short."""
        return np.where(self.too_far | (self.distances == 0), self.distances, -self.distances)


class Farthest(NamedTuple):
    """Which of some distances is the largest, and where."""

    distance: float
    place: tuple[int, ...]
    too_far: bool


@dataclass(frozen=True, eq=False)
class MappedRegion:
    """The distances of one structure in a map of more voxels and, where it was measured in a plane, of more axes.

    Attributes
    ----------
    found : PlacedDistances
    start : tuple of int
        Where the box of the region begins in the plane.
    axes : tuple of int
        Those of the map that the plane has.
    ndim : int
        Of the map.
    """

    found: PlacedDistances
    start: tuple[int, ...]
    axes: tuple[int, ...]
    ndim: int

    def distances(self, direction: Direction) -> Floats:
        """Give the distances of one direction."""
        distances: Floats = getattr(self.found.distances, direction)
        return distances

    def side(self, direction: Direction, chosen: NDArray[np.intp] | None = None) -> Side:
        """Give the distances of one direction, all or some chosen ones, with their voxels."""
        own = 1 if direction == "prediction_to_reference" else 0
        inner, distances = self.found.places(own, chosen), self.distances(direction)
        if chosen is not None:
            distances = distances[chosen]
        in_other = self.found.within(1 - own, inner)
        places = np.zeros((len(inner), self.ndim), np.int64)
        for axis, start, along in zip(self.axes, self.start, inner.T, strict=True):
            np.add(along, start, out=places[:, axis])
        return Side(places, distances, ~in_other if own else in_other)

    def farthest(self, spacing: Spacing) -> tuple[Direction, Farthest] | None:
        """Find the largest distance of both directions; of equal ones the prediction's."""
        tops = {name: one.max() for name in DIRECTIONS if len(one := self.distances(name))}
        if not tops:
            return None
        direction = max(tops, key=tops.__getitem__)
        chosen = np.flatnonzero(self.distances(direction) == tops[direction])
        return direction, middle_of(self.side(direction, chosen), spacing)


def middle_of(side: Side, spacing: Spacing) -> Farthest:
    """Choose one of equally far places: that nearest to their middle, of these the first in C order.

    A part that was missed as a whole is so shown by its middle.
    """
    places, which = side.places, 0
    if len(places) > 1:
        middle = places.sum(axis=0) / len(places)
        apart = (((places - middle) * spacing) ** 2).sum(axis=1)
        nearest = np.flatnonzero(apart == apart.min())
        which = int(nearest[np.lexsort(places[nearest].T[::-1])[0]])
    distance = float(side.distances[which])
    place = tuple(int(at) for at in places[which])
    return Farthest(distance, place, bool(side.too_far[which]) or distance == 0)


def paint(
    image: NDArray[Any], side: Side, unreachable: float = math.inf, is_first: bool = False
) -> None:
    """Enter signed distances into an image of 0 or nan, in place.

    Where there is one already the larger stays, and of two opposite ones the positive.

    Parameters
    ----------
    image : float ndarray
        In C or Fortran order.
    side : Side
    unreachable : float
        What stands for the distance to a surface that is not there.
    is_first : bool
        Whether there is nothing yet where these distances lie; memory that nobody wrote to is not read then.
    """
    values = side.signed
    if not math.isinf(unreachable):
        endless = np.isinf(values)
        values[endless] = np.copysign(unreachable, values[endless])
    values = values.astype(image.dtype, copy=False)
    flat = image.reshape(-1, order="C" if image.flags.c_contiguous else "F")
    at = side.places @ (np.array(image.strides) // image.itemsize)
    if not is_first:
        there = flat[at]
        sizes, known = np.abs(values), np.abs(there)
        stays = (known > sizes) | ((known == sizes) & (there > values))  # nan never does
        values = np.where(stays, there, values)
    flat[at] = values
