"""CC-Metrics beside a twin of loops over components with SciPy, and beside the package where it is installed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
from fastseg import Evaluation
from fastseg.results.rows import Row

Mask = NDArray[np.bool_]

DICE, SURFACE_DICE = "CCDiceMetric", "CCSurfaceDiceMetric"
HD, HD95 = "CCHausdorffDistanceMetric", "CCHausdorffDistance95Metric"
SURFACE_DISTANCE = "CCSurfaceDistanceMetric"
NAMES = (DICE, HD, HD95, SURFACE_DISTANCE, SURFACE_DICE)
WORST = {DICE: 0.0, HD: 30.0, HD95: 30.0, SURFACE_DISTANCE: 30.0, SURFACE_DICE: 0.0}


def case(seed: int) -> tuple[Mask, Mask]:
    """Noise, boxes that move, touch, merge and are missed, false positives, nothing on one side or on both."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1 if seed % 9 == 0 else 3, (10, 7, 13)[seed % 3], 3))
    kind = seed % 10
    reference, prediction = np.zeros((2, *shape), bool)
    if kind < 4:
        reference = rng.random(shape) < rng.choice([0.005, 0.03, 0.15])
        noise = rng.random(shape) < rng.choice([0, 0.01, 0.05])
        prediction = np.roll(reference, rng.integers(-1, 2, 3), (0, 1, 2)) ^ noise
    elif kind < 8:
        for _ in range(rng.integers(1, 6)):
            start, size = [rng.integers(0, n) for n in shape], rng.integers(1, 5)
            reference[tuple(slice(a, a + size) for a in start)] = True
            if rng.random() < 0.8:
                moved = [max(0, a + rng.integers(-2, 3)) for a in start]
                prediction[tuple(slice(a, a + size) for a in moved)] = True
    elif kind == 8:
        prediction = rng.random(shape) < rng.choice([0, 0.05])
    else:
        reference = rng.random(shape) < 0.05
        prediction = reference.copy() if seed % 20 == 19 else prediction
    return reference, prediction


def surface(mask: Mask) -> Mask:
    inside: Mask = ndimage.binary_erosion(mask)
    return mask & ~inside


def twin(
    reference: Mask,
    prediction: Mask,
    *,
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0),
    first_voxel: bool = True,
    bounded: bool = False,
) -> dict[str, list[float]]:
    """The scores of each component, or the one score of a case without any."""
    components, count = ndimage.label(reference, np.ones((3, 3, 3)))
    if not count:
        best = {name: float(name in (DICE, SURFACE_DICE)) for name in NAMES}
        return {name: [WORST[name] if prediction.any() else best[name]] for name in NAMES}
    if first_voxel:
        _, where = ndimage.distance_transform_edt(
            components == 0, sampling=spacing, return_indices=True
        )
        regions = components[tuple(where)]
    else:
        each = [
            ndimage.distance_transform_edt(components != n, sampling=spacing)
            for n in range(1, count + 1)
        ]
        regions = np.argmin(each, axis=0) + 1
    scores: dict[str, list[float]] = {name: [] for name in NAMES}
    for number in range(1, count + 1):
        lesion, found = components == number, prediction & (regions == number)
        both = int((lesion & found).sum())
        scores[DICE].append(2 * both / int(lesion.sum() + found.sum()))
        if not found.any():
            for name in NAMES[1:]:
                scores[name].append(WORST[name])
            continue
        sides = [
            ndimage.distance_transform_edt(~surface(one), sampling=spacing)[surface(other)]
            for one, other in ((found, lesion), (lesion, found))
        ]
        distances = {
            HD: max(side.max() for side in sides),
            HD95: max(np.percentile(side, 95) for side in sides),
            SURFACE_DISTANCE: sides[1].mean(),
        }
        for name, distance in distances.items():
            scores[name].append(float(min(distance, WORST[name]) if bounded else distance))
        pooled = np.concatenate(sides).astype(np.float32)
        scores[SURFACE_DICE].append(float((pooled <= 1).mean()))
    return scores


def components_of(evaluation: Evaluation, name: str) -> list[float]:
    return [row[name] for row in evaluation.rows if row.level == "instance"]


def close(value: float) -> Any:
    return pytest.approx(value, rel=2e-6)


def score(pair: tuple[Mask, Mask], **options: Any) -> Evaluation:
    maps = [mask.astype(np.uint8) for mask in pair]
    return fastseg.evaluate_protocol("cc-metrics", *maps, **options)


def test_it_is_the_twin() -> None:
    for seed in range(500):
        pair = case(seed)
        evaluation, expected = score(pair), twin(*pair)
        for name in NAMES:
            own = components_of(evaluation, name)
            if own:
                assert own == close(expected[name]), (seed, name)  # type: ignore[arg-type]
            assert evaluation.rows[0][name] == close(float(np.mean(expected[name]))), (seed, name)
        if components_of(evaluation, DICE):
            assert components_of(evaluation, DICE) == expected[DICE]


def test_it_is_the_twin_without_quirks() -> None:
    for seed in range(0, 500, 5):
        pair = case(seed)
        spacing = (3.0, 1.0, 0.5)
        evaluation = score(pair, spacing=spacing, quirks=False)
        expected = twin(*pair, spacing=spacing, first_voxel=False, bounded=True)
        for name in NAMES:
            assert evaluation.rows[0][name] == close(float(np.mean(expected[name]))), (seed, name)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_it_is_the_package_to_the_last_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    package = pytest.importorskip("CCMetrics")
    monkeypatch.setattr("gc.collect", lambda *_: 0)
    made = {
        DICE: package.CCDiceMetric(),
        HD: package.CCHausdorffDistanceMetric(metric_worst_score=30),
        HD95: package.CCHausdorffDistance95Metric(metric_worst_score=30),
        SURFACE_DISTANCE: package.CCSurfaceDistanceMetric(metric_worst_score=30),
        SURFACE_DICE: package.CCSurfaceDiceMetric(class_thresholds=[1]),
    }
    evaluations = []
    for seed in range(60):
        pair = case(seed)
        evaluations.append(score(pair, case=str(seed)))
        one_hot = [np.stack([~mask, mask])[None].astype(np.float32) for mask in pair]
        for metric in made.values():
            metric(y_pred=one_hot[1], y=one_hot[0])
    scores = fastseg.protocol_scores(Evaluation.joined(evaluations))
    version = tuple(map(int, pytest.importorskip("torch").__version__.split(".")[:2]))
    for name, metric in made.items():
        # before 2.14, torch finds the place of a percentile in float32
        digits = 0 if name != HD95 or version >= (2, 14) else 1e-6
        found = [each.rows[0][name] for each in evaluations]
        np.testing.assert_allclose(found, metric.cc_aggregate().tolist(), rtol=digits, atol=0)
        for mode in ("patient", "overall"):
            theirs = metric.cc_aggregate(mode).mean().item()
            np.testing.assert_allclose(scores[f"{name}/{mode}"], theirs, rtol=digits, atol=0)


def test_a_cohort_by_patients_and_by_components() -> None:
    one, two = np.zeros((2, 9, 9, 9), np.uint8)
    one[1, 1, 1] = two[1, 1, 1] = two[7, 7, 7] = two[1, 7, 1] = 1
    nothing = np.zeros_like(one)
    cases = [(one, one), (two, one), (nothing, one), (nothing, nothing)]
    evaluations = [
        fastseg.evaluate_protocol("cc-metrics", *pair, case=str(i)) for i, pair in enumerate(cases)
    ]
    scores = fastseg.protocol_scores(Evaluation.joined(evaluations))
    assert scores[f"{DICE}/patient"] == (1 + 1 / 3 + 0 + 1) / 4
    assert scores[f"{DICE}/overall"] == 3 / 6
    assert scores[f"{HD}/patient"] == np.float32(0 + 20 + 30 + 0) / 4
    assert scores[f"{HD}/overall"] == 90 / 6
    by_label = fastseg.evaluate_protocol("cc-metrics", two, one, labels={"a": 1, "b": 2})
    assert list(fastseg.protocol_scores(by_label))[:2] == [f"a/{DICE}/patient", f"a/{DICE}/overall"]


def rows(*arrays: Any, **options: Any) -> list[Row]:
    evaluation = fastseg.evaluate_protocol("cc-metrics", *arrays, **options)
    return [row for row in evaluation.rows if row.level == "instance"]


def test_rows_of_components_say_which_they_are() -> None:
    reference, prediction = np.zeros((2, 6, 6, 6), np.uint8)
    reference[0, 0, :2], reference[4, 4, 4], prediction[0, 0, 1:4] = 1, 1, 1
    first, second = rows(reference, prediction)
    assert (first.reference_label, first.prediction_label) == (1, None)
    assert first.instance is not None
    assert first.instance.reference_box == ((0, 1), (0, 1), (0, 2))
    assert first.counts[:3] == (1, 2, 1)
    assert second.counts[:3] == (0, 0, 1)
    assert first[DICE] == 2 / 5
    assert second[HD] == 30


def test_only_some_scores_and_other_options() -> None:
    reference, prediction = np.zeros((2, 6, 6, 6), np.uint8)
    reference[0, 0, 0] = reference[5, 5, 5] = prediction[0, 0, 2] = 1
    evaluation = fastseg.evaluate_protocol("cc-metrics", reference, prediction, metrics=HD)
    assert list(evaluation.rows[0]) == [HD]
    options: Any = {"metric_worst_score": 7, "class_thresholds": 2.0, "metrics": (HD, SURFACE_DICE)}
    found, missed = rows(reference, prediction, **options)
    assert (found[SURFACE_DICE], found[HD], missed[HD]) == (1, 2, 7)
    with pytest.raises(ValueError, match=f"did you mean '{DICE}'"):
        fastseg.evaluate_protocol("cc-metrics", reference, prediction, metrics="CCDiceMetrics")
    with pytest.raises(ValueError, match="class_thresholds"):
        fastseg.evaluate_protocol("cc-metrics", reference, prediction, class_thresholds=-1.0)


def test_quirk_distances_in_voxels() -> None:
    reference, prediction = np.zeros((2, 5, 5, 5), np.uint8)
    reference[2, 2, 2] = prediction[2, 2, 3] = 1
    spacing = (1, 1, 5)
    [row] = rows(reference, prediction, spacing=spacing)
    assert row[HD] == 1
    [row] = rows(reference, prediction, spacing=spacing, quirks={"distances-in-voxels": False})
    assert row[HD] == 5


def test_quirk_ties_by_the_transform() -> None:
    # two corners of a square, and a false positive between them
    reference, prediction = np.zeros((2, 3, 3, 1), np.uint8)
    reference[0, 2] = reference[2, 0] = 1
    prediction[:] = reference
    prediction[1, 1] = 1
    assert [row[DICE] for row in rows(reference, prediction)] == [1, 2 / 3]
    quirks = {"ties-by-the-transform": False}
    assert [row[DICE] for row in rows(reference, prediction, quirks=quirks)] == [2 / 3, 1]


def test_quirk_worse_than_the_worst() -> None:
    reference, prediction = np.zeros((2, 3, 3, 50), np.uint8)
    reference[1, 1, 1] = 1
    [missed] = rows(reference, prediction)
    prediction[1, 1, 1] = prediction[1, 1, 41] = 1
    [found] = rows(reference, prediction)
    assert (missed[HD], found[HD]) == (30, 40)
    [found] = rows(reference, prediction, quirks={"worse-than-the-worst": False})
    assert found[HD] == 30


@pytest.mark.slow
def test_torch_adds_up_in_lanes() -> None:
    """Means of float32 depend on the order of the sum; these are those of torch."""
    torch = pytest.importorskip("torch")
    from fastseg.protocols.rules.torch_reductions import torch_mean

    assert math.isnan(torch_mean(np.empty(0, np.float32)))
    for seed in range(300):
        rng = np.random.default_rng(seed)
        for dtype in (np.float32, np.float64):
            values = np.sqrt(
                rng.integers(0, 40, rng.integers(1, 700 if seed % 9 else 9000))
            ).astype(dtype)
            assert float(torch_mean(values)) == torch.from_numpy(values)[:, None].mean().item()
