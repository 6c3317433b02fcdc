"""What a backend is asked to measure, and of which voxels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

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


class Request(NamedTuple):
    """What is wanted of every region of a pair.

    Attributes
    ----------
    measurements : frozenset of str
        Names of measurements, as a backend's ``measure`` knows them.
    spacing : tuple of float
        Voxel size along each array axis.
    boundary : {"voxel", "surfel"}
    ignored : tuple of int
        Labels of the reference whose voxels belong to neither mask.
    """

    measurements: frozenset[str]
    spacing: Spacing
    boundary: Boundary = "voxel"
    ignored: tuple[int, ...] = ()
