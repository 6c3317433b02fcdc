"""MSSEG's analyser beside a twin with loops over labels, contour voxels and lesions."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
from tests.oracle.lesion_cases import Labels, lesion_cases, row

OVERLAP = ("Jaccard", "Dice", "Sensitivity", "Specificity", "PPV", "NPV", "RelativeVolumeError")
SURFACE = ("HausdorffDistance", "ContourMeanDistance", "SurfaceDistance")
LESIONS = ("PPVL", "SensL", "F1_score")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _ranked(labels: Labels) -> tuple[NDArray[np.int64], int]:
    found = sorted(set(labels.ravel().tolist()))
    return np.vectorize(found.index, otypes=[np.int64])(labels), len(found)


def _overlap(reference: NDArray[np.int64], prediction: NDArray[np.int64]) -> list[float]:
    tp = fp = fn = 0
    labels = {*reference.ravel().tolist(), *prediction.ravel().tolist()} - {0}
    for label in labels:
        first, second = reference == label, prediction == label
        tp += int((first & second).sum())
        fp += int((~first & second).sum())
        fn += int((first & ~second).sum())
    tn = int(((reference == 0) & (prediction == 0)).sum())
    jaccard = _ratio(tp, tp + fp + fn)
    return [
        jaccard,
        2 * jaccard / (1 + jaccard),
        _ratio(tp, tp + fn),
        _ratio(tn, tn + fp / len(labels)),
        _ratio(tp, tp + fp),
        _ratio(tn, tn + fn / len(labels)),
        100 * _ratio(fp - fn, tp + fn),
    ]


def _contour(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Voxels with a neighbour by faces, inside the image, of another label; in C order."""
    found = []
    for place in map(tuple, np.argwhere(labels).tolist()):
        others = []
        for axis in range(3):
            for step in (-1, 1):
                other = [*place]
                other[axis] += step
                if 0 <= other[axis] < labels.shape[axis]:
                    others.append(labels[tuple(other)])
        if any(other != labels[place] for other in others):
            found.append(place)
    return np.array(found)


def _nearest(
    at: NDArray[np.int64], to: NDArray[np.int64], spacing: tuple[float, ...]
) -> list[float]:
    apart = np.linalg.norm((at[:, None] - to[None]) * spacing, axis=2)
    return [float(one) for one in apart.min(axis=1)]


def _surface(
    reference: NDArray[np.int64], prediction: NDArray[np.int64], spacing: tuple[float, ...]
) -> list[float]:
    """Of masks of one label."""
    masks = [np.argwhere(labels) for labels in (reference, prediction)]
    contours = [_contour(reference), _contour(prediction)]
    farthest, means, total, n = 0.0, [], 0.0, 0
    for one in (0, 1):
        farthest = max(farthest, *_nearest(masks[one], masks[1 - one], spacing))
        away = _nearest(contours[one], contours[1 - one], spacing)
        means.append(sum(away) / len(away))
        smallest = math.inf
        for distance in away:  # it is not forgotten from one voxel to the next
            smallest = min(smallest, distance)
            total, n = total + smallest, n + 1
    return [farthest, max(means), total / n]


def _lesions(
    reference: NDArray[np.int64], prediction: NDArray[np.int64], spacing: tuple[float, ...]
) -> list[float]:
    sides = []
    for labels in (reference, prediction):
        numbers, n = ndimage.label(labels)
        components = [numbers == number for number in range(1, n + 1)]
        components = [one for one in components if one.sum() * math.prod(spacing) > 3]
        sides.append(sorted(components, key=lambda one: -int(one.sum())))
    shares = []
    for own, others in (sides, sides[::-1]):
        everything = sum(own, np.zeros(reference.shape, bool)) > 0
        detected = 0
        for lesion in own:
            overlaps = [int((lesion & other).sum()) for other in others]
            if not sum(overlaps) / lesion.sum() > 0.1:
                continue
            order = sorted(range(len(others)), key=lambda i: -overlaps[i])
            weight, fits = 0.0, True
            for i in order[: len(own) + 1]:
                if weight >= 0.65 or not fits:
                    break
                fits = not (others[i] & ~everything).sum() / others[i].sum() > 0.7
                weight += overlaps[i] / sum(overlaps)
            detected += fits
        shares.append(_ratio(detected, len(own)))
    sensitivity, precision = shares
    f1 = _ratio(2 * precision * sensitivity, precision + sensitivity)
    return [precision, sensitivity, f1]


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_twin_on_masks(seed: int) -> None:
    for reference, prediction, spacing in lesion_cases(110, 50 + seed):
        [found] = fastseg.evaluate_protocol("anima", reference, prediction, spacing=spacing).rows
        first, n_first = _ranked(reference)
        second, n_second = _ranked(prediction)
        if n_first == 1:
            assert set(found) == {"NbTestedLesions", "VolTestedLesions"}
            continue
        np.testing.assert_allclose([found[s] for s in OVERLAP], _overlap(first, second), 1e-14)
        lesions = _lesions(first, second, spacing)
        np.testing.assert_allclose([found[s] for s in LESIONS], lesions, 1e-14)
        expected = [math.nan] * 3
        if n_second > 1:
            expected = _surface(first, second, spacing)
        np.testing.assert_allclose([found[s] for s in SURFACE], expected, 1e-12)


def test_equally_many_labels_are_compared_and_others_merged() -> None:
    for reference, prediction, spacing in lesion_cases(330, 60, n_labels=3):
        [found] = fastseg.evaluate_protocol("anima", reference, prediction, spacing=spacing).rows
        first, n_first = _ranked(reference)
        second, n_second = _ranked(prediction)
        if n_first == 1:
            continue
        if n_first != n_second > 1:
            first, second = (first > 0) * 1, (second > 0) * 1
        np.testing.assert_allclose([found[s] for s in OVERLAP], _overlap(first, second), 1e-14)
        lesions = _lesions(first, second, spacing)
        np.testing.assert_allclose([found[s] for s in LESIONS], lesions, 1e-14)


def test_contours_of_several_labels() -> None:
    reference, prediction = row(0, 1, 1, 2, 2, 0, 0, 0), row(0, 1, 1, 1, 2, 0, 0, 0)
    [found] = fastseg.evaluate_protocol("anima", reference, prediction).rows
    assert found["HausdorffDistance"] == 0
    # contours are 1 1 2 2 and 1 · 1 2, and their boundaries 1 · · 2 and 1 · 1 2
    assert found["ContourMeanDistance"] == 1 / 3
    # label 1: 0, 0 and 0, 0; label 2: 1, 0 and 0
    assert found["SurfaceDistance"] == 1 / 7


def test_no_lesion_in_the_reference() -> None:
    prediction = np.zeros((9, 9, 9), np.uint8)
    prediction[1:3, 1:3, 1] = prediction[5, 5, 5:8] = prediction[7, 7, 1:8] = 1
    [found] = fastseg.evaluate_protocol("anima", 0 * prediction, prediction).rows
    assert dict(found) == {"NbTestedLesions": 2, "VolTestedLesions": 11}
    [found] = fastseg.evaluate_protocol("anima", 0 * prediction, 0 * prediction).rows
    assert dict(found) == {"NbTestedLesions": 0, "VolTestedLesions": 0}


def test_a_lesion_has_more_than_3_cubic_millimetres() -> None:
    reference = row(0, 1, 1, 1, 0, 1, 1, 1, 1, 0)
    prediction = row(0, 0, 0, 0, 0, 1, 1, 1, 1, 0)
    for spacing, sensitivity in ((1.0, 1), (1.1, 0.5)):
        [found] = fastseg.evaluate_protocol("anima", reference, prediction, spacing=spacing).rows
        assert found["SensL"] == sensitivity
    [found] = fastseg.evaluate_protocol("anima", reference, prediction, min_lesion_volume=4).rows
    assert math.isnan(found["SensL"])


def test_thresholds_of_the_class_instead_of_the_command_line() -> None:
    reference, prediction = np.zeros((2, 1, 4, 10), np.uint8)
    reference[0, 1, :] = 1
    prediction[0, 1:3, 0:3] = prediction[0, 3, 0:2] = 1  # 3 of 8 voxels inside
    [found] = fastseg.evaluate_protocol("anima", reference, prediction).rows
    assert found["SensL"] == 1
    [found] = fastseg.evaluate_protocol(
        "anima",
        reference,
        prediction,
        min_overlap_ratio=0.05,
        max_false_positive_ratio=0.5,
        max_false_positive_ratio_moderator=0.5,
    ).rows
    assert found["SensL"] == 0


@pytest.mark.parametrize("value", [0.0, 1.5, -1.0])
def test_thresholds_are_shares(value: float) -> None:
    mask = row(0, 1, 0)
    with pytest.raises(ValueError, match="max_false_positive_ratio: expected"):
        fastseg.evaluate_protocol("anima", mask, mask, max_false_positive_ratio=value)
    with pytest.raises(
        ValueError, match="min_lesion_volume: expected a finite number that is not negative"
    ):
        fastseg.evaluate_protocol("anima", mask, mask, min_lesion_volume=-1)


def _with_and_without(
    quirk: str, score: str, reference: Labels, prediction: Labels, spacing: float = 1.0
) -> list[float]:
    choices: tuple[bool | Mapping[str, bool], ...] = (True, {quirk: False})
    return [
        fastseg.evaluate_protocol(
            "anima", reference, prediction, spacing=spacing, quirks=quirks
        ).rows[0][score]
        for quirks in choices
    ]


def test_quirk_running_minimum() -> None:
    reference, prediction = np.zeros((2, 1, 1, 12), np.uint8)
    reference[0, 0, [1, 8]] = prediction[0, 0, 1] = 1
    found = _with_and_without("running-minimum", "SurfaceDistance", reference, prediction)
    assert found == [0, 7 / 3]


def test_quirk_walk_stops_early() -> None:
    reference, prediction = np.zeros((2, 12, 1, 15), np.uint8)
    reference[1, 0, 1:14] = 1
    prediction[1, 0, [1, 2, 3, 5, 6, 7, 9, 10, 12, 13]] = prediction[2:10, 0, 10] = 1
    assert _with_and_without("walk-stops-early", "SensL", reference, prediction, 2.0) == [1, 0]


def test_quirk_ties_by_sort() -> None:
    reference, prediction = np.zeros((2, 1, 12, 35), np.uint8)
    reference[0, 1, 1:34] = prediction[0, 1, 1:34:2] = 1
    prediction[0, 2:8, [1, 5]] = 1
    assert _with_and_without("ties-by-sort", "SensL", reference, prediction, 2.0) == [1, 0]


def test_quirk_lowest_label_is_background() -> None:
    pair = row(0, 0, 1, 1, 1, 0), row(2, 2, 2, 2, 2, 2)
    assert _with_and_without("lowest-label-is-background", "Dice", *pair) == [0, 2 / 3]


def test_quirk_border_is_no_contour() -> None:
    pair = row(1, 1, 1, 1, 1, 0, 0, 0, 0, 0), row(1, 1, 1, 1, 0, 0, 0, 0, 0, 0)
    assert _with_and_without("border-is-no-contour", "ContourMeanDistance", *pair) == [1, 0.2]


def test_quirk_nothing_detected_is_undefined() -> None:
    pair = row(0, 1, 1, 0, 0, 0, 0, 0), row(0, 0, 0, 0, 0, 1, 1, 0)
    found, sane = _with_and_without("nothing-detected-is-undefined", "F1_score", *pair, 2.0)
    assert math.isnan(found)
    assert sane == 0
