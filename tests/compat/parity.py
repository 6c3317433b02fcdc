"""What two calls give, and whether it is the same.

An exception of ours may be of a subclass of the host's: fastseg's own checks raise `fastseg.errors.InputError`, which
is a ValueError, so that whoever catches the host's type catches ours.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray


class Outcome(NamedTuple):
    """What a call gives: its result, or the type and text of its exception, and its warnings."""

    value: Any
    error: tuple[type[Exception], str] | None
    warned: list[tuple[type[Warning], str]]


def observed(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Outcome:
    """Call, and keep all that comes of it."""
    value, error = None, None
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            value = function(*args, **kwargs)
        except Exception as raised:
            error = type(raised), str(raised)
    return Outcome(value, error, [(each.category, str(each.message)) for each in told])


def outcome(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The result of a call, or the type of its exception. Warnings are the host's own business."""
    found = observed(function, *args, **kwargs)
    return found.error[0] if found.error else found.value


def warned(function: Callable[..., Any], *args: Any, **kwargs: Any) -> list[type[Warning]]:
    """The categories of the warnings of a call."""
    return [category for category, _ in observed(function, *args, **kwargs).warned]


def same(ours: Any, theirs: Any, *, ulp: int = 0, dtype: Any = np.float64) -> None:
    """Assert that two outcomes are equal: types, dtypes, shapes, values.

    Parameters
    ----------
    ours, theirs : object
        Arrays, tensors, numbers, exception types (ours may be a subclass), or tuples and lists of these.
    ulp : int
        How many units in the last place values may differ by; of tensors, those of float32 only.
    dtype : float64 or float32
        Whose units these are, for arrays and numbers.
    """
    assert type(ours) is type(theirs), f"{ours!r}, the host {theirs!r}"
    if isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for mine, its in zip(ours, theirs, strict=True):
            same(mine, its, ulp=ulp, dtype=dtype)
        return
    if isinstance(theirs, type):
        assert issubclass(ours, theirs), f"{ours!r}, the host {theirs!r}"
        return
    if hasattr(theirs, "as_subclass"):  # a tensor of PyTorch, which need not be installed
        assert ours.device == theirs.device
        assert ours.dtype == theirs.dtype
        first, second = _array(ours), _array(theirs)
        ulp = ulp if second.dtype == np.float32 else 0
    else:
        first, second = np.asarray(ours), np.asarray(theirs)
    assert (first.dtype, first.shape) == (second.dtype, second.shape)
    if first.dtype.kind != "f" or not ulp:
        np.testing.assert_array_equal(first, second)
        return
    special = ~(np.isfinite(first) & np.isfinite(second))
    np.testing.assert_array_equal(first[special], second[special])
    mine, its = first[~special], second[~special]
    if hasattr(theirs, "as_subclass"):
        np.testing.assert_array_max_ulp(mine, its, ulp)
        return
    far = np.abs(mine - its) > ulp * np.spacing(np.abs(its).astype(dtype))
    assert not far.any(), f"{mine[far][:5]}, the host {its[far][:5]}"


def same_error(ours: Outcome, theirs: Outcome) -> None:
    """Assert that either both calls gave a result or both an exception of the same text, ours of the host's type."""
    assert (ours.error is None) == (theirs.error is None), f"{ours.error}, the host {theirs.error}"
    if ours.error and theirs.error:
        same(ours.error[0], theirs.error[0])
        assert ours.error[1] == theirs.error[1]


def same_words(ours: Outcome, theirs: Outcome) -> None:
    """Assert that what is told begins with the host's words, as filters and `pytest.raises(match=...)` look for them.

    Both calls must raise or warn; exceptions of ours are of the host's type, warnings of its category.
    """
    assert theirs.error or theirs.warned, "the host has nothing to say"
    assert (ours.error is None) == (theirs.error is None), f"{ours.error}, the host {theirs.error}"
    told: list[tuple[type[Exception], str, type[Exception], str]] = [
        (kind, text, its_kind, its_text)
        for (kind, text), (its_kind, its_text) in zip(ours.warned, theirs.warned, strict=True)
    ]
    if ours.error and theirs.error:
        told.append((*ours.error, *theirs.error))
    for kind, text, its_kind, its_text in told:
        assert issubclass(kind, its_kind)
        assert text.startswith(its_text), f"{text!r}, the host {its_text!r}"


def _array(tensor: Any) -> NDArray[Any]:
    """The numbers of a tensor, also of one of a subclass, as MONAI's are."""
    torch: Any = sys.modules["torch"]
    return np.asarray(tensor.detach().as_subclass(torch.Tensor))


def count_calls(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[str]:
    """A list that grows by the function's name at every call of it; it does what it did."""
    calls: list[str] = []
    function = getattr(module, name)

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, counted)
    return calls
