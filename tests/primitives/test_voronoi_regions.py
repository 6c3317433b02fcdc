"""voronoi_regions() beside a distance transform of each instance, and beside SciPy's indices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
from fastseg.backends.shared.exactness import comparable_steps, whole_steps
from fastseg.inputs.arrays import Spacing

Array = NDArray[Any]

SPACINGS: tuple[Spacing, ...] = (
    (1.0, 1.0, 1.0),
    (0.5, 0.5, 2.0),
    (0.7, 0.7, 5.0),
    (3.0, 1.0, 1.0),
    (0.683594, 0.683594, 2.5),  # no common step
)


def naive(instances: Array, spacing: Spacing) -> Array:
    """The lowest number of all whose own transform is the least."""
    regions = np.zeros_like(instances)
    least = np.full(instances.shape, np.inf)
    for number in np.unique(instances[instances > 0]):
        distances = ndimage.distance_transform_edt(instances != number, sampling=spacing)
        nearer = distances < least
        regions[nearer], least[nearer] = number, distances[nearer]
    return regions


def by_indices(instances: Array, spacing: Spacing) -> Array:
    if not instances.any():
        return np.zeros_like(instances)
    where = ndimage.distance_transform_edt(
        instances == 0, sampling=spacing, return_distances=False, return_indices=True
    )
    found: Array = instances[tuple(where)]
    return found


def maps(n: int) -> Iterator[tuple[int, Array, Spacing, NDArray[np.bool_]]]:
    """Few and many instances, in 1-D to 3-D, of several types, in both orders, cut and whole, and masks."""
    for seed in range(n):
        rng = np.random.default_rng(seed)
        ndim = 1 + seed % 3
        shape = tuple(rng.integers(1, (40, 18, 12)[ndim - 1], ndim))
        share = rng.choice([0.002, 0.02, 0.1, 0.5, 1.0])
        numbers = rng.integers(1, rng.choice([3, 9, 60_000]), shape)
        instances = np.where(rng.random(shape) < share, numbers, 0)
        instances = instances.astype((np.int32, np.uint16, np.int64, np.uint64)[seed % 4])
        if seed % 7 == 0:
            instances = np.asfortranarray(instances)
        if seed % 11 == 0:
            instances = instances[::2]
        mask = rng.random(instances.shape) < rng.choice([0.01, 0.2, 0.9])
        yield seed, instances, SPACINGS[seed % 5][:ndim], mask


@pytest.mark.parametrize("backend", ["numba", "scipy"])
def test_it_is_a_transform_of_each_instance(backend: str) -> None:
    for seed, instances, spacing, mask in maps(500):
        steps = comparable_steps(instances.shape, spacing)
        for ties, expected in (
            ("lowest", naive(instances, steps)),
            ("first_voxel", by_indices(instances, steps)),
        ):
            options: Any = {"spacing": spacing, "ties": ties}
            with fastseg.use_backend(backend):
                found = fastseg.voronoi_regions(instances, **options)
                within = fastseg.voronoi_regions(instances, within=mask, **options)
            assert found.dtype == within.dtype == instances.dtype
            assert_array_equal(found, expected, err_msg=f"{seed} {ties}")
            assert_array_equal(within, np.where(mask, expected, 0), err_msg=f"{seed} {ties}")


def test_ties_go_to_the_lowest_number_however_the_map_is_turned() -> None:
    rng = np.random.default_rng(3)
    instances = np.where(rng.random((9, 8, 7)) < 0.02, rng.integers(1, 9, (9, 8, 7)), 0)
    expected = fastseg.voronoi_regions(instances, spacing=(2, 1, 0.5))
    for axes in ((1, 0, 2), (2, 1, 0), (2, 0, 1)):
        turned = fastseg.voronoi_regions(
            instances.transpose(axes), spacing=[(2, 1, 0.5)[axis] for axis in axes]
        )
        assert_array_equal(turned, expected.transpose(axes))
    assert_array_equal(
        fastseg.voronoi_regions(instances[::-1, :, ::-1], spacing=(2, 1, 0.5)),
        expected[::-1, :, ::-1],
    )


def test_the_first_voxel_is_that_of_fortran_order() -> None:
    # the lower right corner is as near to both of the others
    instances = np.array([[0, 0, 2], [0, 0, 0], [1, 0, 0]])
    assert fastseg.voronoi_regions(instances, ties="first_voxel")[2, 2] == 1
    assert fastseg.voronoi_regions(instances.T, ties="first_voxel")[2, 2] == 2
    assert fastseg.voronoi_regions(instances)[2, 2] == 1
    assert fastseg.voronoi_regions(instances.T)[2, 2] == 1


def test_decimals_are_compared_as_they_are_meant() -> None:
    assert whole_steps((0.7, 0.7, 5.0)) == (7, 7, 50)
    assert whole_steps((float(np.float32(0.7)), 5.0)) == (7, 50)
    assert whole_steps((2.0, 2.0)) == whole_steps((1e-3, 1e-3)) == (1, 1)
    assert whole_steps((0.48828125, 1.25)) == (25, 64)
    assert comparable_steps((9, 9), (0.3, 0.1)) == (3.0, 1.0)
    assert comparable_steps((512, 512), (0.6835937, 2.5)) == (0.6835937, 2.5)
    # 0.1 · 3 is not 0.3 in floats
    assert fastseg.voronoi_regions([[0, 0, 0, 2], [1, 0, 0, 0]], spacing=(0.3, 0.1))[0, 0] == 1


def test_what_is_far_is_found_too() -> None:
    instances = np.zeros((40, 50, 60), np.int32)
    instances[2, 3, 4], instances[30, 44, 50], instances[30, 40, 8] = 70_000, 5, 9
    mask = np.zeros(instances.shape, bool)
    mask[20:26, 20:22, 30:33] = mask[0, 0, 0] = mask[-1, -1, -1] = True
    for order in ("C", "F"):
        there = np.array(instances, order=order)
        found = fastseg.voronoi_regions(there, within=mask)
        assert_array_equal(found, np.where(mask, naive(instances, (1.0, 1.0, 1.0)), 0))
        found = fastseg.voronoi_regions(there, within=mask, ties="first_voxel")
        assert_array_equal(found, np.where(mask, by_indices(instances, (1.0, 1.0, 1.0)), 0))


@pytest.mark.parametrize("backend", ["numba", "scipy"])
def test_voxels_far_from_few_and_many_instances(backend: str) -> None:
    """Blocks of voxels, each with one or some instances that may be the nearest, and all of them."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        shape = tuple(rng.integers(33, 70, 3))
        instances = np.zeros(shape, np.int32)
        for number in rng.permutation(np.arange(1, (3, 12, 40)[seed % 3])):
            start, size = [rng.integers(0, n) for n in shape], rng.integers(1, 6)
            instances[tuple(slice(a, a + size) for a in start)] = number * 7
        mask = np.zeros(shape, bool)
        for _ in range(rng.integers(1, 9)):
            start, size = [rng.integers(0, n) for n in shape], rng.integers(1, 9)
            mask[tuple(slice(a, a + size) for a in start)] = True
        spacing = SPACINGS[seed % 5]
        steps = comparable_steps(shape, spacing)
        for ties, expected in (
            ("lowest", naive(instances, steps)),
            ("first_voxel", by_indices(instances, steps)),
        ):
            options: Any = {"spacing": spacing, "ties": ties, "within": mask}
            with fastseg.use_backend(backend):
                found = fastseg.voronoi_regions(instances, **options)
            assert_array_equal(found, np.where(mask, expected, 0), err_msg=f"{seed} {ties}")


def test_threads_do_not_show() -> None:
    rng = np.random.default_rng(8)
    instances = np.where(rng.random((70, 80, 90)) < 1e-3, rng.integers(1, 500, (70, 80, 90)), 0)
    found = []
    for threads in (1, 3):
        fastseg.set_num_threads(threads)
        try:
            found.append(fastseg.voronoi_regions(instances, spacing=(1, 1, 2.5)))
        finally:
            fastseg.set_num_threads(None)
    assert_array_equal(found[0], found[1])


def test_a_mask_is_one_instance_and_nothing_has_no_region() -> None:
    assert_array_equal(fastseg.voronoi_regions(np.eye(3, dtype=bool)), np.ones((3, 3), np.uint8))
    nothing = fastseg.voronoi_regions(np.zeros((2, 3), np.int16), within=np.ones((2, 3)))
    assert nothing.dtype == np.int16
    assert not nothing.any()
    assert_array_equal(fastseg.voronoi_regions([[4]]), [[4]])
    large = np.array([2**63 + 5, 0, 0, 7], np.uint64)
    assert_array_equal(fastseg.voronoi_regions(large), large[[0, 0, 3, 3]])


def test_wrong_input_is_told_in_words() -> None:
    with pytest.raises(ValueError, match=r"instances: numbers of at least 0 .* got -3"):
        fastseg.voronoi_regions([0, -3])
    with pytest.raises(ValueError, match=r"within: expected the shape of instances, \(2,\)"):
        fastseg.voronoi_regions([0, 3], within=[1])
    with pytest.raises(ValueError, match="ties"):
        fastseg.voronoi_regions([0, 3], ties="highest")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="spacing"):
        fastseg.voronoi_regions([0, 3], spacing=(1, 2))
    with pytest.raises(ValueError, match="3"):
        fastseg.voronoi_regions(np.zeros((2, 2, 2, 2), int))
