"""The joint histogram of maps with more pairs of labels than a table in the cache holds, against brute force."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends import numba as numba_backend
from fastseg.backends import scipy as scipy_backend
from fastseg.backends.numba import histogram as driver
from fastseg.backends.numba import many_pairs
from fastseg.backends.numba.many_pairs import ManyPairs
from fastseg.errors import InputError
from fastseg.measures.joint_histogram import JointHistogram
from fastseg_kernels.cpu import confusion

Array = NDArray[Any]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deal out runs for more than a few pairs, into small parts, in several readings."""
    monkeypatch.setattr(driver, "_MANY_PAIRS", 8)
    monkeypatch.setattr(driver, "_FEWEST_PAIRS", 8)
    monkeypatch.setattr(driver, "_FEW_VOXELS", 1 << 40)
    monkeypatch.setattr(many_pairs, "_RUNS_OF_PART", 16)
    monkeypatch.setattr(many_pairs, "_RUNS_AT_ONCE", 200)


def maps(kind: str, shape: tuple[int, ...]) -> tuple[Array, Array]:
    rng = np.random.default_rng(1)
    size = int(np.prod(shape))
    if kind == "random":
        return tuple(rng.integers(-30, 30, (2, *shape)).astype(np.int16))
    if kind == "each voxel its own pair":
        return rng.permutation(size).astype(np.uint32).reshape(shape), np.zeros(shape, np.uint32)
    if kind == "sorted":
        line = np.arange(size, dtype=np.int32).reshape(shape)
        return line, line[::-1].copy()
    if kind == "far apart":
        ids = rng.integers(0, 2**64 - 1, 40, dtype=np.uint64)
        return ids[rng.integers(0, 40, shape)], ids[rng.integers(0, 40, shape)]
    if kind == "one pair most often":
        labels = rng.integers(0, 2000, shape) * (rng.random(shape) < 0.2)
        return labels.astype(np.int64), labels.astype(np.int64)
    blocks = sum(i // 3 * 20**axis for axis, i in enumerate(np.indices(shape)))
    return blocks.astype(np.int32), np.roll(blocks, 1, -1).astype(np.int32)


def by_pair(histogram: JointHistogram) -> list[list[int]]:
    columns = histogram.reference_labels, histogram.prediction_labels, histogram.counts
    order = np.lexsort(columns[1::-1])
    boxes = histogram.starts[order].tolist(), histogram.stops[order].tolist()
    values = zip(*(column[order].tolist() for column in columns), *boxes, strict=True)
    return [list(row) for row in values]


KINDS = [
    *("random", "each voxel its own pair", "sorted"),
    *("far apart", "one pair most often", "blocks"),
]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(7, 9, 15), (40, 21), (700,), (1, 1, 300), (300, 1, 2)])
@pytest.mark.parametrize("kind", KINDS)
def test_like_the_reference(kind: str, shape: tuple[int, ...], order: Literal["C", "F"]) -> None:
    pair = [np.asarray(labels, order=order) for labels in maps(kind, shape)]
    found = numba_backend.joint_histogram(*pair)
    if kind != "blocks" and np.ndim(pair[0]) == 3 and max(shape) < 20:
        assert isinstance(found, ManyPairs)
    expected = scipy_backend.joint_histogram(*pair)
    assert by_pair(found) == by_pair(expected)
    assert found.labels == expected.labels
    assert found.counts.dtype == np.int64
    assert found.reference_labels.dtype == found.prediction_labels.dtype == pair[0].dtype
    label = int(pair[0].flat[0])
    assert found.box([label]) == expected.box([label])
    assert found.pair_counts([label]) == expected.pair_counts([label])
    assert by_pair(found.without(label)) == by_pair(expected.without(label))
    assert by_pair(found.shifted([5] * len(shape))) == by_pair(expected.shifted([5] * len(shape)))
    assert by_pair(replace(found, counts=2 * found.counts))[0][2] == 2 * by_pair(expected)[0][2]


@pytest.mark.parametrize("kind", KINDS)
def test_threads_change_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = maps(kind, (8, 11, 13))
    monkeypatch.setattr(threads, "LEAST_COST", 0)
    monkeypatch.setattr(threads.slabs, "__defaults__", (0, 0))
    monkeypatch.setattr(threads.run, "__defaults__", (1,))
    rows = []
    for n in (1, 2, 5):
        monkeypatch.setattr(threads, "_num_threads", n)
        monkeypatch.setattr(threads, "_pool", None)
        rows.append(by_pair(numba_backend.joint_histogram(*pair)))
    assert rows[0] == rows[1] == rows[2] == by_pair(scipy_backend.joint_histogram(*pair))


@pytest.mark.parametrize("few_voxels", [0, 2, 10, 100])
@pytest.mark.parametrize("kind", KINDS)
def test_pairs_that_come_again_stay_in_the_table(
    kind: str, few_voxels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever way is taken: the first rows decide, and the last ones may decide otherwise."""
    monkeypatch.setattr(driver, "_FEW_VOXELS", few_voxels)
    cells, others = (part.repeat(3, 0).repeat(3, 1) for part in maps(kind, (6, 7, 40)))
    for pair in ((cells, others), (cells[::-1], np.roll(others, 1, 0))):
        found = numba_backend.joint_histogram(*map(np.ascontiguousarray, pair))
        if few_voxels in (0, 100):
            assert isinstance(found, ManyPairs) == (few_voxels == 100)
        assert by_pair(found) == by_pair(scipy_backend.joint_histogram(*pair))


@pytest.mark.slow
@pytest.mark.parametrize("n", [5, 1 << 17, (1 << 17) + 1, 1 << 19])
def test_one_long_row(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A map of one axis is one row, which does not find room for as many pairs as it has voxels."""
    monkeypatch.setattr(many_pairs, "_RUNS_OF_PART", max(16, n >> 8))
    monkeypatch.setattr(many_pairs, "_RUNS_AT_ONCE", max(200, n >> 4))  # a few readings
    line = np.arange(max(n, confusion.LONG_ROW + 1), dtype=np.int64) % n
    if n > 5 and not hasattr(confusion.deal_runs[np.dtype(np.uint64)], "dispatcher"):
        pytest.skip("too long as plain Python")
    found = numba_backend.joint_histogram(line, line[::-1].copy())
    assert isinstance(found, ManyPairs) == (n > 1 << 17)
    keys, counts = np.unique(line * n + line[::-1], return_counts=True)
    pairs = np.divmod(keys, n)
    order = np.lexsort((found.prediction_labels, found.reference_labels))
    assert_array_equal(found.reference_labels[order], pairs[0])
    assert_array_equal(found.prediction_labels[order], pairs[1])
    assert_array_equal(found.counts[order], counts)
    if n == line.size:
        assert_array_equal(found.starts[order, 0], line)
        assert_array_equal(found.stops[order, 0], line + 1)


@pytest.mark.parametrize("limit", [62, 63, 64, 65, 66])
def test_around_the_limit(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether pairs are few or many by then, and wherever the room ends, the answer is one."""
    monkeypatch.setattr(driver, "_MANY_PAIRS", limit)
    reference = np.arange(8 * 8 * 8, dtype=np.uint16).reshape(8, 8, 8)
    pair = reference % 65, reference % 7
    expected = by_pair(scipy_backend.joint_histogram(*pair))
    assert by_pair(numba_backend.joint_histogram(*pair)) == expected


def test_runs_longer_than_a_span_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: one run of 2^24 + 5 voxels among runs of one."""
    n = (1 << confusion.SPAN_BITS) + 5
    reference = np.zeros(n + 3000, np.uint16)
    reference[n:] = np.arange(1, 3001)
    monkeypatch.setattr(many_pairs, "_RUNS_OF_PART", 1 << 12)
    monkeypatch.setattr(many_pairs, "_RUNS_AT_ONCE", 1 << 22)
    places = np.zeros(2, np.int64)
    room = np.empty(reference.size, np.uint64), np.empty(reference.size + 4, np.uint64)
    line = reference.reshape(1, 1, -1)
    if not hasattr(confusion.deal_runs[line.dtype], "dispatcher"):
        pytest.skip("too long as plain Python")
    kernel = confusion.deal_runs[line.dtype]
    nothing = np.empty((0, 2), np.uint16), np.empty(0, np.uint64)
    kernel(line, line, 0, 1, 0, 63, *room, 0, 2, places, *nothing)
    assert places.sum() == 3002
    found = many_pairs.count_many_pairs(line, line, 0, boxes=True)
    first = int(np.flatnonzero(found[0] == 0)[0])
    assert (found[2][first], found[3][first, 2], found[4][first, 2]) == (n, 0, n)
    assert found[2].sum() == reference.size


def test_maps_that_change_before_their_boxes_are_found() -> None:
    reference, prediction = maps("random", (9, 9, 9))
    histogram = numba_backend.joint_histogram(reference, prediction)
    reference[:] = 1
    with pytest.raises(InputError, match="changed"):
        _ = histogram.starts


@pytest.mark.parametrize("few", [0, 1 << 20])
@pytest.mark.parametrize("labels", [None, [3, -7, 5], [900, 2, 2**70], [900], []])
def test_matrix(labels: list[int] | None, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a loop over the pairs and by array operations, for labels beyond the type of the maps, too."""
    monkeypatch.setattr("fastseg.measures.joint_histogram._FEW_PAIRS", few)
    reference, prediction = maps("random", (9, 10, 11))
    if labels == []:
        assert numba_backend.joint_histogram(reference, prediction).matrix([]).shape == (0, 0)
        return
    wanted = sorted({*reference.flat, *prediction.flat}) if labels is None else labels
    expected = [[int(((reference == a) & (prediction == b)).sum()) for b in wanted] for a in wanted]
    histogram = numba_backend.joint_histogram(reference, prediction)
    assert_array_equal(histogram.matrix(wanted), expected)


@pytest.mark.parametrize("shape", [(9, 3, 2), (2, 9, 3), (3, 2, 9), (9,)])
def test_an_axis_that_a_box_has_no_room_for(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Boxes of few pairs have 32 bits for an end of an axis; those of dealt runs have 64."""
    monkeypatch.setattr(confusion, "LONG_AXIS", 9)
    pair = maps("random", shape)
    found = numba_backend.joint_histogram(*pair)
    assert isinstance(found, ManyPairs)
    assert by_pair(found) == by_pair(scipy_backend.joint_histogram(*pair))
    monkeypatch.setattr(driver, "_MANY_PAIRS", 1 << 15)
    monkeypatch.setattr(confusion, "LONG_AXIS", 10)
    assert not isinstance(numba_backend.joint_histogram(*pair), ManyPairs)
