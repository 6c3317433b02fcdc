"""Lecture 3.4.4, the effect of holes."""

from __future__ import annotations

import numpy as np

from tests.lecture.shown import Panel, Pitfall, box, names

SOLID = box(28, (2, 26), (2, 26))
HOLE = SOLID.copy()
HOLE[13, 13] = 0
CAVITY = SOLID - box(28, (8, 20), (8, 20))

HOLES = Pitfall(
    title="A hole that no boundary shows",
    section="3.4.4",
    figure="SN 2.6",
    trap="A hole of one pixel changes nothing that `hd95` or `nsd` notice, and Dice hardly. Tools that follow "
    "the outer boundary alone do not see the large one either; the surfaces here have inner walls too.",
    uncovered="`hole_count_difference` counts it, and `filled_dice` beside `dice` tells that holes are all that is "
    "wrong. Where topology was asked for, `different_holes` is raised.",
    metrics=("dice", "hd95", "nsd", "hd", "hole_count_difference", "filled_dice"),
    panels=(Panel("small hole", SOLID, HOLE), Panel("large hole", SOLID, CAVITY.astype(np.uint8))),
)


def test_boundaries_do_not_see_a_hole() -> None:
    small, large = HOLES.rows()
    assert small["dice"] > 0.999
    assert small["hd95"] == 0
    assert small["nsd"] > 0.97
    assert small["hd"] > 9
    assert small["hole_count_difference"] == large["hole_count_difference"] == 1
    assert small["filled_dice"] == large["filled_dice"] == 1
    assert large["dice"] < 0.9
    assert "different_holes" in names(small) & names(large)


PITFALLS = (HOLES,)
