"""How often each probability of a map occurs: counted in bins, or sorted where that is as fast or has to be."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.backends.protocol import Backend
from fastseg.errors import InputError
from fastseg.inputs.arrays import Array
from fastseg.inputs.structures import Structure
from fastseg.measures.probability_bins import Cuts, Moments
from fastseg.measures.probability_table import ProbabilityTable

#: maps of so many voxels are sorted, which takes as long as their bins take
_SORTED_ANYWAY = 1 << 18
_CHECKED_AT_ONCE = 1 << 22


class Counted(NamedTuple):
    """What is known of one structure's probabilities.

    Attributes
    ----------
    table : ProbabilityTable
    cuts : float64 ndarray
        The least probability of each range but the first.
    moments : Moments or None
        Bins that can be added to those of other cases, where these were asked for.
    """

    table: ProbabilityTable
    cuts: NDArray[np.float64]
    moments: Moments | None


def counted(
    values: NDArray[Any],
    labels: Array,
    structure: Structure,
    ignore: int | None,
    within: NDArray[np.bool_] | None,
    edges: NDArray[np.float64],
    right_closed: bool,
    exact: bool,
    backend: Backend,
    mergeable: bool = False,
) -> Counted:
    """Count how often each probability occurs, and give the least one of each range but the first."""
    dtype: type[Any] = np.float32
    if values.dtype == np.float64:
        short = values.astype(np.float32)
        if np.array_equal(short, values):
            values = short
        else:
            dtype = np.float64
    cuts = cuts_of(edges, dtype, right_closed)
    classes, class_of_label = _classes(labels, structure, ignore, within)
    if mergeable and dtype is np.float64:
        raise InputError(
            "probabilities: cases are pooled by bins of float32, and these are float64 that float32 does not hold; "
            "convert them (astype('float32')), or leave pooling out (pooled=False, --no-pooled)"
        )
    moments = None
    if dtype is np.float32 and (mergeable or values.size > _SORTED_ANYWAY):
        whole = Cuts(cuts)
        found = backend.operations.probability_moments(values, classes, class_of_label, whole)
        if found.wrong:
            raise _no_probability(values, classes, class_of_label)
        moments = found if mergeable else None
        table = ProbabilityTable.of_moments(found, whole)
        small = values.size <= _SORTED_ANYWAY
        if not (exact or small) or not (table.low < table.high).any():
            return Counted(table, cuts.astype(np.float64), moments)
    own = class_of_label[classes]
    counted = own < 2
    if not counted.all():
        values, own = values[counted], own[counted]
    for start in range(0, values.size, _CHECKED_AT_ONCE):
        part = values[start : start + _CHECKED_AT_ONCE]
        if not ((part >= 0) & (part <= 1)).all():
            raise _no_probability(part, np.zeros(part.size, np.uint8), class_of_label * 0)
    return Counted(ProbabilityTable.of_values(values, own == 1), cuts.astype(np.float64), moments)


def cuts_of(edges: NDArray[np.float64], dtype: Any, right_closed: bool) -> NDArray[Any]:
    """Find the least number of a type that belongs above each inner edge."""
    inner = edges[1:-1]
    cuts = inner.astype(dtype)
    below = cuts.astype(np.float64) <= inner if right_closed else cuts.astype(np.float64) < inner
    return np.where(below, np.nextafter(cuts, dtype(2)), cuts).astype(dtype)


def _classes(
    labels: Array, structure: Structure, ignore: int | None, within: NDArray[np.bool_] | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Give 8-bit labels and what each stands for: 0 outside, 1 inside, 2 what does not count."""
    class_of_label = np.zeros(256, np.int64)
    if within is None and labels.dtype in (np.uint8, np.bool_):
        for label in structure.reference:
            if 0 <= label < 256:
                class_of_label[label] = 1
        if ignore is not None and 0 <= ignore < 256:
            class_of_label[ignore] = 2
        return labels.view(np.uint8), class_of_label
    class_of_label[1:3] = 1, 2
    classes = np.zeros(labels.shape, np.uint8)
    for label in structure.reference:
        classes |= (labels == label).view(np.uint8)
    if ignore is not None:
        classes[labels == ignore] = 2
    if within is not None:
        classes[~within] = 2
    if not (classes == 2).any():
        class_of_label[2] = 0  # a table of what is left out is not needed
    return classes, class_of_label


def _no_probability(
    values: NDArray[Any], classes: NDArray[np.uint8], class_of_label: NDArray[np.int64]
) -> InputError:
    wrong = ~((values >= 0) & (values <= 1)) & (class_of_label[classes] < 2)
    n = int(np.count_nonzero(wrong))
    first = float(values[wrong][0])
    scaled = first > 1 and float(values[np.isfinite(values)].min(initial=0)) >= 0
    what_to_do = (
        "divide what goes up to 100 or 255 by that, or pass logits=True for logits"
        if scaled
        else "pass logits=True for logits"
    )
    voxels = "1 voxel" if n == 1 else f"{n:,} voxels or more"
    return InputError(
        f"probabilities: expected numbers from 0 to 1, got {first:g} ({voxels}); {what_to_do}, and mask= where voxels "
        "should not count"
    )
