"""The naive twin of :func:`fastseg.evaluate_instances`: SciPy's components and loops over whole masks.

A row's metrics are those of `evaluate` by the SciPy backend, of the masks of its two sides.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

import fastseg

Array = NDArray[Any]
Mask = NDArray[np.bool_]


class Found(NamedTuple):
    """A row of an instance: ids and masks of both sides, and its score."""

    reference: int | None
    prediction: Any
    masks: tuple[Mask, Mask]
    score: float


def instances_of(
    labels: Array,
    wanted: Sequence[int],
    *,
    given: bool,
    connectivity: int,
    dilation: int,
    dilation_connectivity: int,
    minimum_size: int,
) -> dict[int, Mask]:
    """Find the instances of one side of a structure, by their ids."""
    if given:
        found = {int(label): labels == label for label in wanted}
    else:
        mask = np.isin(labels, list(wanted))
        own, n = ndimage.label(mask, ndimage.generate_binary_structure(labels.ndim, connectivity))
        wide = mask
        if dilation:
            structure = ndimage.generate_binary_structure(labels.ndim, dilation_connectivity)
            wide = ndimage.binary_dilation(mask, structure, iterations=dilation)
        groups, _ = ndimage.label(
            wide, ndimage.generate_binary_structure(labels.ndim, connectivity)
        )
        found = {}
        id_of: dict[int, int] = {}
        for number in range(1, n + 1):
            group = int(groups[own == number][0])
            first = id_of.setdefault(group, number)
            found[first] = found.get(first, np.zeros(labels.shape, bool)) | (own == number)
    return {
        key: mask
        for key, mask in sorted(found.items())
        if mask.any() and mask.sum() >= minimum_size
    }


def score_of(first: Mask, second: Mask, score: str) -> float:
    """Judge two masks."""
    both, r, p = int((first & second).sum()), int(first.sum()), int(second.sum())
    return {
        "iou": lambda: both / (r + p - both),
        "dice": lambda: 2 * both / (r + p),
        "recall": lambda: both / r,
        "precision": lambda: both / p,
    }[score]()


def centre(mask: Mask) -> tuple[int, ...]:
    """The voxel that holds the centroid."""
    return tuple(math.floor(2 * int(x.sum()) / (2 * len(x)) + 0.5) for x in mask.nonzero())


def match(
    first: Mapping[int, Mask],
    second: Mapping[int, Mask],
    matching: str,
    score: str,
    threshold: float,
    *,
    strict: bool,
    many_to_one: bool,
    together: bool,
) -> list[tuple[int, int]]:
    """Match instances, pair by pair."""

    def reaches(value: float) -> bool:
        return value > threshold if strict else value >= threshold

    touching = [(r, p) for r, p in itertools.product(first, second) if (first[r] & second[p]).any()]
    scores = {(r, p): score_of(first[r], second[p], score) for r, p in touching}
    if matching == "any":
        return touching
    if matching == "overlap" and together:
        chosen = []
        for r in first:
            own = [p for q, p in touching if q == r]
            if own and reaches(score_of(first[r], union(second, own), score)):
                chosen += [(r, p) for p in own]
        return chosen
    if matching == "overlap":
        return [pair for pair in touching if reaches(scores[pair])]
    chosen = []
    taken: tuple[set[int], set[int]] = set(), set()
    if matching == "center":
        candidates = [(r, p) for p in second for r in first if bool(first[r][centre(second[p])])]
        candidates.sort(
            key=lambda pair: (-score_of(first[pair[0]], second[pair[1]], score), pair[1])
        )
    else:
        candidates = sorted(
            (pair for pair in touching if reaches(scores[pair])),
            key=lambda pair: (-scores[pair], pair),
        )
    for r, p in candidates:
        if p not in taken[1] and (many_to_one or r not in taken[0]):
            chosen.append((r, p))
            taken[0].add(r)
            taken[1].add(p)
    return sorted(chosen)


def union(masks: Mapping[int, Mask], ids: Sequence[int]) -> Mask:
    """Join some masks."""
    joined: Mask = np.logical_or.reduce([masks[one] for one in ids])
    return joined


def rows_of(
    first: Mapping[int, Mask],
    second: Mapping[int, Mask],
    pairs: Sequence[tuple[int, int]],
    score: str,
) -> list[Found]:
    """List each reference instance with its partners, then the predictions without one."""
    shape = next(iter([*first.values(), *second.values()])).shape if first or second else ()
    nothing = np.zeros(shape, bool)
    rows = []
    for r, mask in first.items():
        own = [p for q, p in pairs if q == r]
        if own:
            other = union(second, own)
            ids = own[0] if len(own) == 1 else tuple(own)
            rows.append(Found(r, ids, (mask, other), score_of(mask, other, score)))
        else:
            rows.append(Found(r, None, (mask, nothing), math.nan))
    matched = {p for _, p in pairs}
    return rows + [
        Found(None, p, (nothing, mask), math.nan) for p, mask in second.items() if p not in matched
    ]


def measured(masks: tuple[Mask, Mask], ignored: Mask, **options: Any) -> dict[str, float]:
    """Measure a pair of masks by the SciPy backend."""
    reference = masks[0].astype(np.uint8)
    reference[ignored] = 2
    evaluation = fastseg.evaluate(
        reference,
        masks[1].astype(np.uint8),
        labels=[1],
        ignore_label=2,
        backend="scipy",
        single_slice="volume",
        **options,
    )
    return dict(evaluation[1])


def box_of(mask: Mask) -> Any:
    """The box of a mask."""
    if not mask.any():
        return None
    return tuple((int(x.min()), int(x.max()) + 1) for x in mask.nonzero())


def centroid_of(mask: Mask) -> Any:
    """The mean position of a mask's voxels."""
    if not mask.any():
        return None
    return tuple(int(x.sum()) / len(x) for x in mask.nonzero())


def mean_of(values: Sequence[float]) -> float:
    """The mean of what is defined."""
    defined = sorted(value for value in values if not math.isnan(value))
    if not defined:
        return math.nan
    if math.isinf(defined[0]) or math.isinf(defined[-1]):
        return defined[0] + defined[-1] if math.isinf(defined[0]) else defined[-1]
    return float(np.add.reduce(defined)) / len(defined)
