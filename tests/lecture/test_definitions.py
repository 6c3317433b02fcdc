"""Lecture 3.3: every definition on one pair of masks, by its formula and by hand."""

from __future__ import annotations

import numpy as np
import pytest

import fastseg
from tests.lecture.shown import Panel, Pitfall, box

# 12 × 12 pixels: A has 24, B has 20, and they share 9
REFERENCE, PREDICTION = box(12, (3, 7), (2, 8)), box(12, (4, 8), (5, 10))
A, B = REFERENCE == 1, PREDICTION == 1
TP, FP, FN, TN = 9, 11, 15, 109
ROW = fastseg.evaluate(REFERENCE, PREDICTION).rows[0]

DEFINITIONS = Pitfall(
    title="Two rectangles",
    section="3.3",
    figure="",
    trap="The reference A is 4 × 6 pixels, the prediction B 4 × 5; they share 3 × 3 of 144. So TP = 9, FP = "
    "11, FN = 15 and TN = 109.",
    uncovered="Where the background is large, accuracy and specificity are near 1 whatever the prediction is. All "
    "definitions are [here](definitions.md).",
    metrics=(
        "accuracy",
        "precision",
        "recall",
        "specificity",
        "dice",
        "iou",
        "volume_similarity",
        "hd",
        "masd",
        "assd",
    ),
    panels=(Panel("A and B", REFERENCE, PREDICTION),),
)


def _of_voxels(voxels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Give d(a, B) of each point a."""
    difference = np.argwhere(voxels)[:, None] - np.argwhere(others)[None]
    nearest: np.ndarray = np.sqrt((difference**2).sum(2)).min(1)
    return nearest


def test_3_1_ground_truth_is_the_first_argument() -> None:
    assert ROW["recall"] == fastseg.evaluate(PREDICTION, REFERENCE).rows[0]["precision"]


def test_3_2_several_gold_standards_can_be_compared() -> None:
    raters = fastseg.evaluate_raters([REFERENCE, np.roll(REFERENCE, 1, 0), REFERENCE])
    between = raters.value(1, "dice")
    assert between == pytest.approx((0.75 + 0.75 + 1) / 3)


def test_3_3_1_precision_is_repeatability() -> None:
    repeats = np.array([[10.0, 10.2], [20.0, 20.4], [30.0, 29.9]])
    found = fastseg.repeatability(repeats)
    within = np.sqrt((np.diff(repeats, axis=1) ** 2 / 2).mean())
    assert found.within_subject_sd == pytest.approx(within)


def test_3_3_2_accuracy_is_trueness_and_both_errors_are_told_apart() -> None:
    truth = np.array([10.0, 20.0, 30.0])
    precise_and_wrong = fastseg.repeatability(np.stack([truth + 5, truth + 5], 1), truth)
    assert precise_and_wrong.trueness == 5
    assert precise_and_wrong.within_subject_sd == 0
    true_and_imprecise = fastseg.repeatability(np.stack([truth - 2, truth + 2], 1), truth)
    assert true_and_imprecise.trueness == 0
    assert true_and_imprecise.within_subject_sd == pytest.approx(np.sqrt(8))


def test_3_3_3_robustness_is_degradation_over_levels_of_noise() -> None:
    steady = fastseg.robustness({0: 0.9, 1: 0.9, 2: 0.89})
    fragile = fastseg.robustness({0: 0.9, 1: 0.6, 2: 0.3})
    assert steady.scores["degradation"] < 0.01 < 0.3 < fragile.scores["degradation"]


def test_3_3_4_confusion_matrix() -> None:
    assert ROW.counts == (TP, FP, FN, TN)
    assert [int(A.sum()), int(B.sum())] == [TP + FN, TP + FP]
    matrix = fastseg.confusion_matrix(REFERENCE, PREDICTION)
    assert np.asarray(matrix).sum() == REFERENCE.size


def test_3_3_5_accuracy_is_high_where_the_background_is_large() -> None:
    assert ROW["accuracy"] == (TP + TN) / (TP + FN + TN + FP)
    large = fastseg.evaluate(np.pad(REFERENCE, 200), np.pad(PREDICTION, 200)).rows[0]
    assert large["accuracy"] > 0.999
    assert large["dice"] == ROW["dice"]


def test_3_3_6_precision() -> None:
    assert ROW["precision"] == TP / (TP + FP)


def test_3_3_7_recall() -> None:
    assert ROW["recall"] == TP / (TP + FN)


def test_3_3_8_specificity() -> None:
    assert ROW["specificity"] == TN / (TN + FP)


def test_3_3_9_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    precision, recall = ROW["precision"], ROW["recall"]
    f1 = 2 * precision * recall / (precision + recall)
    assert f1 == pytest.approx(2 * TP / (2 * TP + FP + FN))
    found = fastseg.evaluate(REFERENCE, PREDICTION, metrics=["f1", "f_beta"]).rows[0]
    assert list(found.values()) == pytest.approx([f1] * len(found))


def test_3_3_10_iou() -> None:
    assert ROW["iou"] == np.count_nonzero(A & B) / np.count_nonzero(A | B)


def test_3_3_11_dice_is_f1() -> None:
    assert ROW["dice"] == 2 * np.count_nonzero(A & B) / (np.count_nonzero(A) + np.count_nonzero(B))
    assert ROW["dice"] == pytest.approx(2 * ROW["iou"] / (1 + ROW["iou"]))


def test_3_3_12_volume_similarity_is_1_without_any_overlap() -> None:
    assert ROW["volume_similarity"] == pytest.approx(1 - abs(FN - FP) / (2 * TP + FP + FN))
    apart = fastseg.evaluate(REFERENCE, np.roll(REFERENCE, 5, 0)).rows[0]
    assert (apart["volume_similarity"], apart["dice"]) == (1, 0)


def test_3_3_13_hausdorff_distance_of_all_points_and_of_surfaces() -> None:
    of_points = max(_of_voxels(A, B).max(), _of_voxels(B, A).max())
    assert ROW["hd"] == of_points == pytest.approx(10**0.5)


def test_3_3_14_average_surface_distance() -> None:
    surfaces = [np.asarray(fastseg.surface(mask)).astype(bool) for mask in (A, B)]
    means = _of_voxels(*surfaces).mean(), _of_voxels(*surfaces[::-1]).mean()
    assert ROW["asd_reference_to_prediction"] == pytest.approx(means[0])
    assert ROW["masd"] == pytest.approx(sum(means) / 2)
    assert ROW["assd"] != ROW["masd"]  # pooled over both surfaces, which are not as large


PITFALLS = (DEFINITIONS,)
