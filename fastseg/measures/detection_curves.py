"""Curves of detections that say how sure they are: FROC, precision and recall, ROC. Functions of arrays, nothing else.

Detections are given by their confidences, the surest of which counts first, and by whether each of them hit a lesion
of the reference; what nobody detected is known only by its number. **Ties**: detections with one confidence enter
together, so that no curve depends on their order. All counts are whole numbers; rates are one division each, and sums
are NumPy's, in the order in which scikit-learn takes them: where both define a number, the two agree to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastseg.errors import InputError
from fastseg.inputs.choices import unknown
from fastseg.threads import lazy

Floats = NDArray[np.float64]

#: between two points of an FROC curve: a straight line, or the lower one of them
Interpolation = Literal["linear", "step"]
INTERPOLATIONS: tuple[Interpolation, ...] = ("linear", "step")

#: how the area under precision and recall is taken
PrecisionRule = Literal["step", "envelope", "11-point", "101-point"]
PRECISION_RULES: tuple[PrecisionRule, ...] = ("step", "envelope", "11-point", "101-point")

#: false positives per image of the competition performance metric (LUNA16, and before it ANODE09)
FALSE_POSITIVE_RATES = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True)
class OperatingPoints:
    """What is detected at each confidence or more, the highest confidence first.

    Attributes
    ----------
    thresholds : float64 ndarray (n,)
        The confidences that occur, each once, descending.
    hits, misses : int64 ndarray (n,)
        Detections with this confidence or more that hit something of the reference, and those that hit nothing.
    """

    thresholds: Floats
    hits: NDArray[np.int64]
    misses: NDArray[np.int64]

    @classmethod
    def of(cls, confidences: ArrayLike, hits: ArrayLike) -> OperatingPoints:
        """Count detections by confidence.

        Parameters
        ----------
        confidences : array_like (m,)
            Higher is surer; any numbers but nan.
        hits : array_like of bool (m,)

        Raises
        ------
        ValueError
            For confidences that are nan, and for arrays of different length.

        Examples
        --------
        >>> OperatingPoints.of([0.5, 0.9, 0.5], [True, True, False])
        OperatingPoints(thresholds=array([0.9, 0.5]), hits=array([1, 2]), misses=array([0, 1]))
        """
        scores = _scores(confidences, "confidences")
        hit = _truths(hits, len(scores), "hits")
        order = np.argsort(-scores, kind="stable")
        scores, hit = scores[order], hit[order]
        last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)[: len(scores)])
        hit_until = np.cumsum(hit, dtype=np.int64)[last]
        return cls(scores[last], hit_until, last + 1 - hit_until)

    def __len__(self) -> int:
        return len(self.thresholds)

    @lazy
    def corners(self) -> OperatingPoints:
        """The points without those that lie on a straight line between two others, evenly spaced.

        No area and no straight line between points depends on them, but for the rounding: scikit-learn's
        ``roc_curve`` leaves them out, and so does whoever builds on it.
        """
        if len(self) <= 2:
            return self
        bends = (np.diff(self.hits, 2) != 0) | (np.diff(self.misses, 2) != 0)
        kept = np.concatenate([[True], bends, [True]])
        return OperatingPoints(self.thresholds[kept], self.hits[kept], self.misses[kept])


@dataclass(frozen=True)
class Curve:
    """Points of a curve, from the strictest threshold to the most lenient.

    Attributes
    ----------
    thresholds : float64 ndarray (n,)
        Descending; inf for the point at which nothing is detected.
    x, y : float64 ndarray (n,)
    """

    thresholds: Floats
    x: Floats
    y: Floats

    @property
    def area(self) -> float:
        """The area below straight lines between the points, by the trapezoidal rule; nan of a single point."""
        if len(self.x) < 2:
            return math.nan
        steps = np.diff(self.x)
        return float(np.add.reduce(steps * (self.y[1:] + self.y[:-1]) / 2.0))


def froc(points: OperatingPoints, *, lesions: int, images: int) -> Curve:
    """Free-response ROC: sensitivity (y) against false positives per image (x).

    Parameters
    ----------
    points : OperatingPoints
        Each lesion hit at most once: of several detections of a lesion, the surest.
    lesions, images : int
        Of the whole reference, those without any detection too.

    Returns
    -------
    Curve
        It begins where nothing is detected, at (0, 0) and the threshold inf. Without lesions the sensitivity is nan,
        without images the rate of false positives.

    Examples
    --------
    Two images with two lesions; one lesion is found, and one detection is wrong.

    >>> curve = froc(OperatingPoints.of([0.9, 0.4], [True, False]), lesions=2, images=2)
    >>> curve.x.tolist(), curve.y.tolist()
    ([0.0, 0.0, 0.5], [0.0, 0.5, 0.5])
    """
    _check_total("lesions", lesions, points.hits)
    if images < 0:
        raise InputError(f"images: expected a number of images, got {images}")
    return Curve(
        _with_origin(points.thresholds, math.inf),
        _shares(_with_origin(points.misses, 0), images),
        _shares(_with_origin(points.hits, 0), lesions),
    )


def sensitivities_at(
    curve: Curve,
    rates: Sequence[float] = FALSE_POSITIVE_RATES,
    *,
    interpolation: Interpolation = "linear",
) -> Floats:
    """Read an FROC curve at some numbers of false positives per image.

    Parameters
    ----------
    curve : Curve
        As :func:`froc` gives it.
    rates : sequence of float
    interpolation : {"linear", "step"}
        Between two points: on the straight line between them, as LUNA16 and nnDetection read it, or the best
        sensitivity at no more than this rate, which a threshold really reaches. Where several points have one rate,
        the best of them counts; beyond the last point stays what it has.

    Examples
    --------
    >>> curve = froc(OperatingPoints.of([0.9, 0.8, 0.7], [False, True, True]), lesions=2, images=1)
    >>> sensitivities_at(curve, [0.5, 1]).tolist()
    [0.0, 1.0]
    """
    if interpolation not in INTERPOLATIONS:
        raise unknown("interpolation", interpolation, INTERPOLATIONS)
    at = np.asarray(rates, np.float64)
    if at.ndim != 1 or not np.all(at >= 0):
        raise InputError("rates: expected numbers of false positives per image, not negative")
    if interpolation == "linear":
        return np.interp(at, curve.x, curve.y)
    return curve.y[np.searchsorted(curve.x, at, side="right") - 1]


def competition_performance(
    curve: Curve,
    rates: Sequence[float] = FALSE_POSITIVE_RATES,
    *,
    interpolation: Interpolation = "linear",
) -> float:
    """CPM: the mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives per image.

    Parameters and ties are those of :func:`sensitivities_at`. Source: Niemeijer et al., IEEE TMI 30 (2011) 215-223.

    Examples
    --------
    >>> competition_performance(froc(OperatingPoints.of([0.9], [True]), lesions=2, images=1))
    0.5
    """
    return float(np.mean(sensitivities_at(curve, rates, interpolation=interpolation)))


def precision_recall(points: OperatingPoints, *, lesions: int) -> Curve:
    """Precision (y) against recall (x), one point a threshold.

    The recall counts the lesions that nobody detected too, and never reaches 1 where there are any. Without lesions it
    is nan.

    Examples
    --------
    >>> curve = precision_recall(OperatingPoints.of([0.9, 0.4], [True, False]), lesions=2)
    >>> curve.x.tolist(), curve.y.tolist()
    ([0.5, 0.5], [1.0, 0.5])
    """
    _check_total("lesions", lesions, points.hits)
    precision = points.hits / (points.hits + points.misses)
    return Curve(points.thresholds, _shares(points.hits, lesions), precision)


def average_precision(
    points: OperatingPoints, *, lesions: int, interpolation: PrecisionRule = "step"
) -> float:
    """Average precision: the mean of the precision over the recall, that of missed lesions being 0.

    Parameters
    ----------
    points : OperatingPoints
    lesions : int
        Of the whole reference.
    interpolation : {"step", "envelope", "11-point", "101-point"}
        "step": each step of the recall with the precision at its end, as scikit-learn has it, without interpolation.
        "envelope": with the best precision at this recall or more (PASCAL VOC since 2010). "11-point" and "101-point":
        the mean of the envelope at recalls 0, 0.1, … 1 (VOC 2007) and 0, 0.01, … 1 (COCO; COCO itself counts
        detections one by one, so that its numbers depend on the order of ties).

    Returns
    -------
    float
        nan without lesions.

    Examples
    --------
    >>> points = OperatingPoints.of([0.9, 0.8, 0.7], [True, False, True])
    >>> round(average_precision(points, lesions=2), 4)
    0.8333
    """
    if interpolation not in PRECISION_RULES:
        raise unknown("interpolation", interpolation, PRECISION_RULES)
    if not lesions:
        return math.nan
    curve = precision_recall(points, lesions=lesions)
    recall, precision = curve.x[::-1], curve.y[::-1]
    if interpolation == "step":
        if not len(points) or points.hits[-1] < lesions:  # the step to those that were missed
            recall, precision = np.append(1.0, recall), np.append(0.0, precision)
        steps = np.diff(np.append(recall, 0.0))
        return float(-np.add.reduce(steps * precision)) + 0.0
    best = np.maximum.accumulate(precision)  # at this recall or more
    if interpolation == "envelope":
        return float(-np.add.reduce(np.diff(np.append(recall, 0.0)) * best)) + 0.0
    count = 11 if interpolation == "11-point" else 101
    # that a recall is reached is asked of whole numbers: 3/10 is not 0.3 in floats
    reached = points.hits * (count - 1)
    first = np.searchsorted(reached, np.arange(count) * lesions)
    ascending = np.append(best[::-1], 0.0)
    return float(np.mean(ascending[first]))


def roc(points: OperatingPoints) -> Curve:
    """ROC of cases: the share of positives (y) against that of negatives (x), of scores of one each.

    Parameters
    ----------
    points : OperatingPoints
        A hit is a case that is positive, a miss one that is negative.

    Returns
    -------
    Curve
        It begins at (0, 0); x is nan without negatives, y without positives.

    Examples
    --------
    >>> curve = roc(OperatingPoints.of([0.9, 0.4, 0.2], [True, False, True]))
    >>> curve.x.tolist(), curve.y.tolist()
    ([0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 0.5, 1.0])
    """
    return Curve(
        _with_origin(points.thresholds, math.inf),
        _shares(_with_origin(points.misses, 0), int(points.misses[-1]) if len(points) else 0),
        _shares(_with_origin(points.hits, 0), int(points.hits[-1]) if len(points) else 0),
    )


def auroc(scores: ArrayLike, positives: ArrayLike) -> float:
    """Area under the ROC curve: how likely a positive case has the higher score; equal scores count half.

    Examples
    --------
    >>> auroc([0.9, 0.4, 0.4], [True, True, False]), auroc([0.9], [True])
    (0.75, nan)
    """
    return roc(OperatingPoints.of(scores, positives).corners).area


def _scores(values: ArrayLike, name: str) -> Floats:
    """Take numbers, none of them nan."""
    scores = np.asarray(values, np.float64)
    if scores.ndim != 1:
        raise InputError(f"{name}: expected one axis, got shape {scores.shape}")
    if np.isnan(scores).any():
        raise InputError(f"{name}: {int(np.isnan(scores).sum())} of {len(scores)} are nan")
    return scores + 0.0  # no negative zero


def _truths(values: ArrayLike, count: int, name: str) -> NDArray[np.bool_]:
    """Take as many truth values as there are confidences."""
    truths = np.asarray(values)
    if truths.shape != (count,):
        raise InputError(f"{name}: expected shape ({count},), got {truths.shape}")
    found: NDArray[np.bool_] = truths.astype(bool)
    return found


def _check_total(name: str, total: int, hits: NDArray[np.int64]) -> None:
    """See that no more lesions were hit than there are."""
    most = int(hits[-1]) if len(hits) else 0
    if total < most:
        raise InputError(f"{name}: expected at least the {most} that were hit, got {total}")


def _with_origin(values: NDArray[Any], first: float) -> NDArray[Any]:
    """Begin with the point at which nothing is detected."""
    return np.concatenate([np.asarray([first], values.dtype), values])


def _shares(counts: NDArray[np.int64], total: int) -> Floats:
    """Divide by a total; nan where it is none."""
    return counts / total if total else np.full(len(counts), math.nan)
