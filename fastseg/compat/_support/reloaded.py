"""What MetricsReloaded's ``BinaryPairwiseMeasures`` is replaced by: voxel counts, distances, and the boundary IoU.

These functions take any object with the attributes of ``BinaryPairwiseMeasures``: the drop-in's own, or the patched
host's. What an object has measured once it keeps, as MetricsReloaded does.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.compat._support.masks import (
    Floats,
    Mask,
    as_sampling,
    border_distances,
    check_one_shape,
    operations_for,
    pair_counts,
)
from fastseg.compat._support.patching import NotCovered
from fastseg.compat._support.skimage_shapes import skeletonize
from fastseg.inputs.arrays import Spacing, matched
from fastseg.measures.joint_histogram import Counts
from fastseg.measures.regions import Region, Request


def _kept(measures: Any, name: str, compute: Callable[[], Any]) -> Any:
    """What an object has computed before, as MetricsReloaded keeps it."""
    kept = vars(measures).setdefault("_fastseg", {})
    if name not in kept:
        kept[name] = compute()
    return kept[name]


def masks_of(measures: Any) -> tuple[Mask, Mask]:
    """The reference and the prediction of an object."""

    def compute() -> tuple[Mask, Mask]:
        reference, prediction = (
            _as_mask(getattr(measures, name), name) for name in ("ref", "pred")
        )
        check_one_shape(reference, prediction, ("ref", "pred"))
        return reference, prediction

    masks: tuple[Mask, Mask] = _kept(measures, "masks", compute)
    return masks


def _as_mask(values: Any, name: str) -> Mask:
    array: NDArray[Any] = np.atleast_1d(values)
    if array.dtype.kind == "f" and not np.array_equal(array, np.trunc(array)):
        raise ValueError(
            f"{name}: a mask holds 0 and 1, here are fractions or nan; a probability map needs a threshold first"
        )
    return array.astype(bool, copy=False)


def counts_of(measures: Any) -> Counts:
    """The voxel counts of an object's masks."""
    counts: Counts = _kept(measures, "counts", lambda: pair_counts(*masks_of(measures)))
    return counts


def spacing_of(measures: Any) -> Spacing:
    """Give the voxel size along each axis."""
    try:
        return as_sampling(measures.pixdim, masks_of(measures)[0].ndim)
    except NotCovered as error:
        raise ValueError(
            f"pixdim: expected finite positive numbers, got {measures.pixdim!r}"
        ) from error


def _distances(measures: Any) -> tuple[Floats, Floats]:
    """From the reference's border to the prediction's, and back."""

    def compute() -> tuple[Floats, Floats]:
        return border_distances(*masks_of(measures), spacing_of(measures))

    distances: tuple[Floats, Floats] = _kept(measures, "distances", compute)
    return distances


def empty_masks(measures: Any) -> int:
    """How many of the two masks are empty."""
    tp, fp, fn, _ = counts_of(measures)
    return (tp + fp == 0) + (tp + fn == 0)


def tp(measures: Any) -> np.float64:
    """Number of true positives."""
    return np.float64(counts_of(measures).tp)


def fp(measures: Any) -> np.float64:
    """Number of false positives."""
    return np.float64(counts_of(measures).fp)


def fn(measures: Any) -> np.float64:
    """Number of false negatives."""
    return np.float64(counts_of(measures).fn)


def tn(measures: Any) -> np.float64:
    """Number of true negatives."""
    return np.float64(counts_of(measures).tn)


def measured_distance(measures: Any) -> tuple[float, float, float, float]:
    """Hausdorff distance, ASSD, percentile of the Hausdorff distance, MASD: mind the order.

    The percentile is ``dict_args["hd_perc"]``, 95 if there is none: the larger of the two directions'. All are 0, with
    a warning, if both masks are empty, nan if one is.
    """
    empty = empty_masks(measures)
    if empty == 2:
        warnings.warn("Prediction and reference empty - distances set to 0", stacklevel=2)
        return 0, 0, 0, 0
    if empty:
        return np.nan, np.nan, np.nan, np.nan
    there, back = _distances(measures)
    percent = measures.dict_args.get("hd_perc", 95)
    sums = np.sum(there), np.sum(back)
    return (
        max(there.max(), back.max()),
        (sums[0] + sums[1]) / (len(there) + len(back)),
        max(np.percentile(there, percent), np.percentile(back, percent)),
        0.5 * (sums[0] / len(there) + sums[1] / len(back)),
    )


def normalised_surface_distance(measures: Any) -> float:
    """Share of both borders within ``dict_args["nsd"]`` (inclusive, default 1) of the other.

    1 if both masks are empty, 0 if one is.
    """
    empty = empty_masks(measures)
    if empty:
        return 1 if empty == 2 else 0
    there, back = _distances(measures)
    tolerance = measures.dict_args.get("nsd", 1)
    within = np.count_nonzero(there <= tolerance) + np.count_nonzero(back <= tolerance)
    return np.float64(within / (len(there) + len(back)))


def boundary_iou(measures: Any) -> float:
    """Intersection over union of the voxels nearer than ``dict_args["boundary_dist"]`` voxels to their own border.

    1 if both masks are empty, 0 if one is; nan, with a warning, where the width, default 1, takes in no voxel.
    """
    empty = empty_masks(measures)
    if empty:
        return 1 if empty == 2 else 0
    masks = matched(*masks_of(measures))
    ndim, width = masks[0].ndim, float(measures.dict_args.get("boundary_dist", 1))
    request = Request(frozenset({"band_overlap"}), (1.0,) * ndim)
    operations = operations_for("band_overlap", ndim)
    [measured] = operations.measure(*masks, [Region(tolerance=width)], request)
    reference, prediction, both = measured["band_overlap"]
    union = reference + prediction - both
    if not union:
        warnings.warn("Union empty for boundary iou - not defined", stacklevel=2)
        return np.nan
    return np.float64(both / union)


def skeleton_versions(measures: Any) -> tuple[Mask, Mask]:
    """The skeletons of the reference and of the prediction.

    They are scikit-image's voxel for voxel: of volumes they are made here, of planes, where they are Zhang's, by it.
    """

    def compute() -> tuple[Mask, Mask]:
        reference, prediction = map(skeletonize, masks_of(measures))
        return reference, prediction

    skeletons: tuple[Mask, Mask] = _kept(measures, "skeletons", compute)
    return skeletons
