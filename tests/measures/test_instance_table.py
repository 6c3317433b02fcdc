"""The table of instances, read off joint histograms of both backends, against counting voxel by voxel."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fastseg.backends import numba as numba_backend
from fastseg.backends import scipy as scipy_backend
from fastseg.backends.numba import histogram as driver
from fastseg.backends.numba.many_pairs import ManyPairs
from fastseg.measures.instance_table import InstanceTable
from tests.instances.instance_maps import KINDS

Map = NDArray[Any]
BACKENDS = [numba_backend, scipy_backend]


def check(table: InstanceTable, reference: Map, prediction: Map) -> None:
    for instances, labels in ((table.reference, reference), (table.prediction, prediction)):
        ids = [label for label in np.unique(labels).tolist() if label]
        assert instances.ids.tolist() == ids
        assert len(instances) == len(ids)
        for row, label in enumerate(ids):
            places = np.argwhere(labels == label)
            assert instances.sizes[row] == len(places)
            assert instances.starts[row].tolist() == places.min(axis=0).tolist()
            assert instances.stops[row].tolist() == (places.max(axis=0) + 1).tolist()
    pairs = {
        (row, column): int(np.count_nonzero((reference == first) & (prediction == second)))
        for row, first in enumerate(table.reference.ids)
        for column, second in enumerate(table.prediction.ids)
    }
    expected = {pair: voxels for pair, voxels in pairs.items() if voxels}
    rows = zip(table.reference_rows.tolist(), table.prediction_rows.tolist(), strict=True)
    assert list(rows) == sorted(expected)
    assert table.overlaps.tolist() == [expected[pair] for pair in sorted(expected)]
    for numbers in (table.reference_rows, table.prediction_rows, table.overlaps):
        assert numbers.dtype == np.int64
    assert_array_equal(table.reference_sizes, table.reference.sizes[table.reference_rows])
    assert_array_equal(table.prediction_sizes, table.prediction.sizes[table.prediction_rows])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_instances_and_pairs(kind: str, backend: Any) -> None:
    rng = np.random.default_rng(2)
    for _ in range(5):
        pair = KINDS[kind](rng)
        table = InstanceTable.of(backend.joint_histogram(*pair))
        check(table, *pair)
        check(table.transposed(), *pair[::-1])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_boxes_are_along_the_array_axes(backend: Any, order: Any) -> None:
    rng = np.random.default_rng(4)
    pair = [np.asarray(labels, order=order) for labels in KINDS["touching"](rng)]
    check(InstanceTable.of(backend.joint_histogram(*pair)), *pair)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("dtype", "least", "most"),
    [("int8", -3, 4), ("int64", -(2**63), 2**63 - 1), ("uint64", 1, 2**63 - 1), ("bool", 1, 1)],
)
def test_ids_of_every_type(backend: Any, dtype: str, least: int, most: int) -> None:
    rng = np.random.default_rng(5)
    choice = np.array([0, least, most], dtype)
    pair = choice[rng.integers(0, 3, (4, 5, 6))], choice[rng.integers(0, 3, (4, 5, 6))]
    table = InstanceTable.of(backend.joint_histogram(*pair))
    check(table, *pair)
    assert table.reference.ids.dtype == np.int64


def test_ids_beyond_int64_stay_what_they_are() -> None:
    pair = np.array([0, 1, 2**64 - 1], np.uint64), np.array([0, 2**63, 2**63], np.uint64)
    table = InstanceTable.of(scipy_backend.joint_histogram(*pair))
    assert table.reference.ids.tolist() == [1, 2**64 - 1]
    assert table.prediction.ids.tolist() == [2**63]
    assert table.overlaps.tolist() == [1, 1]


def test_boxes_of_many_pairs_are_found_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_MANY_PAIRS", 8)
    monkeypatch.setattr(driver, "_FEW_VOXELS", 1 << 40)
    rng = np.random.default_rng(6)
    pair = tuple(rng.integers(0, 60, (2, 20, 21, 70)).astype(np.uint32))
    histogram = numba_backend.joint_histogram(*pair)
    assert isinstance(histogram, ManyPairs)
    table = InstanceTable.of(histogram)
    assert "_boxes" not in histogram.__dict__
    sent = pickle.loads(pickle.dumps(table.reference))
    assert "_boxes" in histogram.__dict__
    for row, label in enumerate(table.reference.ids.tolist()):
        places = np.argwhere(pair[0] == label)
        assert sent.starts[row].tolist() == places.min(axis=0).tolist()
        assert sent.stops[row].tolist() == (places.max(axis=0) + 1).tolist()
