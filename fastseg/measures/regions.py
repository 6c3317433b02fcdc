"""What a backend is asked to measure, and of which voxels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from fastseg.inputs.arrays import Box, Spacing
from fastseg.measures.surface_distances import Boundary

#: what was measured of a region, by the name of the measurement
Measured = Mapping[str, Any]


class Region(NamedTuple):
    """The voxels of a pair of label maps that have one of some labels, of either map, within a box.

    Attributes
    ----------
    reference, prediction : tuple of int
        The labels on either side; one that a map's type cannot hold does not occur in it.
    box : tuple of slice, or None
        Holds all of them in both maps, along the arrays' axes; None is the whole volume.
    tolerance : float
        Width of the boundary band, in the units of the spacing, compared to the last bit.
    """

    reference: tuple[int, ...] = (1,)
    prediction: tuple[int, ...] = (1,)
    box: Box | None = None
    tolerance: float = 0.0


class LabelRegion(NamedTuple):
    """The voxels of one label map that have one of some labels.

    Attributes
    ----------
    labels : ndarray
    wanted : tuple of int
    box : tuple of slice
        Holds all of them, along the array's axes.
    """

    labels: Any
    wanted: tuple[int, ...]
    box: Box

    @property
    def voxels(self) -> int:
        """How many voxels the box has."""
        return math.prod(part.stop - part.start for part in self.box)


class ManyRegions(Sequence[Region]):
    """Regions whose boxes are kept in arrays: of ten thousand, the slices alone would be thirty thousand objects.

    Attributes
    ----------
    reference, prediction : list of tuple of int
        The labels of each on either side.
    starts, stops : int64 ndarray (n, ndim)
        Of the boxes, along the arrays' axes.
    tolerances : list of float
    """

    def __init__(
        self,
        reference: Sequence[tuple[int, ...]],
        prediction: Sequence[tuple[int, ...]],
        starts: NDArray[np.int64],
        stops: NDArray[np.int64],
        tolerances: Sequence[float],
    ) -> None:
        self.reference, self.prediction = reference, prediction
        self.starts, self.stops, self.tolerances = starts, stops, tolerances

    def __len__(self) -> int:
        return len(self.reference)

    @overload
    def __getitem__(self, place: int) -> Region: ...
    @overload
    def __getitem__(self, place: slice) -> list[Region]: ...
    def __getitem__(self, place: int | slice) -> Region | list[Region]:
        if isinstance(place, slice):
            return [self[i] for i in range(len(self))[place]]
        box = tuple(map(slice, self.starts[place].tolist(), self.stops[place].tolist()))
        sides = self.reference[place], self.prediction[place]
        return Region(*sides, box, self.tolerances[place])


class Request(NamedTuple):
    """What is wanted of every region of a pair.

    Attributes
    ----------
    measurements : frozenset of str
        Names of measurements, as a backend's ``measure`` knows them.
    spacing : tuple of float
        Voxel size along each array axis.
    boundary : {"voxel", "surfel", "vertex", "mesh"}
    ignored : tuple of int
        Labels of the reference whose voxels belong to neither mask.
    one_way : bool
        Whether lists of distances from the prediction will do: those from the reference may be left empty.
    furthest : float
        Distances between surfaces that are larger may be given as inf.
    """

    measurements: frozenset[str]
    spacing: Spacing
    boundary: Boundary = "voxel"
    ignored: tuple[int, ...] = ()
    one_way: bool = False
    furthest: float = math.inf
