"""What is said of two label maps that have no label in common: a mask of 1 beside a mask of 255, two numberings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastseg.inputs.arrays import Array
from fastseg.measures.joint_histogram import JointHistogram

_SHOWN = 5


def mask_hint(histogram: JointHistogram, ignore_label: int | None = None) -> str | None:
    """Say that reference and prediction have no label in common, and how they can be compared nevertheless.

    A bool mask or one of 0 and 1 beside one of 0 and 255 is no guess of ours: both may be masks of one structure, or
    label maps of two.

    Parameters
    ----------
    histogram : JointHistogram
        Of maps whose labels were not named by the caller.
    ignore_label : int, optional

    Returns
    -------
    str or None
        None where some label is in both, or where one of them holds nothing but the background.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.zeros((1, 1), np.int64)
    >>> histogram = JointHistogram(np.array([1]), np.array([255]), np.array([7]), one, one + 1)
    >>> print(mask_hint(histogram)[:87])
    the reference's only label is 1 and the prediction's only label is 255: no voxel agrees
    """
    if (
        histogram.reference_labels[histogram.reference_labels == histogram.prediction_labels]
    ).any():
        return None  # most often some voxel agrees
    reference = _labels(histogram.reference_labels, ignore_label)
    prediction = _labels(histogram.prediction_labels, ignore_label)
    if not reference or not prediction or not set(reference).isdisjoint(prediction):
        return None
    sides = f"{{'reference': {reference[0]}, 'prediction': {prediction[0]}}}"
    if len(reference) == len(prediction) == 1:
        return (
            f"the reference's only label is {reference[0]} and the prediction's only label is {prediction[0]}: no "
            "voxel agrees; if both are masks of one structure, pass array != 0 of each, or "
            f"labels={{'mask': {sides}}}"
        )
    return (
        f"reference (labels {_listed(reference)}) and prediction (labels {_listed(prediction)}) have no label in "
        "common: every structure is missing on one side; if they are numbered differently, pass for each structure "
        f"labels={{'name': {sides}, …}}"
    )


def _labels(labels: Array, ignored: int | None) -> list[int]:
    """List the labels of one side but the background and the ignored one."""
    return [int(label) for label in np.unique(labels).tolist() if label not in (0, ignored)]


def _listed(labels: Sequence[int]) -> str:
    more = ", …" if len(labels) > _SHOWN else ""
    return ", ".join(map(str, labels[:_SHOWN])) + more
