"""skeletonize() beside the definition, written as loops, beside scikit-image, and beside what ITK gives."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
from fastseg import use_backend
from fastseg.backends import scipy as reference_backend
from fastseg.backends.numba import skeletons

Mask = NDArray[np.bool_]
CORNERS = np.ones((3, 3, 3))
METHODS: tuple[Any, ...] = ("lee", "itk")
FACES = [(0, -1, 0), (0, 1, 0), (0, 0, 1), (0, 0, -1), (1, 0, 0), (-1, 0, 0)]


def euler_number(block: Mask) -> int:
    """Count the corners, edges, faces and voxels of the union of closed voxels."""
    cells = set()
    for voxel in np.argwhere(block):
        for side in itertools.product((-1, 0, 1), repeat=3):
            cells.add(tuple(2 * voxel + side))
    return sum((-1) ** sum(c % 2 == 0 for c in cell) for cell in cells)


def hangs_together(block: Mask) -> bool:
    return _hangs_together(block.tobytes())


@functools.cache
def _hangs_together(voxels: bytes) -> bool:
    neighbours = np.frombuffer(voxels, bool).reshape(3, 3, 3).copy()
    neighbours[1, 1, 1] = False
    return bool(ndimage.label(neighbours, CORNERS)[1] <= 1)


def may_go(block: Mask) -> bool:
    return _may_go(block.tobytes())


@functools.cache
def _may_go(voxels: bytes) -> bool:
    block = np.frombuffer(voxels, bool).reshape(3, 3, 3)
    without = block.copy()
    without[1, 1, 1] = False
    is_end = without.sum() == 1
    return not is_end and euler_number(block) == euler_number(without) and _hangs_together(voxels)


def naive(mask: Mask, faces: int) -> Mask:
    """Thin voxel by voxel, as the paper has it."""
    volume = np.pad(mask.reshape((1,) * (3 - mask.ndim) + mask.shape), 1)
    changed = True
    while changed:
        changed = False
        for face in FACES[:faces]:
            found = []
            for z, y, x in np.argwhere(volume):
                block = volume[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2]
                if not volume[z + face[0], y + face[1], x + face[2]] and may_go(block):
                    found.append((z, y, x))
            for z, y, x in found:
                if hangs_together(volume[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2]):
                    volume[z, y, x] = False
                    changed = True
    return np.asarray(volume[1:-1, 1:-1, 1:-1].reshape(mask.shape))


def faces_of(mask: Mask, method: str) -> int:
    return 6 if method == "itk" or (mask.ndim == 3 and mask.shape[0] > 1) else 4


def masks(n: int, most: int, seed: int, least: int = 1) -> Iterator[Mask]:
    """Noise and blobs of every density, in planes and volumes, some rows longer than a word."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        shape = tuple(rng.integers(least, most, 2 + (i % 3 > 0)).tolist())
        if i % 5 == 0:
            shape = (*shape[:-1], int(rng.integers(60, 200)))
        values = rng.random(shape)
        if i % 2:
            values = ndimage.gaussian_filter(values, 1 + i % 4 / 2)
        yield values <= np.quantile(values, rng.random())


def test_beside_the_definition() -> None:
    for mask in masks(24, 5, 0):
        if mask.size < 300:
            for method in METHODS:
                found = fastseg.skeletonize(mask, method=method)
                assert_array_equal(found, naive(mask, faces_of(mask, method)))


@pytest.mark.slow
def test_beside_the_definition_of_more() -> None:
    for mask in masks(60, 8, 1):
        if mask.size < 1000:
            for method in METHODS:
                found = fastseg.skeletonize(mask, method=method)
                assert_array_equal(found, naive(mask, faces_of(mask, method)))


@pytest.mark.parametrize("method", METHODS)
def test_backends_agree(method: Any) -> None:
    for mask in masks(30, 11, 2):
        with use_backend("scipy"):
            expected = fastseg.skeletonize(mask, method=method)
        assert_array_equal(fastseg.skeletonize(mask, method=method), expected)


def test_beside_scikit_image() -> None:
    morphology = pytest.importorskip("skimage.morphology")
    for mask in masks(300, 16, 3):
        assert_array_equal(fastseg.skeletonize(mask), morphology.skeletonize(mask, method="lee"))


@pytest.mark.slow
def test_large_blobs_beside_scikit_image() -> None:
    morphology = pytest.importorskip("skimage.morphology")
    for mask in masks(40, 70, 4, least=40):
        assert_array_equal(fastseg.skeletonize(mask), morphology.skeletonize(mask, method="lee"))


def test_what_itk_gives() -> None:
    """ITK 5.4's filter also takes voxels of a single slice from above and below: there the two differ."""
    plane = np.ones((5, 9), bool)
    plane[:, 4] = plane[1, 1] = False
    plane[2, 4] = True
    rows = ["010000000", "101000000", "100111100", "011000000", "000000000"]
    from_itk = np.array([[c == "1" for c in row] for row in rows])
    for same in (plane, plane[None]):
        found = fastseg.skeletonize(same, method="itk")
        assert_array_equal(found.reshape(plane.shape), from_itk)
        lee = fastseg.skeletonize(same).reshape(plane.shape)
        assert_array_equal(np.argwhere(lee & ~from_itk), [[2, 7]])
        assert not (from_itk & ~lee).any()
    assert not fastseg.skeletonize(np.ones((1, 4, 8)), method="itk").any()
    assert fastseg.skeletonize(np.ones((1, 4, 8))).sum() == 6
    thick = np.ones((2, 5, 7), bool)
    assert_array_equal(
        fastseg.skeletonize(thick, method="itk"), fastseg.skeletonize(thick, method="lee")
    )


def test_every_layout_and_type() -> None:
    mask = next(itertools.islice(masks(20, 12, 5, least=8), 7, None))
    expected = fastseg.skeletonize(mask)
    assert 0 < expected.sum() < mask.sum()
    for same in (
        np.asfortranarray(mask),
        mask[::-1][::-1],
        mask.astype(np.float32) * 0.5,
        mask.astype(np.int16) * -3,
        mask.tolist(),
    ):
        found = fastseg.skeletonize(same)
        assert found.dtype == bool
        assert_array_equal(found, expected)
    turned = fastseg.skeletonize(mask.transpose(2, 0, 1))
    assert_array_equal(turned, fastseg.skeletonize(np.ascontiguousarray(mask.transpose(2, 0, 1))))


@pytest.mark.parametrize("backend", ["numba", "scipy"])
def test_edges(backend: Any) -> None:
    with use_backend(backend):
        assert not fastseg.skeletonize(np.zeros((4, 5, 6))).any()
        block = np.asfortranarray(np.ones((3, 5, 7), bool))
        assert_array_equal(fastseg.skeletonize(block), naive(np.ascontiguousarray(block), 6))
        one = np.zeros((3, 70), bool)
        one[1, 61:63] = True  # in two words
        one[1, 0] = True
        assert_array_equal(fastseg.skeletonize(one), one)
        assert_array_equal(fastseg.skeletonize([[5]]), [[True]])
        ends = np.zeros((1, 1, 200), bool)
        ends[..., 3:190] = True
        assert_array_equal(fastseg.skeletonize(ends), ends)
        checkerboard = np.indices((4, 4, 4)).sum(axis=0) % 2 == 0
        assert_array_equal(fastseg.skeletonize(checkerboard), naive(checkerboard, 6))
        full = np.ones((5, 7, 131), bool)
        assert fastseg.skeletonize(full).sum() == 125 + 2  # a line less what its ends lose


def test_the_argument_is_left_alone() -> None:
    mask = np.ones((5, 6, 7), bool)
    fastseg.skeletonize(mask)
    assert mask.all()
    mask.flags.writeable = False
    fastseg.skeletonize(mask)


def test_tables_ofeuler_changes() -> None:
    """Both halves of a neighbourhood together tell what the voxel does to the Euler number."""
    before, behind = skeletons.euler_changes()
    rng = np.random.default_rng(6)
    for density in np.linspace(0.05, 0.95, 60):
        block = rng.random((3, 3, 3)) < density
        block[1, 1, 1] = True
        code = int((block.ravel() * (1 << np.arange(27))).sum())
        without = block.copy()
        without[1, 1, 1] = False
        change = euler_number(block) - euler_number(without)
        assert (int(before[code & 0o777777]) + int(behind[code >> 9])) % 256 == 8 * change % 256


def test_wrong_input() -> None:
    with pytest.raises(ValueError, match="2 or 3 axes to thin, got 1"):
        fastseg.skeletonize([1, 0])
    with pytest.raises(ValueError, match="got 4"):
        fastseg.skeletonize(np.ones((2, 2, 2, 2)))
    with pytest.raises(ValueError, match="did you mean 'lee'"):
        fastseg.skeletonize(np.ones((2, 2)), method="Lee")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NaN"):
        fastseg.skeletonize([[np.nan, 1]])
    assert "2 or 3 axes" in str(reference_backend.unsupported("skeletonize", 1))
