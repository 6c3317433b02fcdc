"""Metrics of skeletons beside their formulas, on both backends; where they are not defined, the policy."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
from fastseg.metrics import list_metrics
from tests.evaluation.test_blockwise import check

NAMES = ["cl_dice", "topology_precision", "topology_sensitivity", "skeleton_recall"]
BACKENDS = ["numba", "scipy"]
NOT_AVAILABLE = fastseg.BackendNotAvailableError
Mask = NDArray[np.bool_]


def ratio(part: Any, whole: Any) -> float:
    return float(part.sum() / whole.sum()) if whole.any() else math.nan


def expected(reference: Mask, prediction: Mask) -> dict[str, float]:
    first, second = fastseg.skeletonize(reference), fastseg.skeletonize(prediction)
    precision = ratio(second & reference, second)
    sensitivity = ratio(first & prediction, first)
    cross = ndimage.generate_binary_structure(reference.ndim, 1)
    tube = ndimage.binary_dilation(ndimage.binary_dilation(first, cross), cross) & reference
    total = precision + sensitivity
    return {
        "cl_dice": 2 * precision * sensitivity / total if total else total,
        "topology_precision": precision,
        "topology_sensitivity": sensitivity,
        "skeleton_recall": ratio(tube & prediction, tube),
    }


def pairs(n: int) -> list[tuple[Mask, Mask]]:
    rng = np.random.default_rng(0)
    found = []
    for i in range(n):
        shape = rng.integers(5, 24, 2 + i % 2)
        values = ndimage.gaussian_filter(rng.random(shape), 1.5)
        other = ndimage.gaussian_filter(values + 0.1 * rng.random(shape), 1)
        limit = rng.uniform(0.3, 0.8)
        masks = values > np.quantile(values, limit), other > np.quantile(other, limit)
        found.append(masks)
    return found


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_beside_the_formulas(backend: Any, order: Any) -> None:
    for reference, prediction in pairs(12):
        row = fastseg.evaluate(
            np.array(reference, order=order),
            np.array(prediction, order=order),
            metrics=NAMES,
            backend=backend,
        )[1]
        for name, value in expected(reference, prediction).items():
            assert row[name] == pytest.approx(value, rel=1e-15, nan_ok=True), name


@pytest.mark.parametrize("backend", BACKENDS)
def test_labels_regions_and_other_metrics(backend: Any) -> None:
    maps = np.zeros((2, 12, 30, 30), np.uint8)
    maps[0, 2:9, 3:8, 2:28], maps[1, 3:10, 4:8, 2:28] = 3, 3
    maps[0, 2:5, 15:20, 2:20], maps[1, 2:5, 15:19, 2:25] = 7, 7
    maps[0, :, 25:] = 9
    labels: dict[str, Any] = {"first": 3, "second": 7, "both": (3, 7)}
    table = fastseg.evaluate(
        *maps, labels=labels, ignore_label=9, metrics=["hd95", *NAMES, "dice"], backend=backend
    )
    for name, wanted in labels.items():
        masks = [np.isin(one, wanted) for one in maps]
        for metric, value in expected(*masks).items():
            assert table[name][metric] == pytest.approx(value, rel=1e-15), metric
    alone = fastseg.evaluate(*maps, labels=labels, ignore_label=9, metrics=["hd95", "dice"])
    assert all(table[one]["hd95"] == alone[one]["hd95"] for one in labels)


def test_by_hand() -> None:
    reference, prediction = np.zeros((2, 5, 12), bool)
    reference[1:4, 1:11] = True  # its skeleton is the ten voxels of its middle row
    prediction[2, 1:6] = True  # its own skeleton
    row = fastseg.evaluate(reference, prediction, metrics=NAMES)[1]
    assert row["topology_precision"] == 1
    assert row["topology_sensitivity"] == 0.5
    assert row["cl_dice"] == pytest.approx(2 / 3)
    assert row["skeleton_recall"] == 5 / 30


def test_where_nothing_is_shared() -> None:
    reference, prediction = np.zeros((2, 5, 12), bool)
    reference[1, 1:11], prediction[3, 1:11] = True, True
    row = fastseg.evaluate(reference, prediction, metrics=NAMES)[1]
    assert [row[name] for name in NAMES] == [0, 0, 0, 0]


def test_a_skeleton_may_be_empty() -> None:
    """Lee's thinning takes a cube of two voxels a side away: there is nothing to be found of it."""
    cube = np.zeros((6, 6, 6), bool)
    cube[2:4, 2:4, 2:4] = True
    assert not fastseg.skeletonize(cube).any()
    row = fastseg.evaluate(cube, cube, metrics=NAMES)[1]
    assert all(math.isnan(row[name]) for name in NAMES)


UNDEFINED = {  # by what is empty: a share of nothing
    "both": set(NAMES),
    "reference": {"cl_dice", "topology_sensitivity", "skeleton_recall"},
    "prediction": {"cl_dice", "topology_precision"},
}


@pytest.mark.parametrize(
    ("policy", "both", "one"),
    [
        ("worst", math.nan, 0.0),
        ("nan", math.nan, math.nan),
        ("perfect", 1.0, 0.0),
        ("diagonal", math.nan, 0.0),
    ],
)
def test_empties_by_the_policy(policy: str, both: float, one: float) -> None:
    empty, full = np.zeros((4, 4), bool), np.ones((4, 4), bool)
    pairs = {"both": (empty, empty), "reference": (empty, full), "prediction": (full, empty)}
    for side, masks in pairs.items():
        row = fastseg.evaluate(*masks, labels=[1], metrics=NAMES, empty=policy)[1]
        for name in NAMES:
            value = (both if side == "both" else one) if name in UNDEFINED[side] else 0.0
            assert row[name] == pytest.approx(value, nan_ok=True), (side, name)
            if name in UNDEFINED[side]:
                with pytest.raises(fastseg.EmptyMaskError, match=name):
                    fastseg.evaluate(*masks, labels=[1], metrics=name, empty="raise")


def test_they_are_asked_for_by_name() -> None:
    assert set(NAMES).isdisjoint(metric.name for metric in list_metrics())
    assert set(NAMES) < {metric.name for metric in list_metrics("topology")}
    line = np.ones(9, bool)
    with warnings.catch_warnings(), pytest.raises(NOT_AVAILABLE, match="for arrays of 1 axes"):
        warnings.simplefilter("ignore", fastseg.BackendFallbackWarning)
        fastseg.evaluate(line, line, metrics="cl_dice", backend="scipy")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_maps_in_pieces(backend: Any, order: Any) -> None:
    """Whether a structure is taken whole or, larger than a share of the memory, as bits; or there is a word."""
    rng = np.random.default_rng(1)
    values = ndimage.gaussian_filter(rng.random((24, 30, 40)), 2)
    reference = np.array(values > np.quantile(values, 0.6), np.uint8, order=order)
    prediction = np.array(np.roll(reference, 1, axis=2), order=order)
    for budget in (1 << 20, 1 << 26):
        check(reference, prediction, budget, metrics=["dice", *NAMES], backend=backend)
    with pytest.raises(fastseg.InputError, match="metrics of skeleton_overlap"):
        check(reference, prediction, 1 << 12, metrics=NAMES, backend=backend)


def test_parts_of_another_axis_order() -> None:
    """Which of the axes is the fastest in memory does not matter, only which comes first."""
    for reference, prediction in pairs(6):
        expected_rows = fastseg.evaluate(reference, prediction, metrics=NAMES)
        for order in itertools.permutations(range(reference.ndim)):
            moved = [
                np.ascontiguousarray(one.transpose(order)).transpose(np.argsort(order))
                for one in (reference, prediction)
            ]
            found = fastseg.evaluate(*moved, metrics=NAMES)
            assert repr(found.to_dict()) == repr(expected_rows.to_dict())
