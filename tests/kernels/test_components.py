"""The run form of components: sizes and boxes without painting, and the tricks by which runs are joined."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
from fastseg.backends.numba import components
from fastseg.backends.numba.components import Components
from fastseg.backends.numba.masks import Mask
from fastseg.backends.shared.volume import Volume
from fastseg_kernels.cpu.components.runs import COLUMNS
from tests.oracle import hard_cases as volumes
from tests.oracle import naive

Array = NDArray[Any]


def check_run_form(labels: Array, connectivity: int) -> None:
    """Compare sizes and boxes with those of the painted components."""
    found = Components.of_labels(Volume.of(labels), connectivity)
    with_sums = Components.of_labels(Volume.of(labels), connectivity, COLUMNS)
    painted = found.painted(np.dtype(np.int32))
    expected, count = naive.connected_components(labels, connectivity)
    assert_array_equal(painted, expected)
    assert found.count == count == len(found.sizes)
    assert found.sizes.dtype == np.int64
    assert_array_equal(found.sizes, np.bincount(expected.ravel(), minlength=count + 1)[1:])
    everywhere = np.unravel_index(np.arange(labels.size), labels.shape)
    assert_array_equal(found.numbers_at(everywhere), expected.ravel())
    starts, stops = found.boxes
    for i, box in enumerate(ndimage.find_objects(expected)):
        assert [part.start for part in box] == starts[i].tolist()
        assert [part.stop for part in box] == stops[i].tolist()
        places = np.argwhere(expected == i + 1)
        assert with_sums.sums[i].tolist() == places.sum(axis=0).tolist()
        assert np.unravel_index(found.firsts[i], labels.shape) == tuple(places[0])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("threads", [1, 3])
def test_sizes_and_boxes(order: Any, threads: int, many_slabs: None) -> None:
    fastseg.set_num_threads(threads)
    rng = np.random.default_rng(29)
    for shape in ((1,), (130,), (9, 67), (5, 6, 67), (4, 1, 9), (1, 3, 64)):
        for density in (0.0, 0.1, 0.4, 1.0):
            mask = np.array(rng.random(shape) < density, order=order)
            labels = np.array(mask * rng.integers(1, 3, shape), np.uint16, order=order)
            for connectivity in range(1, mask.ndim + 1):
                check_run_form(mask, connectivity)
                check_run_form(labels, connectivity)


def test_a_box_of_a_mask() -> None:
    """What lies outside of the box, or is ignored, connects nothing."""
    rng = np.random.default_rng(30)
    labels = rng.integers(0, 4, (7, 8, 90)).astype(np.uint8)
    box = slice(1, 6), slice(2, 7), slice(3, 80)
    volume = Volume.of(labels)
    found = Components.of_mask(Mask.of(volume, (1, 3), box, Mask.of(volume, (3,), box)), 3)
    expected, count = naive.connected_components(labels[box] == 1, 3)
    assert found.count == count
    assert_array_equal(found.painted(np.int32), expected)


@pytest.mark.parametrize("connectivity", [1, 2, 3])
def test_every_pair_of_neighbours_at_every_edge_of_a_word(connectivity: int) -> None:
    """Two voxels, one step apart or two, at each place that a bundle or a word begins or ends at."""
    shape = (4, 4, 130)
    for z, y, x in itertools.product((1, 2), (1, 2), (0, 1, 62, 63, 64, 65, 126, 127, 128, 129)):
        for step in itertools.product((-1, 0, 1), repeat=3):
            other = z + step[0], y + step[1], x + step[2]
            if not any(step) or not 0 <= other[2] < shape[2]:
                continue
            mask = np.zeros(shape, bool)
            mask[z, y, x] = mask[other] = True
            # runs of these rows that touch nothing: to be taken for a neighbour would show
            apart = 0
            for row, away in (((z, y), 30), (other[:2], 20), ((z, y), -30), (other[:2], -20)):
                if 0 <= x + away < shape[2]:
                    mask[(*row, x + away)] = True
                    apart += 1
            near = sum(map(abs, step)) <= connectivity
            for labels in (mask, mask * np.uint8(3), np.asfortranarray(mask)):
                count = Components.of_labels(Volume.of(labels), connectivity).count
                assert count == 2 - near + apart
            labels = mask.astype(np.uint8)
            labels[0, 0, :2] = labels[0, 0, -2:] = 2  # or it is a mask
            count = Components.of_labels(Volume.of(labels), connectivity).count
            corner = naive.connected_components(labels, connectivity)[1] if x < 3 or x > 126 else 0
            assert count == (corner or 2 - near + apart + 2)
            labels[z, y, x] = 2
            assert Components.of_labels(Volume.of(labels), connectivity).count >= 2 + apart


@pytest.mark.parametrize("connectivity", [1, 2, 3])
@pytest.mark.parametrize("n_labels", [1, 2])
def test_all_volumes_of_two_by_two_by_three(connectivity: int, n_labels: int) -> None:
    """Whatever one step leaves out as shown by others, others show, about every edge of bundles and words."""
    rng = np.random.default_rng(31)
    for corner in ((0, 0, 62), (1, 1, 63), (1, 0, 0), (0, 1, 64)):
        for _ in range(300):
            labels = np.zeros((3, 3, 67), np.uint8)
            place = tuple(
                slice(start, start + size) for start, size in zip(corner, (2, 2, 3), strict=True)
            )
            labels[place] = rng.integers(0, n_labels + 1, (2, 2, 3))
            _, count = naive.connected_components(labels, connectivity)
            found = Components.of_labels(Volume.of(labels), connectivity)
            assert found.count == count


def test_thread_cuts_within_a_slice_and_through_bundles(many_slabs: None) -> None:
    """Slabs of less than a slice, whose bundles touch bundles of several slabs."""
    for _, *masks in volumes.hard_pairs(3):
        for mask in masks:
            if mask.size > 3000:
                continue
            for connectivity in (1, 2, 3):
                fastseg.set_num_threads(1)
                expected = Components.of_labels(Volume.of(mask), connectivity)
                fastseg.set_num_threads(11)
                found = Components.of_labels(Volume.of(mask), connectivity)
                assert_array_equal(found.numbers, expected.numbers)
                assert_array_equal(found.table[1:], expected.table[1:])


def test_more_runs_than_can_be_numbered(monkeypatch: pytest.MonkeyPatch, many_slabs: None) -> None:
    monkeypatch.setattr(components, "_MOST_RUNS", 10)
    mask = np.zeros((4, 4, 9), bool)
    mask[:, 0, ::4] = True
    for threads in (1, 2):
        fastseg.set_num_threads(threads)
        assert Components.of_labels(Volume.of(mask[:2]), 1).count == 3
        with pytest.raises(fastseg.InputError, match="12 runs of voxels are more than"):
            Components.of_labels(Volume.of(mask), 1)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (4, 1024, 1024), (2, 2048, 1027)])
def test_what_is_painted_begins_where_a_line_or_a_huge_page_does(
    shape: tuple[int, int, int],
) -> None:
    zeros = components._aligned_zeros(shape)
    assert zeros.shape == shape
    assert zeros.flags.c_contiguous
    assert zeros.ctypes.data % (64 if zeros.nbytes < 1 << 24 else 1 << 21) == 0
    assert not zeros.any()
    zeros[-1, -1, -1] = 1  # within what was allocated
    assert zeros.base is not None
