"""CellMap's scores beside a twin that tries all matchings and transforms whole crops."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import fastseg
from fastseg.protocols.rules import cheapest_flow
from tests.protocols.instances import Counted, Labels, pairs


def split(prediction: Labels) -> Labels:
    """Number the components of each label by their first voxels."""
    structure = np.ones((3,) * prediction.ndim)
    parts = np.zeros(prediction.shape, int)
    for label in np.unique(prediction[prediction > 0]):
        found, n = ndimage.label(prediction == label, structure)
        parts += np.where(found > 0, found + parts.max(), 0) if n else 0
    numbers: dict[int, int] = {}
    for part in parts.reshape(-1).tolist():
        if part:
            numbers.setdefault(part, len(numbers) + 1)
    found = [numbers.get(part, 0) for part in parts.reshape(-1).tolist()]
    return np.array(found).reshape(parts.shape)


def matchings(
    counted: Counted, left: list[int], used: frozenset[int]
) -> Iterator[tuple[int, dict[int, int]]]:
    """All choices of partners, with their cost in millionths."""
    if not left:
        yield 0, {}
        return
    r, *rest = left
    for cost, partners in matchings(counted, rest, used):
        yield cost + 1_000_001, partners
    for p in counted.ids[1]:
        if counted.both[r, p] and p not in used:
            iou = float(np.float32(counted.iou(r, p)))
            for cost, partners in matchings(counted, rest, used | {p}):
                yield cost + int((1.0 - iou) * 1_000_000), {r: p, **partners}


def farthest(first: Any, second: Any, spacing: tuple[float, ...]) -> float:
    ways = (
        ndimage.distance_transform_edt(~there, sampling=spacing)[here].max()
        for here, there in ((first, second), (second, first))
    )
    return float(max(ways))


def twin(
    reference: Labels, prediction: Labels, spacing: tuple[float, ...]
) -> list[dict[str, float]]:
    """The scores of every cheapest matching: several where it is not the only one."""
    parts = split(prediction)
    counted = Counted(reference, parts)
    first, second = counted.ids
    nothing = dict.fromkeys(("TP", "FP", "FN", "hausdorff_norm_sum", "n_hausdorff"), 0.0)
    if first and second and second[-1] / first[-1] > 10 + 50 * np.exp(-first[-1] / 5):
        return [nothing]
    found = list(matchings(counted, first, frozenset()))
    least = min(cost for cost, _ in found)
    capped = min(size * step / 2 for size, step in zip(reference.shape, spacing, strict=True))
    results = []
    for partners in (partners for cost, partners in found if cost == least):
        renumbered = parts.copy()
        for r, p in partners.items():
            renumbered[parts == p] = r
        distances = []
        for r in first:
            here, there = reference == r, renumbered == r
            far = farthest(here, there, spacing) if there.any() else capped
            distances.append(min(far, capped))
        distances += [capped] * (len(second) - len(partners))
        worth = 1.01 ** (-np.array(distances, np.float32).astype(float) / np.linalg.norm(spacing))
        results.append(
            {
                "TP": len(partners),
                "FP": len(second) - len(partners),
                "FN": len(first) - len(partners),
                "hausdorff_norm_sum": float(np.sum(worth)),
                "n_hausdorff": len(distances),
            }
        )
    return results


@pytest.mark.parametrize("seed", range(4))
def test_crops_equal_the_twin(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cheapest_flow, "_solver", lambda: None)
    rng = np.random.default_rng(seed)
    certain = 0
    for reference, prediction in pairs(seed, 150):
        spacing = tuple(rng.uniform(0.5, 5, reference.ndim))
        if len(Counted(reference, split(prediction)).both) > 14:  # too many to try
            continue
        row = fastseg.evaluate_protocol("cellmap", reference, prediction, spacing=spacing)
        expected = twin(reference, prediction, spacing)
        assert dict(row["instances"]) in expected
        certain += all(one == expected[0] for one in expected)
    assert certain > 80


def test_the_solver_of_the_script_decides_where_choices_tie() -> None:
    """Two references and two predictions, each of which overlaps both alike: either way costs the same."""
    pytest.importorskip("ortools")
    rows, columns = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    costs = np.full(4, 500_000)
    chosen = cheapest_flow.cheapest_pairs((2, 2), rows, columns, costs, 1_000_001)
    assert chosen.tolist() in ([0, 3], [1, 2])


def test_a_choice_without_rivals_needs_no_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cheapest_flow, "_solver", lambda: pytest.fail("it was asked"))
    rows, columns = np.array([0, 0, 1]), np.array([0, 1, 1])
    chosen = cheapest_flow.cheapest_pairs((2, 2), rows, columns, np.array([5, 1, 2]), 100)
    assert chosen.tolist() == [0, 2]


def test_crops_are_pooled() -> None:
    cell = np.zeros((6, 6, 6), np.uint8)
    cell[:3, :3, :3], cell[4:, 4:, 4:] = 1, 2
    evaluations = [
        fastseg.evaluate_protocol("cellmap", cell, prediction, spacing=(4, 4, 4), case=str(i))
        for i, prediction in enumerate((cell, np.where(cell == 1, 1, 0), 0 * cell))
    ]
    scores = fastseg.protocol_scores(fastseg.Evaluation.joined(evaluations))
    f1 = 2 * 3 / (2 * 3 + 0 + 3)
    worth = 1.01 ** (-12 / np.linalg.norm((4, 4, 4)))
    distance = (3 + 3 * worth) / 6
    assert scores["instances/f1"] == f1
    assert scores["instances/normalized_hausdorff_distance"] == pytest.approx(distance, rel=1e-15)
    assert scores["overall_instance_score"] == pytest.approx(math.sqrt(f1 * distance), rel=1e-15)
    empty = fastseg.protocol_scores(fastseg.evaluate_protocol("cellmap", 0 * cell, 0 * cell))
    assert empty["instances/combined_score"] == 1.0


def test_masks_and_both_kinds_together() -> None:
    cell = np.zeros((4, 4), np.uint8)
    cell[:2] = 1
    masks = fastseg.evaluate_protocol(
        "cellmap", cell, np.ones_like(cell), semantic=True, labels={"cell": 1}, case="a"
    )
    assert fastseg.protocol_scores(masks) == {
        "cell/iou": 0.5,
        "cell/TP": 8,
        "cell/FP": 8,
        "cell/FN": 0,
        "overall_semantic_score": 0.5,
    }


def _score(reference: Labels, prediction: Labels, quirk: str, holds: bool) -> Any:
    found = fastseg.evaluate_protocol("cellmap", reference, prediction, quirks={quirk: holds})
    return found["instances"]


def test_quirk_predictions_are_split() -> None:
    pieces = np.array([[1, 1, 0, 1, 1]] * 5)
    for holds, expected in ((True, (1, 1, 0)), (False, (1, 0, 0))):
        row = _score(pieces, pieces, "predictions-are-split", holds)
        assert (row["TP"], row["FP"], row["FN"]) == expected


def test_quirk_numbers_collide() -> None:
    reference, prediction = np.zeros((2, 24, 24), int)
    reference[:, 2], reference[:, 20] = 1, 2
    prediction[:, 20], prediction[:, 8] = 1, 2
    norm = math.sqrt(2)
    # predictions are numbered anew from left to right: 1 at 8 and 2 at 20
    for holds, distances in ((True, (6, 0, 12)), (False, (12, 0, 12))):
        row = _score(reference, prediction, "numbers-collide", holds)
        worth = sum(1.01 ** (-distance / norm) for distance in distances)
        assert row["hausdorff_norm_sum"] == pytest.approx(worth, rel=1e-15)


def test_quirk_too_many_are_not_scored() -> None:
    reference, prediction = np.zeros((2, 4, 120), int)
    reference[0, 0] = 1
    prediction[0, ::2] = 1
    assert _score(reference, prediction, "too-many-are-not-scored", True)["FP"] == 0
    assert _score(reference, prediction, "too-many-are-not-scored", False)["FP"] == 59
