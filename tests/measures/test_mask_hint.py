"""Maps without a label in common: told, and never guessed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.errors import InputWarning

MASK = np.zeros((6, 7), bool)
MASK[1:4, 2:5] = True
LABELS = MASK.astype(np.uint8)
LABELS[5, 5] = 2


@pytest.mark.parametrize(
    ("reference", "prediction", "told"),
    [
        (
            MASK,
            MASK * np.uint8(255),
            "reference's only label is 1 and the prediction's only label is 255",
        ),
        (
            MASK * np.uint8(255),
            MASK,
            "reference's only label is 255 and the prediction's only label is 1",
        ),
        (
            MASK * 1.0,
            MASK * 255.0,
            "only label is 1 and .* 255: no voxel agrees; if both are masks",
        ),
        (
            MASK * 3,
            MASK[::-1] * np.int16(-2),
            "only label is 3 and the prediction's only label is -2",
        ),
        (
            LABELS,
            LABELS * np.uint8(127),
            r"labels 1, 2\) and prediction \(labels 127, 254\) have no label",
        ),
        (MASK, LABELS * np.uint8(7), r"reference \(labels 1\) and prediction \(labels 7, 14\)"),
        (
            np.arange(1, 8),
            np.arange(11, 18),
            r"\(labels 1, 2, 3, 4, 5, …\) and prediction \(labels 11,",
        ),
    ],
)
def test_no_label_in_common(reference: Any, prediction: Any, told: str) -> None:
    with pytest.warns(InputWarning, match=told) as caught:
        found = fastseg.evaluate(reference, prediction, metrics="dice")
    assert all(row["dice"] == 0 for row in found)
    [warning] = caught
    assert warning.filename == __file__
    assert "\n" not in str(warning.message)


def test_what_the_hint_says_helps() -> None:
    white = MASK * np.uint8(255)
    with pytest.warns(
        InputWarning, match=r"labels=\{'mask': \{'reference': 1, 'prediction': 255\}\}"
    ):
        fastseg.evaluate(MASK, white)
    sides = {"mask": {"reference": 1, "prediction": 255}}
    assert fastseg.evaluate(MASK, white, labels=sides)["mask"]["dice"] == 1
    assert fastseg.evaluate(MASK != 0, white != 0)[1]["dice"] == 1


def quiet(*maps: Any, **options: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastseg.evaluate(*maps, **options)


def test_nothing_is_said_where_there_is_nothing_to_say() -> None:
    white = MASK * np.uint8(255)
    quiet(MASK, MASK)
    quiet(white, white)
    quiet(MASK, LABELS)
    quiet(LABELS, np.where(LABELS == 1, 3, LABELS))
    quiet(MASK, MASK & False)
    quiet(MASK * 0, white)
    quiet(MASK, white, labels=[1, 255])
    quiet(MASK, white, ignore_label=255)  # the prediction's voxels of it are no structure
    apart = np.roll(LABELS, 3, 0)
    assert not (apart.astype(bool) & (apart == LABELS)).any()
    quiet(LABELS, apart)  # in both, though no voxel agrees
