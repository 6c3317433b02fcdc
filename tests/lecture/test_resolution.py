"""Lecture 3.4.7, the effect of resolution."""

from __future__ import annotations

from tests.lecture.shown import Panel, Pitfall, disc, names


def _grid(spacing: float) -> Panel:
    side = int(24 / spacing)
    circles = (
        disc(side, (12, 12), 7.2, spacing),
        disc(side, (12, 12), 6.0, spacing),
    )
    title = f"{spacing:g} mm"
    return Panel(title, *circles, {"spacing": spacing, "tolerance": 1.5})


GRIDS = Pitfall(
    title="Two circles on three grids",
    section="3.4.7",
    figure="SN 2.36",
    trap="Reference and prediction are the same two circles each time, drawn on grids of another pixel size, "
    "and every metric changes.",
    uncovered="Compare on one grid. `tolerance_below_voxel` is raised where a tolerance asks for more than the grid "
    "can show, and `anisotropic_voxels` where one axis is much coarser than the others.",
    metrics=("dice", "iou", "hd", "hd95", "assd", "nsd"),
    panels=(_grid(4), _grid(2), _grid(0.5)),
)


def test_every_metric_depends_on_the_grid() -> None:
    coarse, middle, fine = GRIDS.rows()
    dice = [row["dice"] for row in (coarse, middle, fine)]
    assert max(dice) - min(dice) > 0.3
    assert coarse["hd"] == 4
    assert fine["hd"] == 2**0.5
    assert [row["nsd"] for row in (coarse, fine)] == [0, 1]
    assert "tolerance_below_voxel" in names(coarse) & names(middle)
    assert "tolerance_below_voxel" not in names(fine)


PITFALLS = (GRIDS,)
