"""panoptica's rules written down with loops and SciPy: components, matchings, metrics of a match and of a mask."""

from __future__ import annotations

import itertools
import math
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

Mask = NDArray[np.bool_]
Components = list[Mask]


def components(labels: NDArray[Any], by_label: bool) -> Components:
    """Masks of the components, in the order of their first voxels: faces in 2-D, corners in 3-D."""
    structure = ndimage.generate_binary_structure(labels.ndim, 1 if labels.ndim == 2 else 3)
    found = []
    for label in np.unique(labels[labels > 0]) if by_label else [None]:
        numbers, n = ndimage.label(labels == label if by_label else labels > 0, structure)
        found += [numbers == i for i in range(1, n + 1)]
    return sorted(found, key=lambda mask: int(np.flatnonzero(mask)[0]))


def overlap(metric: str, first: Mask, second: Mask) -> float:
    """Dice or IoU."""
    both = int((first & second).sum())
    if metric == "DSC":
        return 2 * both / int(first.sum() + second.sum())
    return both / int((first | second).sum())


def matched(
    references: Components,
    predictions: Components,
    matcher: str,
    metric: str,
    threshold: float,
    many_to_one: bool = False,
) -> dict[int, list[int]]:
    """From each reference that is matched to its predictions."""
    scores = {
        (p, r): overlap(metric, references[r], predictions[p])
        for p, r in itertools.product(range(len(predictions)), range(len(references)))
        if (references[r] & predictions[p]).any()
    }
    if matcher == "bipartite":
        return _assigned(scores, len(references), len(predictions), threshold)
    found: dict[int, list[int]] = {}
    taken: set[int] = set()
    best: dict[int, float] = {}
    for p, r in sorted(
        scores, key=lambda pair: -scores[pair]
    ):  # ties: by prediction, then reference
        if p in taken:
            continue
        score = scores[p, r]
        if r in found and matcher == "merge":
            union = np.logical_or.reduce([predictions[i] for i in (*found[r], p)])
            score = overlap(metric, references[r], union)
            if score <= best[r]:
                continue
        elif score < threshold or (r in found and not many_to_one):
            continue
        found.setdefault(r, []).append(p)
        best[r] = score
        taken.add(p)
    return dict(sorted(found.items()))


def _assigned(
    scores: dict[tuple[int, int], float], n: int, m: int, threshold: float
) -> dict[int, list[int]]:
    costs = np.ones((n, m)) * (1 + 1e-6)
    for (p, r), score in scores.items():
        if score >= threshold:
            costs[r, p] = 1 - score
    rows, columns = linear_sum_assignment(costs)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {r: [p] for r, p in pairs if costs[r, p] < 1}


def measured(
    metric: str, first: Mask, second: Mask, spacing: tuple[float, ...], tolerance: float
) -> float:
    """One of panoptica's metrics of two masks that are not empty."""
    if metric in ("DSC", "IOU"):
        return overlap(metric, first, second)
    sizes = int(first.sum()), int(second.sum())
    if metric in ("RVD", "RVAE"):
        difference = (sizes[1] - sizes[0]) / sizes[0]
        return difference if metric == "RVD" else abs(difference)
    borders = [mask & ~ndimage.binary_erosion(mask) for mask in (first, second)]
    to = [ndimage.distance_transform_edt(~border, sampling=spacing) for border in borders]
    there, back = to[1][borders[0]], to[0][borders[1]]
    if metric == "ASSD":
        return float(np.mean([there.mean(), back.mean()]))
    if metric == "HD":
        return float(max(there.max(), back.max()))
    if metric == "HD95":
        return float(np.percentile(np.concatenate([there, back]), 95))
    near = [np.count_nonzero(side <= tolerance) / len(side) for side in (there, back)]
    far = [np.count_nonzero(side > tolerance) / len(side) for side in (there, back)]
    within = near[0] + near[1]
    return float(within / (within + far[0] + far[1] + sys.float_info.min))


EDGE = {"DSC": 0.0, "IOU": 0.0, "NSD": 0.0, "RVD": math.nan, "RVAE": math.nan}


def edge_case(metric: str, n_instances: int) -> float:
    """What a metric is where nothing is matched."""
    return EDGE.get(metric, math.inf) if n_instances else math.nan


def maps(seed: int, ndim: int, labels: int = 1) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Two small maps: moved, split, merged, cut, of one voxel, of other blobs, empty on one side or on both."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(5, 24 if ndim == 2 else 13, ndim).tolist())
    places = np.indices(shape)

    def blobs(n: int) -> NDArray[np.uint8]:
        drawn = np.zeros(shape, np.uint8)
        for _ in range(n):
            centre = [rng.integers(0, size) for size in shape]
            square = sum((axis - c) ** 2 for axis, c in zip(places, centre, strict=True))
            drawn[square <= rng.choice([0.5, 1, 2, 5, 9])] = rng.integers(1, labels + 1)
        return drawn

    reference = blobs(int(rng.integers(0, 8)))
    prediction = reference.copy()
    kind, axis = seed % 8, int(rng.integers(ndim))
    if kind == 0:
        prediction = np.roll(reference, 1, axis)
    elif kind == 1:
        prediction[rng.random(shape) < 0.3] = 0
    elif kind == 2:
        prediction = np.where(reference > 0, reference, ndimage.grey_dilation(reference, size=3))
    elif kind == 3:
        prediction.swapaxes(0, axis)[rng.integers(shape[axis])] = 0
    elif kind == 4:
        prediction = blobs(int(rng.integers(0, 8)))
    elif kind == 5:
        prediction[...] = 0
    elif kind == 6 and reference.any():
        place = tuple(rng.choice(np.argwhere(reference)))
        prediction = np.zeros_like(reference)
        prediction[place] = reference[place]
    pair = np.ascontiguousarray(reference), prediction.astype(np.uint8)
    return pair if rng.random() < 0.7 else (pair[1], pair[0])
