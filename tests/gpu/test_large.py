"""Volumes that the emulator cannot afford: 512³ to the bit, and more voxels than 31 bits can number.

The bodies run on the emulator as well, on volumes as small as it likes, so that they are known to be right.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import fastseg
from tests.gpu.conftest import REAL, need, real_cupy
from tests.gpu.emulator.cupy_stand_in import Engine, emulated
from tests.gpu.test_backend import (
    assert_distances,
    assert_histogram,
    assert_same,
    assert_transform,
    forget,
)
from tests.oracle import hard_cases as volumes

pytestmark = pytest.mark.slow

Array = NDArray[Any]
Mask = NDArray[np.bool_]
UNIT, ROUNDS = (1.0, 1.0, 1.0), (2.5, 0.7, 1 / 3)  # the latter: sums are rounded


class Large(NamedTuple):
    """Where a test runs, and how large its volumes are: a cube, and one of more than 2³¹ voxels."""

    cupy: types.ModuleType
    side: int
    vast: tuple[int, int, int]

    def need_memory(self, bytes_a_voxel: float) -> None:
        """Skip where the device has less, and so much again for what the caller makes."""
        runtime = self.cupy.cuda.runtime
        if not hasattr(runtime, "memGetInfo"):
            return  # the emulator, whose volumes are small
        self.cupy.get_default_memory_pool().free_all_blocks()
        needed = bytes_a_voxel * float(np.prod(self.vast))
        free = runtime.memGetInfo()[0]
        if free < needed:
            pytest.skip(
                f"needs {needed / 1e9:.0f} GB on the device, of which {free / 1e9:.0f} are free"
            )


@pytest.fixture(params=[pytest.param(Engine(), id="source"), REAL])
def large(request: pytest.FixtureRequest) -> Iterator[Large]:
    """Large volumes on a device, and small ones on the fast engine."""
    forget()
    if request.param is None:
        cupy = real_cupy()
        yield Large(cupy, 512, (1291, 1290, 1290))
        cupy.get_default_memory_pool().free_all_blocks()
    else:
        need(request.param)
        with emulated(request.param) as cupy:
            yield Large(cupy, 16, (13, 12, 35))
    forget()


# ----------------------------------------------------------------------------- what the masks are


@functools.cache
def blobs(side: int) -> tuple[Mask, Mask]:
    return volumes.blob_pair((side,) * 3, 7)


def noise(side: int) -> tuple[Mask, Mask]:
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 2, (2, side, side, side), np.uint8)
    return first.view(bool), second.view(bool)


def empty(side: int) -> tuple[Mask, Mask]:
    """Nothing, and one voxel in the last corner."""
    first, second = np.zeros((2, side, side, side), bool)
    second[-1, -1, -1] = True
    return first, second


def full(side: int) -> tuple[Mask, Mask]:
    """Everything, and everything but one voxel."""
    first, second = np.ones((2, side, side, side), bool)
    second[side // 3, side // 2, -1] = False
    return first, second


def planes(axis: int) -> Callable[[int], tuple[Mask, Mask]]:
    """Planes across an axis, far apart, and the same two voxels on."""

    def make(side: int) -> tuple[Mask, Mask]:
        first = np.zeros((side,) * 3, bool)
        first[(slice(None),) * axis + (slice(1, None, max(4, side // 8)),)] = True
        return first, np.roll(first, 2, axis)

    return make


def far(side: int) -> tuple[Mask, Mask]:
    """Two small boxes in opposite corners."""
    first, second = np.zeros((2, side, side, side), bool)
    first[:3, :2, :4] = True
    second[-2:, -3:, -4:] = True
    return first, second


KINDS: dict[str, Callable[[int], tuple[Mask, Mask]]] = {
    "blobs": blobs,
    "noise": noise,
    "empty": empty,
    "full": full,
    "far": far,
    **{f"planes across {axis}": planes(axis) for axis in range(3)},
}


# ------------------------------------------------------------------------------- beside the CPU


@pytest.mark.parametrize("kind", KINDS)
def test_transform(large: Large, kind: str) -> None:
    """The foreground is what is outside: in the second mask of `full` it is one voxel."""
    first, second = KINDS[kind](large.side)
    assert_transform(large.cupy, ~first, UNIT, kind)
    if kind in ("blobs", "full"):
        assert_transform(large.cupy, ~second, ROUNDS, kind)
        assert_transform(large.cupy, np.asfortranarray(second), UNIT, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_distances_and_surfaces(large: Large, kind: str) -> None:
    pair = KINDS[kind](large.side)
    assert_distances(large.cupy, pair, kind)
    found = fastseg.surface(large.cupy.asarray(pair[0]), connectivity=3, edge="ignore")
    assert_same(large.cupy, found, fastseg.surface(pair[0], connectivity=3, edge="ignore"), kind)
    if kind == "blobs":
        for boundary in ("surfel", "vertex"):
            assert_distances(large.cupy, pair, kind, boundary=boundary, spacing=ROUNDS)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_histogram_of_noise(large: Large, dtype: Any) -> None:
    """So many pairs that the first table is full."""
    rng = np.random.default_rng(8)
    pair = rng.integers(0, 200, (2, large.side, large.side, large.side // 2), np.uint8)
    if dtype == np.int64:  # labels of more than 32 bits
        pair = pair.astype(np.int64) << np.int64(37)
    assert_histogram(large.cupy, *pair)


def test_evaluate(large: Large) -> None:
    rng = np.random.default_rng(9)
    block = large.side // 8
    small = rng.integers(0, 12, (8, 8, 8), np.uint8)
    reference = np.kron(small, np.ones((block,) * 3, np.uint8))
    prediction = np.roll(reference, (1, 0, -1), (0, 1, 2))
    pair = [large.cupy.asarray(volume) for volume in (reference, prediction)]
    found = fastseg.evaluate(pair[0], pair[1], spacing=ROUNDS)
    expected = fastseg.evaluate(reference, prediction, spacing=ROUNDS)
    assert repr(found.to_dict()) == repr(expected.to_dict())


# --------------------------------------------------------------------- more than 2³¹ voxels


def boxes_at_the_end(large: Large, dtype: Any) -> tuple[Any, Any, tuple[Mask, Mask]]:
    """Two boxes near the last corner of a vast volume; and the corner alone, with what surrounds it."""
    corner = np.zeros((2, 12, 11, 16), bool)
    corner[0, 2:9, 2:8, 3:13] = True
    corner[1, 3:10, 3:8, 3:14] = True
    given = []
    for mask in corner:
        volume = large.cupy.zeros(large.vast, dtype)
        box = tuple(slice(size - n, size) for size, n in zip(large.vast, mask.shape, strict=True))
        volume[box] = large.cupy.asarray(mask.astype(dtype))
        given.append(volume)
    return given[0], given[1], (corner[0], corner[1])


def test_more_voxels_than_31_bits_number(large: Large) -> None:
    large.need_memory(2 * 1 + 4)
    reference, prediction, corner = boxes_at_the_end(large, np.uint8)
    found = fastseg.evaluate(reference, prediction).to_dict()
    expected = fastseg.evaluate(*(mask.astype(np.uint8) for mask in corner)).to_dict()
    assert len(found) == len(expected) == 1
    for name in ("dice", "hd", "hd95", "assd", "masd", "nsd"):
        assert found[0][name] == expected[0][name], name
    matrix = fastseg.confusion_matrix(reference, prediction)
    small = fastseg.confusion_matrix(*(mask.astype(np.uint8) for mask in corner))
    more = int(np.prod(large.vast, dtype=np.int64)) - corner[0].size
    assert large.cupy.asnumpy(matrix)[0, 0] == small[0, 0] + more
    assert_array_equal(large.cupy.asnumpy(matrix).ravel()[1:], small.ravel()[1:])


def test_distances_in_more_voxels_than_31_bits_number(large: Large) -> None:
    """Of masks as they are, without a box around them."""
    large.need_memory(2 * 1 + 4)
    reference, prediction, corner = boxes_at_the_end(large, np.bool_)
    found = fastseg.surface_distances(reference, prediction)
    expected = fastseg.surface_distances(*corner)
    assert_array_equal(found.reference_to_prediction, expected.reference_to_prediction)
    assert_array_equal(found.prediction_to_reference, expected.prediction_to_reference)
    surface = fastseg.surface(reference)
    box = tuple(slice(size - n, size) for size, n in zip(large.vast, corner[0].shape, strict=True))
    assert_array_equal(large.cupy.asnumpy(surface[box]), fastseg.surface(corner[0]))


def test_transform_of_more_voxels_than_31_bits_number(large: Large) -> None:
    """One background voxel in the last corner, and one far from it."""
    large.need_memory(1 + 4 + 4 + 4)
    foreground = large.cupy.ones(large.vast, np.bool_)
    places = [(0, 1, 0), tuple(size - 1 for size in large.vast)]
    for place in places:
        foreground[place] = False
    distances = fastseg.distance_transform_edt(foreground, dtype=np.float32)
    for i in slices(large.vast[0]):
        assert_array_equal(
            large.cupy.asnumpy(distances[i]), expected_slice(large.vast, places, i)[0]
        )


def test_indices_of_more_voxels_than_31_bits_number(large: Large) -> None:
    large.need_memory(1 + 4 + 4 + 24 + 4)
    foreground = large.cupy.ones(large.vast, np.bool_)
    places = [(0, 1, 0), tuple(size - 1 for size in large.vast)]
    for place in places:
        foreground[place] = False
    _, indices = fastseg.distance_transform_edt(foreground, return_indices=True, dtype=np.float32)
    for i in slices(large.vast[0]):
        _, nearer = expected_slice(large.vast, places, i)
        for axis in range(3):
            expected = np.where(nearer == 0, places[0][axis], places[1][axis])
            found = large.cupy.asnumpy(indices[axis, i])
            tied = nearer == 2
            assert_array_equal(found[~tied], expected[~tied])


def slices(n: int) -> list[int]:
    """Some that are compared, the last ones among them."""
    return [*range(0, n, max(1, n // 40)), n - 2, n - 1]


def expected_slice(
    shape: tuple[int, int, int], places: list[Any], i: int
) -> tuple[Array, NDArray[np.int8]]:
    """The distances of a slice to the nearer of two voxels, and which one that is; 2 for both."""
    y, x = np.ogrid[: shape[1], : shape[2]]
    squares = [(i - p[0]) ** 2 + (y - p[1]) ** 2 + (x - p[2]) ** 2 for p in places]
    nearer = np.where(squares[0] == squares[1], 2, squares[1] < squares[0]).astype(np.int8)
    return np.sqrt(np.minimum(*squares).astype(np.float64)).astype(np.float32), nearer
