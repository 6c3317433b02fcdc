"""The order of equal elements, beside what a program compiled by GCC printed."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from fastseg.protocols.rules import unstable_sort
from fastseg.protocols.rules.unstable_sort import unstable_descending


def _values(size: int, most: int) -> list[int]:
    return [i * i % 101 % most for i in range(size)]


def _killer(size: int) -> list[int]:
    """Make an order for which the median of three is always near the end, with each value twice: McIlroy 1999."""
    value = [size] * size
    known, candidate = 0, 0

    def before(first: int, second: int) -> bool:
        nonlocal known, candidate
        if value[first] == value[second] == size:
            value[first if first == candidate else second] = known
            known += 1
        if value[first] == size:
            candidate = first
        elif value[second] == size:
            candidate = second
        return value[first] < value[second]

    places = list(range(size))
    unstable_sort._introsort(places, 0, size, size, before)
    unstable_sort._insert_all(places, before)
    return [-(one // 2) for one in value]


def _crc(places: list[int]) -> int:
    return zlib.crc32(np.array(places, "<i4").tobytes())


def test_all_equal_as_gcc_printed_it() -> None:
    assert unstable_descending([1] * 16) == list(range(16))
    assert unstable_descending([1] * 17) == [8, *range(16, 8, -1), 0, *range(7, 0, -1)]
    assert unstable_descending([1] * 20) == [10, *range(19, 10, -1), 0, *range(9, 0, -1)]


# how many values up to what, and the checksum of the places that std::sort printed, by g++ -O2
@pytest.mark.parametrize(
    ("size", "most", "checksum"),
    [
        (18, 2, 3602088540),
        (25, 3, 1524894499),
        (40, 3, 2795409522),
        (60, 4, 529616688),
        (100, 2, 1771063936),
        (333, 7, 3764404557),
        (1000, 20, 522290254),
        (1000, 101, 2569502017),
    ],
)
def test_equals_what_gcc_printed(size: int, most: int, checksum: int) -> None:
    assert _crc(unstable_descending(_values(size, most))) == checksum


def test_a_bad_order_is_sorted_by_heap(monkeypatch: pytest.MonkeyPatch) -> None:
    values = _killer(400)
    heaps = []
    kept = unstable_sort._heapsorted

    def noted(items: list[int], before: unstable_sort.Before) -> list[int]:
        heaps.append(len(items))
        return kept(items, before)

    monkeypatch.setattr(unstable_sort, "_heapsorted", noted)
    assert _crc(unstable_descending(values)) == 1470995314
    assert heaps


@pytest.mark.parametrize("size", [*range(20), 33, 100, 257])
def test_it_sorts_and_leaves_few_in_their_order(size: int) -> None:
    rng = np.random.default_rng(size)
    for most in (1, 2, 5, 1000):
        values = rng.integers(0, most, size).tolist()
        places = unstable_descending(values)
        assert sorted(places) == list(range(size))
        assert [values[place] for place in places] == sorted(values, reverse=True)
        if size <= 16 or len(set(values)) == size:
            assert places == sorted(range(size), key=lambda place: -values[place])
