"""What the calibration errors and areas under curves of hosts in torch are made of: counts of ranges, and tables."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from fastseg import dispatch
from fastseg.compat._support.patching import NotCovered
from fastseg.measures.probability_bins import Cuts
from fastseg.measures.probability_scores import Bounded, Reliability, reliability
from fastseg.measures.probability_table import ProbabilityTable
from fastseg.probabilities.one_case import MOST_RANGES

_CLASSES = np.arange(256) % 2
# So many numbers are placed one by one in the time that the bins of a map take.
_ONE_BY_ONE = 1 << 17
# What float32 does not tell apart, of a score up to 1.
_UNSEEN = 2.0**-26


def as_values(tensor: torch.Tensor) -> NDArray[np.float32]:
    """Take float32 numbers in CPU memory, flat."""
    if not isinstance(tensor, torch.Tensor) or tensor.dtype != torch.float32:
        raise NotCovered("what is no float32 tensor")
    if tensor.device.type != "cpu":
        raise NotCovered("tensors on a GPU")
    if not tensor.numel():
        raise NotCovered("no voxel at all")
    values: NDArray[np.float32] = tensor.detach().reshape(-1).numpy()
    return values


def as_inside(tensor: torch.Tensor) -> NDArray[np.uint8]:
    """Take zeros and ones of any type, flat."""
    if tensor.device.type != "cpu":
        raise NotCovered("tensors on a GPU")
    flat = tensor.detach().reshape(-1)
    inside = flat == 1
    if flat.dtype != torch.bool and not bool((inside | (flat == 0)).all()):
        raise NotCovered("targets other than 0 and 1")
    found: NDArray[np.uint8] = inside.numpy().view(np.uint8)
    return found


def range_sums(
    values: NDArray[np.float32], inside: NDArray[np.uint8], cuts: NDArray[np.float32]
) -> Reliability:
    """Count voxels by ranges of which `cuts` are the least numbers, the first left out; sums are of float64."""
    if len(cuts) >= MOST_RANGES:
        raise NotCovered(f"more than {MOST_RANGES} ranges")
    n = len(cuts) + 1
    edges = np.arange(n + 1.0)
    if values.size <= _ONE_BY_ONE:
        if not ((values >= 0) & (values <= 1)).all():
            raise NotCovered("what is no probability")
        place = np.searchsorted(cuts, values, side="right")
        counts = np.bincount(place, minlength=n)
        positives = np.bincount(place[inside == 1], minlength=n)
        sums = np.bincount(place, weights=values.astype(np.float64), minlength=n).astype(np.float64)
        return Reliability(edges, counts, positives, sums)
    table = _table(values, inside, cuts)
    return reliability(table, edges, cuts.astype(np.float64))


def score(function: str, values: NDArray[np.float32], inside: NDArray[np.uint8]) -> float:
    """Compute ``roc_auc`` or ``average_precision`` so that float32 shows no error of it."""
    from fastseg.measures import probability_scores

    scored = getattr(probability_scores, function)
    if not 0 < int(np.count_nonzero(inside)) < inside.size:
        raise NotCovered("one class alone")
    if values.size > _ONE_BY_ONE:
        found: Bounded = scored(_table(values, inside, np.empty(0, np.float32)))
        if found.error <= _UNSEEN:
            return found.value
    elif not ((values >= 0) & (values <= 1)).all():
        raise NotCovered("what is no probability")
    exact: Bounded = scored(ProbabilityTable.of_values(values, inside == 1))
    return exact.value


def _table(
    values: NDArray[np.float32], inside: NDArray[np.uint8], cuts: NDArray[np.float32]
) -> ProbabilityTable:
    whole = Cuts(cuts)
    moments = dispatch.choose("probability_moments", 1).operations.probability_moments
    found = moments(values, inside, _CLASSES, whole)
    if found.wrong:
        raise NotCovered("what is no probability")
    return ProbabilityTable.of_moments(found, whole)
