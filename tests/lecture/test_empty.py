"""Lecture 3.4.6, the effect of empty label maps."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fastseg
from tests.lecture.shown import Panel, Pitfall, box, names

NOTHING = np.zeros((20, 20), np.uint8)
SPECK, LUMP = box(20, (9, 10), (9, 10)), box(20, (3, 17), (3, 17))
OF_ONE = {"labels": [1]}

EMPTY = Pitfall(
    title="Nothing to find, nothing found",
    section="3.4.6",
    figure="SN 2.33",
    trap="Without a reference the Dice of a single false pixel is that of a false lump: 0. Without either the "
    "formula is 0/0, and tools say 0, 1, nan, or leave the case out.",
    uncovered="The row says which map was `empty`, and `empty=` says what stands for what no formula gives. "
    "`empty_reference` and `empty_prediction` are raised with how many voxels are false or missed.",
    metrics=("dice", "iou", "hd95", "nsd", "specificity"),
    panels=(
        Panel("neither", NOTHING, NOTHING, OF_ONE),
        Panel("a false pixel", NOTHING, SPECK, OF_ONE),
        Panel("a false lump", NOTHING, LUMP, OF_ONE),
        Panel("missed", LUMP, NOTHING, OF_ONE),
    ),
)


def test_overlap_with_nothing_is_nothing() -> None:
    neither, speck, lump, missed = EMPTY.rows()
    assert math.isnan(neither["dice"])
    assert speck["dice"] == lump["dice"] == missed["dice"] == 0
    assert speck["hd95"] == missed["hd95"] == math.inf
    assert [row.empty for row in (neither, speck, lump, missed)] == [
        "both",
        "reference",
        "reference",
        "prediction",
    ]
    assert speck.flags[0].measured == 1
    assert lump.flags[0].measured == 196
    assert names(missed) >= {"empty_prediction"}
    assert names(neither) == set()


@pytest.mark.parametrize(
    ("policy", "dice", "hd95"),
    [("nan", math.nan, math.nan), ("perfect", 1, 0), ("worst", math.nan, math.nan)],
)
def test_a_policy_says_what_nothing_is_worth(policy: str, dice: float, hd95: float) -> None:
    row = fastseg.evaluate(NOTHING, NOTHING, labels=[1], empty=policy).rows[0]
    assert row["dice"] == pytest.approx(dice, nan_ok=True)
    assert row["hd95"] == pytest.approx(hd95, nan_ok=True)
    assert row.empty_policy == policy


PITFALLS = (EMPTY,)
