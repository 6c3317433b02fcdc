"""Masks in C order, by NumPy and by tiles."""

from __future__ import annotations

import numpy as np
import pytest

from fastseg.inputs.c_order import c_ordered


@pytest.mark.parametrize(
    "shape", [(9,), (5, 6), (3, 4, 5), (70, 65, 130), (1, 600, 600), (513, 1, 700)]
)
@pytest.mark.parametrize("share", [0.0, 0.0001, 0.5, 1.0])
def test_it_is_the_same_mask(shape: tuple[int, ...], share: float) -> None:
    mask = np.random.default_rng(0).random(shape) < share
    for one in (mask, np.asfortranarray(mask), mask[::-1], np.asfortranarray(mask)[..., ::-1]):
        found = c_ordered(one)
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, mask if one is mask else one)
    assert c_ordered(mask) is mask
