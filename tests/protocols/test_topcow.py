"""TopCoW 2024 beside a twin with loops over vessels, components and neighbours, and beside SimpleITK and pandas."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
from fastseg import Evaluation

Labels = NDArray[np.uint8]
NAMES = {
    1: "BA",
    2: "R-PCA",
    3: "L-PCA",
    4: "R-ICA",
    5: "R-MCA",
    6: "L-ICA",
    7: "L-MCA",
    8: "R-Pcom",
    9: "L-Pcom",
    10: "Acom",
    11: "R-ACA",
    12: "L-ACA",
    15: "3rd-A2",
}
EVERYWHERE = np.ones((3, 3, 3))


def _cases(n: int, seed: int) -> Iterator[tuple[Labels, Labels, tuple[float, ...]]]:
    """Vessels that grow from seeds until they touch, and what may become of them."""
    rng = np.random.default_rng(seed)
    for number in range(n):
        shape = tuple(int(size) for size in rng.integers(2, 9, 3))
        seeds = np.zeros(shape, int)
        for _ in range(rng.integers(1, 9)):
            seeds[tuple(rng.integers(0, size) for size in shape)] = rng.choice([*NAMES])
        away, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
        grown = np.where(away < rng.choice([1.1, 1.8, 2.5]), seeds[tuple(nearest)], 0)
        reference = grown.astype(np.uint8)
        prediction = reference.copy()
        kind = number % 9
        if kind == 1:
            prediction[rng.random(shape) < 0.3] = 0
        elif kind == 2:
            prediction = np.roll(reference, 1, axis=int(rng.integers(3)))
        elif kind == 3:
            changed = rng.random(shape) < 0.1
            prediction[changed] = rng.choice([*NAMES], int(changed.sum()))
        elif kind == 4:
            prediction[prediction == rng.choice(np.unique(reference))] = 0
        elif kind == 5:
            prediction = reference[..., ::-1].copy()
        elif kind == 6:
            prediction[:] = 0
        elif kind == 7:
            reference[:] = 0
        elif kind == 8:
            prediction = rng.choice([0, 0, *NAMES], shape).astype(np.uint8)
            if number % 18 == 8:
                reference[:] = prediction[:] = 0
        spacing = rng.choice([0.3125, 0.7, 1.0, 1.2, 2.5, 1 / 3], 3)
        yield reference, prediction, tuple(spacing.tolist())


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(mask & ~ndimage.binary_erosion(mask, EVERYWHERE))


def _of_mask(
    first: NDArray[np.bool_], second: NDArray[np.bool_], spacing: tuple[float, ...]
) -> dict[str, float]:
    b0 = [ndimage.label(mask, EVERYWHERE)[1] for mask in (first, second)]
    scores = {"Dice": 0.0, "B0err": abs(b0[0] - b0[1]), "HD": 90.0, "HD95": 90.0}
    if first.any() and second.any():
        jaccard = (first & second).sum() / (first | second).sum()
        scores["Dice"] = float(2 * jaccard / (1 + jaccard))
        surfaces = [_surface(mask) for mask in (first, second)]
        ways = [
            ndimage.distance_transform_edt(~surfaces[1 - one], spacing)[surfaces[one]]
            for one in (0, 1)
        ]
        scores["HD"] = float(max(way.max() for way in ways))
        scores["HD95"] = float(max(np.percentile(way, 95) for way in ways))
    return scores


def _neighbours(labels: Labels, label: int) -> set[int]:
    grown = ndimage.binary_dilation(labels == label, EVERYWHERE) & (labels != label)
    return {*np.unique(labels[grown]).tolist()} - {0}


def _edges(labels: Labels) -> dict[str, list[int]]:
    def touch(label: int, other: int) -> int:
        return int(other in _neighbours(labels, label))

    def there(label: int) -> int:
        return int((labels == label).any())

    return {
        "anterior": [touch(12, 6), there(10), there(15), touch(11, 4)],
        "posterior": [there(9), touch(3, 1), touch(2, 1), there(8)],
    }


def _detection(reference: Labels, prediction: Labels, label: int) -> str:
    first, second = reference == label, prediction == label
    if not first.any():
        return "FP" if second.any() else "TN"
    return "TP" if (first & second).sum() / (first | second).sum() >= 0.25 else "FN"


def _flipped(labels: Labels, pairs: tuple[tuple[int, int], ...]) -> bool:
    for left, right in pairs:
        places = [np.argwhere(labels == label)[:, 2] for label in (left, right)]
        if len(places[0]) and len(places[1]):
            return bool(np.median(places[0]) < np.median(places[1]))
    return False


def _matches(reference: Labels, prediction: Labels, labels: tuple[int, ...], turned: bool) -> bool:
    for label in labels:
        b0 = [ndimage.label(one == label, EVERYWHERE)[1] for one in (reference, prediction)]
        if (
            _detection(reference, prediction, label) in ("FP", "FN")
            or _neighbours(reference, label) != _neighbours(prediction, label)
            or b0[0] != b0[1]
        ):
            return False
    return not turned


def _check(found: Evaluation, reference: Labels, prediction: Labels, spacing: Any) -> None:
    rows = {row.name: dict(row) for row in found.rows}
    present = [
        label for label in NAMES if (reference == label).any() or (prediction == label).any()
    ]
    scores = {
        NAMES[label]: _of_mask(reference == label, prediction == label, spacing)
        for label in present
    }
    for score in ("Dice", "B0err", "HD", "HD95"):
        mean = sum(one[score] for one in scores.values()) / max(1, len(scores))
        assert rows[f"ClsAvg{score}"] == {score: pytest.approx(mean, rel=1e-6, abs=3e-6)}
    merged = _of_mask(reference > 0, prediction > 0, spacing)
    scores["MergedBin"] = merged if present else dict.fromkeys(merged, 0.0)
    for name, expected in scores.items():
        for score, value in expected.items():
            assert rows[name][score] == pytest.approx(value, rel=1e-6, abs=3e-6), (name, score)
    for label in (8, 9, 10, 15):
        kinds = {kind: rows[NAMES[label]][kind] for kind in ("TP", "TN", "FP", "FN")}
        assert [kind for kind, held in kinds.items() if held] == [
            _detection(reference, prediction, label)
        ]
    halves = {
        "anterior": ((10, 11, 12, 15), ((6, 4), (12, 11))),
        "posterior": ((2, 3, 8, 9), ((3, 2),)),
    }
    for region, (labels, pairs) in halves.items():
        half = rows[region]
        for kind, one in (("gt", reference), ("pred", prediction)):
            edges = [value for name, value in half.items() if name.startswith(f"{kind}_graph_")]
            assert edges == _edges(one)[region]
        turned = _flipped(prediction, pairs)
        assert half["LR_flipped"] == turned
        assert half["match_verdict"] == _matches(reference, prediction, labels, turned)


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(i, marks=pytest.mark.slow) for i in range(1, 5))]
)
def test_equals_the_twin(seed: int) -> None:
    for reference, prediction, spacing in _cases(108, seed):
        found = fastseg.evaluate_protocol(
            "topcow", reference, prediction, spacing=spacing, cldice=False
        )
        _check(found, reference, prediction, spacing)


def test_distances_equal_simpleitk_to_the_bit() -> None:
    sitk = pytest.importorskip("SimpleITK")
    for reference, prediction, spacing in _cases(90, 9):
        if not (reference.any() and prediction.any()):
            continue
        contours, maps = [], []
        for labels in (reference, prediction):
            image = sitk.GetImageFromArray(np.pad((labels > 0).astype(np.uint8), 1))
            image.SetSpacing(spacing[::-1])
            contours.append(sitk.LabelContour(image, fullyConnected=True))
            away = sitk.SignedMaurerDistanceMap(
                contours[-1], squaredDistance=False, useImageSpacing=True
            )
            maps.append(sitk.GetArrayFromImage(sitk.Abs(away)))
        ways = []
        for one in (0, 1):
            listed = list(maps[1 - one][sitk.GetArrayFromImage(contours[one]) != 0])
            zeros = [0 for distance in listed if distance == 0]
            ways.append([distance for distance in listed if distance != 0] + zeros)
        found = fastseg.evaluate_protocol(
            "topcow", reference, prediction, spacing=spacing, cldice=False
        )["MergedBin"]
        assert found["HD95"] == float(max(np.percentile(way, 95) for way in ways))
        assert found["HD"] == float(max(np.percentile(way, 100) for way in ways))


def test_centreline_dice() -> None:
    reference, prediction = np.zeros((2, 5, 5, 12), np.uint8)
    reference[2, 2, 1:11] = 1
    prediction[2, 2, 1:7] = 2
    found = fastseg.evaluate_protocol("topcow", reference, prediction)["MergedBin"]
    assert found["clDice"] == 2 * 1 * 0.6 / 1.6
    nothing = fastseg.evaluate_protocol("topcow", reference, 0 * reference)["MergedBin"]
    assert nothing["clDice"] == 0


def test_centreline_dice_by_scikit_images_skeletons() -> None:
    morphology = pytest.importorskip("skimage.morphology")
    for reference, prediction, spacing in _cases(54, 12):
        masks = [labels.T != 0 for labels in (prediction, reference)]
        shares = []
        for mask, other in (masks, masks[::-1]):
            skeleton = morphology.skeletonize(np.ascontiguousarray(mask), method="lee") != 0
            size = int(skeleton.sum())
            shares.append(int((skeleton & other).sum()) / size if size else 0.0)
        expected = 2 * shares[0] * shares[1] / sum(shares) if any(shares) else 0.0
        found = fastseg.evaluate_protocol("topcow", reference, prediction, spacing=spacing)
        assert found["MergedBin"]["clDice"] == expected


def test_centreline_dice_may_be_left_out() -> None:
    labels = np.ones((3, 3, 3), np.uint8)
    found = fastseg.evaluate_protocol("topcow", labels, labels, cldice=False)
    assert "clDice" not in found["MergedBin"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full((3, 3, 3), 13), "topcow: it has the labels 1, 2.*, got 13; renumber"),
        (np.ones((3, 3), int), "topcow: expected label maps of three axes, got 2"),
    ],
)
def test_other_labels_and_axes_are_refused(labels: NDArray[np.int64], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fastseg.evaluate_protocol("topcow", labels, labels)


def test_labels_cannot_be_chosen() -> None:
    labels = np.ones((3, 3, 3), np.uint8)
    with pytest.raises(ValueError, match="leave out labels="):
        fastseg.evaluate_protocol("topcow", labels, labels, labels={"BA": 2})


def test_images_lie_as_their_arrays() -> None:
    sitk = pytest.importorskip("SimpleITK")
    for reference, prediction, spacing in _cases(18, 4):
        images = [sitk.GetImageFromArray(labels) for labels in (reference, prediction)]
        for image in images:
            image.SetSpacing(spacing[::-1])
        found = fastseg.evaluate_protocol("topcow", *images, cldice=False)
        same = fastseg.evaluate_protocol(
            "topcow", reference, prediction, spacing=spacing, cldice=False
        )
        assert [dict(row) for row in found.rows] == [dict(row) for row in same.rows]


def _cohort(n: int, seed: int) -> tuple[Evaluation, list[dict[str, dict[str, float]]]]:
    evaluations = [
        fastseg.evaluate_protocol(
            "topcow", reference, prediction, spacing=spacing, cldice=False, case=str(i)
        )
        for i, (reference, prediction, spacing) in enumerate(_cases(n, seed))
    ]
    cases = [{row.name: dict(row) for row in one.rows} for one in evaluations]
    return Evaluation.joined(evaluations), cases


def test_a_cohort_is_described_as_pandas_does() -> None:
    pandas = pytest.importorskip("pandas")
    for seed in range(4):
        evaluation, cases = _cohort(9 + seed, seed)
        columns = {
            (score, name)
            for case in cases
            for name, values in case.items()
            for score in values
            if score in ("Dice", "B0err", "HD", "HD95")
        }
        scores = fastseg.protocol_scores(evaluation)
        for score, name in columns:
            column = pandas.Series([case.get(name, {}).get(score, math.nan) for case in cases])
            for figure, value in column.describe().items():
                np.testing.assert_array_equal(scores[f"{score}_{name}/{figure}"], value)


def test_a_cohorts_detection_graphs_and_topology() -> None:
    evaluation, cases = _cohort(45, 7)
    scores = fastseg.protocol_scores(evaluation)
    f1 = []
    for label in (8, 9, 10, 15):
        kinds = [
            next(kind for kind in ("TP", "TN", "FP", "FN") if case[NAMES[label]][kind])
            for case in cases
        ]
        tp, fp, fn = (kinds.count(kind) for kind in ("TP", "FP", "FN"))
        f1.append(2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0)
        assert scores[f"dect_avg/{label}/f1_score"] == f1[-1]
        assert scores[f"dect_avg/{label}/recall"] == (tp / (tp + fn) if tp + fn else 0)
    assert scores["dect_avg/f1_score/mean"] == pytest.approx(np.mean(f1), rel=1e-15)
    for region in ("anterior", "posterior"):
        recalls: dict[str, dict[tuple[float, ...], list[bool]]] = {"graph": {}, "topo": {}}
        for case in cases:
            half = case[region]
            true, found = (
                tuple(value for name, value in half.items() if name.startswith(f"{kind}_graph_"))
                for kind in ("gt", "pred")
            )
            recalls["graph"].setdefault(true, []).append(true == found)
            recalls["topo"].setdefault(true, []).append(bool(half["match_verdict"]))
        for name, variants in recalls.items():
            expected = np.mean([np.mean(right) for right in variants.values()])
            assert scores[f"{name}_var_bal_acc/{region}"] == pytest.approx(expected, rel=1e-14)


def test_quirk_both_empty_is_zero() -> None:
    nothing = np.zeros((3, 3, 3), np.uint8)
    for quirks, dice in ((True, 0.0), ({"both-empty-is-zero": False}, math.nan)):
        found = fastseg.evaluate_protocol("topcow", nothing, nothing, quirks=quirks, cldice=False)
        for name in ("MergedBin", "ClsAvgDice"):
            np.testing.assert_array_equal(found[name]["Dice"], dice)
        np.testing.assert_array_equal(found["MergedBin"]["HD95"], dice)


@pytest.mark.parametrize(("place", "distance"), [(1, 0.6999999284744263), (2, 0.7000000476837158)])
def test_quirk_distances_in_float32(place: int, distance: float) -> None:
    reference, prediction = np.zeros((2, 1, 1, 12), np.uint8)
    reference[0, 0, place] = prediction[0, 0, place + 1] = 1
    for quirks, expected in ((True, distance), ({"distances-in-float32": False}, 0.7)):
        found = fastseg.evaluate_protocol(
            "topcow", reference, prediction, spacing=0.7, quirks=quirks, cldice=False
        )
        assert found["BA"]["HD95"] == expected
