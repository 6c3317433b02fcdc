"""Components of many regions: those found together with others are those that SciPy finds one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastseg.backends import numba, scipy
from fastseg.backends.numba.many_components import OneComponent
from fastseg.measures.regions import LabelRegion, Region, Request

NAME = "surface_distances"
SHAPES = [(90,), (40, 61), (20, 30, 70), (5, 150, 9)]


def label_maps(
    shape: tuple[int, ...], order: Any, dtype: str, rng: np.random.Generator
) -> list[NDArray[Any]]:
    """Make two maps of boxes, most of which are whole and some cut by others."""
    maps = []
    for _ in range(2):
        labels = np.zeros(shape, dtype, order=order)
        for label in range(1, 13):
            start = [int(rng.integers(0, size)) for size in shape]
            stop = [
                at + int(rng.integers(1, 2 + size // 3))
                for at, size in zip(start, shape, strict=True)
            ]
            labels[tuple(map(slice, start, stop))] = label
        labels[rng.random(shape) < 0.01] = rng.integers(0, 13)
        maps.append(labels)
    return maps


def regions_of(maps: list[NDArray[Any]]) -> list[LabelRegion]:
    """Make a region of each label on both sides, in one box, and of some pairs of labels."""
    histogram = numba.joint_histogram(*maps)
    regions = []
    for wanted in [*((label,) for label in range(1, 13)), (1, 2), (5, 9)]:
        box = histogram.box(wanted, wanted)
        if box is not None:
            regions += [
                LabelRegion(labels, wanted, box) for labels in maps if np.isin(labels, wanted).any()
            ]
    return regions


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_all_are_those_of_scipy(shape: tuple[int, ...], order: str) -> None:
    rng = np.random.default_rng(len(shape))
    n_whole = 0
    for case in range(3):
        maps = label_maps(shape, order, ("u1", "i2", "u4")[case % 3], rng)
        regions = regions_of(maps)
        for connectivity in range(1, len(shape) + 1):
            found = numba.region_components(regions, connectivity)
            expected = scipy.region_components(regions, connectivity)
            assert len(found) == len(expected) == len(regions)
            for ours, theirs in zip(found, expected, strict=True):
                n_whole += isinstance(ours, OneComponent)
                assert ours.count == theirs.count
                np.testing.assert_array_equal(ours.sizes, theirs.sizes)
                np.testing.assert_array_equal(ours.sums, theirs.sums)
                np.testing.assert_array_equal(ours.firsts, theirs.firsts)
                for ends, others in zip(ours.boxes, theirs.boxes, strict=True):
                    np.testing.assert_array_equal(ends, others)
                painted = ours.painted(np.int32)
                np.testing.assert_array_equal(painted, theirs.painted(np.dtype(np.int32)))
                everywhere = tuple(np.indices(painted.shape).reshape(painted.ndim, -1))
                np.testing.assert_array_equal(ours.numbers_at(everywhere), painted.reshape(-1))
    assert n_whole > 40


def organs(order: Any) -> list[NDArray[Any]]:
    """Make two large organs that touch, and a third one that is in two parts on one side."""
    maps = []
    for shift in (0, 1):
        labels = np.zeros((40, 71, 140), np.uint8, order=order)
        labels[3 + shift : 30, 4:60, 5:90] = 1
        labels[5:37, 10 : 61 + shift, 90:135] = 2
        labels[31:33, 2:70, 3 : 88 - shift] = 3
        labels[31:33, 30 : 30 + 2 * shift, 3:88] = 0
        maps.append(labels)
    return maps


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("connectivity", [1, 2, 3])
def test_two_sides_of_a_large_region(order: str, connectivity: int) -> None:
    maps = organs(order)
    regions = regions_of(maps)
    found = numba.region_components(regions, connectivity)
    expected = scipy.region_components(regions, connectivity)
    assert sum(isinstance(one, OneComponent) for one in found) >= 4
    request = Request(frozenset([NAME]), (1.0, 2.0, 3.0))
    for place in range(0, len(regions), 2):
        pairs = [
            backend.components_beside(*sides[place : place + 2])
            for backend, sides in ((numba, found), (scipy, expected))
        ]
        ours, theirs = (pair.histogram for pair in pairs)
        np.testing.assert_array_equal(ours.counts, theirs.counts)
        np.testing.assert_array_equal(ours.starts, theirs.starts)
        for one, other in zip(pairs[0].painted(), pairs[1].painted(), strict=True):
            np.testing.assert_array_equal(one, other)
        box = tuple(slice(0, size) for size in pairs[1].painted()[0].shape)
        for around in (box, None):  # the whole of what both were found in
            [own], [known] = (pair.measure([Region((1,), (1,), around)], request) for pair in pairs)
            assert own[NAME].hausdorff() == known[NAME].hausdorff()
        assert own[NAME].assd() == pytest.approx(known[NAME].assd(), rel=1e-12)
