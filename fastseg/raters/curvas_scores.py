"""What the challenges CURVAS make of probabilities beside several raters, from their definitions in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: ranges of confidence, as torchmetrics is asked for
BINS = 50
#: below the line of CURVAS 2025's Dice
SMOOTH = 1e-6
#: on either side of the raters' structures, in voxels: where CURVAS 2025 looks at calibration
MARGIN = 20
_LEAST = 1e-8
_AT_ONCE = 1 << 20

Probabilities = Sequence[NDArray[np.floating]]


def volume_crps(volumes: Sequence[float], predicted: float) -> float:
    """Continuous ranked probability score of a volume against the normal distribution of the raters' volumes.

    ∫ (F(v) - [v > predicted])² dv over the mean ± 3 standard deviations (of all raters, not of a sample), where F is
    drawn through 100 points between its percentiles 1 and 99, and is 0 below and 1 above them; 0 where all raters have
    one volume, whatever is predicted.
    """
    from scipy.stats import norm

    mean, deviation = float(np.mean(volumes)), float(np.std(volumes))
    if not deviation:
        return 0.0
    low, high = norm.ppf([0.01, 0.99], mean, deviation).tolist()
    points = np.linspace(low, high, 100)
    heights = norm.cdf(points, mean, deviation)
    # Between these the difference is a straight line, whose square has Simpson's integral; ends belong to their pieces.
    first, last = mean - 3 * deviation, mean + 3 * deviation
    inner = [predicted] if first < predicted < last else []
    edges = np.unique(np.concatenate([[first, last], points, inner]))
    start, stop = edges[:-1], edges[1:]
    middle = (start + stop) / 2
    step = middle > predicted
    below, above = middle < low, middle > high

    def difference(at: NDArray[np.float64]) -> NDArray[np.float64]:
        height: NDArray[np.float64] = np.interp(at, points, heights)
        height = np.where(below, 0.0, np.where(above, 1.0, height))
        height -= step
        return height

    one, two, three = (difference(at) ** 2 for at in (start, middle, stop))
    return float(((stop - start) * (one + 4 * two + three)).sum() / 6)


def calibration_error(
    labels: NDArray[np.integer], probabilities: Probabilities, *, clamped: bool
) -> float:
    """Expected calibration error of the most probable class, over 50 ranges of its probability.

    Parameters
    ----------
    labels : integer ndarray (n,)
        0 for the background, i for what `probabilities[i - 1]` is of.
    probabilities : sequence of float ndarray (n,)
        The background's is what they leave of 1.
    clamped : bool
        Whether less than 1e-8 is 1e-8 and the sum then 1 (2025). Else, if any number is none from 0 to 1, as the
        background's is that rounding makes negative, a softmax goes over all of them, as torchmetrics does (2024).

    Returns
    -------
    float
        nan of no voxel.
    """
    counts, hits, sums = np.zeros(BINS + 1), np.zeros(BINS + 1), np.zeros(BINS + 1)
    dtype = np.result_type(*(one.dtype for one in probabilities))
    edges = np.linspace(0, 1, BINS + 1).astype(dtype)
    soft = not clamped and not _are_probabilities(probabilities)
    for start in range(0, labels.size, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        stack = _with_background([one[part] for one in probabilities])
        if clamped:
            stack = np.maximum(stack, dtype.type(_LEAST))
            stack = stack / stack.sum(axis=0)
        elif soft:
            stack = np.exp(stack - stack.max(axis=0))
            stack = stack / stack.sum(axis=0)
        confidence = stack.max(axis=0)
        right = stack.argmax(axis=0) == labels[part]
        place = np.searchsorted(edges, confidence, side="right") - 1
        counts += np.bincount(place, minlength=BINS + 1)
        hits += np.bincount(place, right, minlength=BINS + 1)
        sums += np.bincount(place, confidence.astype(np.float64), minlength=BINS + 1)
    if not labels.size:
        return math.nan
    return float(np.abs(hits - sums).sum() / counts.sum())


def dice_above_shares(
    found: NDArray[np.integer],
    raters: int,
    probability: NDArray[np.floating],
    thresholds: Sequence[float],
) -> float:
    """Mean over thresholds of the Dice between where more than this share of the raters finds a structure and where it
    is more probable than this; 1 where both are nowhere, and 1e-6 is added below the line.

    Parameters
    ----------
    found : integer ndarray (n,)
        How many of the raters find it.
    """  # noqa: D205 - a formula
    scores = []
    for threshold in thresholds:
        truth = (np.arange(raters + 1) / raters > threshold)[found]
        predicted = probability > np.float64(threshold)
        sizes = int(np.count_nonzero(truth)) + int(np.count_nonzero(predicted))
        both = int(np.count_nonzero(truth & predicted))
        scores.append(smoothed_dice(both, sizes) if sizes else 1.0)
    return sum(scores) / len(scores)


def smoothed_dice(both: int, sizes: int) -> float:
    """Dice of CURVAS 2025, 0 where both are empty."""
    return 2.0 * both / (sizes + SMOOTH)


def dice_of_rows(truth: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> float:
    """Mean Dice of the rows along the first axis, as CURVAS 2024's script takes slices for cases and rows for channels.

    The first row of each slice is left out, as its background, and so are rows without truth; the mean of each slice
    counts once. nan where nothing is left.
    """
    both = (truth & predicted).sum(axis=0)[1:]
    sizes = (truth.sum(axis=0) + predicted.sum(axis=0))[1:]
    known = truth.sum(axis=0)[1:] > 0
    scores = np.where(known, 2 * both / np.maximum(sizes, 1), 0.0)
    rows = known.sum(axis=0)
    slices = rows > 0
    if not slices.any():
        return math.nan
    return float((scores.sum(axis=0)[slices] / rows[slices]).mean())


def _with_background(probabilities: Probabilities) -> NDArray[np.floating]:
    stack = np.stack(probabilities)
    return np.concatenate([1 - stack.sum(axis=0, keepdims=True), stack])


def _are_probabilities(probabilities: Probabilities) -> bool:
    for start in range(0, probabilities[0].size, _AT_ONCE):
        stack = _with_background([one[start : start + _AT_ONCE] for one in probabilities])
        if not ((stack >= 0) & (stack <= 1)).all():
            return False
    return True
