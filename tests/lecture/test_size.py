"""Lecture 3.4.1, the effect of structure size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.results.rows import Row
from tests.lecture.shown import Mask, Panel, Pitfall, box, names

LARGE, SMALL = box(28, (3, 25), (3, 25)), box(28, (11, 17), (11, 17))

BOUNDARY_ERRORS = Pitfall(
    title="One error of the boundary, two sizes",
    section="3.4.1",
    figure="SN 2.12",
    trap="Both predictions are a pixel too small all around. Overlap is good for the large structure and bad "
    "for the small one.",
    uncovered="`boundary_iou` with a narrow band, `nsd` and distances say the same of both. `small_structure` is "
    "raised where a single pixel moves overlap by more than 2 %.",
    metrics=("dice", "iou", "boundary_iou", "hd95", "assd", "nsd"),
    panels=(
        Panel("large", LARGE, box(28, (4, 24), (4, 24)), {"tolerance": 1.5}),
        Panel("small", SMALL, box(28, (12, 16), (12, 16)), {"tolerance": 1.5}),
    ),
)


def test_overlap_depends_on_size_and_boundaries_do_not() -> None:
    large, small = BOUNDARY_ERRORS.rows()
    assert large["iou"] == 400 / 484
    assert small["iou"] == 16 / 36
    assert abs(large["boundary_iou"] - small["boundary_iou"]) < 0.15
    assert large["hd95"] == 1
    assert large["nsd"] == small["nsd"] == 1
    assert "small_structure" not in names(large)
    assert {"small_structure", "one_layer_too_small"} <= names(small)


def _large_and_three_small() -> tuple[Mask, Mask, Mask]:
    reference = np.zeros((28, 28), np.uint8)
    reference[3:19, 3:19] = 1
    for place, label in ((3, 2), (11, 3), (19, 4)):
        reference[22:25, place : place + 3] = label
    small_alone = reference.copy()
    small_alone[3:19, 3:11] = 0
    large_alone = np.where(reference == 1, reference, 0).astype(np.uint8)
    return reference, small_alone, large_alone


REFERENCE, SMALL_ALONE, LARGE_ALONE = _large_and_three_small()


def _instances(reference: Mask, prediction: Mask, metrics: Any, **options: Any) -> Row:
    """Evaluate pooled, and as instances."""
    evaluation = fastseg.evaluate_instances(
        reference > 0, prediction > 0, threshold=0.1, structure_metrics=["dice"]
    )
    return evaluation.rows[0]


DOMINATED = Pitfall(
    title="A large structure decides the pooled score",
    section="3.4.1",
    figure="SN 2.13",
    trap="The first prediction has all three small structures and half of the large one, the second has the "
    "large one and no small one. The Dice of all together prefers the second.",
    uncovered="Of instances, each is one: `evaluate_instances` counts three of four missed. `dominated_score` is "
    "raised where one instance of several is most of the voxels, `dominated_region` where one label of a "
    "region is.",
    metrics=("dice", "instance_recall", "mean_reference_score"),
    panels=(
        Panel("small ones found", REFERENCE, SMALL_ALONE, find=_instances),
        Panel("large one found", REFERENCE, LARGE_ALONE, find=_instances),
    ),
)


def test_a_large_structure_decides_the_pooled_score() -> None:
    small, large = DOMINATED.rows()
    assert small["dice"] < 0.72
    assert large["dice"] > 0.94
    assert small["instance_recall"] == 1
    assert large["instance_recall"] == 0.25
    assert small["mean_reference_score"] > 2 * large["mean_reference_score"]
    assert "dominated_score" in names(small) & names(large)


def test_without_the_large_structure_the_order_is_the_other_one() -> None:
    scores = [
        fastseg.evaluate(REFERENCE, prediction, labels={"small": (2, 3, 4)})["small"]["dice"]
        for prediction in (SMALL_ALONE, LARGE_ALONE)
    ]
    assert scores == [1, 0]
    pooled = fastseg.evaluate(REFERENCE, LARGE_ALONE, labels={"all": (1, 2, 3, 4)})
    assert "dominated_region" in names(pooled.rows[0])
    assert pooled["all"]["dice"] == pytest.approx(2 * 256 / (256 + 283))


PITFALLS = (BOUNDARY_ERRORS, DOMINATED)
