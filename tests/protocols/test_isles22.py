"""ISLES 2022 beside a twin that labels with SciPy and loops over components."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

import fastseg
from tests.oracle.lesion_cases import Labels, lesion_cases

NAMES = (
    "dice",
    "absolute_volume_difference",
    "absolute_lesion_difference",
    "lesion_f1_score",
)


def _twin(reference: Labels, prediction: Labels, spacing: tuple[float, ...]) -> list[float]:
    first, second = reference > 0, prediction > 0
    sizes = [np.float32(size) for size in spacing]
    voxel = float(sizes[0] * sizes[1] * sizes[2] / np.float32(1000))
    numbers = [ndimage.label(mask, np.ones((3, 3, 3))) for mask in (first, second)]
    tp = fp = fn = 0
    for number in range(1, numbers[0][1] + 1):
        hit = bool(second[numbers[0][0] == number].any())
        tp, fn = tp + hit, fn + (not hit)
    for number in range(1, numbers[1][1] + 1):
        fp += not first[numbers[1][0] == number].any()
    total = int(first.sum()) + int(second.sum())
    return [
        2.0 * int((first & second).sum()) / total if total else 1.0,
        abs(int(first.sum()) * voxel - int(second.sum()) * voxel),
        abs(numbers[0][1] - numbers[1][1]),
        tp / (tp + (fp + fn) / 2) if tp + fp + fn else 1.0,
    ]


@pytest.mark.parametrize("n_labels", [1, 3])
def test_equals_the_twin_to_the_bit(n_labels: int) -> None:
    for reference, prediction, spacing in lesion_cases(330, 7 + n_labels, n_labels=n_labels):
        [found] = fastseg.evaluate_protocol("isles22", reference, prediction, spacing=spacing).rows
        expected = _twin(reference, prediction, spacing)
        np.testing.assert_array_equal([found[score] for score in NAMES], expected)


def test_one_prediction_over_three_lesions_finds_all_and_is_never_wrong() -> None:
    reference = np.zeros((3, 3, 9), np.uint8)
    reference[1, 1, [1, 4, 7]] = 1
    [found] = fastseg.evaluate_protocol("isles22", reference, np.ones_like(reference)).rows
    assert found["lesion_f1_score"] == 1
    assert found["absolute_lesion_difference"] == 2
    assert found["dice"] == 6 / 84


def test_quirk_counts_in_int16() -> None:
    reference = np.zeros((1, 400, 400), np.uint8)
    reference[0, ::2, ::2] = 1
    prediction = np.zeros_like(reference)
    prediction[0, 0, 0] = 1
    found = [
        fastseg.evaluate_protocol("isles22", reference, prediction, quirks=quirks).rows[0]
        for quirks in (True, {"counts-in-int16": False})
    ]
    assert [one["absolute_lesion_difference"] for one in found] == [25537, 39999]
    assert found[0]["lesion_f1_score"] == found[1]["lesion_f1_score"] == 1 / (1 + 39999 / 2)


@pytest.mark.parametrize(("first", "second"), [(32768, 0), (40000, 1), (0, 65536), (70000, 3)])
def test_counts_wrap_as_numpy_does(first: int, second: int) -> None:
    from fastseg.protocols.isles22 import _difference

    counts = [np.array(count).astype(np.int16) for count in (first, second)]
    expected = np.abs(counts[0] - counts[1])
    assert _difference(first, second, in_int16=True) == int(expected)


def test_quirk_voxel_volume_in_float32() -> None:
    reference = np.ones((10, 10, 10), np.uint8)
    found = [
        fastseg.evaluate_protocol(
            "isles22", reference, 0 * reference, spacing=0.1, quirks=quirks
        ).rows[0]["absolute_volume_difference"]
        for quirks in (True, {"voxel-volume-in-float32": False})
    ]
    assert found == [0.0009999999974752427, 0.0010000000000000002]
