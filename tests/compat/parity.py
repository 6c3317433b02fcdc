"""What two calls give, and whether it is the same."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np


def outcome(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call gives: its result, or the type of its exception. Warnings are the host's own business."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*args, **kwargs)
        except Exception as error:
            return type(error)


def warned(function: Callable[..., Any], *args: Any, **kwargs: Any) -> list[type[Warning]]:
    """The categories of the warnings of a call."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with contextlib.suppress(Exception):  # outcomes are compared elsewhere
            function(*args, **kwargs)
    return [warning.category for warning in told]


def same(ours: Any, theirs: Any, *, ulp: int = 0, dtype: Any = np.float64) -> None:
    """Assert that two outcomes are equal: types, dtypes, shapes, values.

    Parameters
    ----------
    ours, theirs : object
        Arrays, numbers, exception types, or tuples and lists of these.
    ulp : int
        How many units in the last place values may differ by.
    dtype : float64 or float32
        Whose units these are.
    """
    assert type(ours) is type(theirs), f"{ours!r}, the host {theirs!r}"
    if isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for mine, its in zip(ours, theirs, strict=True):
            same(mine, its, ulp=ulp, dtype=dtype)
        return
    if isinstance(theirs, type):
        assert ours is theirs
        return
    first, second = np.asarray(ours), np.asarray(theirs)
    assert (first.dtype, first.shape) == (second.dtype, second.shape)
    if first.dtype.kind != "f" or not ulp:
        np.testing.assert_array_equal(first, second)
        return
    np.testing.assert_array_equal(np.isnan(first), np.isnan(second))
    with np.errstate(invalid="ignore"):
        far = np.abs(first - second) > ulp * np.spacing(np.abs(second).astype(dtype))
    assert not far.any(), f"{first[far][:5]}, the host {second[far][:5]}"
