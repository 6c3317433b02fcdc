"""A map that is needed as one array: from memory, or window by window, and never one that was rounded to nothing."""

from __future__ import annotations

import numpy as np
import pytest

import fastseg
from fastseg.inputs.source import ArraySource, ConvertedSource, whole_map


def test_a_map_in_memory_is_itself() -> None:
    labels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert whole_map(ArraySource(labels), "instances") is labels


def test_a_map_that_is_read_in_windows_is_read_whole() -> None:
    stored = np.array([[0, 1.0], [2, 0]])
    np.testing.assert_array_equal(whole_map(ConvertedSource(stored), "instances"), stored)
    assert not whole_map(ConvertedSource(0 * stored), "instances").any()


def test_what_was_rounded_to_nothing_is_refused() -> None:
    with pytest.raises(fastseg.InputError):
        whole_map(ConvertedSource(np.full((2, 2), 1e-8), name="it"), "protocols")
