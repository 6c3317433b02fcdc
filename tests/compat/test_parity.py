"""The harness itself: it finds every kind of difference."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from fastseg.errors import InputError
from tests.compat.parity import observed, outcome, same, same_error, same_words, warned

ONE = np.ones(3)
NEXT = np.nextafter(1.0, 2.0)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (1.0, 1),
        (1.0, NEXT),
        (ONE, ONE.astype(np.float32)),
        (ONE, ONE[:, None]),
        (ONE, list(ONE)),
        ([1.0], [1.0, 1.0]),
        ((1.0, (2.0,)), (1.0, (3.0,))),
        (ValueError, TypeError),
        (None, 0.0),
        (np.nan, 0.0),
    ],
)
def test_what_differs_is_seen(ours: Any, theirs: Any) -> None:
    for one, other in ((ours, theirs), (theirs, ours)):
        with pytest.raises(AssertionError):
            same(one, other)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(1.0, np.inf), (-np.inf, np.inf), (np.nan, np.inf), (1.0, np.nan)]
)
def test_no_unit_makes_up_for_what_is_not_finite(ours: float, theirs: float) -> None:
    for one, other in ((ours, theirs), (theirs, ours)):
        with pytest.raises(AssertionError):
            same(one, other, ulp=4)
    same([ours, theirs], [ours, theirs], ulp=4)


def test_units_in_the_last_place() -> None:
    same(1.0, float(NEXT), ulp=1)
    with pytest.raises(AssertionError):
        same(1.0, float(np.nextafter(NEXT, 2.0)), ulp=1)
    same(np.float64(1.0), np.float64(np.float32(1 + 1e-7)), ulp=1, dtype=np.float32)


def test_all_that_comes_of_a_call() -> None:
    def call(fails: bool) -> int:
        warnings.warn("take care", UserWarning, stacklevel=2)
        if fails:
            raise KeyError("none")
        return 5

    told = [(UserWarning, "take care")]
    assert observed(call, False) == (5, None, told)
    assert observed(call, fails=True) == (None, (KeyError, "'none'"), told)
    assert (outcome(call, False), outcome(call, True)) == (5, KeyError)
    assert warned(call, True) == [UserWarning]


def test_our_exception_is_one_of_the_hosts_kind() -> None:
    def fails(error: Exception) -> Any:
        def call() -> None:
            raise error

        return observed(call)

    same(InputError, ValueError)
    same_error(fails(InputError("no")), fails(ValueError("no")))
    same_error(observed(int), observed(int))
    with pytest.raises(AssertionError):
        same(ValueError, InputError)
    for other in (fails(TypeError("no")), fails(ValueError("yes")), observed(int)):
        for one, another in ((fails(InputError("no")), other), (other, fails(InputError("no")))):
            with pytest.raises(AssertionError):
                same_error(one, another)


def test_the_words_of_the_host_come_first() -> None:
    def says(text: str, error: bool = True, category: type[Warning] = UserWarning) -> Any:
        def call() -> None:
            warnings.warn(text, category, stacklevel=2)
            if error:
                raise ValueError(text)

        return observed(call)

    same_words(says("no: it is 3"), says("no"))
    same_words(says("no", error=False), says("no", error=False))
    for mine, its in (
        (says("it is 3: no"), says("no")),
        (says("no", error=False), says("no")),
        (says("no", category=FutureWarning), says("no")),
        (observed(int, "no"), says("no")),
        (observed(int), observed(int)),
    ):
        with pytest.raises((AssertionError, ValueError)):
            same_words(mine, its)


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    one = torch.ones(3)
    near = torch.nextafter(one, one + 1)
    same(one, near, ulp=1)
    for other in (near, one.double(), one[:2], one.numpy(), one * torch.inf):
        with pytest.raises(AssertionError):
            same(one, other)
    with pytest.raises(AssertionError):
        same(one.double(), torch.nextafter(one.double(), one.double() + 1), ulp=1)
