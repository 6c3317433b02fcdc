"""BraTS 2023 beside a twin that dilates whole volumes, and what its quirks do."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fastseg
from fastseg.protocols.framework.registry import find_protocol
from tests.protocols import lesion_twin as twin

REGIONS = {"WT": (1, 2, 3), "TC": (1, 3), "ET": (3,)}


def _compare(seed: int, backend: str | None = None) -> None:
    reference, prediction, spacing = twin.random_pair(seed)
    dilation, minimum = (1, 2.0) if seed % 2 else (3, 6.0)
    evaluation = fastseg.evaluate_protocol(
        "brats2023",
        reference,
        prediction,
        spacing=spacing,
        dilation=dilation,
        minimum_volume=minimum,
        backend=backend,
    )
    for name, labels in REGIONS.items():
        mask = np.isin(reference, labels)
        predicted = twin.components(np.isin(prediction, labels))
        rows = twin.lesion_rows(twin.merged(mask, dilation), predicted, dilation, spacing)
        scores = twin.region_scores(rows, mask, predicted, spacing, minimum, 374.0)
        whole = twin.region_scores(rows, mask, predicted > 0, spacing, minimum, 374.0)
        whole |= {
            score: value for score, value in scores.items() if "Num" in score or "Wise" in score
        }
        twin.assert_same(evaluation, name, whole, rows)


@pytest.mark.parametrize("seed", range(40))
def test_it_equals_the_twin_to_the_bit(seed: int) -> None:
    _compare(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(100, 600, 20))
def test_it_equals_the_twin_on_more_cases(start: int) -> None:
    for seed in range(start, start + 20):
        _compare(seed)


def test_the_reference_backend_gives_the_same() -> None:
    for seed in range(8):
        _compare(seed, "scipy")


@pytest.mark.parametrize(
    ("name", "dilation", "minimum"),
    [
        ("brats2023-gli", 3, 50),
        ("brats2023-ssa", 3, 50),
        ("brats2023-ped", 3, 50),
        ("brats2023-men", 1, 50),
        ("brats2023-met", 1, 2),
    ],
)
def test_tasks_differ_in_two_numbers(name: str, dilation: int, minimum: float) -> None:
    assert find_protocol(name).options == {
        "dilation": dilation,
        "minimum_volume": minimum,
        "penalty": 374.0,
    }


def _boxes(*boxes: tuple[tuple[int, int], ...], size: int = 20) -> np.ndarray:
    mask = np.zeros((size, size, size), np.uint8)
    for box in boxes:
        mask[tuple(slice(*part) for part in box)] = 3
    return mask


def _score(
    reference: np.ndarray, prediction: np.ndarray, score: str, quirks: bool = True, **quirk: bool
) -> float:
    chosen = {name.replace("_", "-"): holds for name, holds in quirk.items()} or quirks
    evaluation = fastseg.evaluate_protocol("brats2023", reference, prediction, quirks=chosen)
    return float(evaluation["ET"][score])


LESION = ((2, 7), (2, 7), (2, 7))


def test_quirk_false_positives_any_size() -> None:
    lesion, with_stray = _boxes(LESION), _boxes(LESION, ((15, 16),) * 3)
    score = "LesionWise_Score_Dice"
    assert _score(lesion, with_stray, score) == 0.5
    assert _score(lesion, with_stray, score, false_positives_any_size=False) == 1
    large = _boxes(LESION, ((12, 18),) * 3)
    assert _score(lesion, large, score, false_positives_any_size=False) == 0.5


def test_quirk_shared_predictions() -> None:
    two = _boxes(((2, 6),) * 3, ((2, 6), (2, 6), (14, 18)))
    one = _boxes(((0, 8), (2, 8), (1, 19)))[...].copy()
    one[:] = 0
    one[2:6, 2:6, 2:18] = 3  # 256 voxels, both lesions among them
    one[6:15, 2:10, 2:10] = 3  # 576 more
    assert (one > 0).sum() == 832
    score = "LesionWise_Score_Dice"
    shared = _score(two, one, score)
    assert math.isclose(shared, 2 * 64 / (64 + 832))
    assert round(shared, 4) == 0.1429
    alone = {"shared_predictions": False}
    assert _score(two, one, score, **alone) == shared / 2
    assert (_score(two, one, "Num_TP"), _score(two, one, "Num_TP", **alone)) == (2, 1)
    assert (_score(two, one, "Num_FN"), _score(two, one, "Num_FN", **alone)) == (0, 1)


def test_quirk_fixed_penalty() -> None:
    missed, score = (_boxes(LESION), _boxes()), "LesionWise_Score_HD95"
    assert _score(*missed, score) == 374
    assert _score(*missed, score, fixed_penalty=False) == pytest.approx(34.641016)


def test_lesions_that_grow_together_are_one() -> None:
    near = _boxes(
        LESION, ((2, 7), (2, 7), (14, 19))
    )  # 7 voxels between them: 3 + 3, and corners of the last touch
    far = _boxes(LESION, ((2, 7), (2, 7), (15, 20)))
    both = [fastseg.evaluate_protocol("brats2023", mask, mask) for mask in (near, far)]
    counts = [
        len([row for row in one.rows if row.level == "instance" and row.name == "ET"])
        for one in both
    ]
    assert counts == [2, 2]
    nearer = _boxes(LESION, ((2, 7), (2, 7), (13, 18)))
    evaluation = fastseg.evaluate_protocol("brats2023", nearer, nearer)
    [lesion] = [row for row in evaluation.rows if row.level == "instance" and row.name == "ET"]
    assert lesion["gt_lesion_vol"] == 250
    assert lesion.prediction_label == (1, 2)
    assert lesion.instance is not None
    assert lesion.instance.reference_box == ((2, 7), (2, 7), (2, 18))


def test_a_small_lesion_is_left_out_but_what_is_found_there_is_no_false_positive() -> None:
    small = _boxes(((2, 5), (2, 5), (2, 5)))
    evaluation = fastseg.evaluate_protocol("brats2023", small, small)
    row = evaluation["ET"]
    assert (row["Num_TP"], row["Num_FP"], row["Num_FN"]) == (0, 0, 0)
    assert (row["LesionWise_Score_Dice"], row["LesionWise_Score_HD95"]) == (1, 0)


def test_other_axes_are_refused() -> None:
    with pytest.raises(fastseg.InputError, match="three axes, got 2"):
        fastseg.evaluate_protocol("brats2023", np.ones((4, 4), np.uint8), np.ones((4, 4), np.uint8))
