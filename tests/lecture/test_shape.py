"""Lecture 3.4.2, the effect of structure shape."""

from __future__ import annotations

import numpy as np

from tests.lecture.shown import Mask, Panel, Pitfall, names


def _tree() -> tuple[Mask, Mask]:
    """Draw a trunk two pixels wide with branches of one, and only the trunk."""
    trunk = np.zeros((26, 26), np.uint8)
    trunk[3:23, 12:14] = 1
    tree = trunk.copy()
    for row, left in ((5, True), (9, False), (13, True), (17, False)):
        tree[row, slice(7, 12) if left else slice(14, 19)] = 1
    return tree, trunk


TREE, TRUNK = _tree()
THIN = TREE.copy()
THIN[3:23, 13] = 0
THIN[[9, 17], 13] = 1  # branches stay connected
TRUNK_OF_THE_SAME_SIZE = TRUNK.copy()
TRUNK_OF_THE_SAME_SIZE[13, 10:12] = 1

BRANCHES = Pitfall(
    title="Branches are few pixels",
    section="3.4.2",
    figure="SN 2.14",
    trap="One prediction misses the branches, the other has them and a trunk that is thinner. Overlap is the "
    "same to the digit.",
    uncovered="`cl_dice` and `topology_sensitivity` follow the centre line. `thin_structure` is raised where nine "
    "of ten voxels lie on the surface.",
    metrics=("dice", "iou", "cl_dice", "topology_precision", "topology_sensitivity", "hd95"),
    panels=(
        Panel("no branches", TREE, TRUNK_OF_THE_SAME_SIZE),
        Panel("thin trunk", TREE, THIN),
    ),
)


def test_overlap_does_not_see_branches() -> None:
    without, with_branches = BRANCHES.rows()
    assert without["dice"] == with_branches["dice"]
    assert with_branches["cl_dice"] == 1
    assert without["cl_dice"] < 0.7
    assert "thin_structure" in names(without) & names(with_branches)


PITFALLS = (BRANCHES,)
