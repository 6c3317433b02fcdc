"""Bit counts and explicit vectors, lane by lane against NumPy, compiled and as plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fastseg_kernels import _intrinsics as v

Array = NDArray[Any]

FLOATS = [np.float32, np.float64]
UNSIGNED = [np.uint8, np.uint16, np.uint32, np.uint64]

# Lanes that are equal, inf, 0 and the largest and least of their type, at places that a halving
# of the vector might mix up.
SPECIAL = [0.0, np.inf, 1.5, 1.5, 1e30, 1e-30, 3.0, 2.0]

popcount = numba.njit(lambda word: v.popcount(word))
trailing_zeros = numba.njit(lambda word: v.trailing_zeros(word))
leading_zeros = numba.njit(lambda word: v.leading_zeros(word))
flattened = numba.njit(lambda array: v.flattened(array))


# ---------------------------------------------------------------------------- words


def test_bit_counts_of_a_word() -> None:
    rng = np.random.default_rng(0)
    words = [1 << bit for bit in range(64)] + [2**64 - (1 << bit) for bit in range(64)]
    words += rng.integers(0, 2**64, 50, np.uint64, endpoint=False).tolist()
    for word in words:
        text = f"{word:064b}"
        assert popcount(np.uint64(word)) == text.count("1")
        assert trailing_zeros(np.uint64(word)) == 63 - text.rindex("1")
        assert leading_zeros(np.uint64(word)) == text.index("1")
    assert popcount(np.uint64(0)) == 0


def test_a_bit_count_is_signed() -> None:
    """So that a difference of two of them may be negative."""
    for count in (popcount, trailing_zeros, leading_zeros):
        assert type(count(np.uint64(4)) - 60) in (int, np.int64)
        assert count(np.uint64(4)) - 70 < 0


# ---------------------------------------------------------------------------- vectors


@numba.njit()
def binary(first: Array, second: Array, out: Array) -> None:
    a, b = v.load(first, np.uint64(3)), v.load(second, np.uint64(0))
    n = np.uint64(v.BYTES // first.itemsize)
    v.store(out, np.uint64(0), v.add(a, b))
    v.store(out, n, v.minimum(a, b))
    v.store(out, n + n, v.maximum(a, b))
    v.store(out, n + n + n, v.select_less(a, b, v.splat(first[0]), b))
    v.store(out, n + n + n + n, v.square_root(a))


@numba.njit()
def reduced(values: Array, start: int) -> Any:
    vector = v.load(values, np.uint64(start))
    return v.least(vector), v.greatest(vector)


@numba.njit()
def differ(first: Array, second: Array, start: int) -> Any:
    return v.unequal(v.load(first, np.uint64(start)), v.load(second, np.uint64(start)))


@numba.njit()
def either_differs(first: Array, second: Array, third: Array, fourth: Array) -> Any:
    start = np.uint64(0)
    a, b = v.load(first, start), v.load(second, start)
    c, d = v.load(third, start), v.load(fourth, start)
    return v.either_unequal(a, b, c, d)


@numba.njit()
def differ_from(array: Array, value: Any) -> Any:
    return v.unequal(v.load(array, np.uint64(0)), v.splat(value))


@numba.njit()
def widened(first: Array, second: Array, value: int, out: Array) -> None:
    a, b = v.load(first, np.uint64(0)), v.load(second, np.uint64(0))
    lanes = v.lanes_of(first)
    v.store(out, np.uint64(0), v.maximum(a, b))
    v.store(out, lanes, v.minimum(a, b))
    v.store(out, lanes + lanes, v.insert(v.insert(a, 2, value), 5, -value))


def numbers(n: int, real: Any, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    return rng.permutation(np.resize([*SPECIAL, *rng.random(9)], n)).astype(real)


@pytest.mark.parametrize("real", FLOATS)
def test_floats_lane_by_lane(real: Any) -> None:
    lanes = v.BYTES // np.dtype(real).itemsize
    for seed in range(20):
        first, second = numbers(lanes + 5, real, seed), numbers(lanes, real, seed + 100)
        out = np.full(5 * lanes + 2, -1, real)
        binary(first, second, out)
        a = first[3 : 3 + lanes]  # a load may start anywhere
        expected = [
            a + second,
            np.minimum(a, second),
            np.maximum(a, second),
            np.where(a < second, first[0], second),
            np.sqrt(a),
        ]
        assert_array_equal(out[:-2].reshape(5, lanes), expected)
        assert (out[-2:] == -1).all()  # a store writes no more than its vector


@pytest.mark.parametrize("real", FLOATS)
def test_the_least_and_the_greatest_in_any_lane(real: Any) -> None:
    lanes = v.BYTES // np.dtype(real).itemsize
    for place in range(lanes):
        values = np.full(lanes + 2, 5, real)
        values[[0, -1]] = 99  # outside the vector
        values[1 + place] = 2
        assert reduced(values, 1) == (2, 5)
        values[1 + place] = np.inf
        assert reduced(values, 1) == (5, np.inf)


@pytest.mark.parametrize("dtype", UNSIGNED)
def test_every_bit_of_every_lane_is_compared(dtype: Any) -> None:
    lanes, bits = v.BYTES // np.dtype(dtype).itemsize, 8 * np.dtype(dtype).itemsize
    same = np.arange(lanes + 1).astype(dtype)
    assert differ(same, same, 1) == 0
    for lane in range(lanes):
        for bit in (0, 1, bits // 2, bits - 1):
            other = same.copy()
            other[1 + lane] ^= dtype(1 << bit)
            assert int(differ(same, other, 1)) == 1 << lane
    assert int(differ(same, ~same, 1)) == 2**lanes - 1


@pytest.mark.parametrize("dtype", UNSIGNED)
def test_a_number_in_every_lane(dtype: Any) -> None:
    limits = np.iinfo(dtype)
    lanes = v.BYTES // np.dtype(dtype).itemsize
    for value in (limits.max, limits.max - 1, limits.max // 2 + 1, 0):
        array = np.full(lanes, value, dtype)
        assert differ_from(array, array[0]) == 0
        array[lanes - 1] ^= dtype(1)
        assert int(differ_from(array, dtype(value))) == 1 << (lanes - 1)


def test_signed_integers_and_single_lanes() -> None:
    extremes = np.array([-(2**63), 2**63 - 1, -1, 0, 1, -(2**40), 2**40, 7])
    for shift in range(8):
        second = np.roll(extremes, shift)
        out = np.zeros(24, np.int64)
        widened(extremes, second, 9, out)
        single = extremes.copy()
        single[[2, 5]] = 9, -9
        expected = [np.maximum(extremes, second), np.minimum(extremes, second), single]
        assert_array_equal(out.reshape(3, 8), expected)
        assert extremes[2] == -1  # a vector is a value


@numba.njit()
def in_units(floats: Array, scale: float, bits: int, out: Array, back: Array) -> None:
    """A whole row in, shifted and masked as whole numbers, and back."""
    row = v.splat_row(floats.dtype.type(scale))
    shift = v.splat_beside(np.int32(bits), row)
    whole = v.whole(v.multiply(v.load_beside(floats, np.uint64(1), row), row))
    shifted = v.add(v.shift_left(whole, shift), v.splat_beside(np.int32(1), row))
    n = np.uint64(back.size)
    v.store(out, np.uint64(0), v.minimum(shifted, v.splat_beside(np.int32(99), row)))
    v.store(out, n, v.bitwise_and(shifted, v.splat_beside(np.int32(5), row)))
    v.store(back, np.uint64(0), v.as_floats(v.shift_right(shifted, shift), row))


@pytest.mark.parametrize("real", FLOATS)
def test_rows_of_whole_numbers(real: Any) -> None:
    count = v.TILE_BYTES // np.dtype(real).itemsize
    floats = np.random.default_rng(3).integers(0, 1 << 12, count + 2).astype(real) / 4
    out, back = np.zeros(2 * count, np.int32), np.zeros(count, real)
    in_units(floats, 4.0, 3, out, back)
    expected = (floats[1:-1] * 4).astype(np.int32)
    assert_array_equal(back, expected)
    shifted = (expected << 3) + 1
    assert_array_equal(out.reshape(2, count), [np.minimum(shifted, 99), shifted & 5])


@numba.njit()
def lanes(array: Array) -> Any:
    return v.lanes_of(array)


@pytest.mark.parametrize("dtype", [*FLOATS, *UNSIGNED])
def test_lanes_of_an_array(dtype: Any) -> None:
    assert lanes(np.zeros(1, dtype)) * np.dtype(dtype).itemsize == v.BYTES


@numba.njit()
def words_of_bytes(octets: Array, start: int, pattern: Any, out: Array) -> None:
    vector = v.load_bytes(octets, np.uint64(start), v.splat(pattern))
    v.store(out, np.uint64(0), vector)


@pytest.mark.parametrize("dtype", UNSIGNED)
def test_a_vector_of_any_type_is_taken_from_any_byte_on(dtype: Any) -> None:
    """Whatever the place is a multiple of, up to the last bytes of the array, be it read-only."""
    room = np.random.default_rng(5).integers(0, 256, 4 * v.BYTES, np.uint8)
    for first in (0, 1, 3):
        octets = room[first : first + 3 * v.BYTES + 7]
        expected = octets.copy()
        for start in range(octets.size - v.BYTES + 1):
            out = np.zeros(v.BYTES // np.dtype(dtype).itemsize, dtype)
            octets.flags.writeable = start % 2 == 0
            words_of_bytes(octets, start, dtype(1), out)
            assert out.tobytes() == expected[start : start + v.BYTES].tobytes()
        octets.flags.writeable = True
        assert_array_equal(octets, expected)


@pytest.mark.parametrize(
    "function",
    [popcount, binary, reduced, differ, differ_from, widened, in_units, lanes, words_of_bytes],
)
def test_the_helpers_are_compiled_where_kernels_are(
    function: Callable[..., Any], compiled: None
) -> None:
    """Else the plain Python twins are all that has been tested."""
    assert hasattr(function, "signatures")


@pytest.mark.parametrize("shape", [(4, 5, 6), (2, 3), (7,), (1, 1, 1), (0, 3, 2), (3, 0, 64)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint64, np.float32])
def test_an_array_is_seen_as_one_of_a_single_axis(shape: tuple[int, ...], dtype: Any) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    line = flattened(array)
    assert_array_equal(line, array.reshape(-1))
    assert line.dtype == dtype
    assert line.shape == (array.size,)
    assert not array.size or np.shares_memory(line, array)
    array[...] = 0  # `line` holds on to its memory
    del array
    assert not line.any()
    fixed = np.ones(shape, dtype)
    fixed.flags.writeable = False
    assert not flattened(fixed).flags.writeable


@pytest.mark.parametrize("dtype", UNSIGNED)
def test_two_pairs_of_vectors_at_once(dtype: Any) -> None:
    lanes = v.BYTES // np.dtype(dtype).itemsize
    rng = np.random.default_rng(4)
    for _ in range(30):
        first, third = rng.integers(0, 9, (2, lanes)).astype(dtype)
        second, fourth = first.copy(), third.copy()
        for copy in (second, fourth):
            copy[rng.random(lanes) < 0.2] ^= dtype(1 << rng.integers(0, 8 * copy.itemsize))
        expected = (first != second) | (third != fourth)
        word = int(either_differs(first, second, third, fourth))
        assert [bool(word >> lane & 1) for lane in range(lanes)] == expected.tolist()
        assert word >> lanes == 0
