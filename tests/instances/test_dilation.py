"""Dilation of packed masks beside SciPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from fastseg.instances.dilation import dilated


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_it_is_scipys(ndim: int) -> None:
    rng = np.random.default_rng(ndim)
    for number in range(200):
        shape = tuple(int(size) for size in rng.integers(1, 8, ndim))
        if number % 3 == 0:  # over the edges of words
            shape = (*shape[:-1], int(rng.choice([63, 64, 65, 130])))
        order: Any = "CF"[number % 2]
        mask = np.array(rng.random(shape) < rng.choice([0.02, 0.2, 0.9]), order=order)
        for connectivity in range(1, ndim + 1):
            iterations = int(rng.integers(1, 5))
            structure = ndimage.generate_binary_structure(ndim, connectivity)
            expected = ndimage.binary_dilation(mask, structure, iterations=iterations)
            found = dilated(mask, connectivity, iterations)
            assert_array_equal(found, expected)
            assert found.flags.f_contiguous == mask.flags.f_contiguous


def test_nothing_to_do_is_the_mask_itself() -> None:
    mask = np.ones((3, 3), bool)
    assert dilated(mask, 1, 0) is mask
