"""Lecture 3.4.5, the effect of annotation noise."""

from __future__ import annotations

import numpy as np
import pytest

import fastseg
from tests.lecture.shown import Mask, Panel, Pitfall, box, disc, names

SQUARE = box(34, (5, 25), (5, 25))


def _with(mask: Mask, *pixels: tuple[int, int]) -> Mask:
    noisy = mask.copy()
    for pixel in pixels:
        noisy[pixel] = 1
    return noisy


STRAY = Pitfall(
    title="A stray pixel of the annotator",
    section="3.4.5",
    figure="",
    trap="The prediction is right and the reference has a pixel too much, far away. The Hausdorff distance is "
    "of that pixel alone; with three `hd95` still says 0, and with six 7.",
    uncovered="`hd` beside `hd95`, `assd` and `nsd`. `percentile_at_a_jump` is raised where a few percent of the "
    "surface decide what `hd95` is.",
    metrics=("dice", "hd", "hd95", "assd", "nsd"),
    panels=(
        Panel("one pixel", _with(SQUARE, (31, 31)), SQUARE),
        Panel("three pixels", _with(SQUARE, *[(30, x) for x in range(27, 30)]), SQUARE),
        Panel("six pixels", _with(SQUARE, *[(30, x) for x in range(27, 33)]), SQUARE),
    ),
)


def test_a_stray_pixel_decides_the_hausdorff_distance() -> None:
    one, three, six = STRAY.rows()
    assert one["hd"] == pytest.approx(7 * 2**0.5)
    assert one["hd95"] == three["hd95"] == 0
    assert six["hd95"] > 7
    assert min(row["nsd"] for row in (one, three, six)) > 0.95
    assert "percentile_at_a_jump" in names(three) & names(six)


RATERS = [disc(30, (15, 15 + step), radius) for step, radius in ((-1, 8.2), (0, 9.0), (1, 8.6))]
PREDICTION = disc(30, (15.5, 15.5), 8.8)

SPREAD = Pitfall(
    title="Two raters, one structure",
    section="3.4.5",
    figure="",
    trap="What a prediction could reach at most is what raters reach with each other; one of 1 is out of "
    "reach, and a better one is better at being one of the raters.",
    uncovered="`evaluate_raters` puts a prediction beside what raters have with each other, and "
    "`within_rater_spread` is raised where it is one of them. `nsd` with the raters' disagreement as the "
    "tolerance forgives what they would not agree on.",
    metrics=("dice", "hd95", "nsd"),
    panels=(
        Panel("another rater", RATERS[0], RATERS[2], {"tolerance": 2.5}),
        Panel("prediction", RATERS[0], PREDICTION, {"tolerance": 2.5}),
    ),
)


def test_a_prediction_can_be_as_good_as_raters_are() -> None:
    rater, prediction = SPREAD.rows()
    assert rater["dice"] < 0.92
    assert prediction["dice"] > rater["dice"]
    assert rater["nsd"] > 0.95
    raters = fastseg.evaluate_raters(RATERS, PREDICTION)
    far = fastseg.evaluate_raters(RATERS, np.roll(PREDICTION, 6, 0))
    assert "within_rater_spread" in raters.score(1, "dice", "prediction", "raters").flags
    assert not far.score(1, "dice", "prediction", "raters").flags


PITFALLS = (STRAY, SPREAD)
