"""The distance transform's passes, against all pairs and against SciPy."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core import config
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fastseg.backends import numba as numba_backend
from fastseg.backends import scipy as scipy_backend
from fastseg.backends.numba import transform as _transform
from fastseg.backends.shared.exactness import sums_are_exact
from fastseg.backends.shared.plan import plan_for
from fastseg_kernels._intrinsics import TILE_BYTES
from fastseg_kernels.cpu.edt import parabolas as parabola_kernels
from fastseg_kernels.cpu.edt import rows as row_kernels
from tests.kernels import packed
from tests.oracle import hard_cases, naive
from tests.oracle.compare import assert_distances

Array = NDArray[Any]
Mask = NDArray[np.bool_]

REALS = [np.float32, np.float64]
LANES = {np.dtype(real): TILE_BYTES // np.dtype(real).itemsize for real in REALS}
# around a vector, a tile and two, of either type; as plain Python, fewer of them
LINES = [1, 33, 65] if config.DISABLE_JIT else [1, 2, 31, 32, 33, 63, 64, 65, 133]
LONGER = (3, 64) if config.DISABLE_JIT else (17, 64)

# a spacing whose squares and their sums are numbers of float32, too, so that both types are exact
EXACT = 0.75
SCALE = 16  # makes them whole

COARSE = [None, 0, 1, 2]


# ---------------------------------------------------------------------------- the first pass


def to_background(foreground: Array, spacing: float) -> Array:
    """Squared distance along the middle axis, over all pairs."""
    rows = np.arange(foreground.shape[1])
    steps = np.abs(rows[:, None] - rows)[None, :, :, None]  # (1, y, k, 1)
    squares = np.where(foreground[:, None] == 0, (steps * spacing) ** 2, np.inf)
    return np.asarray(squares.min(axis=2))


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("inner", LINES)
@pytest.mark.parametrize("outer", [1, 3])
def test_columns(outer: int, inner: int, real: Any) -> None:
    rng = np.random.default_rng(inner)
    foreground = (rng.random((outer, 21, inner)) < 0.8).astype(np.uint8)
    foreground[0, :, 0] = 1  # a line without background
    foreground[-1, :, -1] = 0
    foreground[foreground != 0] = rng.integers(1, 256)  # any number is foreground
    out = np.full(foreground.shape, -1, real)
    tiles = outer * -(-inner // LANES[out.dtype])
    row_kernels.column_pass[out.dtype](foreground, EXACT, 0, tiles, out)
    assert_array_equal(out, to_background(foreground, EXACT))


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 127, 128, 129, 200, 257])
@pytest.mark.parametrize("density", [0.0, 0.01, 0.5, 0.99, 1.0])
def test_rows(density: float, n: int, real: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of only background, of only foreground and of both, with and without a background before and after."""
    monkeypatch.setattr(_transform, "_PACKED_ROWS", 7)
    rng = np.random.default_rng(n)
    foreground = (rng.random((40, n)) >= density).astype(np.uint8) * 7
    foreground[1::4, : n // 2] = 5
    foreground[2::4, n // 3 :] = 0
    foreground[3::4, n // 3 : 2 * n // 3] = 1
    out = np.full(foreground.shape, -1, real)
    targets = packed.pack(foreground == 0)[0]  # which has no bits beyond the ends of rows
    nearest = row_kernels.DISTANCES_IN_BYTES[out.dtype]
    row_kernels.row_pass[out.dtype](targets, EXACT, 1, 39, nearest, out)
    assert_array_equal(out[1:39], to_background(foreground[1:39, :, None], EXACT)[:, :, 0])
    assert (out[[0, -1]] == -1).all()
    again = np.empty(foreground.shape, real)
    _transform._first_axis(foreground, 1, EXACT, again)
    assert_array_equal(again[1:39], out[1:39])


# ---------------------------------------------------------------------------- parabolas


def parabolas(
    values: Array,
    spacing: float,
    monotone: bool = True,
    root: bool = False,
    tiles: tuple[int, int] | None = None,
    wanted: Array | None = None,
    coarse: int | None = None,
) -> Array:
    """The pass over the middle axis; `coarse` has values packed, without so many bits of their row's number."""
    outer, n, inner = values.shape
    volume = values.copy()
    whole = -(-outer * inner // LANES[values.dtype])
    squares = ((np.arange(n) * spacing) ** 2).astype(values.dtype)
    packing: tuple[Any, ...] = _transform._NOT_PACKED
    if coarse is not None:
        shift = max(0, (n - 1).bit_length() - coarse)
        largest = np.max(values, where=np.isfinite(values), initial=0) + squares[-1]
        table = (squares * SCALE).astype(np.int32) << np.int32(shift)
        packing = (table, float(SCALE), int(largest * SCALE) + 1, shift, coarse)
    parabola_kernels.parabola_pass[values.dtype](
        spacing,
        squares,
        int(monotone),
        *packing,
        int(root),
        *(tiles or (0, whole)),
        np.empty(0, np.uint8) if wanted is None else wanted,
        inner,
        volume.reshape(-1),
    )
    return volume


def all_candidates(values: Array, spacing: float) -> Array:
    """values[k] + ((k - y) spacing)² for all k along a new axis 2, rounded in the type of the values."""
    n = values.shape[1]
    steps = np.abs(np.arange(n)[:, None] - np.arange(n))
    squares = ((steps * spacing)[None, :, :, None] ** 2).astype(values.dtype)
    return np.asarray(values[:, None] + squares)


@pytest.mark.parametrize("coarse", COARSE)
@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("inner", LINES)
@pytest.mark.parametrize(("outer", "n"), [(1, 1), (2, 2), (3, 7), (1, 40), (66, 9), LONGER])
def test_parabolas(outer: int, n: int, inner: int, real: Any, coarse: int | None) -> None:
    """Tiles of fewer lines than lanes, tiles across slices, squares that are turned, lines without any finite value."""
    rng = np.random.default_rng(n)
    values = ((rng.integers(0, 30, (outer, n, inner)) * EXACT) ** 2).astype(real)
    values[rng.random(values.shape) < 0.6] = np.inf
    values[0, :, 0] = np.inf
    expected = all_candidates(values, EXACT).min(axis=2)
    assert_array_equal(parabolas(values, EXACT, coarse=coarse), expected)
    values[0, 0, 0] = 0
    values[..., 1:] = np.where(np.isinf(values[..., 1:].min(axis=1))[:, None], 9, values[..., 1:])
    values[1:, 0, 0] = 1  # now no line is without
    expected = all_candidates(values, EXACT).min(axis=2)
    assert_array_equal(parabolas(values, EXACT, coarse=coarse), expected)


@given(
    n=st.integers(1, 300),
    lines=st.sampled_from([1, 32, 64]),
    spacing=st.sampled_from([1.0, 0.75]),
    seed=st.integers(0, 2**32 - 1),
    density=st.sampled_from([0.02, 0.3, 1.0]),
    largest=st.sampled_from([1, 20, 100]),
    coarse=st.sampled_from(COARSE[1:]),
)
def test_packed_is_the_same(
    n: int, lines: int, spacing: float, seed: int, density: float, largest: int, coarse: int
) -> None:
    """All rows, and more of them than one step of the rows' numbers, for one line and for whole tiles."""
    rng = np.random.default_rng(seed)
    values = ((rng.integers(0, largest, (1, n, lines)) * spacing) ** 2).astype(np.float32)
    values[rng.random(values.shape) >= density] = np.inf
    values[0, rng.integers(n)] = 0
    expected = all_candidates(values, spacing).min(axis=2)
    assert_array_equal(parabolas(values, spacing, coarse=coarse), expected)


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((256,) * 3, (1.0,) * 3),
        ((512,) * 3, (1.0,) * 3),
        ((1024,) * 3, (1.0,) * 3),
        ((2048, 2048), (1.0, 1.0)),
        ((100, 200, 300), (2.5, 0.75, 0.75)),
        ((1, 2), (1.0, 1.0)),
        ((1 << 11, 2), (1.0, 1.0)),
    ],
)
def test_packed_values_fit(shape: tuple[int, ...], spacing: tuple[float, ...]) -> None:
    """Any sum of what stands for none and a square, and the row's number, must be a number of 31 bits."""
    axes = tuple(range(len(shape)))
    plan = plan_for(shape, spacing, axes, np.dtype(np.float32))
    assert plan.unit is not None
    for n, step in zip(shape, spacing, strict=True):
        table, scale, none, shift, coarse = _transform._packing(plan, n, step)
        assert table.size == n
        assert_array_equal(table / scale / 2**shift, (np.arange(n) * step) ** 2)
        squares = [((size - 1) * step) ** 2 for size, step in zip(shape, spacing, strict=True)]
        assert none > scale * sum(squares)
        assert (none << shift) + int(table[-1]) + (n - 1 >> coarse) < 2**31
        assert n - 1 >> coarse < 1 << shift


def test_what_leaves_no_room_is_not_packed() -> None:
    for shape, spacing in [((2300,) * 3, (1.0,) * 3), ((300,) * 3, (5.03125, 1.0, 1.0))]:
        plan = plan_for(shape, spacing, (0, 1, 2), np.dtype(np.float64))
        assert plan.unit is not None
        assert not _transform._packing(plan, shape[0], spacing[0])[0].size
    plan = plan_for((20, 20), (0.7, 1.0), (0, 1), np.dtype(np.float32), may_round=True)
    assert not _transform._packing(plan, 20, 0.7)[0].size


@pytest.mark.parametrize("coarse", COARSE[:2])
@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("inner", [1, 50, 64, 100])
def test_only_the_tiles_asked_for(inner: int, real: Any, coarse: int | None) -> None:
    rng = np.random.default_rng(9)
    outer = 300 if inner == 1 else 5
    values = rng.integers(0, 50, (outer, 11, inner)).astype(real)
    width = LANES[values.dtype]
    lines = np.arange(outer * inner).reshape(outer, 1, inner)
    whole = parabolas(values, 1.0)
    part = parabolas(values, 1.0, tiles=(1, 3), coarse=coarse)
    inside = (lines >= width) & (lines < 3 * width)
    assert_array_equal(part, np.where(inside, whole, values))
    wanted = np.zeros(-(-outer * inner // width), np.uint8)
    wanted[2] = 1
    part = parabolas(values, 1.0, wanted=wanted, coarse=coarse)
    inside = (lines >= 2 * width) & (lines < 3 * width)
    assert_array_equal(part, np.where(inside, whole, values))


@pytest.mark.parametrize("coarse", COARSE[:2])
@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("kind", ["some", "zeros", "none"])
def test_roots_at_the_end(kind: str, real: Any, coarse: int | None) -> None:
    rng = np.random.default_rng(12)
    values = rng.integers(0, 90, (3, 17, 70)).astype(real)
    if kind != "some":
        values[...] = 0 if kind == "zeros" else np.inf
    found = parabolas(values, 1.0, root=True, coarse=coarse)
    assert_array_equal(found, np.sqrt(parabolas(values, 1.0)))


@given(
    n=st.integers(1, 70),
    lines=st.integers(1, 5),
    spacing=st.sampled_from([1.0, 0.7, 3.0, 1e-3, 1e3]),
    seed=st.integers(0, 2**32 - 1),
    density=st.sampled_from([0.02, 0.3, 1.0]),
    largest=st.sampled_from([1, 50, 5000]),
)
def test_monotone_or_not_is_the_same(
    n: int, lines: int, spacing: float, seed: int, density: float, largest: int
) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.integers(0, largest, (1, n, lines)) * spacing) ** 2
    values[rng.random(values.shape) >= density] = np.inf
    expected = all_candidates(values, spacing).min(axis=2)
    for monotone in (True, False):
        assert_array_equal(parabolas(values, spacing, monotone), expected)


def test_where_rounding_moves_the_minimiser_back() -> None:
    """A tiny spacing beside huge values: the squares are rounded to steps, which are no parabola.
    Without `monotone` the answer is the least sum all the same."""
    rng = np.random.default_rng(10)
    spacing, n = 5e-4, 64
    wrong = 0
    for _ in range(12 if config.DISABLE_JIT else 60):
        values = 1e10 + rng.integers(0, 3, (1, n, 1)) * 2.0**-19  # a few units in the last place
        expected = all_candidates(values, spacing).min(axis=2)
        assert_array_equal(parabolas(values, spacing, monotone=False), expected)
        wrong += not np.array_equal(parabolas(values, spacing, monotone=True), expected)
    assert wrong  # so the caller has to know when not to ask for it


# ---------------------------------------------------------------------------- the plan


def test_rows_come_first_only_where_the_order_of_sums_does_not_show() -> None:
    shape, axes = (40, 50, 60), (0, 1, 2)

    def plan(spacing: tuple[float, ...], real: Any) -> Any:
        may_round = real == np.float32
        return plan_for(shape, spacing, axes, np.dtype(real), may_round=may_round)

    for exact in [(1.0, 1.0, 1.0), (2.5, 0.75, 0.75), (1e-3, 1e-3, 1e-3)]:
        assert plan(exact, np.float64).axes == ((2, 1, 0) if exact[0] != 1e-3 else axes)
        assert plan(exact, np.float32).axes == (2, 1, 0)
    assert plan((1.0, 1.0, 1.0), np.float32)[:3] == (np.dtype(np.float32), (2, 1, 0), True)
    assert plan((2.5, 0.9766, 0.9766), np.float64)[:3] == (np.dtype(np.float64), axes, True)
    assert plan((2.5, 0.9766, 0.9766), np.float32)[:3] == (np.dtype(np.float32), (2, 1, 0), True)
    # too different for float32, then for any monotony
    assert plan((1e3, 1.0, 1.0), np.float32)[:3] == (np.dtype(np.float64), (2, 1, 0), True)
    assert plan((1e9, 1e-9, 0.1), np.float64).monotone is False
    # squares beyond the range of float32
    assert plan((1e25, 1e25, 1e25), np.float32).dtype == np.float64
    assert plan((1e-25, 1e-25, 1e-25), np.float32).dtype == np.float64


def test_all_sums_are_exact_where_the_plan_says_so() -> None:
    """The largest sum of squares, as a fraction, must be a number of the type."""
    shape = (2365, 2365, 2365)
    assert sums_are_exact((2364,) * 3, (1.0,) * 3, np.dtype(np.float32))
    assert not sums_are_exact(tuple(n + 1 for n in shape), (1.0,) * 3, np.dtype(np.float32))
    assert not sums_are_exact((9, 9), (0.1, 1.0), np.dtype(np.float64))
    assert sums_are_exact((9, 9), (2.0**-40, 1.0), np.dtype(np.float64)) is False
    assert sums_are_exact((9, 9), (2.0**-20, 1.0), np.dtype(np.float64))


# ---------------------------------------------------------------------------- the transform


@pytest.mark.parametrize(
    "spacing", [(1.0, 1.0), (1e3, 1e-3), (1e6, 1e-3), (1e9, 1e-9), (1e-9, 1e9)]
)
def test_spacings_that_differ_as_much_as_they_may(spacing: tuple[float, ...]) -> None:
    mask = np.random.default_rng(11).random((6, 40)) < 0.9
    found, _ = numba_backend.distance_transform_edt(mask, spacing, False, np.float64)
    assert_array_equal(found, naive.distance_transform_edt(mask, spacing))


def check_indices(mask: Mask, spacing: Any, distances: Array, where: Array, what: str = "") -> None:
    """Each voxel's index must be background, at exactly its distance."""
    assert where.dtype == np.int32
    assert where.shape == (mask.ndim, *mask.shape)
    if mask.all():
        assert (where == -1).all(), what
        return
    assert not mask[tuple(where)].any(), what
    squares = np.zeros(mask.shape)
    for axis, grid in enumerate(np.indices(mask.shape)):
        squares = squares + ((where[axis] - grid) * spacing[axis]) ** 2
    assert_array_equal(np.sqrt(squares), distances, err_msg=what)


FOUR = pytest.param(
    4,
    marks=pytest.mark.skipif(
        bool(config.DISABLE_JIT), reason="13 s as plain Python; three axes run the same lines"
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("ndim", [1, 2, 3, FOUR])
def test_hard_masks(ndim: int, order: Literal["C", "F"]) -> None:
    """To the bit, whatever the spacing: SciPy's sums in the order of the axes, and the least of them."""
    for number, (name, mask, other) in enumerate(hard_cases.hard_pairs(ndim)):
        if config.DISABLE_JIT and number % 2 == "CF".index(order):
            continue  # as plain Python each in one order
        spacing = hard_cases.SPACINGS[ndim][number % len(hard_cases.SPACINGS[ndim])]
        for foreground in (np.asarray(mask, order=order), np.asarray(~other, order=order)):
            what = f"{name} {spacing}"
            expected = naive.distance_transform_edt(foreground, spacing)
            found, none = numba_backend.distance_transform_edt(
                foreground, spacing, False, np.float64
            )
            assert none is None
            assert_array_equal(found, expected, err_msg=what)
            found, where = numba_backend.distance_transform_edt(
                foreground, spacing, True, np.float64
            )
            assert where is not None
            assert_array_equal(found, expected, err_msg=what)
            check_indices(foreground, spacing, found, where, what)


@given(data=st.data())
def test_any_mask_and_spacing(data: st.DataObject) -> None:
    mask = data.draw(hard_cases.masks())
    spacing = data.draw(hard_cases.spacings(mask.ndim))
    expected = naive.distance_transform_edt(mask, spacing)
    for foreground in (mask, np.asfortranarray(mask)):
        found, where = numba_backend.distance_transform_edt(foreground, spacing, True, np.float64)
        assert where is not None
        assert_array_equal(found, expected)
        check_indices(mask, spacing, found, where)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "spacing", [(1.0, 1.0, 1.0), (0.7, 0.7, 0.7), (3.0, 1.0, 0.7), (1e-3, 1.0, 1e3)]
)
def test_backends_on_a_medium_volume(
    spacing: tuple[float, ...], order: Literal["C", "F"], medium: int
) -> None:
    shape = (medium - 11, medium, medium + 9)
    unit = set(spacing) == {1.0}
    for mask in (hard_cases.blob_pair(shape, 2)[0], ~hard_cases.blob_pair(shape, 2)[1]):
        foreground = np.asarray(mask, order=order)
        expected, _ = scipy_backend.distance_transform_edt(foreground, spacing, False, np.float64)
        found, where = numba_backend.distance_transform_edt(foreground, spacing, True, np.float64)
        assert where is not None
        assert_distances(found, expected, unit)
        check_indices(foreground, spacing, found, where)
        without, _ = numba_backend.distance_transform_edt(foreground, spacing, False, np.float64)
        assert_array_equal(without, found)
        if order == "F":
            assert without.flags.f_contiguous
