"""Drop-in for ``scipy.ndimage.distance_transform_edt``.

Distances are SciPy's to the bit, one unit in the last place where two nearest background voxels at different offsets
tie. ``return_indices`` gives a nearest background voxel as SciPy does; where several are equally near, maybe another.

One thing differs on purpose: for an array without any background, SciPy measures to a voxel (-1, 0, 0) that does not
exist; here distances are inf and indices -1.

Left to SciPy: arrays that are not NumPy's, dtypes other than bool, integers and floats, and spacings that are not
finite and positive.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastseg import dispatch
from fastseg.compat._support.patching import Host, NotCovered, Patch, falls_back_to, rest_of
from fastseg.inputs.arrays import Spacing, as_spacing

__all__ = ["distance_transform_edt"]

__getattr__ = rest_of("scipy.ndimage")


@falls_back_to("scipy.ndimage", "distance_transform_edt")
def distance_transform_edt(
    input: ArrayLike,
    sampling: float | Sequence[float] | None = None,
    return_distances: bool = True,
    return_indices: bool = False,
    distances: NDArray[np.float64] | None = None,
    indices: NDArray[np.int32] | None = None,
) -> Any:
    """Exact Euclidean distance transform, as ``scipy.ndimage.distance_transform_edt``.

    Parameters
    ----------
    input : array_like
        Of any number of axes; what is true is foreground.
    sampling : float or sequence of float, optional
        Voxel size along each axis. Default 1.
    return_distances, return_indices : bool
        What to compute.
    distances, indices : ndarray, optional
        Arrays to write to, float64 of the input's shape and int32 of shape ``(input.ndim, *input.shape)``; what is
        written there is not returned.

    Returns
    -------
    distances : float64 ndarray
        inf everywhere if there is no background.
    indices : int32 ndarray
        The nearest background voxel, coordinate first; -1 everywhere if there is none.

    Raises
    ------
    RuntimeError
        For nothing to compute, an output that is not asked for or of wrong shape or dtype, or a sampling of wrong
        length.

    Examples
    --------
    >>> from fastseg.compat.scipy_ndimage import distance_transform_edt
    >>> distance_transform_edt([[0, 1, 1, 1]], sampling=(1, 2.5))
    array([[0. , 2.5, 5. , 7.5]])
    """
    places: list[NDArray[Any] | None] = [
        array if isinstance(array, np.ndarray) else None  # SciPy takes no notice of anything else
        for array in (distances, indices)
    ]
    _check_wanted(bool(return_distances), bool(return_indices), *places)
    foreground = _foreground(input)
    steps = _steps(sampling, foreground.ndim)
    _check_place(places[1], "indices", (foreground.ndim, *foreground.shape), np.int32)
    _check_place(places[0], "distances", foreground.shape, np.float64)
    backend = dispatch.choose("distance_transform_edt", foreground.ndim)
    if backend.name == "scipy":
        raise NotCovered("a transform while the scipy backend is in use")
    transform = backend.operations.distance_transform_edt
    found = transform(foreground, steps, bool(return_indices), np.float64)
    returned = []
    wanted = (return_distances, return_indices)
    for result, want, out in zip(found, wanted, places, strict=True):
        if want and out is not None:
            out[...] = result
        elif want:
            returned.append(result)
    return tuple(returned) if len(returned) > 1 else returned[0] if returned else None


def _check_wanted(
    return_distances: bool,
    return_indices: bool,
    distances: NDArray[Any] | None,
    indices: NDArray[Any] | None,
) -> None:
    """Raise in SciPy's words, which name all that is wrong at once."""
    wrong = []
    if not return_distances and not return_indices:
        wrong.append("at least one of return_distances/return_indices must be True")
    if distances is not None and not return_distances:
        wrong.append("return_distances must be True if distances is supplied")
    if indices is not None and not return_indices:
        wrong.append("return_indices must be True if indices is supplied")
    if wrong:
        raise RuntimeError(", ".join(wrong))


def _foreground(input: ArrayLike) -> NDArray[Any]:
    """The input as bytes in C order, which is the order of SciPy's results."""
    if not isinstance(input, (np.ndarray, np.generic, list, tuple, int, float)):
        raise NotCovered(f"an input of type {type(input).__name__}")
    array = np.atleast_1d(np.asarray(input))
    if isinstance(input, np.ma.MaskedArray) or array.dtype.kind not in "biuf" or not array.size:
        raise NotCovered(f"a {type(input).__name__} of dtype {array.dtype} and shape {array.shape}")
    return np.ascontiguousarray(array if array.dtype in (np.bool_, np.uint8) else array != 0)


def _steps(sampling: float | Sequence[float] | None, ndim: int) -> Spacing:
    try:
        return as_spacing(sampling, ndim, "sampling")
    except (TypeError, ValueError) as error:
        raise NotCovered(f"sampling={sampling!r}") from error


def _check_place(
    out: NDArray[Any] | None, name: str, shape: tuple[int, ...], dtype: type[np.generic]
) -> None:
    if out is None:
        return
    if out.shape != shape:
        raise RuntimeError(f"{name} array has wrong shape: expected {shape}, got {out.shape}")
    if out.dtype.type is not dtype:
        raise RuntimeError(f"{name} array must be {dtype.__name__}, got {out.dtype}")


def _capabilities() -> MutableMapping[Any, Any] | None:
    """Find the table by which SciPy's own tests ask what a function can do, if it has one."""
    table: MutableMapping[Any, Any] | None = getattr(
        sys.modules.get("scipy._lib._array_api"), "xp_capabilities_table", None
    )
    return table


PATCHES = Host(
    distribution="scipy",
    since="1.13",
    until="1.19",
    rows=(
        Patch("scipy.ndimage", "distance_transform_edt", distance_transform_edt, _capabilities),
        # where the deprecated scipy.ndimage.morphology finds it, and so surface-distance
        Patch("scipy.ndimage._morphology", "distance_transform_edt", distance_transform_edt),
    ),
)
