"""LNQ 2023 beside SimpleITK's filters, to the bit, and beside a twin by brute force."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastseg
from fastseg import Evaluation
from tests.oracle.lesion_cases import Labels, lesion_cases, row

DICE, DISTANCE = "DiceCoefficient", "AverageSymmetricSurfaceDistance"


def _contour(labels: Labels) -> NDArray[np.bool_]:
    found = np.zeros(labels.shape, bool)
    for place in np.argwhere(labels):
        for axis in range(3):
            for step in (-1, 1):
                other = place.copy()
                other[axis] += step
                if 0 <= other[axis] < labels.shape[axis]:
                    found[tuple(place)] |= labels[tuple(other)] != labels[tuple(place)]
    return found


def _mean_distance(reference: Labels, prediction: Labels, spacing: tuple[float, ...]) -> float:
    """The mean of both directions' mean distances between contours, in doubles."""
    places = [np.argwhere(_contour(labels)) * spacing for labels in (reference, prediction)]
    if not (len(places[0]) and len(places[1])):
        return math.nan
    apart = np.linalg.norm(places[0][:, None] - places[1][None], axis=2)
    return float(apart.min(axis=0).mean() / 2 + apart.min(axis=1).mean() / 2)


def _of_itk(
    sitk: object, reference: Labels, prediction: Labels, spacing: tuple[float, ...]
) -> list[float]:
    """Dice and distance by SimpleITK's filters: contours weighted by labels, zeros filled up to their sum."""
    itk: Any = sitk
    images = []
    for labels in (reference, prediction):
        image = itk.GetImageFromArray(labels)
        image.SetSpacing(spacing[::-1])
        images.append(image)
    overlap = itk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*images)
    surfaces = [itk.LabelContour(image) for image in images]
    maps = [
        itk.Abs(itk.SignedMaurerDistanceMap(surface, squaredDistance=False, useImageSpacing=True))
        for surface in surfaces
    ]
    halves = []
    for away, own in ((maps[0], surfaces[1]), (maps[1], surfaces[0])):
        weights = itk.GetArrayFromImage(own)
        weighted = itk.GetArrayFromImage(away) * weights.astype(np.float32)
        listed = list(weighted[weighted != 0])
        listed += list(np.zeros(int(weights.sum()) - len(listed)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the mean of nothing
            halves.append(np.mean(listed) / 2)
    return [overlap.GetDiceCoefficient(), float(halves[0] + halves[1])]


@pytest.mark.parametrize("n_labels", [1, 3])
def test_equals_simpleitk_to_the_bit(n_labels: int) -> None:
    sitk = pytest.importorskip("SimpleITK")
    for reference, prediction, spacing in lesion_cases(275, 30 + n_labels, n_labels=n_labels):
        [found] = fastseg.evaluate_protocol("lnq2023", reference, prediction, spacing=spacing).rows
        expected = _of_itk(sitk, reference, prediction, spacing)
        np.testing.assert_array_equal([found[DICE], found[DISTANCE]], expected)


def test_images_are_the_same_as_their_arrays() -> None:
    sitk = pytest.importorskip("SimpleITK")
    for reference, prediction, spacing in lesion_cases(22, 3):
        images = [sitk.GetImageFromArray(labels) for labels in (reference, prediction)]
        for image in images:
            image.SetSpacing(spacing[::-1])
        [found] = fastseg.evaluate_protocol("lnq2023", *images).rows
        [same] = fastseg.evaluate_protocol("lnq2023", reference, prediction, spacing=spacing).rows
        np.testing.assert_array_equal([found[DICE], found[DISTANCE]], [same[DICE], same[DISTANCE]])


def test_equals_brute_force() -> None:
    for reference, prediction, spacing in lesion_cases(220, 5):
        expected = _mean_distance(reference, prediction, spacing)
        for quirks in (True, {"distances-in-float32": False}):
            [found] = fastseg.evaluate_protocol(
                "lnq2023", reference, prediction, spacing=spacing, quirks=quirks
            ).rows
            rounding = 1e-6 if quirks is True else 1e-13
            np.testing.assert_allclose(found[DISTANCE], expected, rounding, rounding)


def test_all_quirks_off_on_every_kind() -> None:
    for reference, prediction, spacing in lesion_cases(110, 6, n_labels=3):
        [found] = fastseg.evaluate_protocol(
            "lnq2023", reference, prediction, spacing=spacing, quirks=False
        ).rows
        occur = bool(reference.any()), bool(prediction.any())
        assert math.isnan(found[DISTANCE]) == (occur != (True, True))
        assert math.isnan(found[DICE]) == (occur == (False, False))


def test_one_undefined_case_leaves_the_mean_undefined() -> None:
    lesion, nothing = row(0, 1, 1, 0), row(0, 0, 0, 0)
    cases = [
        fastseg.evaluate_protocol("lnq2023", lesion, other, case=str(i))
        for i, other in enumerate((lesion, nothing))
    ]
    scores = fastseg.protocol_scores(Evaluation.joined(cases))
    assert scores[DICE] == 0.5
    assert math.isnan(scores[DISTANCE])
    scores = fastseg.protocol_scores(Evaluation.joined(cases[:1]))
    assert scores == {DICE: 1.0, DISTANCE: 0.0}


def _with_and_without(
    quirk: str, score: str, reference: Labels, prediction: Labels, spacing: float = 1.0
) -> list[float]:
    choices: tuple[bool | Mapping[str, bool], ...] = (True, {quirk: False})
    return [
        fastseg.evaluate_protocol(
            "lnq2023", reference, prediction, spacing=spacing, quirks=quirks
        ).rows[0][score]
        for quirks in choices
    ]


def test_quirk_both_empty_is_infinite() -> None:
    found, sane = _with_and_without("both-empty-is-infinite", DICE, row(0, 0, 0), row(0, 0, 0))
    assert found == math.inf
    assert math.isnan(sane)


def test_quirk_mean_of_means() -> None:
    reference, prediction = np.zeros((2, 1, 1, 15), np.uint8)
    reference[0, 0, [1, 2]] = prediction[0, 0, 12] = 1
    found = _with_and_without("mean-of-means", DISTANCE, reference, prediction)
    assert found == [10.25, 31 / 3]


def test_quirk_border_is_no_surface() -> None:
    full = row(1, 1, 1)
    found, sane = _with_and_without("border-is-no-surface", DISTANCE, full, full)
    assert math.isnan(found)
    assert sane == 0
    pair = row(1, 1, 1, 1, 0, 0, 0), row(1, 1, 0, 0, 0, 0, 0)
    assert _with_and_without("border-is-no-surface", DISTANCE, *pair) == [2, 0.375]


def test_quirk_values_as_weights() -> None:
    pair = row(0, 1, 0, 0, 0, 3, 0, 0), row(0, 1, 0, 0, 0, 0, 0, 0)
    assert _with_and_without("values-as-weights", DISTANCE, *pair) == [1.5, 1]


@pytest.mark.parametrize(("place", "distance"), [(1, 0.699999988079071), (3, 0.7000000476837158)])
def test_quirk_distances_in_float32(place: int, distance: float) -> None:
    reference, prediction = np.zeros((2, 1, 1, 12), np.uint8)
    reference[0, 0, place] = prediction[0, 0, place + 1] = 1
    found = _with_and_without("distances-in-float32", DISTANCE, reference, prediction, 0.7)
    assert found == [distance, 0.7]
