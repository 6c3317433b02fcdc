"""Axes too many: the advice is what makes a label map of it."""

from __future__ import annotations

import re

import numpy as np
import pytest

import fastseg

MAP = np.zeros((6, 7, 8), np.uint8)
MAP[1:4, 2:5, 3:6] = 1
MAP[5, 6, 7] = 2


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (MAP[None], "drop axis 0, which has one entry, with array[0], or squeeze(0)"),
        (MAP[..., None], "drop axis 3, which has one entry, with array[..., 0], or squeeze(3)"),
        (MAP[None, None], "drop axes 0, 1, which have one entry, with squeeze((0, 1))"),
        (MAP[None, ..., None], "drop axes 0, 4, which have one entry, with squeeze((0, 4))"),
        (MAP[2][None, None], "drop axes 0, 1, which have one entry, with squeeze((0, 1))"),
        (np.ones((1, 1, 1, 1), np.uint8), "with squeeze((0, 1, 2))"),
    ],
)
def test_axes_of_one_entry(array: np.ndarray, told: str) -> None:
    """The advice, followed, gives the map; an argmax would give nothing but background."""
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        fastseg.evaluate(array, array)
    assert "argmax" not in str(caught.value)
    axes = re.search(r"squeeze\((.*)\)$", str(caught.value))
    assert axes
    squeezed = array.squeeze(tuple(int(axis) for axis in re.findall(r"\d+", axes[1])))
    assert 1 <= squeezed.ndim <= 3
    assert fastseg.evaluate(squeezed, squeezed)[1]["dice"] == 1


ONE_HOT = np.stack([label == MAP for label in range(3)])


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (ONE_HOT, "the argmax over its 3 channels, argmax(0);"),
        (np.moveaxis(ONE_HOT, 0, -1), "the argmax over its 3 channels, argmax(3);"),
        (
            ONE_HOT[None],
            "drop axis 0, which has one entry, with array[0], or squeeze(0); if it is one-hot",
        ),
        (ONE_HOT[None], "the argmax over its 3 channels, argmax(0) of what is left;"),
        (np.stack([MAP, MAP])[:, None], "drop axis 1, which has one entry, with array.squeeze(1)"),
        (np.stack([MAP, MAP])[:, None], "a batch or a series need one call for each"),
        (np.stack([MAP[1], MAP[2]])[:, None], "if axis 0 is a batch, compare its cases one by one"),
    ],
)
def test_channels_and_batches(array: np.ndarray, told: str) -> None:
    for pair in ((array, MAP), (MAP, array)):
        with pytest.raises(ValueError, match=r"1 to 3 axes, got shape \(.*" + re.escape(told)):
            fastseg.evaluate(*pair)
