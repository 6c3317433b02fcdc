"""autoPET III and IV beside twins that label with SciPy and loop over components."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

import fastseg
from fastseg import Evaluation
from tests.oracle.lesion_cases import Labels, lesion_cases, row

NAMES = ("dice_sc", "false_pos_vol", "false_neg_vol")


def _components(labels: Labels) -> list[np.ndarray]:
    """Components of each label by 18 neighbours."""
    struct = ndimage.generate_binary_structure(3, 2)
    found = []
    for label in np.unique(labels[labels > 0]):
        numbers, n = ndimage.label(labels == label, struct)
        found += [numbers == number for number in range(1, n + 1)]
    return found


def _missed(labels: Labels, other: Labels) -> int:
    return sum(int(one.sum()) for one in _components(labels) if not other[one].any())


def _millilitres(spacing: tuple[float, ...]) -> float:
    sizes = [np.float32(size) for size in spacing]
    return float(sizes[0] * sizes[1] * sizes[2] / np.float32(1000))


def _dice(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first.astype(np.float64), second.astype(np.float64)
    total = first.sum() + second.sum()
    return float(2 * (first * second).sum() / total) if total else math.nan


def _third(reference: Labels, prediction: Labels, spacing: tuple[float, ...]) -> list[float]:
    voxel = _millilitres(spacing)
    wrong, missed = _missed(prediction, reference), _missed(reference, prediction)
    return [_dice(reference, prediction), wrong * voxel, missed * voxel]


def _fourth(reference: Labels, prediction: Labels, spacing: tuple[float, ...]) -> list[float]:
    scores = _third(reference, prediction, spacing)
    if not reference.any():
        return [math.nan, scores[1], math.nan]
    classes = np.unique(reference)
    if len(classes) > 2:
        scores[0] = float(np.mean([_dice(reference == c, prediction == c) for c in classes]))
    return scores


@pytest.mark.parametrize("n_labels", [1, 3])
@pytest.mark.parametrize(("name", "twin"), [("autopet3", _third), ("autopet4", _fourth)])
def test_equals_the_twin_to_the_bit(name: str, twin, n_labels: int) -> None:  # type: ignore[no-untyped-def]
    for reference, prediction, spacing in lesion_cases(275, n_labels, n_labels=n_labels):
        [found] = fastseg.evaluate_protocol(name, reference, prediction, spacing=spacing).rows
        expected = twin(reference, prediction, spacing)
        np.testing.assert_array_equal([found[score] for score in NAMES], expected)


def test_more_components_than_16_bits_number() -> None:
    reference = np.zeros((1, 520, 520), np.uint8)
    reference[0, ::2, ::2] = 1
    prediction = reference.copy()
    prediction[0, ::4] = 0
    for name in ("autopet3", "autopet4"):
        [found] = fastseg.evaluate_protocol(name, reference, prediction, spacing=10.0).rows
        assert found["false_neg_vol"] == 130 * 260
        assert found["false_pos_vol"] == 0


def test_a_cohort_leaves_out_what_is_undefined() -> None:
    lesion, nothing = row(0, 1, 1, 0), row(0, 0, 0, 0)
    pairs = [(lesion, lesion), (nothing, lesion), (lesion, nothing)]
    for name, dice in (("autopet3", 1 / 3), ("autopet4", 0.5)):
        cases = [
            fastseg.evaluate_protocol(name, *pair, spacing=10.0, case=str(i))
            for i, pair in enumerate(pairs)
        ]
        scores = fastseg.protocol_scores(Evaluation.joined(cases))
        assert scores["dice_sc"] == dice
        assert scores["false_pos_vol"] == 2 / 3
        assert scores["false_neg_vol"] == (2 / 3 if name == "autopet3" else 1)


def test_structures_that_are_asked_for_are_masks() -> None:
    labels = row(0, 1, 1, 0, 2)
    found = fastseg.evaluate_protocol("autopet3", labels, labels % 2, labels={"a": 1, "b": 2})
    assert found["a"]["dice_sc"] == 1
    assert found["b"]["dice_sc"] == 0
    scores = fastseg.protocol_scores(found)
    assert scores["b/false_neg_vol"] == pytest.approx(0.001)


def _with_and_without(
    name: str, quirk: str, reference: Labels, prediction: Labels, spacing: float = 10.0
) -> tuple[dict[str, float], dict[str, float]]:
    both = [
        fastseg.evaluate_protocol(name, reference, prediction, spacing=spacing, quirks=quirks)
        for quirks in (True, {quirk: False})
    ]
    return dict(both[0].rows[0]), dict(both[1].rows[0])


def test_quirk_values_as_weights() -> None:
    mask = row(0, 255, 255, 0)
    found, sane = _with_and_without("autopet3", "values-as-weights", mask, mask)
    assert (found["dice_sc"], sane["dice_sc"]) == (255, 1)


def test_quirk_components_by_value() -> None:
    reference, prediction = row(0, 1, 1, 1, 2, 2, 2, 0), row(0, 1, 1, 1, 0, 0, 0, 0)
    found, sane = _with_and_without("autopet3", "components-by-value", reference, prediction)
    assert (found["false_neg_vol"], sane["false_neg_vol"]) == (3, 0)


def test_quirk_voxel_volume_in_float32() -> None:
    reference = np.ones((10, 10, 10), np.uint8)
    nothing = np.zeros_like(reference)
    found, sane = _with_and_without(
        "autopet3", "voxel-volume-in-float32", reference, nothing, spacing=0.1
    )
    assert found["false_neg_vol"] == 0.0009999999974752427
    assert sane["false_neg_vol"] == 0.0010000000000000002


def test_quirk_background_is_a_class() -> None:
    reference = np.zeros((1, 1, 100), np.uint8)
    reference[0, 0, [10, 50]] = 1, 2
    found, sane = _with_and_without("autopet4", "background-is-a-class", reference, 0 * reference)
    assert (found["dice_sc"], sane["dice_sc"]) == (0.32996632996632996, 0)
