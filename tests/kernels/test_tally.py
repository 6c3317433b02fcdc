"""Counting what is different, and the distribution that comes of it."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fastseg.backends.numba.tally import TalliedDistances
from fastseg.measures.surface_distances import SurfaceDistances
from fastseg_kernels.cpu.tally import tally

Floats = NDArray[np.float64]


def counted(values: Any, codes: Any, room: int, slots: int) -> dict[tuple[int, int], int] | None:
    bits = np.array(values, np.uint64)
    found = np.full(room + 1, 5, np.uint64), np.full(room + 1, 5, np.uint8)
    counts = np.full(room + 1, 5)
    table = np.full(slots, -1, np.int32)
    codes = np.array(codes, np.uint8)
    n = tally(bits, codes, found[0][:room], found[1][:room], counts[:room], table)
    assert found[0][room] == found[1][room] == counts[room] == 5  # nothing beyond the room
    if n < 0:
        return None
    pairs = list(zip(found[0].tolist(), found[1].tolist(), strict=True))[:n]
    assert len(set(pairs)) == n
    return dict(zip(pairs, counts.tolist(), strict=False))


def test_counts_of_pairs() -> None:
    rng = np.random.default_rng(50)
    values = rng.choice(np.array([0, 1, 2**63, 2**64 - 1, 2**32], np.uint64), 500)
    codes = rng.integers(0, 256, 500)
    expected = collections.Counter(zip(values.tolist(), codes.tolist(), strict=True))
    assert counted(values, codes, 500, 1024) == expected
    assert counted(values, codes, len(expected), 1024) == expected
    assert counted(values, codes, len(expected) - 1, 1024) is None


def test_pairs_in_one_slot_are_kept_apart() -> None:
    """A table with as few slots as there may be: every look-up goes past others, around its end."""
    values = np.arange(60) * 2**40
    codes = np.arange(60) % 3
    expected = collections.Counter(zip(values.tolist(), codes.tolist(), strict=True))
    assert counted(np.tile(values, 3), np.tile(codes, 3), 60, 64) == dict.fromkeys(expected, 3)
    # the value and the code enter the hash together: what is the same there is not the same pair
    assert counted([1, 0], [0, 1], 2, 4) == {(1, 0): 1, (0, 1): 1}


@pytest.mark.parametrize("n", [0, 1, 3, 4, 40, 5000])
@pytest.mark.parametrize("different", [1, 7, 10**6])
def test_the_distribution_is_that_of_a_sort_by_two_keys(n: int, different: int) -> None:
    """To the bit, whether the elements are few, repeat themselves or are all different."""
    rng = np.random.default_rng(51)
    values = np.sqrt(rng.integers(0, different, n).astype(float))
    codes = rng.integers(0, 256, n).astype(np.uint8)
    measures = rng.choice(rng.random(20), 256)  # codes share areas
    found = TalliedDistances(values, values, codes, codes, measures).distributions[0]
    expected = SurfaceDistances(values, values, codes, codes, measures).distributions[0]
    assert_array_equal(found.distances, expected.distances)
    assert_array_equal(found.areas, expected.areas)
    assert_array_equal(found.counts, expected.counts)
    order = np.lexsort((measures[codes], values))
    assert_array_equal(found.elements[0], values[order])
    assert_array_equal(found.elements[1], measures[codes][order])


def test_distances_without_a_target_are_distributed_too() -> None:
    values = np.full(40, np.inf)
    codes = (np.arange(40) % 3).astype(np.uint8)
    measures = np.array([0.5, 0.25, 1.0])
    tallied = TalliedDistances(values, values, codes, codes, measures)
    found, areas = tallied.distributions[0].elements
    assert areas is not None
    assert np.isinf(found).all()
    assert areas.tolist() == sorted(measures[codes].tolist())
