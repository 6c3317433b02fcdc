"""Drop-in for ``medpy.metric.binary``, MedPy's metrics of binary objects.

The names, arguments, results and exceptions of MedPy 0.5::

    from fastseg.compat.medpy import dc, hd95

Result first, reference second, as MedPy has it. Distances are MedPy's to the bit (to a unit in the last place where
two nearest voxels tie); means of arrays in Fortran order are summed in that order, so that their last digits may
differ. What differs on purpose:

* Counts give Python floats, and 1 or 0 where they are undefined, as MedPy documents; with NumPy 2.3 and later MedPy
  itself gives nan there.
* Masks of different shapes are a ValueError, also where NumPy, and so MedPy, would broadcast them.

``obj_asd``, ``obj_assd``, ``obj_fpr`` and ``obj_tpr``, which match objects, are MedPy's own, if it is installed; and
so is the answer for spacings that are not positive and finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.compat._support.masks import (
    Floats,
    Mask,
    as_sampling,
    border_distances,
    check_one_shape,
    pair_counts,
)
from fastseg.compat._support.patching import Host, Patch, falls_back_to, rest_of
from fastseg.measures.joint_histogram import Counts

__all__ = [
    "asd",
    "assd",
    "dc",
    "hd",
    "hd95",
    "jc",
    "positive_predictive_value",
    "precision",
    "ravd",
    "recall",
    "sensitivity",
    "specificity",
    "true_negative_rate",
    "true_positive_rate",
    "volume_change_correlation",
    "volume_correlation",
]

_HOST = "medpy.metric.binary"

__getattr__ = rest_of(_HOST)

Array = NDArray[Any]
Spacing = float | Sequence[float] | None


def _as_mask(array: Any) -> Mask:
    """Not 0, or nan, is inside; what is no array has no ``astype``, which is MedPy's error too."""
    return np.atleast_1d(array.astype(bool, copy=False))


# ------------------------------------------------------------------------------------------ counts


def _counts(result: Array, reference: Array) -> Counts:
    masks = _as_mask(reference), _as_mask(result)
    check_one_shape(*masks, ("reference", "result"))
    return pair_counts(*masks)


def _share(part: int, whole: int, undefined: float = 0.0) -> float:
    return part / whole if whole else undefined


def dc(result: Array, reference: Array) -> float:
    """Dice coefficient, 2 |A ∩ B| / (|A| + |B|).

    Parameters
    ----------
    result, reference : ndarray
        Masks of one shape; not 0 is inside.

    Returns
    -------
    float
        1 if both masks are empty.

    Raises
    ------
    ValueError
        For different shapes.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.medpy import dc
    >>> dc(np.array([0, 1, 1]), np.array([1, 1, 1]))
    0.8
    """
    tp, fp, fn, _ = _counts(result, reference)
    return _share(2 * tp, 2 * tp + fp + fn, undefined=1.0)


def jc(result: Array, reference: Array) -> float:
    """Jaccard coefficient, |A ∩ B| / |A ∪ B|; 1 if both masks are empty."""
    tp, fp, fn, _ = _counts(result, reference)
    return _share(tp, tp + fp + fn, undefined=1.0)


def precision(result: Array, reference: Array) -> float:
    """Share of the result that is right, TP / (TP + FP); 0 if the result is empty."""
    tp, fp, _, _ = _counts(result, reference)
    return _share(tp, tp + fp)


def recall(result: Array, reference: Array) -> float:
    """Share of the reference that was found, TP / (TP + FN); 0 if the reference is empty."""
    tp, _, fn, _ = _counts(result, reference)
    return _share(tp, tp + fn)


def specificity(result: Array, reference: Array) -> float:
    """Share of the background that was left alone, TN / (TN + FP); 0 if the reference is full."""
    _, fp, _, tn = _counts(result, reference)
    return _share(tn, tn + fp)


def sensitivity(result: Array, reference: Array) -> float:
    """The same as :func:`recall`."""
    return recall(result, reference)


def true_positive_rate(result: Array, reference: Array) -> float:
    """The same as :func:`recall`."""
    return recall(result, reference)


def true_negative_rate(result: Array, reference: Array) -> float:
    """The same as :func:`specificity`."""
    return specificity(result, reference)


def positive_predictive_value(result: Array, reference: Array) -> float:
    """The same as :func:`precision`."""
    return precision(result, reference)


def ravd(result: Array, reference: Array) -> float:
    """Relative volume difference, (|result| − |reference|) / |reference|, with its sign.

    Raises
    ------
    RuntimeError
        If the reference is empty.
    """
    volumes = [int(np.count_nonzero(_as_mask(mask))) for mask in (result, reference)]
    if not volumes[1]:
        raise RuntimeError("The second supplied array does not contain any binary object.")
    return (volumes[0] - volumes[1]) / float(volumes[1])


def volume_correlation(results: Sequence[Array], references: Sequence[Array]) -> Any:
    """Pearson's correlation of the volumes of several pairs of masks.

    Parameters
    ----------
    results, references : sequence of ndarray
        Masks, pair by pair; all of one shape.

    Returns
    -------
    (r, p)
        What ``scipy.stats.pearsonr`` returns.
    """
    return _pearson(_volumes(results), _volumes(references))


def volume_change_correlation(results: Sequence[Array], references: Sequence[Array]) -> Any:
    """Pearson's correlation of the changes in volume from one mask to the next, as :func:`volume_correlation`."""
    return _pearson(np.diff(_volumes(results)), np.diff(_volumes(references)))


def _volumes(masks: Sequence[Array]) -> NDArray[np.int64]:
    stack = np.atleast_2d(np.asarray(masks).astype(bool, copy=False))
    return np.array([np.count_nonzero(mask) for mask in stack], np.int64)


def _pearson(results: NDArray[np.int64], references: NDArray[np.int64]) -> Any:
    from scipy.stats import pearsonr

    return pearsonr(results, references)


# --------------------------------------------------------------------------------------- distances


def _directed(
    result: Array, reference: Array, voxelspacing: Spacing, connectivity: int
) -> tuple[Floats, Floats]:
    """Distances from the result's border to the reference's and back, after MedPy's checks in MedPy's order."""
    first, second = _as_mask(result), _as_mask(reference)
    spacing = as_sampling(voxelspacing, first.ndim)
    for which, mask in (("first", first), ("second", second)):
        if not mask.any():
            raise RuntimeError(f"The {which} supplied array does not contain any binary object.")
    wrong = IndexError if first.ndim == second.ndim else RuntimeError
    check_one_shape(second, first, ("reference", "result"), wrong)
    return border_distances(first, second, spacing, connectivity)


@falls_back_to(_HOST, "hd")
def hd(
    result: Array, reference: Array, voxelspacing: Spacing = None, connectivity: int = 1
) -> float:
    """Hausdorff distance: the farthest that any border voxel of either mask lies from the other's border.

    Parameters
    ----------
    result, reference : ndarray
        Masks of one shape; not 0 is inside.
    voxelspacing : float or sequence of float, optional
        Voxel size along each axis, or one for all. Default 1.
    connectivity : int
        Which neighbours make a border: those that differ along at most this many axes.

    Returns
    -------
    float

    Raises
    ------
    RuntimeError
        For an empty mask, and for a spacing of another length.
    IndexError
        For different shapes; RuntimeError for different numbers of axes.

    Examples
    --------
    >>> import numpy as np
    >>> from fastseg.compat.medpy import hd
    >>> hd(np.array([0, 1, 1, 1]), np.array([1, 1, 0, 0]), voxelspacing=0.5).item()
    1.0
    """
    first, second = _directed(result, reference, voxelspacing, connectivity)
    distance: float = max(first.max(), second.max())
    return distance


@falls_back_to(_HOST, "hd95")
def hd95(
    result: Array, reference: Array, voxelspacing: Spacing = None, connectivity: int = 1
) -> float:
    """95th percentile of both directions' distances together, as :func:`hd` takes them."""
    both = np.hstack(_directed(result, reference, voxelspacing, connectivity))
    distance: float = np.percentile(both, 95)
    return distance


@falls_back_to(_HOST, "asd")
def asd(
    result: Array, reference: Array, voxelspacing: Spacing = None, connectivity: int = 1
) -> float:
    """Average distance from the result's border to the reference's, with arguments and errors of :func:`hd`."""
    distance: float = _directed(result, reference, voxelspacing, connectivity)[0].mean()
    return distance


@falls_back_to(_HOST, "assd")
def assd(
    result: Array, reference: Array, voxelspacing: Spacing = None, connectivity: int = 1
) -> float:
    """Average symmetric distance: the mean over both borders pooled, as MedPy 0.5.2 has it.

    Arguments and errors are those of :func:`hd`. MedPy 0.4.0 gave the mean of the two directions' means.
    """
    distance: float = np.hstack(_directed(result, reference, voxelspacing, connectivity)).mean()
    return distance


@falls_back_to(_HOST, "__surface_distances")
def __surface_distances(
    result: Array, reference: Array, voxelspacing: Spacing = None, connectivity: int = 1
) -> Floats:
    """MedPy's own helper, which nnU-Net v1 imports: the distances of :func:`asd` before their mean."""
    return _directed(result, reference, voxelspacing, connectivity)[0]


PATCHES = Host(
    distribution="medpy",
    since="0.5.2",
    until="0.6",
    rows=(
        Patch(_HOST, "__surface_distances", __surface_distances),
        *(
            Patch(module, name, globals()[name])
            for module in (_HOST, "medpy.metric")
            for name in __all__
        ),
    ),
)
