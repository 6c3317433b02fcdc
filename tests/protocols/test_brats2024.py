"""BraTS 2024 and 2025 beside a twin that dilates whole volumes, tissue by tissue, and what their quirks do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.protocols.framework.registry import find_protocol
from tests.protocols import lesion_twin as twin

Array = np.ndarray[Any, Any]

THREE = {"WT": (1, 2, 3), "TC": (1, 3), "ET": (3,)}
TISSUES = {"NETC": (1,), "SNFH": (2,), "ET": (3,), "RC": (4,)}
REGIONS: dict[str, dict[str, tuple[int, ...]]] = {
    "gli": {"WT": (1, 2, 3), "TC": (1, 3), **TISSUES},
    "men": THREE,
    "men-rt": {"GTV": (1,)},
    "met": {**THREE, "RC": (4,)},
    "ped": {"WT": (1, 2, 3, 4), "TC": (1, 2, 3), "ET": (1,), "NETC": (2,), "CC": (3,), "ED": (4,)},
    "ssa": THREE,
}
PARTNERS: dict[str, dict[str, tuple[str, ...]]] = {
    "gli": {
        "NETC": ("ET", "RC"),
        "ET": ("NETC", "RC"),
        "RC": ("ET", "NETC"),
        "SNFH": ("ET", "RC", "NETC"),
    },
    "met": {"ET": ("NETC",)},
    "ssa": {"ET": ("NETC",)},
}
PENALTIES = {"gli": 337.0, "men": 374.0, "ped": 374.0, "ssa": 374.0}


def _side(
    task: str, labels: Array, name: str, dilation: int, wide: int, most: dict[str, float] | None
) -> Array:
    """The lesions of a side: merged by dilation, without small ones of a prediction, merged by other tissues."""

    def by_itself(tissue: str) -> Array:
        own = REGIONS[task].get(tissue, TISSUES.get(tissue, ()))
        times = wide if task == "gli" and tissue in ("NETC", "RC") else dilation
        numbers = twin.merged(np.isin(labels, own), times)
        return numbers if most is None else twin.cleaned(numbers, most.get(tissue, most[""]))

    partners = PARTNERS.get(task, {}).get(name)
    found = by_itself(name)
    return twin.merged_by(found, [by_itself(one) for one in partners]) if partners else found


def _compare(task: str, seed: int) -> None:
    reference, prediction, spacing = twin.random_pair(seed)
    options: dict[str, Any] = {"dilation": 1 + seed % 2, "minimum_volume": 2.0}
    minimum = {"": 2.0}
    if task == "gli":
        options |= {"wide_dilation": 3, "minimum_volume_et": 1.0}
        minimum["ET"] = 1.0
    evaluation = fastseg.evaluate_protocol(
        f"brats2024-{task}", reference, prediction, spacing=spacing, **options
    )
    penalty = PENALTIES.get(task, math.sqrt(sum(size**2 for size in reference.shape)))
    for name in REGIONS[task]:
        wide = 3 if task == "gli" and name in ("NETC", "RC") else int(options["dilation"])
        least = minimum.get(name, minimum[""])
        mask = np.isin(reference, REGIONS[task][name])
        if task == "men":
            numbers = twin.merged(mask, wide)
            predicted = twin.components(np.isin(prediction, REGIONS[task][name]))
        else:
            most = dict(minimum)
            if task == "men-rt":
                most[""] = float(np.float32(2) / np.prod(np.array(spacing, np.float32)))
            numbers = _side(task, reference, name, int(options["dilation"]), 3, None)
            predicted = _side(task, prediction, name, int(options["dilation"]), 3, most)
        rows = twin.lesion_rows(numbers, predicted, wide, spacing)
        one, other = (numbers, predicted) if task != "men" else (mask, predicted > 0)
        scores = twin.region_scores(
            rows, numbers, predicted, spacing, least, penalty, task != "men-rt"
        )
        whole = twin.region_scores(rows, one, other, spacing, least, penalty)
        whole |= {
            score: value for score, value in scores.items() if "Num" in score or "Wise" in score
        }
        twin.assert_same(evaluation, name, whole, rows)


@pytest.mark.parametrize("task", REGIONS)
@pytest.mark.parametrize("seed", range(6))
def test_it_equals_the_twin_to_the_bit(task: str, seed: int) -> None:
    _compare(task, seed)


@pytest.mark.slow
@pytest.mark.parametrize("task", REGIONS)
@pytest.mark.parametrize("start", range(100, 600, 20))
def test_it_equals_the_twin_on_more_cases(task: str, start: int) -> None:
    for seed in range(start, start + 20):
        _compare(task, seed)


def test_the_year_after_has_the_same_scripts() -> None:
    for task in REGIONS:
        one, other = (find_protocol(f"brats{year}-{task}") for year in (2024, 2025))
        assert (one.scores, one.options, one.labels) == (other.scores, other.options, other.labels)
        assert other.title.startswith("BraTS 2025")


def _map(boxes: Mapping[int, Sequence[tuple[tuple[int, int], ...]]], size: int = 20) -> Array:
    labels = np.zeros((size, size, size), np.uint8)
    for label, several in boxes.items():
        for box in several:
            labels[tuple(slice(*part) for part in box)] = label
    return labels


LESION = ((2, 7), (2, 7), (2, 7))


def _both(
    task: str, reference: Array, prediction: Array, name: str, quirk: str, spacing: float = 1.0
) -> list[Any]:
    return [
        fastseg.evaluate_protocol(
            f"brats2024-{task}", reference, prediction, spacing=spacing, quirks={quirk: holds}
        )[name]
        for holds in (True, False)
    ]


def _lesions(task: str, labels: Array, name: str, quirk: str) -> list[int]:
    counts = []
    for holds in (True, False):
        evaluation = fastseg.evaluate_protocol(
            f"brats2024-{task}", labels, labels, quirks={quirk: holds}
        )
        counts.append(len([r for r in evaluation.rows if r.level == "instance" and r.name == name]))
    return counts


def test_quirk_merged_by_first_contact() -> None:
    three = [((2, 5), (2, 5), (z, z + 3)) for z in (0, 8, 16)]
    between = [((2, 5), (2, 5), (z, z + 5)) for z in (3, 11)]
    labels = _map({3: three, 1: between})
    assert _lesions("met", labels, "ET", "merged-by-first-contact") == [2, 1]


def test_quirk_scores_of_lesion_numbers() -> None:
    two = _map({3: [((2, 6),) * 3, ((12, 16),) * 3]})
    with_it, without = _both("met", two, two, "ET", "scores-of-lesion-numbers")
    assert (round(with_it["Sensitivity"], 4), without["Sensitivity"]) == (0.3333, 1)
    one_missed = _map({3: [((12, 16),) * 3]})
    with_it, without = _both("met", two, one_missed, "ET", "scores-of-lesion-numbers")
    assert without["Sensitivity"] == 0.5
    assert (
        with_it["Sensitivity"] == 0
    )  # what is lesion 2 of the reference is lesion 1 of the prediction


def test_the_inside_of_a_lesion_is_surface_by_the_numbers_of_lesions() -> None:
    both, found = (
        _map({3: [((0, 2), (0, 2), (0, 3)), ((10, 18),) * 3]}),
        _map({3: [((10, 18),) * 3]}),
    )
    with_it, without = _both("met", both, found, "ET", "scores-of-lesion-numbers")
    # the missed lesion is more than 5 % of the surface, unless all of the other one is surface, too
    assert without["Legacy_HD95"] > 13
    assert with_it["Legacy_HD95"] < 4


def test_quirk_prediction_threshold_in_voxels() -> None:
    lesion = _map({3: [((2, 5),) * 3]})
    with_it, without = _both("ssa", lesion, lesion, "ET", "prediction-threshold-in-voxels", 2.0)
    assert (with_it["LesionWise_Score_Dice"], without["LesionWise_Score_Dice"]) == (0, 1)


def test_quirk_cleaned_legacy_scores() -> None:
    lesion, with_stray = _map({3: [LESION]}), _map({3: [LESION, ((15, 16),) * 3]})
    with_it, without = _both("ssa", lesion, with_stray, "ET", "cleaned-legacy-scores")
    assert (with_it["Legacy_Dice"], round(without["Legacy_Dice"], 3)) == (1, 0.996)
    assert with_it["LesionWise_Score_Dice"] == without["LesionWise_Score_Dice"] == 1


def test_quirk_snfh_narrow() -> None:
    two = _map({2: [LESION, ((2, 7), (2, 7), (15, 20))]})
    assert _lesions("gli", two, "SNFH", "snfh-narrow") == [2, 1]


def test_quirk_false_positives_free() -> None:
    lesion, more = _map({1: [LESION]}), _map({1: [LESION, ((12, 17),) * 3]})
    with_it, without = _both("men-rt", lesion, more, "GTV", "false-positives-free")
    assert (with_it["LesionWise_Score_Dice"], without["LesionWise_Score_Dice"]) == (1, 0.5)
    assert with_it["Num_FP"] == without["Num_FP"] == 1


def test_quirk_diagonal_in_voxels() -> None:
    lesion = _map({1: [LESION]})
    with_it, without = _both("men-rt", lesion, 0 * lesion, "GTV", "diagonal-in-voxels", 2.0)
    assert round(with_it["LesionWise_Score_HD95"], 2) == 34.64
    assert round(without["LesionWise_Score_HD95"], 2) == 69.28


def test_partners_are_found_where_they_were_not_asked_for() -> None:
    labels = _map(
        {3: [((2, 5), (2, 5), (0, 3)), ((2, 5), (2, 5), (8, 11))], 1: [((2, 5), (2, 5), (3, 8))]}
    )
    whole = fastseg.evaluate_protocol("brats2024-met", labels, labels)
    alone = fastseg.evaluate_protocol("brats2024-met", labels, labels, labels={"ET": 3})
    assert dict(alone["ET"]) == dict(whole["ET"])
    assert whole["ET"]["Num_TP"] == 1
