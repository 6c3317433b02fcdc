"""Drop-in for surface-distance, DeepMind's metrics of surfaces made of surface elements.

Its six functions, under their names, with their arguments, results and exceptions::

    from fastseg.compat import surface_distance

For scripts that stay as they are there are :func:`install`, before they import surface_distance, and
``fastseg.compat.patch("surface_distance")``.

Distances are those of the original to the bit (to a unit in the last place where two nearest points tie); areas are at
unit spacing, and else to a few units in the last place. What differs on purpose:

* An empty mask gives what surface-distance documents; its version 0.1 ends in an AttributeError under NumPy 2.
* Masks of different shapes are always a ValueError; the original broadcasts them where NumPy can.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.compat._support.masks import check_one_shape, operations_for, pair_counts
from fastseg.compat._support.patching import (
    Host,
    NotCovered,
    Patch,
    falls_back_to,
    hidden,
    rest_of,
)
from fastseg.inputs.arrays import as_spacing, matched
from fastseg.measures.regions import Region

__all__ = [
    "compute_average_surface_distance",
    "compute_dice_coefficient",
    "compute_robust_hausdorff",
    "compute_surface_dice_at_tolerance",
    "compute_surface_distances",
    "compute_surface_overlap_at_tolerance",
]

_METRICS = "surface_distance.metrics"

__getattr__ = rest_of(_METRICS)

Floats = NDArray[np.float64]
Surfaces = Mapping[str, Floats]

_SIDES = ("distances_gt_to_pred", "surfel_areas_gt"), ("distances_pred_to_gt", "surfel_areas_pred")


@falls_back_to(_METRICS, "compute_surface_distances")
def compute_surface_distances(
    mask_gt: NDArray[np.bool_], mask_pred: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> dict[str, Floats]:
    """Distances from every surface element of each mask to the other surface, and the elements' areas.

    Parameters
    ----------
    mask_gt, mask_pred : bool ndarray
        Reference and prediction, 2-D or 3-D, of one shape.
    spacing_mm : sequence of float
        Voxel size along each axis.

    Returns
    -------
    dict of float64 ndarrays
        distances_gt_to_pred and surfel_areas_gt, distances_pred_to_gt and surfel_areas_pred: each pair sorted by
        distance, then area. Distances to an empty mask are inf, an empty mask itself has none.

    Raises
    ------
    ValueError
        For what is no bool array, for different shapes, a spacing of another length, other than 2 or 3 axes.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat import surface_distance
    >>> mask = np.zeros((9, 9), bool); mask[3:6, 3:6] = True
    >>> found = surface_distance.compute_surface_distances(mask, np.roll(mask, 1, axis=0), (2.0, 1.0))
    >>> surface_distance.compute_robust_hausdorff(found, 95).item()
    2.0
    """
    for name, mask in (("mask_gt", mask_gt), ("mask_pred", mask_pred)):
        if not isinstance(mask, np.ndarray):
            raise ValueError(f"The argument {name!r} should be a numpy array, not a {type(mask)}")
        if mask.dtype != bool:
            raise ValueError(
                f"The argument {name!r} should be a numpy array of type bool, not {mask.dtype}"
            )
    ndim = len(spacing_mm)
    if not mask_gt.ndim == mask_pred.ndim == ndim:
        raise ValueError(
            f"The arguments must be of compatible shape. Got mask_gt with {mask_gt.ndim} dimensions "
            f"({mask_gt.shape}) and mask_pred with {mask_pred.ndim} dimensions ({mask_pred.shape}), "
            f"while the spacing_mm was {ndim} elements."
        )
    if ndim not in (2, 3):
        raise ValueError(f"Only 2D and 3D masks are supported, not {ndim}D.")
    check_one_shape(mask_gt, mask_pred, ("mask_gt", "mask_pred"))
    if not mask_gt.size and mask_gt.shape[0]:
        raise ValueError(f"the masks hold no voxel, their shape is {mask_gt.shape}")
    if (
        not mask_gt.size
    ):  # which the original takes for empty masks, if it is the first axis that has no voxel
        return {name: np.empty(0) for names in _SIDES for name in names}
    try:
        spacing = as_spacing(spacing_mm, ndim)
    except (TypeError, ValueError) as error:
        raise NotCovered(f"a spacing of {spacing_mm!r}") from error
    operations = operations_for("surface_distances", ndim)
    masks = matched(mask_gt, mask_pred)
    found = operations.surface_distances(*masks, Region(), spacing, "surfel")
    surfaces: dict[str, Any] = {}
    for names, side in zip(_SIDES, found.distributions, strict=True):
        surfaces |= zip(names, side.elements, strict=True)
    return surfaces


def compute_average_surface_distance(surface_distances: Surfaces) -> tuple[float, float]:
    """Average distance from the reference's surface to the prediction's, and back, weighted by area.

    Parameters
    ----------
    surface_distances : dict
        From :func:`compute_surface_distances`.

    Returns
    -------
    float, float
        inf where the other mask is empty, nan (and NumPy's RuntimeWarning) of an empty mask.
    """
    first, second = (
        np.sum(surface_distances[distances] * surface_distances[areas])
        / np.sum(surface_distances[areas])
        for distances, areas in _SIDES
    )
    return first, second


def compute_robust_hausdorff(surface_distances: Surfaces, percent: float) -> float:
    """Robust Hausdorff distance: the larger of both directions' percentiles of the distance, by area.

    Parameters
    ----------
    surface_distances : dict
        From :func:`compute_surface_distances`.
    percent : float
        From 0 to 100.

    Returns
    -------
    float
        inf if a mask is empty.
    """
    reached = []
    for distances, areas in _SIDES:
        values = surface_distances[distances]
        if not len(values):
            reached.append(math.inf)
            continue
        share = np.cumsum(surface_distances[areas]) / np.sum(surface_distances[areas])
        index = int(np.searchsorted(share, percent / 100.0))
        reached.append(values[min(index, len(values) - 1)])
    return max(reached)


def compute_surface_overlap_at_tolerance(
    surface_distances: Surfaces, tolerance_mm: float
) -> tuple[float, float]:
    """Share of the reference's surface within a distance of the prediction's, and the other way round.

    Parameters
    ----------
    surface_distances : dict
        From :func:`compute_surface_distances`.
    tolerance_mm : float
        In the units of the spacing, inclusive.

    Returns
    -------
    float, float
        nan (and NumPy's RuntimeWarning) of an empty mask.
    """
    first, second = (
        _area_within(surface_distances, side, tolerance_mm) / np.sum(surface_distances[side[1]])
        for side in _SIDES
    )
    return first, second


def compute_surface_dice_at_tolerance(surface_distances: Surfaces, tolerance_mm: float) -> float:
    """Surface Dice: the share of both surfaces that lies within a distance of the other.

    Parameters
    ----------
    surface_distances : dict
        From :func:`compute_surface_distances`.
    tolerance_mm : float
        In the units of the spacing, inclusive.

    Returns
    -------
    float
        0 if one mask is empty, nan (and NumPy's RuntimeWarning) if both are.
    """
    gt, pred = _SIDES
    within = _area_within(surface_distances, gt, tolerance_mm) + _area_within(
        surface_distances, pred, tolerance_mm
    )
    total = np.sum(surface_distances[gt[1]]) + np.sum(surface_distances[pred[1]])
    dice: float = within / total
    return dice


def _area_within(surfaces: Surfaces, side: tuple[str, str], tolerance: float) -> Any:
    distances, areas = (surfaces[name] for name in side)
    return np.sum(areas[distances <= tolerance])


def compute_dice_coefficient(mask_gt: NDArray[Any], mask_pred: NDArray[Any]) -> float:
    """Dice coefficient of two masks.

    Parameters
    ----------
    mask_gt, mask_pred : bool ndarray
        Of one shape. Integers are summed and combined bit by bit, as the original does.

    Returns
    -------
    float
        nan if both masks are empty.

    Raises
    ------
    ValueError
        For different shapes.
    """
    check_one_shape(mask_gt, mask_pred, ("mask_gt", "mask_pred"))
    if mask_gt.dtype == mask_pred.dtype == bool:
        tp, fp, fn, _ = pair_counts(mask_gt, mask_pred)
        both, total = np.int64(tp), np.int64(2 * tp + fp + fn)
    else:
        both, total = (mask_gt & mask_pred).sum(), mask_gt.sum() + mask_pred.sum()
    dice: float = 2 * both / total if total else math.nan
    return dice


def install() -> None:
    """Let ``import surface_distance`` and ``import surface_distance.metrics`` find these functions.

    The package itself need not be there. If it is, its other modules (``surface_distance.lookup_tables``) and the names
    that its modules have beside the six functions are its own; they are imported when they are asked for.

    Raises
    ------
    RuntimeError
        If surface_distance has been imported before: whoever did has its functions already.
        ``fastseg.compat.patch("surface_distance")`` replaces those.
    """
    known = sys.modules.get("surface_distance")
    if known is not None:
        if getattr(known, "__fastseg__", False):
            return
        raise RuntimeError(
            "surface_distance is imported already; call fastseg.compat.surface_distance.install() before that, "
            'or fastseg.compat.patch("surface_distance") now'
        )
    sys.modules.update(_stand_ins())


def _stand_ins() -> dict[str, ModuleType]:
    """Make a package and its module metrics that hold our functions, and beside them what the installed ones hold."""
    theirs = find_spec("surface_distance")
    folders = list((theirs.submodule_search_locations if theirs else None) or ())

    @functools.cache
    def own_metrics() -> ModuleType:
        """Load the installed metrics.py, aside: ours has its name."""
        spec = PathFinder.find_spec(_METRICS, folders)
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError("surface-distance is not installed", name=_METRICS)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    hidden[_METRICS] = own_metrics
    modules = {name: ModuleType(name, __doc__) for name in ("surface_distance", _METRICS)}
    package, metrics = modules.values()
    for name, module in modules.items():
        spec = ModuleSpec(name, None, is_package=module is package)
        vars(module).update({each: globals()[each] for each in __all__})
        vars(module).update(
            __all__=__all__, __fastseg__=True, __getattr__=rest_of(_METRICS), __spec__=spec
        )
    package.__path__ = folders
    assert package.__spec__ is not None
    package.__spec__.submodule_search_locations = folders
    vars(package).update(__version__=PATCHES.since, metrics=metrics)
    return modules


PATCHES = Host(
    distribution="surface-distance",
    since="0.1",
    until="0.2",
    rows=tuple(
        Patch(module, name, globals()[name])
        for module in ("surface_distance", _METRICS)
        for name in __all__
    ),
)
