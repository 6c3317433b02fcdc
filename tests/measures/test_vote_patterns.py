"""Patterns of votes beside a dictionary that counts voxel by voxel."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fastseg import threads
from fastseg.errors import InputError
from fastseg.measures.vote_patterns import VotePatterns, painted, vote_patterns

KINDS = [
    (np.bool_, 0, 2),
    (np.uint8, 0, 2),
    (np.uint8, 0, 250),
    (np.int16, -3, 4),
    (np.int64, 0, 2**40),
    (np.uint64, 0, 5),
]


def naive(maps: list[np.ndarray]) -> dict[tuple[int, ...], int]:
    """Count voxel by voxel."""
    rows = zip(*[[int(voxel) for voxel in one.ravel()] for one in maps], strict=True)
    return dict(sorted(Counter(rows).items()))


def table(patterns: VotePatterns) -> dict[tuple[int, ...], int]:
    rows = [tuple(int(label) for label in row) for row in patterns.labels]
    found = dict(zip(rows, patterns.counts.tolist(), strict=True))
    assert len(found) == len(patterns.counts)
    assert rows == sorted(rows)
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind[0].__name__}-{kind[2]}")
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_patterns_are_those_of_a_dictionary(kind: tuple[type, int, int], order: str) -> None:
    dtype, low, high = kind
    rng = np.random.default_rng(3)
    for _ in range(12):
        shape = tuple(rng.integers(1, 12, rng.integers(1, 4)))
        first = rng.integers(low, high, shape)
        maps: list[np.ndarray] = []
        for _ in range(rng.integers(1, 11)):
            one: np.ndarray = np.where(
                rng.random(shape) < 0.2, rng.integers(low, high, shape), first
            )
            one = one.astype(dtype)
            if order == "F":
                one = np.asfortranarray(one)
            if order == "strided":
                one = np.repeat(one, 2, axis=0)[::2]
            maps.append(one)
        assert table(vote_patterns(maps)) == naive(maps)


def test_maps_of_several_types_are_counted_together() -> None:
    maps: list[np.ndarray] = [
        np.array([0, 1, 2], np.uint8),
        np.array([0, -1, 2], np.int16),
        np.array([1, 1, 0], bool),
    ]
    assert table(vote_patterns(maps)) == {(0, 0, 1): 1, (1, -1, 1): 1, (2, 2, 0): 1}
    with pytest.raises(InputError, match="beyond 64 bits"):
        vote_patterns([np.array([2**63 + 1], np.uint64), np.array([-1], np.int8)])


@pytest.mark.parametrize("shape", [(90, 64, 64), (4, 1 << 17)])
def test_threads_and_pieces_change_nothing(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    first = rng.integers(0, 3, shape).astype(np.uint8)
    maps: list[np.ndarray] = [first * (rng.random(shape) > 0.01).astype(np.uint8) for _ in range(3)]
    found = []
    for many in (1, 3):
        threads.set_num_threads(many)
        try:
            found.append(vote_patterns(maps))
        finally:
            threads.set_num_threads(None)
    rows, counts = np.unique(np.stack([one.ravel() for one in maps], 1), axis=0, return_counts=True)
    for patterns in found:
        np.testing.assert_array_equal(patterns.labels, rows)
        np.testing.assert_array_equal(patterns.counts, counts)


@pytest.mark.parametrize("high", [2, 200])
def test_an_image_is_painted_by_pattern(high: int) -> None:
    rng = np.random.default_rng(7)
    maps = [np.asfortranarray(rng.integers(0, high, (7, 8, 9)).astype(np.uint8)) for _ in range(9)]
    patterns = vote_patterns(maps)
    values = np.arange(len(patterns.counts))
    image = painted(maps, lambda rows: values[patterns.rows_of(rows)], np.dtype(np.int64))
    stacked = np.stack(maps, axis=-1)
    np.testing.assert_array_equal(patterns.labels[image], stacked)


def test_votes_for_a_region() -> None:
    maps = [np.array([0, 1, 2, 3]), np.array([0, 2, 3, 3]), np.array([1, 1, 0, 3])]
    votes = vote_patterns(maps).votes([1, 2])
    expected = np.array([[0, 1, 1, 0], [0, 1, 0, 0], [1, 1, 0, 0]])
    np.testing.assert_array_equal(votes.intersections, expected @ expected.T)
    assert votes.by_number.tolist() == [1, 2, 0, 1]
    assert votes.voxels == 4
    assert votes.of([0, 2]).intersections.tolist() == [[2, 1], [1, 2]]
