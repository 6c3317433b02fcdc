"""Sums of positions of labels, read from boxes and as runs, beside SciPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastseg.backends import numba, scipy
from fastseg.backends.numba import sums
from fastseg.backends.shared.volume import Volume
from fastseg.measures.label_sides import LabelBoxes


def boxes_of(labels: np.ndarray[Any, Any]) -> LabelBoxes:
    """Find the boxes of all labels but 0."""
    [side, _] = numba.joint_histogram(labels, labels).sides
    kept = side.labels != 0
    starts, stops = side.boxes
    return LabelBoxes(side.labels[kept], starts[kept], stops[kept])


@pytest.mark.parametrize("shape", [(50_000,), (500, 400), (64, 61, 80)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("dtype", "least"), [("u2", 1), ("i2", -150), ("u8", 2**63), ("i4", -9)])
@pytest.mark.parametrize("widest", [3, 12])
def test_small_labels_are_read_from_their_boxes(
    shape: tuple[int, ...], order: Any, dtype: str, least: int, widest: int
) -> None:
    rng = np.random.default_rng(widest)
    labels = np.zeros(shape, dtype, order=order)
    for number in range(300):
        start = [int(rng.integers(0, size)) for size in shape]
        stop = [at + int(rng.integers(1, widest if at_x else 4)) for at_x, at in enumerate(start)]
        labels[tuple(map(slice, start, stop))] = np.array(least + number, dtype)
    boxes = boxes_of(labels)
    # sums of what is split over a wide box are found as runs
    assert (sums._of_small_ones(Volume.of(labels), boxes) is not None) or widest == 12
    own, found = numba.position_sums(labels, boxes)
    runs_of, runs = numba.position_sums(labels)
    np.testing.assert_array_equal(own, runs_of)
    np.testing.assert_array_equal(found, runs)
    if labels.size < 300_000 and dtype == "u2":
        known, expected = scipy.position_sums(labels, boxes)
        np.testing.assert_array_equal(own, known)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("n", [10, 300])
def test_few_or_large_ones_are_found_as_runs(n: int) -> None:
    labels = np.arange(n).repeat(20).reshape(-1, 20)
    assert sums._of_small_ones(Volume.of(labels), boxes_of(labels)) is None
