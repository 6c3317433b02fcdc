"""Many small structures: packing against NumPy, surfaces, bands and distances against brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fastseg.backends.numba.nearest import nearest_offsets
from fastseg.backends.shared.offsets import ball
from fastseg_kernels._boxes import words_of
from fastseg_kernels.cpu import structures
from tests.oracle import naive

Array = NDArray[Any]
REACH = np.array([2, 3, 5], np.int64)


def as_bits(mask: Array, reach: Any = REACH) -> Array:
    """The words of a mask (nz, ny, nx): one bit after the other, with the zeros of its layout."""
    row_bits, slice_bits, n_words, guard = words_of(*mask.shape, *reach)
    bits = np.zeros(64 * n_words, bool)
    for z, y, x in np.argwhere(mask):
        bits[64 * guard + z * slice_bits + y * row_bits + x] = True
    return np.packbits(bits, bitorder="little").view(np.uint64)


def packed(labels: Array, values: list[list[int]], boxes: Any, reach: Any = REACH) -> Array:
    boxes = np.array(boxes, np.int64)
    n_words = words_of(*boxes.T[3:], *reach)[2]
    words = np.zeros(n_words.sum(), np.uint64)
    starts = np.cumsum([0, *map(len, values)])
    flat = np.array([value for of_one in values for value in of_one], np.uint64)
    structures.pack[labels.dtype](labels, flat, starts, boxes, reach, words)
    return words


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize("width", [1, 7, 63, 64, 65, 130])
def test_packing(dtype: Any, width: int) -> None:
    """Boxes inside and at the very end, from where no vector can be loaded; regions; labels that are not there."""
    rng = np.random.default_rng(width)
    labels = rng.integers(0, 4, (4, 5, 140)).astype(dtype)
    high = np.iinfo(dtype).max
    labels[labels == 3] = high
    boxes = [(0, 0, 0, 4, 5, width), (1, 2, 140 - width, 3, 3, width), (3, 4, 9, 1, 1, width)]
    values = [[1], [2, int(high)], []]
    masks = [
        np.isin(labels[z : z + nz, y : y + ny, x : x + nx], np.array(of_one, dtype))
        for (z, y, x, nz, ny, nx), of_one in zip(boxes, values, strict=True)
    ]
    assert_array_equal(packed(labels, values, boxes), np.concatenate(list(map(as_bits, masks))))


def measured(
    pairs: list[tuple[Array, Array]], spacing: tuple[float, ...], width: float, **changed: Any
) -> tuple[list[Any], Array]:
    """Distances both ways of each pair, None where it was given up, and voxels of the bands."""
    offsets = nearest_offsets(spacing, 3, False)
    distances, kinds = offsets.kinds
    of_band = ball(spacing, (99,) * 3, False, width, 10_000)
    assert of_band is not None
    reach = np.abs(np.concatenate([offsets.offsets, of_band])).max(axis=0)
    masks = np.array(
        [np.concatenate([as_bits(pair[side], reach) for pair in pairs]) for side in (0, 1)]
    )
    boxes = np.array([(0, 0, 0, *first.shape) for first, _ in pairs], np.int64)
    largest = int(words_of(*boxes.T[3:], *reach)[2].max())
    room, in_order = changed.pop("room", 100_000), changed.pop("in_order", False)
    places = changed.pop("places", 64 * largest)
    bands, ends = np.full((len(pairs), 3), -7), np.full((len(pairs), 2), -7)
    found: list[Any] = [None] * len(pairs)
    first = 0
    while first < len(pairs):
        out = np.full(room, np.nan), np.full(room, -7)
        stop = structures.measure(
            masks,
            boxes,
            reach,
            first,
            3,
            offsets.offsets,
            kinds,
            distances,
            of_band,
            np.array(spacing),
            0,
            changed.get("most_pairs", 1 << 40),
            int(in_order),
            np.full((3, largest), 0xDEADBEEF, np.uint64),
            np.empty(max(len(kinds), len(of_band)), np.int64),
            np.empty(len(distances), np.int64),
            np.empty((2, 3, places)),
            np.empty(places + 8),
            bands,
            ends,
            *out,
        )
        assert stop > first
        begin = 0
        for place in range(first, stop):
            if ends[place, 0] < 0:
                continue
            middle, end = ends[place]
            found[place] = [
                out[0][slice(*part)]
                if in_order
                else np.repeat(out[0][slice(*part)], out[1][slice(*part)])
                for part in ((begin, middle), (middle, end))
            ]
            begin = end
        first = stop
    return found, bands


def some_pairs(n: int, seed: int = 0) -> list[tuple[Array, Array]]:
    """Pairs of masks that are not empty, of up to 9 × 8 × 70 voxels; some overlap, some lie apart."""
    rng = np.random.default_rng(seed)
    pairs = []
    for i in range(n):
        shape = tuple(rng.integers(1, high) for high in ((4, 4, 5), (9, 8, 12), (4, 5, 71))[i % 3])
        first, second = rng.random((2, *shape)) < rng.choice([0.02, 0.3, 0.9])
        first.flat[rng.integers(first.size)] = second.flat[rng.integers(first.size)] = True
        pairs.append((first, second))
    return pairs


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.9766, 0.31)])
def test_distances_and_bands_are_those_of_brute_force(spacing: tuple[float, ...]) -> None:
    pairs = some_pairs(24)
    found, bands = measured(pairs, spacing, 1.8)
    for (first, second), distances, of_bands in zip(pairs, found, bands, strict=True):
        there, back, _, _ = naive.surface_distances(first, second, spacing)
        for actual, expected in zip(distances, (there, back), strict=True):
            assert_array_equal(np.sort(actual), np.sort(expected))
        near = [
            mask & (naive.distance_transform_edt(~naive.surface(mask), spacing) < 1.8)
            for mask in (first, second)
        ]
        assert of_bands.tolist() == [int(mask.sum()) for mask in (*near, near[0] & near[1])]


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.9766, 0.31)])
def test_distances_in_order_are_those_of_brute_force(spacing: tuple[float, ...]) -> None:
    """Of voxels that an offset leads from and of those that are compared with all, also where room runs out."""
    pairs = [*some_pairs(24, 2), *some_pairs(1)]
    far = np.zeros((2, 3, 6, 60), bool)
    far[0, :, :, 1:5] = far[1, 1:, :3, 3:5] = far[1, :2, 3:, 40:58] = far[0, 2, 5, 30] = True
    pairs.append((far[0], far[1]))
    for room in (100_000, 2500):
        found, _ = measured(pairs, spacing, 1.8, in_order=True, room=room)
        back, _ = measured(pairs, spacing, 1.8, in_order=2, room=room)
        for pair, distances, alone in zip(pairs, found, back, strict=True):
            assert_array_equal(alone[1], distances[1])
            assert not alone[0].size
            expected = naive.surface_distances(*pair, spacing)[:2]
            for actual, wanted in zip(distances, expected, strict=True):
                assert_array_equal(actual, wanted)


def test_without_room_it_stops_and_goes_on() -> None:
    pairs = some_pairs(24, 1)
    expected, _ = measured(pairs, (2.5, 0.9766, 0.31), 0.0)
    found, bands = measured(pairs, (2.5, 0.9766, 0.31), 0.0, room=900)
    for one, other in zip(found, expected, strict=True):
        for actual, wanted in zip(one, other, strict=True):
            assert_array_equal(actual, wanted)
    assert not bands.any()  # nothing is nearer than 0


def test_what_takes_too_long_or_too_much_room_is_given_up() -> None:
    near, far = np.zeros((2, 3, 3, 40), bool)
    near[1, 1, 3], far[1, 1, 30:39] = True, True
    pairs = [(near, near), (near, far), (far, far), (near, far)]
    for limit in ({"most_pairs": 8}, {"places": 8}):
        found, _ = measured(pairs, (1.0, 1.0, 1.0), 1.0, **limit)
        assert [one is None for one in found] == [False, True, False, True]
    found, _ = measured(pairs, (1.0, 1.0, 1.0), 1.0, most_pairs=9, places=9)
    assert [one is None for one in found] == [False] * 4
    assert found[1][0].tolist() == [27.0]
    assert found[3][1].tolist() == list(range(27, 36))
