"""Lecture 3.4.3, the effect of spatial alignment."""

from __future__ import annotations

from tests.lecture.shown import Panel, Pitfall, box, names

REFERENCE = box(24, (4, 20), (4, 20))

CENTRES = Pitfall(
    title="The place is right, or it is not",
    section="3.4.3",
    figure="SN 2.7",
    trap="Both predictions are as large and lie within the reference, one in its middle and one in its corner. "
    "Overlap is the same.",
    uncovered="`center_distance` tells them apart. `place_right_shape_wrong` is raised where the centres agree and "
    "overlap is poor.",
    metrics=("dice", "iou", "center_distance", "hd", "assd"),
    panels=(
        Panel("in the middle", REFERENCE, box(24, (8, 16), (8, 16))),
        Panel("in the corner", REFERENCE, box(24, (4, 12), (4, 12))),
    ),
)


def test_overlap_does_not_see_the_place() -> None:
    middle, corner = CENTRES.rows()
    assert middle["dice"] == corner["dice"] == 0.4
    assert middle["center_distance"] == 0
    assert corner["center_distance"] == 32**0.5
    assert "place_right_shape_wrong" in names(middle) - names(corner)


SHIFTED = Pitfall(
    title="The shape is right, and shifted",
    section="3.4.3",
    figure="SN 2.7",
    trap="A shift of the whole and a shape that is wrong in the right place can have the same Dice.",
    uncovered="`shape_right_place_wrong` and `shifted` are raised for the first, `place_right_shape_wrong` for the "
    "second.",
    metrics=("dice", "center_distance", "volume_similarity", "hd95"),
    panels=(
        Panel("shifted", box(28, (6, 16), (4, 20)), box(28, (10, 20), (8, 24))),
        Panel("wrong shape", box(28, (9, 19), (6, 22)), box(28, (5, 23), (11, 17))),
    ),
)


def test_flags_tell_a_shift_from_a_wrong_shape() -> None:
    shifted, wrong = SHIFTED.rows()
    assert abs(shifted["dice"] - wrong["dice"]) < 0.02
    assert shifted["center_distance"] > 5
    assert wrong["center_distance"] == 0
    assert {"shape_right_place_wrong", "shifted"} <= names(shifted) - names(wrong)
    assert "place_right_shape_wrong" in names(wrong) - names(shifted)


PITFALLS = (CENTRES, SHIFTED)
