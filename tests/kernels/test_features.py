"""The passes that carry the index of the nearest background, against all pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core import config
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fastseg.backends.numba import transform as _transform
from fastseg.backends.shared.exactness import is_monotone
from fastseg_kernels._intrinsics import TILE_BYTES
from fastseg_kernels.cpu.edt import features

Array = NDArray[Any]

REALS = [np.float32, np.float64]
# around a vector, a tile and two, of either type; as plain Python, fewer of them
LINES = [1, 33, 65] if config.DISABLE_JIT else [1, 2, 8, 16, 31, 32, 33, 63, 64, 65, 133]
LONGER = (3, 64) if config.DISABLE_JIT else (17, 64)
EXACT = (0.75, 1.5, 0.25)  # along the outer axis, the one that is added, the inner one
ROUNDED = (0.7, 3.0, 1.1)


def nearest_background(foreground: Array) -> Array:
    """Index along the middle axis of the nearest 0, the earlier of two, -1 where there is none."""
    rows = np.arange(foreground.shape[1])
    steps = np.abs(rows[:, None] - rows)[None, :, :, None]
    far = np.where(foreground[:, None] == 0, steps, foreground.shape[1])
    return np.where(far.min(axis=2) < foreground.shape[1], far.argmin(axis=2), -1)


@pytest.mark.parametrize("inner", [1, 5, 127, 128, 129, 300])
@pytest.mark.parametrize("outer", [1, 3])
def test_columns(outer: int, inner: int) -> None:
    rng = np.random.default_rng(inner)
    foreground = (rng.random((outer, 21, inner)) < 0.8).astype(np.uint8) * 3
    foreground[0, :, 0] = 255  # a line without background
    foreground[-1, :, -1] = 0
    found = np.full(foreground.shape, -7, np.int32)
    features.column_features(foreground, 0, outer * -(-inner // features.LINES), found)
    assert_array_equal(found, nearest_background(foreground))


@pytest.mark.parametrize("n", [1, 5, 64, 130])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.5])
def test_rows(density: float, n: int) -> None:
    rng = np.random.default_rng(n)
    foreground = (rng.random((30, n)) >= density).astype(np.uint8)
    found = np.full(foreground.shape, -7, np.int32)
    features.row_features(foreground, 0, 30, found)
    assert_array_equal(found, nearest_background(foreground[:, :, None])[:, :, 0])


class Pass:
    """One pass over the middle axis of (outer, n, inner), with indices of the two others, and what it must give."""

    def __init__(self, shape: tuple[int, int, int], spacing: Any, real: Any, seed: int) -> None:
        outer, n, inner = shape
        rng = np.random.default_rng(seed)
        self.shape, self.spacing, self.real = shape, spacing, np.dtype(real)
        before = [rng.integers(0, size, shape) for size in (outer, inner)]
        nowhere = rng.random(shape) < 0.5
        nowhere[0, :, 0] = True  # a line without anything
        bits = [max(size - 1, 1).bit_length() for size in (outer, inner, n)]
        shifts = [0, bits[0], bits[0] + bits[1]]
        packed = before[0] | before[1] << shifts[1]
        self.packed = np.where(nowhere, -1, packed).astype(np.int32)
        strides, sizes, rows = (n * inner, 1, inner), (outer, inner, n), (3, 0, 1)
        masks = [(1 << size) - 1 for size in bits]
        columns = [strides, sizes, shifts, masks, rows]
        self.axes = np.array(list(zip(*columns, strict=True)), np.int64)
        here = np.indices(shape)
        values = ((here[0] - before[0]) * real(spacing[0])).astype(real) ** 2
        values = values + ((here[2] - before[1]) * real(spacing[2])).astype(real) ** 2
        values[nowhere] = np.inf
        steps = np.abs(np.arange(n)[:, None] - np.arange(n))
        squares = ((steps * spacing[1]) ** 2).astype(real)
        candidates = values[:, None] + squares[None, :, :, None]
        assert candidates.dtype == real
        self.squared = candidates.min(axis=2)
        self.nowhere = np.isinf(self.squared)
        k = candidates.argmin(axis=2)
        chosen = [np.take_along_axis(part, k, axis=1) for part in before]
        self.found = [np.where(self.nowhere, -1, part) for part in (*chosen, k)]
        joined = chosen[0] | chosen[1] << shifts[1] | k << shifts[2]
        self.joined = np.where(self.nowhere, -1, joined)

    def run(
        self, last: bool, root: bool = False, monotone: bool = True, tiles: Any = None
    ) -> tuple[Array, Array, Array]:
        """Packed indices, distances and features after the pass; -7 where nothing was written."""
        outer, n, inner = self.shape
        packed = self.packed.copy()
        distances = np.full(self.shape, -7, self.real)
        found = np.full((4 if last else 0, packed.size), -7, np.int32)
        features.feature_pass[self.real](
            self.spacing[1],
            ((np.arange(n) * self.spacing[1]) ** 2).astype(self.real),
            int(monotone),
            int(root),
            *(tiles or (0, -(-outer * inner // (TILE_BYTES // self.real.itemsize)))),
            inner,
            self.axes,
            np.array([self.spacing[0], self.spacing[2]]),
            packed.reshape(-1),
            distances.reshape(-1),
            found,
        )
        return packed, distances, found


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("inner", LINES)
@pytest.mark.parametrize(("outer", "n"), [(1, 2), (3, 7), (1, 40), (66, 9), LONGER])
def test_passes(outer: int, n: int, inner: int, real: Any) -> None:
    """Tiles of fewer lines than lanes, tiles across slices, squares that are turned and rows that are left over."""
    case = Pass((outer, n, inner), EXACT, real, seed=n)
    packed, distances, _ = case.run(last=False)
    assert_array_equal(packed, case.joined)
    assert (distances == -7).all()
    packed, distances, found = case.run(last=True)
    assert_array_equal(packed, case.packed)
    assert_array_equal(distances, case.squared)
    assert (found[2] == -7).all()
    for row, expected in zip((3, 0, 1), case.found, strict=True):
        values = found[row].reshape(case.shape)
        assert_array_equal(values[~case.nowhere], expected[~case.nowhere])
    _, distances, _ = case.run(last=True, root=True)
    assert_array_equal(distances, np.sqrt(case.squared))


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("inner", [1, 100])
def test_only_the_tiles_asked_for(inner: int, real: Any) -> None:
    outer = 300 if inner == 1 else 5
    case = Pass((outer, 11, inner), EXACT, real, seed=2)
    width = TILE_BYTES // case.real.itemsize
    lines = np.arange(outer * inner).reshape(outer, 1, inner)
    packed, _, _ = case.run(last=False, tiles=(1, 3))
    inside = (lines >= width) & (lines < 3 * width)
    assert_array_equal(packed, np.where(inside, case.joined, case.packed))


@given(
    shape=st.tuples(st.integers(1, 5), st.integers(2, 70), st.integers(1, 5)),
    spacing=st.sampled_from([EXACT, ROUNDED, (1e-3, 1e3, 1.0), (1e3, 1e-3, 1.0)]),
    monotone=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_spacing(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], monotone: bool, seed: int
) -> None:
    """Where sums are rounded, too: a monotone search where the plan would choose it, else all within reach."""
    case = Pass(shape, spacing, np.float64, seed)
    monotone = monotone and is_monotone(shape, spacing, np.dtype(np.float64))
    packed, _, _ = case.run(last=False, monotone=monotone)
    assert_array_equal(packed, case.joined)


def test_indices_that_do_not_fit_are_refused() -> None:
    """Sixteen axes of three voxels take two bits each."""
    with pytest.raises(ValueError, match="31 bits, those of 3 × 3 × .* take 32"):
        _transform._feature_axes((3,) * 16, tuple(range(16)), np.arange(16))
    assert len(_transform._feature_axes((1 << 11, 1 << 10, 1 << 10), (0, 1, 2), np.arange(3))) == 3
