"""What equal means: to the bit, or to a unit in the last place where two nearest voxels tie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

Array = NDArray[Any]


def units_apart(actual: Array, expected: Array) -> NDArray[np.int64]:
    """How many float64 numbers lie between two arrays of numbers that are not negative."""
    for array in (actual, expected):
        assert array.dtype == np.float64
        assert not np.isnan(array).any()
        assert (array >= 0).all()
    bits = [np.ascontiguousarray(array).view(np.int64) for array in (actual, expected)]
    apart: NDArray[np.int64] = np.abs(bits[0] - bits[1])
    return apart


def assert_distances(actual: Array, expected: Array, unit: bool, what: str = "") -> None:
    """Distances against SciPy's: the same to the bit at unit spacing, else all but near ties are.

    SciPy takes one of several voxels that are equally near but for rounding, which need not be that
    with the least rounded distance: then ours is one unit in the last place smaller. On the volumes
    of these tests that is at most one voxel in 1000 (measured: one in 8000).
    """
    assert actual.shape == expected.shape, what
    if unit:
        assert_array_equal(actual, expected, err_msg=what)
        return
    apart = units_apart(actual, expected)
    assert (actual <= expected).all(), what
    assert apart.max(initial=0) <= 1, what
    assert np.count_nonzero(apart) <= max(2, 0.001 * apart.size), what
