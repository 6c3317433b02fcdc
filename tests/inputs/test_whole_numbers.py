"""Label maps of floats: what is a whole number within rounding, and what is refused with its digits and its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import fastseg
from fastseg.inputs.arrays import as_label_map
from fastseg.inputs.whole_numbers import PIECE
from tests.oracle import hard_cases

LABELS = np.random.default_rng(6).integers(-2, 6, (7, 8, 9))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("off", [6e-8, -6e-8, 9e-7, -9e-7])
def test_a_rounding_is_taken_back(dtype: Any, off: float) -> None:
    noisy = (LABELS + LABELS.astype(dtype) * dtype(off)).astype(dtype)
    for name, array in hard_cases.layouts(noisy):
        labels = as_label_map(array, "labels")
        assert_array_equal(labels, LABELS, err_msg=name)
        assert labels.dtype == np.int8


def test_one_ulp_below_one_has_the_score_of_one() -> None:
    mask = np.zeros((6, 6, 6), np.float32)
    mask[1:4, 1:4, 1:4] = 1
    noisy = np.roll(mask, 1, 0) * np.nextafter(np.float32(1), np.float32(0))
    expected = fastseg.evaluate(mask, np.roll(mask, 1, 0))
    assert [dict(row) for row in fastseg.evaluate(mask, noisy)] == [dict(row) for row in expected]


def test_noise_about_the_background_is_background() -> None:
    """Also below 0, where the labels still fit the type that they fit without it."""
    noisy = np.where(LABELS > 0, LABELS, 0) + np.where(LABELS % 2 == 0, -3e-9, 3e-9)
    labels = as_label_map(noisy, "labels")
    assert labels.dtype == np.uint8
    assert_array_equal(labels, np.where(LABELS > 0, LABELS, 0))


@given(whole=st.integers(0, 2**50), off=st.floats(-0.49, 0.49))
def test_the_rule_is_a_millionth_and_a_tenth_at_most(whole: int, off: float) -> None:
    value = np.array([0.0, float(whole) + off, 7.0])
    distance = abs(value[1] - round(value[1]))
    if distance <= min(1e-6 * max(1, abs(round(value[1]))), 0.1):
        assert as_label_map(value, "labels").tolist() == [0, round(value[1]), 7]
    else:
        with pytest.raises(ValueError, match="must be whole numbers"):
            as_label_map(value, "labels")


@pytest.mark.parametrize(
    ("value", "dtype", "told"),
    [
        (0.99999, np.float32, "found 0.99999 at"),
        (np.float32(0.9999981), np.float32, "found 0.9999981 at"),
        (0.9999985, np.float64, "found 0.9999985 at"),
        (0.1 + 0.2, np.float64, "found 0.30000000000000004 at"),
        (1_000_000.25, np.float64, r"found 1000000.25 at"),
        (0.9995, np.float16, "found 0.9995 at"),
    ],
)
def test_all_digits_are_shown(value: float, dtype: Any, told: str) -> None:
    """Enough of them to see that it is not the whole number next to it."""
    with pytest.raises(ValueError, match=rf"^labels: .*{told} index \(1,\); probabilities or"):
        as_label_map(np.array([1, value, 2], dtype), "labels")


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_place_and_the_number_of_voxels_are_told(order: Any) -> None:
    values = np.zeros((4, 300, 300), np.float32, order)
    values[0, 0, 0] = 3
    values[2, 250, 7] = values[3, 1, 1] = 0.5
    assert values.size > 4 * PIECE
    first = {"C": r"\(2, 250, 7\)", "F": r"\(3, 1, 1\)"}[order]  # in memory order
    with pytest.raises(ValueError, match=f"found 0.5 at index {first}, one of 2 such voxels"):
        as_label_map(values, "labels")


def test_the_place_is_that_of_the_larger_map() -> None:
    with pytest.raises(ValueError, match=r"at index \(12, 21\);"):
        as_label_map(np.array([[1.0, 2.0], [0.0, 0.5]])[:, ::1], "labels", (11, 20))


@pytest.mark.parametrize("scale", [1e-7, 1e-300, -4e-7])
def test_a_map_is_never_rounded_away(scale: float) -> None:
    mask = np.zeros((5, 5))
    mask[1:3, 1:3] = 1
    with pytest.raises(ValueError, match="^reference: every value rounds to 0, but not all are 0"):
        fastseg.evaluate(mask * scale, mask)
    assert not as_label_map(
        mask * scale, "a part", (0, 0)
    ).any()  # of a map that has labels elsewhere
    assert not as_label_map(mask * 0.0, "empty").any()
    assert not as_label_map(mask * -0.0, "empty").any()
