"""Dilation and components of packed masks beside SciPy on unpacked ones, on both backends that pack."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from scipy import ndimage

import fastseg
from fastseg.backends import scipy_packed
from fastseg.backends.numba import packed as numba_packed

EDGES = ndimage.generate_binary_structure(3, 2)


def _pack(mask: np.ndarray) -> np.ndarray:
    box = tuple(slice(0, size) for size in mask.shape)
    return scipy_packed.pack(mask, (1,), box, False)


@pytest.fixture(params=[numba_packed, scipy_packed], ids=["numba", "scipy"])
def packed(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


@pytest.mark.parametrize("width", [1, 2, 63, 64, 65, 130])
@pytest.mark.parametrize("iterations", [0, 1, 3])
def test_dilation_is_scipys(packed: ModuleType, width: int, iterations: int) -> None:
    rng = np.random.default_rng(width)
    for shape in ((1, 1), (1, 7), (6, 1), (5, 8)):
        for density in (0, 0.004, 0.1, 1):
            mask = rng.random((*shape, width)) < density
            expected = mask
            if iterations:
                expected = ndimage.binary_dilation(mask, EDGES, iterations=iterations)
            found = packed.dilated(_pack(mask), width, iterations)
            np.testing.assert_array_equal(found, _pack(expected))


def test_one_voxel_reaches_what_is_around_it_but_corners(packed: ModuleType) -> None:
    mask = np.zeros((5, 5, 130), bool)
    mask[2, 2, 64] = True  # the first of a word
    grown = np.zeros_like(mask)
    grown[1:4, 1:4, 63:66] = EDGES
    np.testing.assert_array_equal(packed.dilated(_pack(mask), 130, 1), _pack(grown))


def test_any_number_of_threads_dilates_the_same() -> None:
    mask = np.random.default_rng(0).random((64, 64, 256)) < 0.001
    words = _pack(mask)
    found = []
    before = fastseg.get_num_threads()
    try:
        for threads in (1, 2, 5):
            fastseg.set_num_threads(threads)
            found.append(numba_packed.dilated(words, 256, 2))
    finally:
        fastseg.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("connectivity", [1, 2, 3])
@pytest.mark.parametrize("reverse", [False, True])
def test_components_are_numbered_along_the_maps_axes(
    packed: ModuleType, connectivity: int, reverse: bool
) -> None:
    mask = np.random.default_rng(1).random((5, 6, 70)) < 0.15
    found = packed.components(_pack(mask), 70, connectivity, reverse)
    image = mask.T if reverse else mask
    structure = ndimage.generate_binary_structure(3, connectivity)
    expected, count = ndimage.label(image, structure)
    assert found.count == count
    np.testing.assert_array_equal(found.painted(np.int32), expected)
    np.testing.assert_array_equal(found.sizes, np.bincount(expected.ravel())[1:])
