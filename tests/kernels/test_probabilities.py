"""Counts and moments of probabilities: runs of equal voxels, what is left out, and beside the reference backend."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastseg.backends import numba, scipy
from fastseg.backends.numba import probabilities as driver
from fastseg.measures.probability_bins import BINS, LOW_BITS, Cuts
from fastseg_kernels.cpu import probabilities as kernels


def test_the_layout_is_that_of_the_measure() -> None:
    assert kernels.LOW_BITS == LOW_BITS
    keys = driver._keys()
    assert_array_equal(np.sort(driver._bins_of(keys)), np.arange(BINS))
    assert len(set(keys.tolist())) == BINS


@pytest.mark.parametrize("n", [1, 63, 64, 65, 2047, 2048, 2049, 5000])
def test_runs_and_single_voxels_are_counted_alike(n: int) -> None:
    """Runs that end within a group, at its end and at that of a block; equal values of different labels."""
    rng = np.random.default_rng([70, n])
    values = np.array([0, -0.0, 1, 0.5, 0.25, 0.3, 0.7, 1 - 2.0**-24], np.float32)
    p = np.repeat(rng.choice(values, n), rng.choice([1, 3, 64, 200], n))[:n]
    labels = np.repeat(rng.integers(0, 3, n), rng.choice([1, 5, 400], n))[:n].astype(np.uint8)
    wrong = rng.random(n) < 0.01
    p[wrong] = rng.choice(np.array([np.nan, -1, 2, np.inf, -np.inf], np.float32), int(wrong.sum()))
    class_of_label = np.zeros(256, np.int64)
    class_of_label[1:3] = 1, 2
    cuts = Cuts(np.array([0.25, 0.3, 0.5, 0.7, 1], np.float32))
    found = numba.probability_moments(p, labels, class_of_label, cuts)
    expected = scipy.probability_moments(p, labels, class_of_label, cuts)
    assert_array_equal(found.rows, expected.rows)
    assert_array_equal(found.moments, expected.moments)
    assert found.wrong == expected.wrong == int((wrong & (labels != 2)).sum())
    assert found.moments[:, :, 0].sum() == int((~wrong & (labels != 2)).sum())


@pytest.mark.slow
def test_more_voxels_than_a_table_holds() -> None:
    n = kernels.MOST_VOXELS + 100
    p = np.full(n, np.nextafter(np.float32(0.25), np.float32(0)))  # its low bits are all ones
    found = numba.probability_moments(
        p, np.zeros(n, np.uint8), np.zeros(256, np.int64), Cuts(np.array([], np.float32))
    )
    assert found.moments.tolist() == [[[n, n * 4095, n * 4095**2]], [[0, 0, 0]]]
