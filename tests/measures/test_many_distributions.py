"""Metrics of many distributions at once: each value has the bits that a single structure's has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastseg.errors import InputError
from fastseg.measures.distributions import DIRECTIONS, Distribution, SurfaceDistributions
from fastseg.measures.many_distributions import ManyDistributions, OneOfMany


def made(
    n: int, most: int, seed: int, shuffled: bool = False
) -> tuple[ManyDistributions, list[Any]]:
    """Many pairs of distributions of up to `most` distances, and each as one of its own."""
    rng = np.random.default_rng(seed)
    distances, counts, ends, alone = [], [], [], []
    for _ in range(n):
        directions = []
        for _ in range(2):
            length = int(rng.integers(1, most + 1))
            found = np.sqrt(np.sort(rng.choice(4 * most, length, replace=False)) * 0.31)
            often = rng.integers(1, 50, length)
            directions.append(Distribution(found, often))
            order = rng.permutation(length) if shuffled else np.arange(length)
            distances.append(found[order])
            counts.append(often[order])
            ends.append(length)
        alone.append(SurfaceDistributions(*directions))
    many = ManyDistributions(
        np.concatenate(distances), np.concatenate(counts), np.cumsum(ends).reshape(-1, 2)
    )
    return many, alone


@pytest.mark.parametrize("most", [1, 7, 8, 9, 40, 300])
@pytest.mark.parametrize("shuffled", [False, True])
def test_every_metric_has_the_bits_of_one_structure(most: int, shuffled: bool) -> None:
    """300 terms go beyond the 128 that NumPy sums at once."""
    many, alone = made(60, most, most, shuffled)
    assert len(many) == 60
    for place, expected in enumerate(alone):
        found = OneOfMany(many, place)
        for percentile in (0, 5, 50, 95, 99.5, 100):
            for method in ("max_of_directions", "pooled"):
                assert found.hausdorff(percentile, method) == expected.hausdorff(percentile, method)
        direction: Any
        for direction in DIRECTIONS:
            assert found.average(direction) == expected.average(direction)
        assert found.assd() == expected.assd()
        assert found.masd() == expected.masd()
        for tolerance in (0, 0.5568, 1.0, 3, 1e9):
            assert found.nsd(tolerance) == expected.nsd(tolerance)
        for one, other in zip(found.distributions, expected.distributions, strict=True):
            assert one.distances.tolist() == other.distances.tolist()
            assert one.counts.tolist() == other.counts.tolist()


def test_more_tolerances_than_are_kept() -> None:
    many, alone = made(50, 12, 3)
    for place, expected in enumerate(alone):
        for tolerance in np.linspace(0, 5, 7) + place / 100:
            assert OneOfMany(many, place).nsd(tolerance) == expected.nsd(tolerance)


def test_equal_distances_of_one_direction_are_joined() -> None:
    many = ManyDistributions(
        np.array([3.0, 1.0, 3.0, 2.0, 2.0, 2.0]),
        np.array([1, 2, 3, 4, 5, 6]),
        np.array([[3, 4], [5, 6]]),
    )
    first, second = (OneOfMany(many, place).distributions for place in range(2))
    assert (first[0].distances.tolist(), first[0].counts.tolist()) == ([1, 3], [2, 4])
    assert (first[1].distances.tolist(), first[1].counts.tolist()) == ([2], [4])
    assert [one.counts.tolist() for one in second] == [[5], [6]]


def test_wrong_questions_are_refused() -> None:
    many, _ = made(3, 5, 0)
    found: Any = OneOfMany(many, 0)
    with pytest.raises(InputError, match="percentile"):
        found.hausdorff(101)
    with pytest.raises(InputError, match="percentile_method"):
        found.hausdorff(95, "mean")
    with pytest.raises(InputError, match="direction"):
        found.average("sideways")
    with pytest.raises(InputError, match="tolerance"):
        found.nsd(-1)
