"""Tree length and branches detected beside their definition in loops, on both backends, and where there is nothing."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastseg
from fastseg.metrics import list_metrics
from tests.evaluation.test_blockwise import check
from tests.oracle.trees import trees

NAMES = ["tree_length_detected", "branches_detected"]
BACKENDS = ["numba", "scipy"]
Mask = NDArray[np.bool_]
Place = tuple[int, ...]


def largest(mask: Mask) -> set[Place]:
    """The largest component by faces; of equally large ones the one whose first voxel comes first."""
    left = {tuple(place) for place in np.argwhere(mask).tolist()}
    found: list[set[Place]] = []
    for start in sorted(left):
        if start not in left:
            continue
        left.remove(start)
        border, own = [start], {start}
        while border:
            place = border.pop()
            for axis, step in itertools.product(range(mask.ndim), (-1, 1)):
                other = (*place[:axis], place[axis] + step, *place[axis + 1 :])
                if other in left:
                    left.remove(other)
                    own.add(other)
                    border.append(other)
        found.append(own)
    return max(found, key=len, default=set())  # the first of several


def around(place: Place) -> list[Place]:
    steps = itertools.product((-1, 0, 1), repeat=len(place))
    return [tuple(map(sum, zip(place, step, strict=True))) for step in steps if any(step)]


def expected(reference: Mask, prediction: Mask) -> dict[str, float]:
    there = largest(prediction)
    skeleton = [tuple(place) for place in np.argwhere(fastseg.skeletonize(reference)).tolist()]
    known = set(skeleton)
    left = {place for place in skeleton if len(known.intersection(around(place))) <= 2}
    branch_of: dict[Place, int] = {}
    for number, start in enumerate(skeleton):
        border, own = [start] if start in left else [], set()
        while border:
            place = border.pop()
            if place in left:
                left.remove(place)
                own.add(place)
                border += around(place)
        if len(own) >= 5:
            branch_of.update(dict.fromkeys(own, number))
    branches, found = Counter[int](), Counter[int]()
    # nearest by whole numbers, and of those the first in Fortran order
    for place in skeleton if branch_of else []:
        nearest = min(
            branch_of,
            key=lambda one: (sum((a - b) ** 2 for a, b in zip(one, place, strict=True)), one[::-1]),
        )
        branches[branch_of[nearest]] += 1
        found[branch_of[nearest]] += place in there
    detected = sum(5 * found[one] >= 4 * size for one, size in branches.items())
    return {
        "tree_length_detected": len(known & there) / len(known) if known else math.nan,
        "branches_detected": detected / len(branches) if branches else math.nan,
    }


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_beside_the_definition(backend: Any, order: Any) -> None:
    values = set()
    for reference, prediction in trees(24, 0):
        maps = (np.array(one, order=order) for one in (reference, prediction))
        row = fastseg.evaluate(*maps, labels=[1], metrics=NAMES, backend=backend)[1]
        for name, value in expected(reference, prediction).items():
            assert row[name] == pytest.approx(value, rel=0, nan_ok=True), name
            values.add(value)
    assert len(values) > 15


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_backends_agree_on_many(seed: int) -> None:
    for reference, prediction in trees(100, seed + 10, largest=40):
        rows = [
            fastseg.evaluate(reference, prediction, labels=[1], metrics=NAMES, backend=backend)[1]
            for backend in BACKENDS
        ]
        values = [[row[name] for name in NAMES] for row in rows]
        np.testing.assert_array_equal(values[0], values[1])


def test_by_hand() -> None:
    """Three arms, whose middle is thinned away: six voxels each, as the one where they meet is nearest to the third."""
    reference = np.zeros((15, 15, 3), bool)
    reference[1:14, 7, 1] = True
    reference[7, 8:14, 1] = True
    prediction = reference.copy()
    prediction[1, 7], prediction[13, 7], prediction[12, 7] = False, False, False
    row = fastseg.evaluate(reference, prediction, metrics=NAMES)[1]
    assert row["tree_length_detected"] == 15 / 18
    assert row["branches_detected"] == 2 / 3  # five of six, four of six, all


def test_only_the_largest_component_counts() -> None:
    reference = np.zeros((3, 3, 20), bool)
    reference[1, 1, 1:19] = True
    prediction = reference.copy()
    prediction[1, 1, 11] = False
    row = fastseg.evaluate(reference, prediction, metrics=["topology_sensitivity", *NAMES])[1]
    assert row["topology_sensitivity"] == 17 / 18
    assert row["tree_length_detected"] == 10 / 18
    prediction[1, 1, 10] = False  # nine and seven
    prediction[1, 1, 3] = False  # two, six and seven
    row = fastseg.evaluate(reference, prediction, metrics=NAMES)[1]
    assert row["tree_length_detected"] == 7 / 18
    prediction[1, 1, 18] = False  # two, six and six: the first
    prediction[1, 1, 9] = False  # two, five and six
    prediction[1, 1, 17] = False  # two, five and five
    row = fastseg.evaluate(reference, prediction, metrics=NAMES)[1]
    assert row["tree_length_detected"] == 5 / 18


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_a_branch(backend: Any) -> None:
    reference = np.zeros((5, 9), bool)
    reference[2, 1:5] = True  # four voxels are none
    row = fastseg.evaluate(reference, reference, metrics=NAMES, backend=backend)[1]
    assert row["tree_length_detected"] == 1
    assert math.isnan(row["branches_detected"])
    square = np.zeros((6, 6, 6), bool)
    square[2:4, 2:4, 2:4] = True  # of which no skeleton is left
    row = fastseg.evaluate(square, square, metrics=NAMES, backend=backend)[1]
    assert all(math.isnan(row[name]) for name in NAMES)


@pytest.mark.parametrize(
    ("policy", "both", "no_reference"),
    [("worst", math.nan, 0.0), ("nan", math.nan, math.nan), ("perfect", 1.0, 0.0)],
)
def test_empties_by_the_policy(policy: str, both: float, no_reference: float) -> None:
    empty, full = np.zeros((3, 9), bool), np.ones((3, 9), bool)
    for maps, value in {(0, 0): both, (0, 1): no_reference, (1, 0): 0.0}.items():
        reference, prediction = ((empty, full)[one] for one in maps)
        row = fastseg.evaluate(reference, prediction, labels=[1], metrics=NAMES, empty=policy)[1]
        assert [row[name] for name in NAMES] == pytest.approx([value] * 2, nan_ok=True), maps


def test_they_are_asked_for_by_name() -> None:
    in_groups = {metric.name for metric in (*list_metrics(), *list_metrics("topology"))}
    assert in_groups.isdisjoint(NAMES)
    assert set(NAMES) < {metric.name for metric in list_metrics("all")}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_maps_in_pieces(backend: Any, order: Any) -> None:
    [(reference, prediction)] = trees(1, 3, axes=(3,), largest=40)
    maps = [np.array(one, np.uint8, order=order) for one in (reference, prediction)]
    check(maps[0], maps[1], 1 << 20, metrics=["dice", *NAMES, "cl_dice"], backend=backend)
    with pytest.raises(fastseg.InputError, match="metrics of tree_overlap"):
        check(maps[0], maps[1], 1 << 12, metrics=NAMES, backend=backend)
