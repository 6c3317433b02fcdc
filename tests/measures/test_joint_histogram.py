"""What the joint histogram says of labels, regions and boxes, against counting voxels."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fastseg.backends import numba as numba_backend
from fastseg.backends import scipy as scipy_backend
from fastseg.measures import joint_histogram as measured
from fastseg.measures import label_sides
from fastseg.measures.joint_histogram import Counts, JointHistogram
from tests.oracle import naive

Array = NDArray[Any]

REFERENCE = np.array([[0, 1, 1, 2], [0, 1, 2, 2], [5, 0, 0, 0]])
PREDICTION = np.array([[0, 1, 2, 2], [1, 1, 1, 2], [5, 5, 0, 7]])


@pytest.fixture(autouse=True, params=["loop", "tables", "readings"], ids=lambda way: f"by {way}")
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look structures up in each of the ways that histograms of few, more and many pairs have."""
    limits = {"loop": (99, 99), "tables": (-1, 99), "readings": (-1, -1)}[request.param]
    monkeypatch.setattr(measured, "_VERY_FEW_PAIRS", limits[0])
    monkeypatch.setattr(measured, "_FEW_PAIRS", limits[0])
    monkeypatch.setattr(measured, "_MANY_PAIRS", limits[1])


@pytest.fixture(params=[numba_backend, scipy_backend])
def histogram(request: pytest.FixtureRequest) -> JointHistogram:
    counted: JointHistogram = request.param.joint_histogram(REFERENCE, PREDICTION)
    return counted


def boxed(mask: Array) -> tuple[slice, ...] | None:
    if not mask.any():
        return None
    ends = naive.boxes(mask.astype(int))[1]
    return tuple(slice(start, stop) for start, stop in ends)


def test_labels_and_total(histogram: JointHistogram) -> None:
    assert histogram.labels == [0, 1, 2, 5, 7]
    assert {type(label) for label in histogram.labels} == {int}
    assert histogram.total == 12


@pytest.mark.parametrize(
    "values",
    [*itertools.combinations((0, 1, 2, 5, 7, 99), 1), (1, 2), (2, 5, 7), (7, 99), (), (99, 98)],
)
def test_counts_and_boxes_of_a_structure(
    histogram: JointHistogram, values: tuple[int, ...]
) -> None:
    masks = np.isin(REFERENCE, values), np.isin(PREDICTION, values)
    assert histogram.pair_counts(values) == Counts(*naive.counts(*masks))
    assert histogram.box(values) == boxed(masks[0] | masks[1])


def test_sizes_of_labels(histogram: JointHistogram) -> None:
    for side, labels in (("reference", REFERENCE), ("prediction", PREDICTION)):
        expected = dict(
            zip(*(u.tolist() for u in np.unique(labels, return_counts=True)), strict=True)
        )
        found = histogram.sizes(side)  # type: ignore[arg-type]
        assert list(found.items()) == list(expected.items())
        assert {type(value) for item in found.items() for value in item} == {int}


def test_counts_are_python_integers(histogram: JointHistogram) -> None:
    assert {type(count) for count in histogram.pair_counts((1, 2))} == {int}
    box = histogram.box((1,))
    assert box is not None
    assert {type(end) for part in box for end in (part.start, part.stop)} == {int}


@pytest.mark.parametrize("ignored", [0, 1, 5, 99, None])
def test_without_a_label_of_the_reference(histogram: JointHistogram, ignored: int | None) -> None:
    left = histogram.without(ignored)
    keep = np.ones(REFERENCE.shape, bool)
    if ignored is not None:
        keep &= ignored != REFERENCE
    assert left.total == keep.sum()
    for value in (0, 1, 2, 5, 7):
        masks = [np.equal(labels, value) & keep for labels in (REFERENCE, PREDICTION)]
        assert left.pair_counts((value,))[:3] == naive.counts(*masks)[:3]
        assert left.pair_counts((value,)).tn == (keep & ~masks[0] & ~masks[1]).sum()
        assert left.box((value,)) == boxed(masks[0] | masks[1])
    assert histogram.total == 12  # the original is as it was


def test_without_all_voxels() -> None:
    constant = np.zeros((2, 3), np.uint8)
    nothing = scipy_backend.joint_histogram(constant, constant).without(0)
    assert nothing.total == 0
    assert nothing.labels == []
    assert nothing.pair_counts((0,)) == Counts(0, 0, 0, 0)
    assert nothing.box((0,)) is None
    assert_array_equal(nothing.matrix([0]), [[0]])


@pytest.mark.parametrize("labels", [[0, 1, 2, 5, 7], [7, 1], [3, 2], [], [99]])
def test_matrix(histogram: JointHistogram, labels: list[int]) -> None:
    expected = [
        [
            np.count_nonzero(np.equal(REFERENCE, row) & np.equal(PREDICTION, column))
            for column in labels
        ]
        for row in labels
    ]
    matrix = histogram.matrix(labels)
    assert_array_equal(matrix, np.array(expected).reshape(len(labels), len(labels)))
    assert matrix.dtype == np.int64


def test_labels_that_floats_would_merge() -> None:
    near = np.array([[2**53, 2**53 + 1, 2**53 + 2, 2**63 + 1]], np.uint64)
    shifted = np.roll(near, 1)
    for module in (numba_backend, scipy_backend):
        histogram = module.joint_histogram(near, shifted)
        assert histogram.labels == near.ravel().tolist()
        for value in near.ravel().tolist():
            assert histogram.pair_counts((value,)) == Counts(0, 1, 1, 2)
        assert histogram.pair_counts((2**53 + 1, 2**53)) == Counts(1, 1, 1, 1)


@given(cuts=st.lists(st.integers(0, 40), max_size=5), seed=st.integers(0, 1000))
def test_parts_merge_to_the_whole(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, prediction = rng.integers(-3, 3, (2, 40, 5)).astype(np.int16)
    whole = scipy_backend.joint_histogram(reference, prediction)
    edges = sorted({0, 40, *cuts})
    parts = []
    for start, stop in itertools.pairwise(edges):
        part = numba_backend.joint_histogram(
            np.ascontiguousarray(reference[start:stop]),
            np.ascontiguousarray(prediction[start:stop]),
        )
        offset = np.array([start, 0])
        parts.append(
            JointHistogram(
                part.reference_labels,
                part.prediction_labels,
                part.counts,
                part.starts + offset,
                part.stops + offset,
            )
        )
    merged = JointHistogram.merged(parts)
    for field in ("reference_labels", "prediction_labels", "counts", "starts", "stops"):
        order = np.lexsort((merged.prediction_labels, merged.reference_labels))
        assert_array_equal(getattr(merged, field)[order], getattr(whole, field), err_msg=field)


def test_one_part_is_the_whole(histogram: JointHistogram) -> None:
    assert JointHistogram.merged([histogram]) is histogram


def test_sums_are_computed_once_and_only_when_asked_for() -> None:
    histogram = scipy_backend.joint_histogram(REFERENCE, PREDICTION)
    assert "labels" not in vars(histogram)
    assert histogram.labels is histogram.labels is vars(histogram)["labels"]
    assert "All labels" in str(JointHistogram.labels.__doc__)


@pytest.mark.parametrize("ignored", [None, 0, 2])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, np.uint16, np.int64, np.uint64])
@pytest.mark.parametrize("module", [numba_backend, scipy_backend])
def test_many_structures_at_once(module: Any, dtype: Any, ignored: int | None) -> None:
    """Labels that are in both maps, in one of them, in none, beyond the type of the maps, and asked for twice."""
    rng = np.random.default_rng(2)
    low = -4 if np.issubdtype(dtype, np.signedinteger) else 0
    pair = rng.integers(low, 9, (2, 3, 4, 5)).astype(dtype)
    pair[1][pair[1] == pair[0].flat[0]] = 1
    histogram = module.joint_histogram(*pair).without(ignored)
    labels = [*range(-5, 12), 3, 255, 256, -129, 2**63 + 5, 2**64, -(2**70), 1]
    small = np.array(labels[:20], np.int64)
    for asked in (labels, tuple(labels[::-1]), small, small.astype(np.int16), [], small[:0]):
        listed = list(map(int, asked))
        counts = histogram.counts_of_each(asked)
        starts, stops = histogram.boxes_of_each(asked)
        assert {column.dtype for column in (*counts, starts, stops)} == {np.dtype(np.int64)}
        assert starts.shape == stops.shape == (len(listed), 3)
        for label, tp, fp, fn, start, stop in zip(listed, *counts, starts, stops, strict=True):
            assert (tp, fp, fn) == histogram.pair_counts([label])[:3]
            box = histogram.box([label])
            expected = [[0, 0]] * 3 if box is None else [[s.start, s.stop] for s in box]
            assert np.stack([start, stop], 1).tolist() == expected
    if np.issubdtype(dtype, np.unsignedinteger):
        own = np.arange(9).astype(dtype)
        assert_array_equal(histogram.counts_of_each(own), histogram.counts_of_each(list(range(9))))


def test_many_structures_of_nothing() -> None:
    constant = np.zeros((2, 3), np.uint8)
    nothing = scipy_backend.joint_histogram(constant, constant).without(0)
    assert_array_equal(nothing.counts_of_each([0, 1]), np.zeros((3, 2)))
    assert_array_equal(nothing.boxes_of_each([0, 1]), np.zeros((2, 2, 2)))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint32, np.int32, np.int64, np.uint64])
@pytest.mark.parametrize("span", [1, 100, 2**31, 2**53, 2**54, 2**55, 2**63, 2**64 - 1])
@pytest.mark.parametrize("n", [0, 1, 511, 512, 700])
def test_order_of_labels(dtype: Any, span: int, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels and their indices fit into words together, or do not: both limits are passed."""
    monkeypatch.setattr(label_sides, "_WORTH_PACKING", 1)
    limits = np.iinfo(dtype)
    low = max(limits.min, -(span // 2))
    high = min(limits.max, low + span)
    labels = np.random.default_rng(n).integers(low, high, n, dtype, endpoint=True)
    labels[: n // 2] = labels[n // 2 : n // 2 * 2]  # each twice
    labels[:2] = [low, high][:n]
    assert_array_equal(label_sides.order_of(labels), np.argsort(labels, kind="stable"))
