"""Values of panoptica's metrics of two masks, from counts, distances and skeletons."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from fastseg.compat._support.masks import operations_for
from fastseg.inputs.arrays import Array
from fastseg.inputs.c_order import c_ordered
from fastseg.protocols.rules import panoptic

_UNIT = 0.5  # the host's threshold of the surface Dice where it knows no spacing


def other_value(metric: Any, reference: Array, prediction: Array, **given: Any) -> Any:
    """Give another of the host's metrics of two masks: by the host, but for clDice of volumes.

    Their skeletons are ours, which are the host's voxel for voxel; of planes the host's are Zhang's.
    """
    if metric.name != "clDSC" or reference.ndim != 3:
        return metric(reference_arr=reference, prediction_arr=prediction, **given)
    masks = reference, prediction
    skeletons = [_skeleton(mask) for mask in masks]
    precision, sensitivity = (
        np.sum(other * skeleton) / np.sum(skeleton)
        for skeleton, other in zip(skeletons, reversed(masks), strict=True)
    )
    return 2 * precision * sensitivity / (precision + sensitivity)


def _skeleton(mask: Array) -> Array:
    ordered = c_ordered(mask.astype(bool, copy=False))
    skeleton: Array = operations_for("skeletonize", 3).skeletonize(ordered, len(ordered) > 1)
    return skeleton


def value_of_counts(name: str, both: int, reference: int, prediction: int) -> Any:
    """Reduce numbers of voxels as the host does, in its types."""
    if name == "DSC":
        return 2 * np.int64(both) / np.int64(reference + prediction)
    if name == "IOU":
        return np.int64(both) / np.int64(reference + prediction - both)
    difference = (float(prediction) - float(reference)) / float(reference)
    return difference if name == "RVD" else abs(difference)


def value_of_surfaces(name: str, there: Any, back: Any) -> Any:
    """Reduce distances in voxels as the host does, to which no spacing was told."""
    if name == "NSD":
        warnings.warn(panoptic.WARNING_OF_A_THRESHOLD, stacklevel=2)
    return panoptic.reduce_distances(name, there, back, _UNIT)
