"""CURVAS' scores beside their definitions over voxels, and beside the packages that its scripts call."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.errors import InputError
from fastseg.raters.curvas_scores import calibration_error, dice_of_rows, volume_crps
from tests.raters import naive_raters as naive

SPACING = (2.0, 1.0, 0.5)


def case(rng: np.random.Generator, labels: int, raters: int = 3) -> tuple[Any, Any, Any]:
    """Raters, a prediction, and probabilities of each label."""
    *maps, prediction = naive.noisy(rng, (5, 6, 7), raters + 1, labels + 1)
    noise = rng.random((labels + 1, 5, 6, 7)) ** 2
    for label in range(labels + 1):
        noise[label] += prediction == label
    noise /= noise.sum(axis=0)
    return maps, prediction, noise[1:].astype(np.float32)


def calibration(labels: np.ndarray, stack: np.ndarray) -> float:
    """Expected calibration error, voxel by voxel; the channels with the background first."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    edges = np.linspace(0, 1, 51).astype(np.float32)
    for truth, own in zip(labels.ravel(), stack.reshape(len(stack), -1).T, strict=True):
        best = int(own.argmax())
        place = max(i for i in range(51) if edges[i] <= own[best])
        bins.setdefault(place, []).append((float(own[best]), best == truth))
    gaps = [abs(sum(c for c, _ in one) - sum(r for _, r in one)) for one in bins.values()]
    return sum(gaps) / labels.size


def crps(volumes: list[float], predicted: float) -> float:
    """By a sum over a fine grid."""
    from scipy.stats import norm

    mean, deviation = np.mean(volumes), np.std(volumes)
    points = np.linspace(norm.ppf(0.01, mean, deviation), norm.ppf(0.99, mean, deviation), 100)
    line = np.linspace(mean - 3 * deviation, mean + 3 * deviation, 200_001)
    below = np.interp(line, points, norm.cdf(points, mean, deviation), left=0, right=1)
    return float(np.trapezoid((below - (line > predicted)) ** 2, line))


def test_scores_of_2024_are_their_definitions() -> None:
    rng = np.random.default_rng(0)
    for _ in range(6):
        maps, prediction, probabilities = case(rng, 3)
        found = fastseg.curvas_scores(
            maps, prediction, probabilities, year=2024, labels=[1, 2, 3], spacing=SPACING
        )
        for label in (1, 2, 3):
            masks = [one == label for one in maps]
            agreed = np.all(masks, axis=0) | ~np.any(masks, axis=0)
            truth, own = np.all(masks, axis=0), (prediction == label) & agreed
            dice = naive.dice(truth, own)
            assert found.value(label, "consensus_dice", "prediction") == pytest.approx(dice)
            slices = []
            for z in range(truth.shape[2]):
                rows = [
                    naive.dice(truth[:, y, z], own[:, y, z])
                    for y in range(1, truth.shape[1])
                    if truth[:, y, z].any()
                ]
                slices += [np.mean(rows)] if rows else []
            assert found.value(label, "consensus_dice_of_rows", "prediction") == pytest.approx(
                np.mean(slices) if slices else math.nan, nan_ok=True
            )
            volumes = [float(one.sum()) for one in masks]
            expected = crps(volumes, float(probabilities[label - 1].sum(dtype=float)))
            assert found.value(label, "volume_crps", "prediction") == pytest.approx(
                expected, rel=1e-4, abs=1e-4
            )
        stack = np.concatenate([1 - probabilities.sum(axis=0, keepdims=True), probabilities])
        errors = [calibration(one, stack) for one in maps]
        for i, error in enumerate(errors, 1):
            assert found.value(None, "ece", "prediction", f"rater {i}") == pytest.approx(error)
        assert found.value(None, "ece", "prediction") == pytest.approx(np.mean(errors))


def test_scores_of_2025_are_their_definitions() -> None:
    rng = np.random.default_rng(1)
    for _ in range(6):
        maps, prediction, probabilities = case(rng, 1, raters=5)
        found = fastseg.curvas_scores(maps, prediction, probabilities[0], year=2025)
        share = np.mean([one == 1 for one in maps], axis=0)
        scores = []
        for threshold in np.linspace(0.1, 0.8, 6):
            truth, own = share > threshold, probabilities[0] > threshold
            scores.append(2 * (truth & own).sum() / (truth.sum() + own.sum() + 1e-6))
        assert found.value(1, "thresholded_dice", "prediction") == pytest.approx(np.mean(scores))
        truth = fastseg.consensus(maps, "staple", probability_of=1) > 0.5
        expected = (
            2 * (truth & (prediction == 1)).sum() / (truth.sum() + (prediction == 1).sum() + 1e-6)
        )
        assert found.value(1, "staple_dice", "prediction", "consensus") == pytest.approx(expected)


def test_calibration_is_looked_at_around_the_structures() -> None:
    one = np.zeros((60, 50, 8), np.uint8)
    one[30:34, 25:28, 2:4] = 1
    probability = np.full(one.shape, 0.25)
    probability[:10] = 0.9  # more than 20 voxels away
    found = fastseg.curvas_scores([one, one], one, probability, year=2025)
    inside = (33 + 20 - 10) * (27 + 20 - 5) * 8  # the box ends 20 voxels behind the last, less one
    expected = abs(0.75 - (inside - 24) / inside)
    assert found.value(None, "ece", "prediction") == pytest.approx(expected)
    nothing = np.zeros((3, 3, 3), np.uint8)
    empty = fastseg.curvas_scores(
        [nothing, nothing], nothing, nothing.astype(float), year=2025, labels=[1]
    )
    assert empty.value(1, "thresholded_dice", "prediction") == 1
    assert empty.value(1, "staple_dice", "prediction", "consensus") == 0
    assert empty.value(1, "volume_crps", "prediction") == 0


def test_volumes_that_do_not_vary() -> None:
    assert volume_crps([5.0, 5.0], 9.0) == 0
    assert volume_crps([4.0, 6.0], 5.0) < volume_crps([4.0, 6.0], 7.0)


def test_a_background_below_zero_brings_a_softmax() -> None:
    channels = [np.array([0.7, 0.2]), np.array([0.4, 0.1])]
    labels = np.array([1, 0])
    stack = np.array([[-0.1, 0.7], [0.7, 0.2], [0.4, 0.1]])
    soft = np.exp(stack) / np.exp(stack).sum(axis=0)
    assert calibration_error(labels, channels, clamped=False) == pytest.approx(
        calibration(labels, soft)
    )
    assert math.isnan(calibration_error(labels[:0], [one[:0] for one in channels], clamped=True))


def test_channels_and_what_is_refused() -> None:
    rng = np.random.default_rng(2)
    maps, prediction, probabilities = case(rng, 2)
    background = np.zeros_like(probabilities[:1])
    with_it = np.concatenate([background, probabilities])
    found, same = (
        fastseg.curvas_scores(maps, prediction, one, year=2024) for one in (probabilities, with_it)
    )
    assert [one.value for one in found] == pytest.approx([one.value for one in same])
    assert found.settings["protocol"] == "curvas2024"
    with pytest.raises(InputError, match="1 channel for 2 labels"):
        fastseg.curvas_scores(maps, prediction, probabilities[0], year=2024)
    with pytest.raises(InputError, match="numbers from 0 to 1, got nan of 1"):
        fastseg.curvas_scores(maps, prediction, probabilities * math.nan, year=2025)
    with pytest.raises(InputError, match="year"):
        fastseg.curvas_scores(maps, prediction, probabilities, year=2026)  # type: ignore[arg-type]


@pytest.mark.slow
def test_beside_torchmetrics_and_monai() -> None:
    """The two packages' parts of the scores, called as the scripts call them."""
    torch = pytest.importorskip("torch")
    classification = pytest.importorskip("torchmetrics.classification")
    metrics = pytest.importorskip("monai.metrics")
    rng = np.random.default_rng(3)
    for number in range(500):
        maps, prediction, probabilities = case(rng, 3)
        if number % 5 == 0:
            probabilities = np.minimum(probabilities * np.float32(1.2), np.float32(1))
        found = fastseg.curvas_scores(maps, prediction, probabilities, year=2024, labels=[1, 2, 3])
        samples = torch.from_numpy(probabilities)
        stack = torch.cat([1 - samples.sum(dim=0, keepdim=True), samples])
        flat = stack.permute(1, 2, 3, 0).reshape(-1, 4)
        for i, one in enumerate(maps, 1):
            error = classification.MulticlassCalibrationError(num_classes=4, n_bins=50)
            theirs = float(error(flat, torch.from_numpy(one.astype(np.int64)).reshape(-1)))
            assert found.value(None, "ece", "prediction", f"rater {i}") == pytest.approx(
                theirs, abs=2e-6
            )
        masks = [one == 1 for one in maps]
        agreed = np.all(masks, axis=0) | ~np.any(masks, axis=0)
        truth, own = np.all(masks, axis=0), (prediction == 1) & agreed
        dice = metrics.DiceMetric(include_background=False, reduction="mean", ignore_empty=True)
        # axes of files as SimpleITK's arrays have them: (z, y, x)
        dice(torch.from_numpy(own.T.astype(np.uint8)), torch.from_numpy(truth.T.astype(np.uint8)))
        theirs = float(dice.aggregate())
        ours = found.value(1, "consensus_dice_of_rows", "prediction")
        assert ours == dice_of_rows(truth, own) or math.isnan(ours)
        # MONAI's mean of nothing is 0
        assert np.nan_to_num(ours) == pytest.approx(theirs, abs=1e-6)
