"""confusion_matrix() against brute force, with labels of every kind."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastseg
from tests.oracle import hard_cases as volumes
from tests.oracle import naive


@pytest.mark.parametrize(("name", "reference", "prediction"), list(volumes.label_pairs()))
def test_confusion_matrix(backend: str, name: str, reference: Any, prediction: Any) -> None:
    expected = naive.confusion(reference, prediction)
    labels = sorted({label for pair in expected for label in pair})
    matrix = fastseg.confusion_matrix(reference, prediction)
    assert matrix.dtype == np.int64
    assert_array_equal(matrix, [[expected.get((r, p), 0) for p in labels] for r in labels])
    some = labels[::-2]
    matrix = fastseg.confusion_matrix(reference, prediction, labels=some)
    assert_array_equal(matrix, [[expected.get((r, p), 0) for p in some] for r in some])


def test_labels_that_occur_nowhere_have_empty_rows(backend: str) -> None:
    matrix = fastseg.confusion_matrix([1, 2], [1, 1], labels=[7, 1, -3, 2**63])
    assert matrix.tolist() == [[0] * 4, [0, 1, 0, 0], [0] * 4, [0] * 4]
    assert fastseg.confusion_matrix([1, 2], [1, 1], labels=[]).shape == (0, 0)
    array: Any = np.array([2, 1])
    matrix = fastseg.confusion_matrix([1, 2], [1, 1], labels=array)
    assert matrix.tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([1, 1], r"each label once, got \[1, 1\]"),
        (np.array([1, 1]), r"each label once"),
        ([1.5], "1.5"),
        (["liver"], "'liver'"),
        ([math.nan], "nan"),
        ("12", "'12'"),
        (3, "3"),
    ],
)
def test_labels_that_are_none(labels: Any, told: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^labels: .*{told}"):
        fastseg.confusion_matrix([1, 2], [1, 2], labels=labels)
