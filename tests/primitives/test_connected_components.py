"""connected_components() against brute force and SciPy's label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
from tests.oracle import hard_cases as volumes
from tests.oracle import naive

Array = NDArray[Any]
Mask = NDArray[np.bool_]


def comb(shape: tuple[int, ...], axis: int) -> Mask:
    """Teeth that only the last slice along an axis joins: every union comes late."""
    mask = np.zeros(shape, bool)
    mask[(..., slice(None, None, 2))] = True
    np.moveaxis(mask, axis, 0)[-1] = True
    return mask


def serpent(shape: tuple[int, int]) -> Mask:
    """One path through every other row, joined at their ends in turn."""
    mask = np.zeros(shape, bool)
    mask[::2] = True
    mask[1::4, -1] = mask[3::4, 0] = True
    return mask


def spiral(side: int) -> Mask:
    """Two arms that wind about each other and never touch."""
    y, x = np.indices((side, side)) - side // 2
    turns = np.hypot(y, x) / 4 - np.arctan2(y, x) / (2 * np.pi)
    return np.asarray((turns % 1 < 0.3) | ((turns + 0.5) % 1 < 0.3))


def winding() -> Iterator[tuple[str, Mask]]:
    """Masks that make long chains of unions, in planes and in space."""
    for length in (63, 64, 65, 130):
        for axis in range(3):
            yield f"comb along {axis}, rows of {length}", comb((6, 7, length), axis)
        yield f"serpent of rows of {length}", serpent((9, length))
        yield f"serpent across rows of {length}", serpent((length, 9)).T.copy()
        yield f"stack of serpents, rows of {length}", np.stack([serpent((9, length))] * 4)
    yield "spiral", spiral(70)
    yield "spirals that turn", np.stack([np.rot90(spiral(70), k) for k in range(4)])
    # a chain of diagonal steps, each in another pair of slices and rows, which passes every edge of a word
    chain = np.zeros((2, 2, 200), bool)
    x = np.arange(200)
    chain[x // 2 % 2, x % 2, x] = True
    yield "chain", chain
    yield "chain with gaps", chain & (x % 7 > 0)
    steps = np.zeros((200, 3, 200), bool)
    steps[x, x % 3, x] = True
    yield "stairs", steps
    yield "stairs down", steps[::-1].copy()


def check(labels: Array, connectivity: int, name: str = "") -> None:
    """Compare with SciPy's label of a mask."""
    structure = ndimage.generate_binary_structure(labels.ndim, connectivity)
    expected, count = ndimage.label(labels, structure)
    found, n = fastseg.connected_components(labels, connectivity)
    assert n == count, name
    assert found.dtype == np.int32
    assert_array_equal(found, expected, err_msg=name)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_components_of_hard_masks(backend: str, ndim: int) -> None:
    for name, *masks in volumes.hard_pairs(ndim):
        for mask in masks:
            for connectivity in range(1, ndim + 1):
                check(mask, connectivity, name)
                check(np.asfortranarray(mask), connectivity, name)


def test_components_of_winding_masks(backend: str) -> None:
    for name, mask in winding():
        for connectivity in range(1, mask.ndim + 1):
            for turned in (mask, ~mask, np.asfortranarray(mask), mask[::-1, ::-1].copy()):
                check(turned, connectivity, name)


@pytest.mark.parametrize("density", [0.03, 0.1, 0.25, 0.4, 0.6, 0.9])
@pytest.mark.parametrize("shape", [(9, 11, 200), (8, 8, 64), (40, 321), (1, 30, 65), (30, 1, 65)])
def test_components_of_noise(
    backend: str, shape: tuple[int, ...], density: float, many_slabs: None
) -> None:
    rng = np.random.default_rng(25)
    mask = rng.random(shape) < density
    for connectivity in range(1, len(shape) + 1):
        for n in (1, 2, 3, 7):
            fastseg.set_num_threads(n)
            check(mask, connectivity)
            check(np.asfortranarray(mask), connectivity)


@given(mask=volumes.masks(), data=st.data())
def test_components_of_any_mask(backend: str, mask: Mask, data: st.DataObject) -> None:
    connectivity = data.draw(st.integers(1, mask.ndim))
    found, n = fastseg.connected_components(mask, connectivity)
    expected, count = naive.connected_components(mask, connectivity)
    assert n == count
    assert_array_equal(found, expected)


@given(data=st.data())
def test_components_of_any_label_map(backend: str, data: st.DataObject) -> None:
    """Each label is for itself, also where it touches another at an edge or a corner only."""
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=6))
    shape = (*shape[:-1], data.draw(st.sampled_from([1, 2, 5, 62, 64, 66])))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    dtype = data.draw(st.sampled_from([np.uint8, np.int16, np.uint32, np.int64, np.float32]))
    labels = rng.choice([0, 0, 1, 2, 100], shape).astype(dtype)
    if data.draw(st.booleans()):
        labels = np.asfortranarray(labels)
    for connectivity in range(1, labels.ndim + 1):
        found, n = fastseg.connected_components(labels, connectivity)
        expected, count = naive.connected_components(labels, connectivity)
        assert n == count
        assert_array_equal(found, expected)


def test_components_of_label_maps(many_slabs: None) -> None:
    """Every kind of label, on any number of threads, as the reference backend has them."""
    for name, *maps in volumes.label_pairs():
        for labels in maps:
            for connectivity in (1, 2, 3):
                with fastseg.use_backend("scipy"):
                    expected, count = fastseg.connected_components(labels, connectivity)
                for n in (1, 2, 3, 7):
                    fastseg.set_num_threads(n)
                    found, own = fastseg.connected_components(labels, connectivity)
                    assert own == count, name
                    assert_array_equal(found, expected, err_msg=name)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64])
def test_one_label_is_a_mask_whatever_its_number(
    backend: str, dtype: type, many_slabs: None
) -> None:
    """And a second label that comes late, or alone in its slab, is not."""
    rng = np.random.default_rng(26)
    mask = rng.random((6, 5, 70)) < 0.3
    fastseg.set_num_threads(3)
    for value in (1, 3, np.iinfo(dtype).max, np.iinfo(dtype).min or 2):
        labels = mask * np.array(value, dtype)
        assert_array_equal(
            fastseg.connected_components(labels, 3)[0], fastseg.connected_components(mask, 3)[0]
        )
        for place in ((-1, -1, -1), (0, 0, 0), (2, 0, 0)):
            other = labels.copy()
            other[place] = 7
            other[place[0]][other[place[0]] != 0] = 7
            expected, _ = naive.connected_components(other, 3)
            assert_array_equal(fastseg.connected_components(other, 3)[0], expected)


def test_corners_are_connected_unless_said_otherwise(backend: str) -> None:
    assert fastseg.connected_components(np.eye(3, dtype=bool))[1] == 1
    assert fastseg.connected_components(np.eye(3, dtype=bool), 1)[1] == 3


@pytest.mark.parametrize(
    ("ndim", "count", "axes"), [(2, 4, 1), (2, 8, 2), (3, 6, 1), (3, 18, 2), (3, 26, 3)]
)
def test_the_number_of_neighbours_says_the_same(
    backend: str, ndim: int, count: int, axes: int
) -> None:
    mask = np.random.default_rng(27).random((9,) * ndim) < 0.3
    expected, _ = fastseg.connected_components(mask, axes)
    assert_array_equal(fastseg.connected_components(mask, count)[0], expected)


def test_masks_of_four_axes_fall_back() -> None:
    mask = np.random.default_rng(28).random((4, 4, 4, 4)) < 0.3
    with pytest.warns(fastseg.BackendFallbackWarning, match="up to 3 axes"):
        found, n = fastseg.connected_components(mask, 2)
    expected, count = naive.connected_components(mask, 2)
    assert n == count
    assert_array_equal(found, expected)


def test_dtypes(backend: str) -> None:
    found, n = fastseg.connected_components([True, False, True], dtype="uint32")
    assert found.dtype == np.uint32
    assert (found.tolist(), n) == ([1, 0, 2], 2)
    assert type(n) is int
    for dtype in (np.int64, np.uint16, float):
        with pytest.raises(TypeError, match="^dtype: expected int32 or uint32, got "):
            fastseg.connected_components([True], dtype=dtype)


@pytest.mark.parametrize("connectivity", [0, 3, 6, 26, -1, True, "1", 1.5, (1,)])
def test_wrong_connectivity(connectivity: Any) -> None:
    told = r"^connectivity: expected 1 to 2, or 4, 8 neighbours, for 2 axes, got "
    with pytest.raises(ValueError, match=told):
        fastseg.connected_components(np.ones((3, 3), bool), connectivity)


def test_wrong_input() -> None:
    with pytest.raises(ValueError, match="empty"):
        fastseg.connected_components(np.zeros((0, 3), bool))
    with pytest.raises(ValueError, match="1 to 3 axes"):
        fastseg.connected_components(np.zeros((2, 2, 2, 2), np.uint8))
    with pytest.raises(ValueError, match="labels"):
        fastseg.connected_components([0.5, 1.0])
