"""How far raters agree: kappas, Krippendorff's alpha, overlap of pairs; all of it from patterns of votes.

Every sum is a whole number until the last division, so that nothing depends on the order of the patterns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fastseg.measures.vote_patterns import BinaryVotes, VotePatterns

#: how far apart two labels are
Level = Literal["nominal", "ordinal", "interval"]


def fleiss_kappa(patterns: VotePatterns) -> float:
    """Agreement beyond chance of all raters; nan where all voxels have one label, and for one rater."""
    _, given = _given(patterns)
    raters = patterns.raters
    if raters < 2:
        return math.nan
    total = patterns.voxels
    squares = _sum_of(patterns.counts, (given * (given - 1)).sum(axis=1))
    observed = squares / (total * raters * (raters - 1))
    shares = [_sum_of(patterns.counts, column) for column in given.T]
    expected = sum(share * share for share in shares) / (total * raters) ** 2
    if len(shares) < 2:
        return math.nan
    kappa: float = (observed - expected) / (1.0 - expected)
    return kappa


def cohen_kappa(patterns: VotePatterns, first: int, second: int) -> float:
    """Agreement beyond chance of two raters; nan where both give all voxels one label."""
    two = patterns.of([first, second])
    labels, places = np.unique(two.labels, return_inverse=True)
    if len(labels) < 2:
        return math.nan
    rows = places.reshape(two.labels.shape)
    total = two.voxels
    agree = int(two.counts[rows[:, 0] == rows[:, 1]].sum())
    margins = [_counted(rows[:, side], two.counts, len(labels)) for side in (0, 1)]
    chance = sum(one * other for one, other in zip(*margins, strict=True))
    # (po - pe) / (1 - pe), with both sides times total²: whole numbers of any size
    kappa: float = (agree * total - chance) / (total * total - chance)
    return kappa


def krippendorff_alpha(patterns: VotePatterns, level: Level = "nominal") -> float:
    """Agreement beyond chance with a distance between labels; nan where all voxels have one label.

    Parameters
    ----------
    patterns : VotePatterns
    level : {"nominal", "ordinal", "interval"}
        All labels equally far apart, by how many votes lie between, or by the difference of their numbers.
    """
    labels, given = _given(patterns)
    raters = patterns.raters
    if len(labels) < 2 or raters < 2:
        return math.nan
    shares = np.array([_sum_of(patterns.counts, column) for column in given.T], float)
    # coincidences, times raters - 1
    together = given.T.astype(float) @ (given * patterns.counts[:, None]).astype(float)
    together -= np.diag(shares)
    numbers = np.array([float(label) for label in labels])
    if level == "nominal":
        distance = 1.0 - np.eye(len(labels))
    elif level == "interval":
        distance = (numbers[:, None] - numbers[None, :]) ** 2
    else:
        middle = np.cumsum(shares) - shares / 2  # half of either end, and all between
        distance = (middle[:, None] - middle[None, :]) ** 2
    observed = float((together * distance).sum()) / (raters - 1)
    expected = float((np.outer(shares, shares) * distance).sum()) / (float(shares.sum()) - 1.0)
    return 1.0 - observed / expected


def dice_of_pairs(intersections: NDArray[np.int64]) -> NDArray[np.float64]:
    """Dice of every two of several masks, from what both hold; nan where both are empty."""
    sizes = np.diag(intersections)
    return _ratio(2 * intersections, sizes[:, None] + sizes[None, :])


def iou_of_pairs(intersections: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of every two of several masks; nan where both are empty."""
    sizes = np.diag(intersections)
    return _ratio(intersections, sizes[:, None] + sizes[None, :] - intersections)


def energy_distance(
    intersections: Sequence[NDArray[np.int64]], raters: Sequence[int], samples: Sequence[int]
) -> float:
    """Squared generalised energy distance between raters and samples of a model, as PHiSeg has it.

    2·E[d(s, r)] - E[d(s, s')] - E[d(r, r')] with d = 1 - the mean IoU over structures, 1 where both are empty; each
    mask meets itself too.

    Parameters
    ----------
    intersections : sequence of int64 ndarray (n, n)
        Of each structure, what every two masks both hold.
    raters, samples : sequence of int
        Which of the masks are whose.
    """
    ious = [np.nan_to_num(iou_of_pairs(one), nan=1.0) for one in intersections]
    apart = 1.0 - np.mean(ious, axis=0)
    between = [
        float(apart[np.ix_(one, other)].mean())
        for one, other in ((samples, raters), (samples, samples), (raters, raters))
    ]
    return 2 * between[0] - between[1] - between[2]


def thresholded_dice(
    votes: BinaryVotes, prediction: NDArray[np.bool_], thresholds: Sequence[float], *, above: bool
) -> float:
    """Mean Dice between a prediction and what a share of the raters finds; 1 where both are empty.

    Parameters
    ----------
    votes : BinaryVotes
        Of the raters.
    prediction : bool ndarray (n,)
        What is predicted for each of its patterns.
    thresholds : sequence of float
    above : bool
        Whether a share of exactly the threshold is too little.
    """
    share = votes.votes.mean(axis=1)
    scores = []
    for threshold in thresholds:
        truth = share > threshold if above else share >= threshold
        both = int(votes.counts[truth & prediction].sum())
        sizes = int(votes.counts[truth].sum()) + int(votes.counts[prediction].sum())
        scores.append(2 * both / sizes if sizes else 1.0)
    return sum(scores) / len(scores)


def agreed_dice(votes: BinaryVotes, prediction: NDArray[np.bool_]) -> float:
    """Dice where all raters agree, as CURVAS 2024 has it: other voxels are left out; 1 where nothing is left."""
    found = votes.votes.sum(axis=1)
    agreed = (found == 0) | (found == votes.raters)
    truth = found == votes.raters
    both = int(votes.counts[truth & prediction].sum())
    sizes = int(votes.counts[truth].sum()) + int(votes.counts[prediction & agreed].sum())
    return 2 * both / sizes if sizes else 1.0


def _given(patterns: VotePatterns) -> tuple[list[int], NDArray[np.int64]]:
    """Count how many raters give each label, by pattern: the labels, and an array (n, labels)."""
    labels = patterns.found
    given = np.stack([(patterns.labels == label).sum(axis=1) for label in labels], axis=1)
    return labels, given.astype(np.int64)


def _sum_of(counts: NDArray[np.int64], values: NDArray[np.int64]) -> int:
    return int((counts * values).sum())


def _counted(places: NDArray[np.intp], counts: NDArray[np.int64], many: int) -> list[int]:
    found = np.zeros(many, np.int64)
    np.add.at(found, places, counts)
    return [int(one) for one in found]


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    result = np.full(part.shape, math.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
