"""MedSegFM's scores beside twins: F1 of instances with its 8 bits, Dice and surface Dice of classes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

import fastseg
from tests.protocols.instances import Counted, Labels, pairs


def instances_of(prediction: Labels) -> Labels:
    """What becomes of a prediction: numbers modulo 256, a single label split and numbered on from itself."""
    labels = prediction % 256
    values = np.unique(labels)
    if len(values) != 2:
        return labels
    number = 0
    split = labels.copy()
    for place in zip(*np.nonzero(labels), strict=True):
        if split[place] >= 0:
            number += 1
            part = ndimage.label(labels == labels[place])[0]
            # a place that was reached gets a mark below 0 until all are numbered
            split[part == part[place]] = -((number + int(values[-1])) % 256) - 1
    return np.where(labels > 0, -split - 1, 0) if (labels > 0).any() else labels


def f1_of(reference: Labels, prediction: Labels, threshold: float = 0.5) -> float:
    counted = Counted(reference % 256, instances_of(prediction))
    first, second = counted.ids
    if not first or not second:
        return 0.0
    iou = np.array([[counted.iou(r, p) for p in second] for r in first])
    rows, columns = linear_sum_assignment(iou >= threshold, maximize=True)
    tp = int((iou[rows, columns] >= threshold).sum())
    precision, recall = tp / len(second), tp / len(first)
    return 2 * precision * recall / (precision + recall) if tp else 0.0


@pytest.mark.parametrize("seed", range(3))
def test_instances_equal_the_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for i, (reference, prediction) in enumerate(pairs(seed, 200)):
        first, second = reference.astype(int), prediction.astype(int)
        if i % 5 == 0:
            first, second = first * 101, np.where(rng.random(first.shape) < 0.9, first * 101, 0)
        elif i % 5 == 1:
            second = (second > 0) * int(rng.integers(1, 256))
        found = fastseg.evaluate_protocol("medsegfm", first, second, instances=True)["instances"]
        assert found["F1"] == round(f1_of(first, second), 4)


def test_classes_are_dice_and_surface_dice() -> None:
    rng = np.random.default_rng(1)
    for reference, prediction in pairs(2, 60, (3,)):
        spacing = tuple(rng.uniform(0.5, 3, 3))
        found = fastseg.evaluate_protocol("medsegfm", reference, prediction, spacing=spacing)
        if not (reference.any() or prediction.any()):
            assert math.isnan(found["mean"]["DSC"])
            continue
        plain = fastseg.evaluate(
            reference,
            prediction,
            spacing=spacing,
            labels=[int(label) for label in np.union1d(reference, prediction) if label],
            metrics=("dice", "nsd"),
            tolerance=2.0,
            boundary="surfel",
            empty={"dice": 0.0, "nsd": 0.0},
            single_slice="volume",
        )
        for row in plain.rows:
            assert found[row.name]["DSC"] == row["dice"]
            assert found[row.name]["NSD"] == pytest.approx(row["nsd"], abs=1e-12)
        dice = np.mean([row["dice"] for row in plain.rows])
        assert found["mean"]["DSC"] == float(np.round(dice, 4))


def test_classes_that_neither_map_has_are_left_out() -> None:
    one = np.zeros((4, 4, 4), np.uint8)
    one[1:3, 1:3, 1:3] = 1
    labels = {"liver": 1, "kidney": 2}
    found = fastseg.evaluate_protocol("medsegfm", one, one, labels=labels)
    assert (found["mean"]["DSC"], found["mean"]["NSD"]) == (1.0, 1.0)
    assert math.isnan(found["kidney"]["DSC"])
    missed = fastseg.evaluate_protocol("medsegfm", one, 0 * one, labels=labels)
    assert (missed["mean"]["DSC"], missed["mean"]["NSD"]) == (0.0, 0.0)


def _f1(reference: Any, prediction: Any, quirk: str, holds: bool) -> Any:
    sides = (np.asarray(side)[None, None] for side in (reference, prediction))
    quirks = {quirk: holds}
    found = fastseg.evaluate_protocol("medsegfm", *sides, instances=True, quirks=quirks)
    return found["instances"]


def test_quirk_labels_in_8_bits() -> None:
    for n, with_quirk in ((256, 255), (300, 255)):
        row = np.arange(1, n + 1)
        assert _f1(row, row, "labels-in-8-bits", True)["TP"] == with_quirk
        assert _f1(row, row, "labels-in-8-bits", False)["TP"] == n


def test_quirk_one_label_is_split() -> None:
    reference, prediction = [1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 1, 1]
    row = _f1(reference, prediction, "one-label-is-split", True)
    assert (row["TP"], row["FP"], row["F1"]) == (1, 1, 0.6667)
    assert _f1(reference, prediction, "one-label-is-split", False)["F1"] == 1.0


def test_quirk_nothing_predicted_is_not_counted() -> None:
    args = [1, 0, 2], [0, 0, 0], "nothing-predicted-is-not-counted"
    assert [_f1(*args, holds)["FN"] for holds in (True, False)] == [0, 2]
    assert [_f1(*args, holds)["F1"] for holds in (True, False)] == [0, 0]


def test_quirk_rounded() -> None:
    args = [1, 1, 0, 2], [1, 1, 0, 0], "rounded"
    assert [_f1(*args, holds)["F1"] for holds in (True, False)] == [0.6667, 2 / 3]


def test_a_cohort_is_averaged() -> None:
    row = np.array([[[1, 1, 0, 2]]])
    evaluations = [
        fastseg.evaluate_protocol("medsegfm", row, prediction, instances=True, case=str(i))
        for i, prediction in enumerate((row, np.where(row == 2, 0, 3 * row)))
    ]
    scores = fastseg.protocol_scores(fastseg.Evaluation.joined(evaluations))
    assert scores == {"F1": (1 + 0.6667) / 2}
