"""MIST's lesion-wise evaluation beside a twin that dilates whole volumes, and what its quirks do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import fastseg
from tests.protocols import lesion_twin as twin

Array = np.ndarray[Any, Any]
LESION_WISE = ("lesion_wise_dice", "lesion_wise_haus95", "lesion_wise_surf_dice")


def _surface_scores(
    reference: Array, prediction: Array, spacing: tuple[float, ...], tolerance: float
) -> dict[str, float]:
    both = [np.array(pairs).T for pairs in twin.surfaces(reference, prediction, spacing)]
    total = sum(np.sum(areas) for _, areas in both)
    within = sum(np.sum(areas[distances <= tolerance]) for distances, areas in both)
    return {
        "haus95": twin.hd95(reference, prediction, spacing),
        "surf_dice": float(within / total),
        "avg_surf": float(sum(np.sum(distances * areas) for distances, areas in both) / total),
    }


def _twin(
    reference: Array,
    prediction: Array,
    spacing: tuple[float, ...],
    dilation: int,
    consolidation: int,
    least: float,
) -> tuple[dict[str, float], list[dict[str, float]]]:
    """The scores of two masks, and of the lesions of the reference that are large enough."""
    if not reference.any() or not prediction.any():
        good = float(reference.any() == prediction.any())
        diagonal = (
            0.0 if good else float(np.linalg.norm(np.array(reference.shape) * np.array(spacing)))
        )
        names = ("dice", "surf_dice", "lesion_wise_dice", "lesion_wise_surf_dice", "lesion_wise_f1")
        distances = ("haus95", "avg_surf", "lesion_wise_haus95")
        return {**dict.fromkeys(names, good), **dict.fromkeys(distances, diagonal)}, []
    at = np.argwhere(reference | prediction)
    box = np.array(at.max(axis=0) + 1 - at.min(axis=0))
    diagonal = float(np.linalg.norm(box * np.array(spacing)))
    numbers = ndimage.label(reference, twin.EDGES)[0]
    if consolidation:
        numbers = twin.merged(reference, consolidation, twin.EDGES)
    predicted, n_predicted = ndimage.label(prediction, twin.EDGES)
    lesions, used = [], set()
    for number in range(1, numbers.max() + 1):
        lesion = numbers == number
        volume = float(lesion.sum() * np.prod(spacing))
        if volume < least:
            continue
        grown = ndimage.binary_dilation(lesion, twin.EDGES, iterations=dilation)
        touched = [one for one in np.unique(predicted[grown]) if one]
        used |= set(touched)
        found = {
            "gt_volume_mm3": volume,
            **dict(zip(LESION_WISE, (0.0, diagonal, 0.0), strict=True)),
        }
        if touched:
            others = np.isin(predicted, touched)
            of_surfaces = _surface_scores(lesion, others, spacing, 1.0)
            found["lesion_wise_dice"] = twin.dice(lesion, others)
            found["lesion_wise_haus95"] = of_surfaces["haus95"]
            found["lesion_wise_surf_dice"] = of_surfaces["surf_dice"]
        lesions.append({**found, "detected": bool(touched)})
    n_false = n_predicted - len(used)
    n = len(lesions) + n_false
    scores = {
        "dice": twin.dice(reference, prediction),
        **_surface_scores(reference, prediction, spacing, 1.0),
    }
    for name, worst, best in zip(LESION_WISE, (0.0, diagonal, 0.0), (1.0, 0.0, 1.0), strict=True):
        total = sum(one[name] for one in lesions) + n_false * worst
        scores[name] = total / n if n else best
    tp = sum(one["detected"] for one in lesions)
    scores["lesion_wise_f1"] = 2 * tp / (2 * tp + n_false + len(lesions) - tp) if n else 1.0
    return scores, lesions


def _compare(seed: int) -> None:
    reference, prediction, spacing = twin.random_pair(seed, 2)
    options: dict[str, Any] = {
        "dilation": 1 + seed % 3,
        "consolidation": (0, 0, 2)[seed % 3],
        "minimum_volume": (10.0, 3.0)[seed % 2],
    }
    evaluation = fastseg.evaluate_protocol(
        "mist", reference, prediction, spacing=spacing, labels={"all": (1, 2), "one": 1}, **options
    )
    same = len(set(spacing)) == 1  # else areas may differ in the last digit
    for name, labels in (("all", (1, 2)), ("one", (1,))):
        masks = np.isin(reference, labels), np.isin(prediction, labels)
        scores, lesions = _twin(
            *masks,
            spacing,
            options["dilation"],
            options["consolidation"],
            options["minimum_volume"],
        )
        found = [row for row in evaluation.rows if row.level == "instance" and row.name == name]
        pairs = [(evaluation[name], scores), *zip(found, lesions, strict=True)]
        for row, expected in pairs:
            for score, value in row.items():
                if same or "surf" not in score:
                    assert value == expected[score], (name, score)
                assert math.isclose(value, expected[score], rel_tol=1e-14), (name, score)


@pytest.mark.parametrize("seed", range(30))
def test_it_equals_the_twin_to_the_bit(seed: int) -> None:
    _compare(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(100, 600, 20))
def test_it_equals_the_twin_on_more_cases(start: int) -> None:
    for seed in range(start, start + 20):
        _compare(seed)


def _boxes(*boxes: tuple[tuple[int, int], ...], size: int = 20) -> Array:
    mask = np.zeros((size, size, size), np.uint8)
    for box in boxes:
        mask[tuple(slice(*part) for part in box)] = 1
    return mask


def _both(reference: Array, prediction: Array, score: str, quirk: str) -> list[float]:
    return [
        fastseg.evaluate_protocol("mist", reference, prediction, quirks={quirk: holds})["1"][score]
        for holds in (True, False)
    ]


LESION = ((2, 7), (2, 7), (2, 7))


def test_quirk_penalty_of_the_cropped_box() -> None:
    both, found = _boxes(LESION, ((2, 7), (2, 7), (12, 17)), size=40), _boxes(LESION, size=40)
    values = _both(both, found, "lesion_wise_haus95", "penalty-of-the-cropped-box")
    assert [round(value, 2) for value in values] == [8.29, 34.64]


def test_quirk_small_lesions_make_false_positives() -> None:
    both = _boxes(LESION, ((14, 16),) * 3)
    assert _both(both, both, "lesion_wise_dice", "small-lesions-make-false-positives") == [0.5, 1]


def test_quirk_false_positives_any_size() -> None:
    lesion, with_stray = _boxes(LESION), _boxes(LESION, ((15, 16),) * 3)
    assert _both(lesion, with_stray, "lesion_wise_dice", "false-positives-any-size") == [0.5, 1]


def test_quirk_shared_predictions() -> None:
    two = _boxes(((2, 6),) * 3, ((2, 6), (2, 6), (14, 18)))
    one = _boxes(((2, 6), (2, 6), (2, 18)), ((6, 15), (2, 10), (2, 10)))
    assert one.sum() == 832
    values = _both(two, one, "lesion_wise_dice", "shared-predictions")
    assert [round(value, 4) for value in values] == [0.1429, 0.0714]
