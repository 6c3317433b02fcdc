"""Words of 62 voxels: what is spread over them, what is due, and what comes back."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastseg
from fastseg.backends import scipy_packed
from fastseg_kernels._thinning import VOXELS
from fastseg_kernels.cpu import skeleton


@pytest.mark.parametrize("width", [1, 2, 61, 62, 63, 64, 65, 124, 125, 126, 128, 130, 250])
def test_voxels_come_back(width: int) -> None:
    rng = np.random.default_rng(width)
    mask = rng.random((3, 4, width)) < 0.8
    mask[1, 1] = False
    words = scipy_packed.pack(mask, (1,), tuple(slice(0, size) for size in mask.shape), False)
    shape = 5, 6, -(-width // VOXELS)
    spread, due = np.zeros((2, *shape), np.uint64)
    rows = np.zeros(shape[:2], np.uint8)
    skeleton.spread(words, width, spread, due, rows)
    for given, expected in ((spread, mask), (due, fastseg.surface(mask))):
        found = np.zeros((5, 6, width + 3), np.uint8)
        skeleton.paint(given, 1, 0, 2, found)
        assert_array_equal(found[1:4, :4, 2 : 2 + width], expected)
        assert found.sum() == expected.sum()
    assert_array_equal(rows[1:-1, 1:-1] != 0, fastseg.surface(mask).any(axis=2))
    # either end of a word is the voxel next to it
    bits = (spread[..., None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    assert_array_equal(bits[..., 1:, 0], bits[..., :-1, 62])
    assert_array_equal(bits[..., :-1, 63], bits[..., 1:, 1])


def test_a_line_through_several_words_is_thinned_alike() -> None:
    """A bar is thinned in the same way wherever the ends of its words lie."""
    expected = None
    for start in range(1, 130):
        bar = np.zeros((7, 7, 300), bool)
        bar[1:6, 1:6, start : start + 100] = True
        found = fastseg.skeletonize(bar)[:, :, start : start + 100]
        expected = found if expected is None else expected
        assert_array_equal(found, expected)
