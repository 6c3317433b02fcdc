"""Lecture 3.5, the preference for over- to undersegmentation."""

from __future__ import annotations

import pytest

from tests.lecture.shown import Panel, Pitfall, box, names

REFERENCE = box(18, (4, 14), (4, 14))

LAYERS = Pitfall(
    title="A layer too little, a layer too much",
    section="3.5",
    figure="SN 2.10",
    trap="Both outlines are one pixel from the reference's. Dice and IoU prefer the one that is too large.",
    uncovered="`f0_5` punishes what is too much and `f2` what is missing, where one of them is worse for the task. "
    "`one_layer_too_small` and `one_layer_too_large` are raised where the error is nothing but a layer.",
    metrics=("dice", "iou", "precision", "recall", "f0_5", "f2", "hd95"),
    panels=(
        Panel("too small", REFERENCE, box(18, (5, 13), (5, 13))),
        Panel("too large", REFERENCE, box(18, (3, 15), (3, 15))),
    ),
)


def test_overlap_prefers_too_much() -> None:
    small, large = LAYERS.rows()
    assert small["dice"] == pytest.approx(2 * 64 / 164)
    assert large["dice"] == pytest.approx(2 * 100 / 244)
    assert small["dice"] < large["dice"]
    assert names(small) >= {"one_layer_too_small"}
    assert names(large) >= {"one_layer_too_large"}


def test_f_beta_prefers_what_beta_says() -> None:
    small, large = LAYERS.rows()
    assert small["f0_5"] > large["f0_5"]
    assert small["f2"] < large["f2"]
    beta = 0.5**2
    precision, recall = large["precision"], large["recall"]
    assert large["f0_5"] == pytest.approx(
        (1 + beta) * precision * recall / (beta * precision + recall)
    )


PITFALLS = (LAYERS,)
