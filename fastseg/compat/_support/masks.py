"""What the drop-ins share: masks, their borders, and distances between these as SciPy's users compute them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg import dispatch
from fastseg.backends.protocol import Operations
from fastseg.compat._support.patching import NotCovered
from fastseg.inputs.arrays import Array, Spacing, as_spacing, matched
from fastseg.measures.joint_histogram import Counts, JointHistogram
from fastseg.measures.regions import Region

Mask = NDArray[np.bool_]

#: the region of two bool masks
MASKS = Region()
Floats = NDArray[np.float64]


def operations_for(operation: str, ndim: int) -> Operations:
    """Give the operations of the backend for arrays of so many axes, without a word where it is not the fastest."""
    return dispatch.choose(operation, ndim, quiet=True).operations


def joint_histogram(reference: Array, prediction: Array) -> JointHistogram:
    """Count the pairs of labels of two label maps of one shape, of any number of axes."""
    maps = matched(reference, prediction)
    if maps[0].ndim > 3:  # counting does not mind the shape
        rows = (-1, maps[0].shape[-1])
        maps = (
            np.ascontiguousarray(maps[0]).reshape(rows),
            np.ascontiguousarray(maps[1]).reshape(rows),
        )
    return operations_for("joint_histogram", maps[0].ndim).joint_histogram(*maps)


def pair_counts(reference: Array, prediction: Array, region: Region = MASKS) -> Counts:
    """Count the voxels of a region, or of two bool masks, of one shape."""
    if not reference.size:
        return Counts(0, 0, 0, 0)
    histogram = joint_histogram(reference, prediction)
    return histogram.pair_counts(region.reference, region.prediction)


def as_sampling(spacing: Any, ndim: int) -> Spacing:
    """Read a spacing as SciPy does: None is 1, one number holds for all axes.

    Raises
    ------
    RuntimeError
        For a wrong number of them, as SciPy.
    NotCovered
        For 0, nan, inf and negative numbers, where SciPy's distances mean nothing.
    """
    if spacing is None:
        return (1.0,) * ndim
    is_one = isinstance(spacing, str) or not np.iterable(spacing)
    values = [spacing] * ndim if is_one else list(spacing)
    if len(values) != ndim:
        raise RuntimeError("sequence argument must have length equal to input rank")
    try:
        return as_spacing(np.asarray(values, np.float64).tolist(), ndim)
    except ValueError as error:
        raise NotCovered(f"a spacing of {spacing!r}") from error


def border_distances(
    first: Array,
    second: Array,
    spacing: Spacing,
    connectivity: float = 1,
    region: Region = MASKS,
) -> tuple[Floats, Floats]:
    """Measure from every border voxel of each mask to the nearest border voxel of the other.

    The border of a mask is ``mask ^ binary_erosion(mask)``, so the outside of the image is background.

    Parameters
    ----------
    first, second : bool or integer ndarray
        Of one shape, with at least one voxel.
    spacing : tuple of float
        Voxel size along each axis.
    connectivity : number
        Of the erosion, as SciPy's ``generate_binary_structure`` takes it.
    region : Region
        Which labels of either array form the masks; 1 unless given.

    Returns
    -------
    float64 ndarray (n,), float64 ndarray (m,)
        From the first to the second and back, in memory order if both arrays are in Fortran order, else in C
        order; inf where the other mask is empty.
    """
    first, second = matched(first, second)
    operations = operations_for("surface_distances", first.ndim)
    if min(connectivity, first.ndim) < 2:
        found = operations.surface_distances(first, second, region, spacing, "voxel")
        return found.reference_to_prediction, found.prediction_to_reference
    # The engine's own search knows the border of face neighbours alone; the distance transform takes any.
    steps = int(min(connectivity, first.ndim))
    masks = np.isin(first, region.reference), np.isin(second, region.prediction)
    borders = [np.asarray(operations.surface(mask, steps, "background")) for mask in masks]
    distances = [
        operations.distance_transform_edt(~border, spacing, False, np.float64)[0]
        for border in borders
    ]
    return distances[1][borders[0]], distances[0][borders[1]]


def check_one_shape(
    first: Array, second: Array, names: tuple[str, str], error: type[Exception] = ValueError
) -> None:
    """Raise unless both arrays have one shape: NumPy might broadcast them."""
    if first.shape != second.shape:
        raise error(
            f"{names[0]} and {names[1]} must have one shape, got {first.shape} and {second.shape}"
        )
