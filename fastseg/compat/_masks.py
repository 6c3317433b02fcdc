"""What the drop-ins share: masks, their borders, and distances between these as SciPy's users compute them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg import dispatch
from fastseg.arrays import Array, Spacing, as_spacing, matched
from fastseg.compat._patching import NotCovered
from fastseg.joint import JointHistogram, PairCounts

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

_NUMBA_NDIM = 3  # arrays of more axes go to the SciPy backend without the warning of a fallback


def backend_for(function: str, ndim: int) -> Any:
    """The backend that runs a function for arrays of `ndim` axes."""
    return dispatch.choose(function, ndim, "scipy" if ndim > _NUMBA_NDIM else None)


def joint_histogram(reference: Array, prediction: Array) -> JointHistogram:
    """The joint histogram of two label maps of one shape, of any number of axes."""
    maps = matched(reference, prediction)
    if maps[0].ndim > _NUMBA_NDIM:  # counting does not mind the shape
        rows = (-1, maps[0].shape[-1])
        maps = (
            np.ascontiguousarray(maps[0]).reshape(rows),
            np.ascontiguousarray(maps[1]).reshape(rows),
        )
    found: JointHistogram = backend_for("joint_histogram", maps[0].ndim).joint_histogram(*maps)
    return found


def pair_counts(reference: Mask, prediction: Mask) -> PairCounts:
    """True positives, false positives, false negatives and true negatives of two bool masks of one shape."""
    if not reference.size:
        return PairCounts(0, 0, 0, 0)
    return joint_histogram(reference, prediction).pair_counts((1,))


def as_sampling(spacing: Any, ndim: int) -> Spacing:
    """A spacing as SciPy reads it: None is 1, one number holds for all axes.

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
    first: Mask, second: Mask, spacing: Spacing, connectivity: float = 1
) -> tuple[Floats, Floats]:
    """Distance of every border voxel of each mask to the nearest border voxel of the other.

    The border of a mask is ``mask ^ binary_erosion(mask)``, so the outside of the image is background.

    Parameters
    ----------
    first, second : bool ndarray
        Of one shape, with at least one voxel.
    spacing : tuple of float
        Voxel size along each axis.
    connectivity : number
        Of the erosion, as SciPy's ``generate_binary_structure`` takes it.

    Returns
    -------
    float64 ndarray (n,), float64 ndarray (m,)
        From the first to the second and back, in memory order if both arrays are in Fortran order, else in C
        order; inf where the other mask is empty.
    """
    first, second = matched(first, second)
    backend = backend_for("surface_distances", first.ndim)
    if min(connectivity, first.ndim) < 2:
        packed = [backend.select(first, (1,)), backend.select(second, (1,))]
        found = backend.surface_distances(packed.pop(0), packed.pop(), spacing, "voxel")
        return found.reference_to_prediction, found.prediction_to_reference
    # The engine's own search knows the border of face neighbours alone; the distance transform takes any.
    steps = int(min(connectivity, first.ndim))
    borders = [np.asarray(backend.surface(mask, steps, "background")) for mask in (first, second)]
    distances = [
        backend.distance_transform_edt(~border, spacing, False, np.float64)[0] for border in borders
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
