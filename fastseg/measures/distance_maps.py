"""Where two surfaces lie apart: signed distances on their voxels, painted into an image, and where the largest is."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Spacing

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


def farthest(side: Side, spacing: Spacing) -> Farthest | None:
    """Find the largest distance; of several places that nearest to their middle, of these the first in C order.

    A part that was missed as a whole is so shown by its middle.
    """
    if not len(side.distances):
        return None
    largest = side.distances.max()
    found = np.flatnonzero(side.distances == largest)
    places = side.places[found]
    if len(found) > 1:
        middle = places.sum(axis=0) / len(places)
        apart = (((places - middle) * spacing) ** 2).sum(axis=1)
        nearest = np.flatnonzero(apart == apart.min())
        nearest = nearest[np.lexsort(places[nearest].T[::-1])[:1]]
        found, places = found[nearest], places[nearest]
    place = tuple(int(at) for at in places[0])
    return Farthest(float(largest), place, bool(side.too_far[found[0]]) or largest == 0)


def paint(image: NDArray[Any], side: Side, unreachable: float = math.inf) -> None:
    """Enter signed distances into an image of 0 or nan, in place.

    Where there is one already the larger stays, and of two opposite ones the positive.

    Parameters
    ----------
    image : float ndarray
    side : Side
    unreachable : float
        What stands for the distance to a surface that is not there.
    """
    values = side.signed
    if not math.isinf(unreachable):
        endless = np.isinf(values)
        values[endless] = np.copysign(unreachable, values[endless])
    values = values.astype(image.dtype, copy=False)
    at = tuple(side.places.T)
    there = image[at]
    sizes, known = np.abs(values), np.abs(there)
    stays = (known > sizes) | ((known == sizes) & (there > values))  # nan never does
    image[at] = np.where(stays, there, values)
