"""Signed ranks of bootstrap samples beside a sort of each sample, and beside SciPy's test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import fastseg
from fastseg.backends import numba, scipy

RNG = np.random.default_rng(17)


def samples(n_cases: int, n_samples: int) -> np.ndarray:
    drawn = RNG.integers(0, n_cases, (n_samples, n_cases))
    return np.stack([np.bincount(row, minlength=n_cases) for row in drawn]).astype(np.uint16)


@pytest.mark.parametrize(
    "kind", ["many ties", "no ties", "zeros", "undefined", "infinite", "nothing"]
)
def test_both_backends_find_the_same(kind: str) -> None:
    differences = RNG.normal(size=(4, 30))
    if kind == "many ties":
        differences = np.round(differences)
    elif kind == "zeros":
        differences[:, ::2] = 0
    elif kind == "undefined":
        differences[:2, ::3] = np.nan
        differences[3] = np.nan
    elif kind == "infinite":
        differences[:, :3] = np.inf, -np.inf, np.inf
    elif kind == "nothing":
        differences[:] = 0
    weights = samples(30, 70)  # more than a block
    found = numba.signed_rank_sums(differences, weights)
    np.testing.assert_array_equal(found, scipy.signed_rank_sums(differences, weights))
    assert found.dtype == np.int64


def test_weights_of_any_size_and_one_case() -> None:
    weights = np.array([[65535], [1], [0]], np.uint16)
    found = numba.signed_rank_sums(np.array([[2.0]]), weights)
    n = weights[:, 0].astype(np.int64)
    np.testing.assert_array_equal(found[:, 0], [n * (n + 1), n, n**3 - n])


def test_threads_change_nothing() -> None:
    differences, weights = RNG.normal(size=(40, 50)).round(1), samples(50, 130)
    expected = numba.signed_rank_sums(differences, weights)
    try:
        fastseg.set_num_threads(1)
        np.testing.assert_array_equal(numba.signed_rank_sums(differences, weights), expected)
    finally:
        fastseg.set_num_threads(None)


def test_it_is_the_test_of_scipy() -> None:
    from fastseg.statistics.signed_ranks import p_values

    values, weights = RNG.normal(size=(25, 3)).round(1), samples(25, 20)
    values[3] = np.nan, 0.5, 0.25
    for larger in (True, False):
        found = p_values(values, weights.astype(float), larger)
        for sample, often in enumerate(weights):
            drawn = np.repeat(values, often, axis=0)
            for one, other in ((0, 1), (1, 0), (2, 1)):
                pair = drawn[:, [one, other]]
                pair = pair[~np.isnan(pair).any(1)]
                expected = stats.wilcoxon(
                    *pair.T,
                    alternative="greater" if larger else "less",
                    method="asymptotic",
                    correction=True,
                ).pvalue
                assert found[sample, one, other] == pytest.approx(expected, abs=1e-12)
