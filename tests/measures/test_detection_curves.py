"""Curves of scored detections beside loops over thresholds with fractions, and beside scikit-learn to the bit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from fastseg.errors import InputError
from fastseg.measures.detection_curves import (
    FALSE_POSITIVE_RATES,
    OperatingPoints,
    PrecisionRule,
    auroc,
    average_precision,
    competition_performance,
    froc,
    precision_recall,
    roc,
    sensitivities_at,
)

Detections = tuple[NDArray[np.float64], NDArray[np.bool_], int, int]


def detections(count: int = 600) -> Iterator[Detections]:
    """Confidences, hits, lesions and images: many ties, few ties, all right, all wrong, nothing at all."""
    rng = np.random.default_rng(15)
    for trial in range(count):
        n = int(rng.integers(0, 40)) if trial % 10 else int(rng.integers(100, 400))
        scores = rng.random(n)
        if trial % 3 == 0:
            scores = np.round(scores, 1)
        if trial % 7 == 0:
            scores = np.ldexp(scores, rng.integers(-40, 40, n))
        hits = rng.random(n) < rng.choice([0.0, 0.3, 0.9, 1.0])
        yield scores, hits, int(hits.sum() + rng.integers(0, 5)), int(rng.integers(1, 9))


def by_threshold(scores: NDArray[np.float64], hits: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Hits and misses at each confidence that occurs, counted anew for each."""
    return [
        (
            sum(1 for s, h in zip(scores, hits, strict=True) if s >= threshold and h),
            sum(1 for s, h in zip(scores, hits, strict=True) if s >= threshold and not h),
        )
        for threshold in sorted(set(scores.tolist()), reverse=True)
    ]


def naive_precisions(counts: Sequence[tuple[int, int]], lesions: int, rule: str) -> float:
    """The mean of the precision over the recall, by its definition."""
    points = [(Fraction(tp, lesions), Fraction(tp, tp + fp)) for tp, fp in counts]
    if rule in ("11-point", "101-point"):
        last = 10 if rule == "11-point" else 100
        recalls = [Fraction(k, last) for k in range(last + 1)]
        best = [max((p for r, p in points if r >= at), default=Fraction(0)) for at in recalls]
        return float(sum(best) / len(best))
    total, before = Fraction(0), Fraction(0)
    for recall, precision in points:
        if rule == "envelope":
            precision = max(p for r, p in points if r >= recall)
        total += (recall - before) * precision
        before = recall
    return float(total)


def naive_sensitivity(
    counts: Sequence[tuple[int, int]], lesions: int, images: int, at: float
) -> tuple[float, float]:
    """The sensitivity at a rate, on straight lines and by steps."""
    points = [(Fraction(0), Fraction(0))]
    points += [(Fraction(fp, images), Fraction(tp, lesions)) for tp, fp in counts]
    rate = Fraction(at)
    low = max(point for point in points if point[0] <= rate)
    above = [point for point in points if point[0] > rate]
    if not above:
        return float(low[1]), float(low[1])
    high = min(above)
    share = (rate - low[0]) / (high[0] - low[0])
    return float(low[1] + share * (high[1] - low[1])), float(low[1])


def test_all_curves_are_those_of_loops_over_thresholds() -> None:
    for scores, hits, lesions, images in detections():
        points = OperatingPoints.of(scores, hits)
        counts = by_threshold(scores, hits) if len(scores) < 100 else None
        if counts is None:
            continue
        assert list(zip(points.hits.tolist(), points.misses.tolist(), strict=True)) == counts
        assert points.thresholds.tolist() == sorted(set(scores.tolist()), reverse=True)
        if not lesions:
            assert math.isnan(average_precision(points, lesions=0))
            continue
        rules: list[PrecisionRule] = ["step", "envelope", "11-point", "101-point"]
        for rule in rules:
            found = average_precision(points, lesions=lesions, interpolation=rule)
            expected = naive_precisions(counts, lesions, rule)
            assert found == pytest.approx(expected, rel=1e-14, abs=1e-15)
        curve = froc(points, lesions=lesions, images=images)
        linear = sensitivities_at(curve)
        step = sensitivities_at(curve, interpolation="step")
        for at, one, other in zip(FALSE_POSITIVE_RATES, linear, step, strict=True):
            expected_pair = naive_sensitivity(counts, lesions, images, at)
            assert (one, other) == pytest.approx(expected_pair, rel=1e-13)
        assert competition_performance(curve) == np.mean(linear)


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    for scores, hits, _, _ in detections(200):
        if len(scores) >= 100:
            continue
        pairs = [
            Fraction(2 * bool(p > n) + bool(p == n), 2) for p in scores[hits] for n in scores[~hits]
        ]
        found = auroc(scores, hits)
        if not pairs:
            assert math.isnan(found)
        else:
            assert found == pytest.approx(float(sum(pairs) / len(pairs)), rel=1e-13)


def test_scikit_learn_has_the_same_bits() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    compared = 0
    for scores, hits, lesions, _ in detections():
        if not hits.any() or hits.all():
            continue
        compared += 1
        points = OperatingPoints.of(scores, hits)
        for own, drop in ((roc(points), False), (roc(points.corners), True)):
            fpr, tpr, thresholds = metrics.roc_curve(hits, scores, drop_intermediate=drop)
            np.testing.assert_array_equal(own.x, fpr)
            np.testing.assert_array_equal(own.y, tpr)
            np.testing.assert_array_equal(own.thresholds, thresholds)
            assert own.area == metrics.auc(fpr, tpr)
        assert auroc(scores, hits) == metrics.roc_auc_score(hits, scores)
        every = int(hits.sum())
        curve = precision_recall(points, lesions=every)
        precision, recall, _ = metrics.precision_recall_curve(hits, scores)
        np.testing.assert_array_equal(curve.y[::-1], precision[:-1])
        np.testing.assert_array_equal(curve.x[::-1], recall[:-1])
        own_ap = average_precision(points, lesions=every)
        assert own_ap == metrics.average_precision_score(hits, scores)
        # those that were missed as positives below all others, with a precision of 0 there
        missed = lesions - every
        truth = np.append(hits, np.ones(missed, bool))
        below = np.append(scores, np.full(missed, -1.0))
        precision, recall, thresholds = metrics.precision_recall_curve(truth, below)
        precision[:-1][thresholds == -1] = 0
        expected = -np.sum(np.diff(recall) * precision[:-1])
        assert average_precision(points, lesions=lesions) == expected
    assert compared > 250


def test_ties_enter_together_in_any_order() -> None:
    one = OperatingPoints.of([0.5, 0.5, 0.9], [True, False, True])
    other = OperatingPoints.of([0.9, 0.5, 0.5], [True, False, True])
    assert one.hits.tolist() == other.hits.tolist() == [1, 2]
    assert one.misses.tolist() == other.misses.tolist() == [0, 1]
    assert average_precision(one, lesions=2) == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)


def test_worked_by_hand() -> None:
    """Four lesions in two images, three of them found, and two false positives in between."""
    points = OperatingPoints.of([0.9, 0.8, 0.7, 0.6, 0.5], [True, False, True, False, True])
    curve = froc(points, lesions=4, images=2)
    assert curve.x.tolist() == [0, 0, 0.5, 0.5, 1, 1]
    assert curve.y.tolist() == [0, 0.25, 0.25, 0.5, 0.5, 0.75]
    assert sensitivities_at(curve).tolist() == [0.25, 0.25, 0.5, 0.75, 0.75, 0.75, 0.75]
    assert competition_performance(curve) == pytest.approx(4 / 7)
    assert sensitivities_at(curve, [0.75], interpolation="step").tolist() == [0.5]
    assert average_precision(points, lesions=4) == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)
    assert average_precision(points, lesions=4, interpolation="11-point") == pytest.approx(
        (3 * 1 + 3 * 2 / 3 + 2 * 3 / 5) / 11
    )


def test_nothing_detected_and_nothing_to_detect() -> None:
    nothing = OperatingPoints.of([], [])
    curve = froc(nothing, lesions=3, images=2)
    assert curve.thresholds.tolist() == [math.inf]
    assert sensitivities_at(curve).tolist() == [0.0] * 7
    assert average_precision(nothing, lesions=3) == 0
    assert math.copysign(1, average_precision(nothing, lesions=3)) == 1
    wrong = OperatingPoints.of([0.5], [False])
    assert np.isnan(sensitivities_at(froc(wrong, lesions=0, images=1))).all()
    assert np.isnan(precision_recall(wrong, lesions=0).x).all()
    assert math.isnan(roc(nothing).area)


def test_corners_are_those_that_bend() -> None:
    points = OperatingPoints.of([4, 3, 2, 1], [True, True, True, False])
    assert points.corners.thresholds.tolist() == [4, 2, 1]
    assert OperatingPoints.of([2, 1], [True, False]).corners.thresholds.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: OperatingPoints.of([math.nan, 1], [True, True]), "1 of 2 are nan"),
        (lambda: OperatingPoints.of([1.0], [True, True]), r"expected shape \(1,\)"),
        (lambda: OperatingPoints.of([[1.0]], [True]), "expected one axis"),
        (lambda: froc(OperatingPoints.of([1], [True]), lesions=0, images=1), "at least the 1"),
        (lambda: froc(OperatingPoints.of([1], [True]), lesions=1, images=-1), "images"),
        (
            lambda: average_precision(
                OperatingPoints.of([1], [True]),
                lesions=1,
                interpolation="no",  # type: ignore[arg-type]
            ),
            "interpolation: unknown 'no'",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(InputError, match=message):
        call()


def test_rates_are_checked() -> None:
    curve = froc(OperatingPoints.of([1], [True]), lesions=1, images=1)
    with pytest.raises(InputError, match="rates"):
        sensitivities_at(curve, [-1.0])
    with pytest.raises(InputError, match="did you mean 'step'"):
        sensitivities_at(curve, interpolation="steps")  # type: ignore[arg-type]
