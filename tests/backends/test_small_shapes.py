"""Shapes, topology and skeletons of small structures in compiled loops: as found one by one, and by SciPy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
from fastseg import threads
from fastseg.backends import numba as numba_backend
from fastseg.backends import scipy as scipy_backend
from fastseg.backends.numba import batches, small_shapes, small_skeletons
from fastseg.backends.shared.volume import Volume
from fastseg.measures.many_shapes import OneShapePair
from fastseg.measures.regions import Measured, Region, Request
from fastseg.metrics import list_metrics
from fastseg_kernels.cpu import structure_shapes
from tests.backends.test_small_structures import SPACINGS, one_by_one, structures
from tests.oracle import hard_cases

Array = NDArray[Any]
KINDS = frozenset(("topology", "face_topology", "shape"))
GROUPS = ["shape", "topology", "euler_error_faces", "betti_1_error_faces"]


def plain(found: Measured) -> str:
    """All that was measured, as text has its bits."""
    values: list[Any] = [found[name] for name in sorted(found) if name != "shape"]
    if "shape" in found:
        pair = found["shape"]
        values += [pair.areas, pair.crofton_areas, pair.center_distance, pair.mahalanobis]
    return repr(values)


def kinds_of(ndim: int) -> frozenset[str]:
    return KINDS | {"skeleton_overlap"} if ndim > 1 else KINDS


def assert_one_by_one_and_in_scipy(reference: Array, prediction: Array) -> None:
    """Both masks as one structure: in the loops, alone or as if among many, and by other ways."""
    ndim = reference.ndim
    request = Request(kinds_of(ndim), SPACINGS[ndim])
    [found] = numba_backend.measure(reference, prediction, [Region()], request)
    with one_by_one():
        [alone] = numba_backend.measure(reference, prediction, [Region()], request)
    with mock.patch.object(small_shapes, "_MANY", 1):
        [of_many] = numba_backend.measure(reference, prediction, [Region()], request)
    [by_scipy] = scipy_backend.measure(reference, prediction, [Region()], request)
    assert isinstance(of_many["shape"], OneShapePair)
    assert plain(found) == plain(alone) == plain(of_many) == plain(by_scipy)
    for side in ("reference", "prediction"):
        shapes = [getattr(each["shape"], side) for each in (found, alone, by_scipy)]
        assert len({(one.size, one.sums, one.products, *one.codes) for one in shapes}) == 1


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_hard_pairs(ndim: int) -> None:
    for place, (name, reference, prediction) in enumerate(hard_cases.hard_pairs(ndim)):
        order = np.asfortranarray if place % 2 else np.ascontiguousarray
        try:
            assert_one_by_one_and_in_scipy(order(reference), order(prediction))
        except AssertionError as error:
            raise AssertionError(name) from error


def noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """White noise, or blobs with holes and tunnels."""
    values = rng.random(shape)
    if rng.random() < 0.6:
        values = ndimage.gaussian_filter(values, rng.choice([0.7, 1.5, 3]))
    return np.asarray(values > np.quantile(values, rng.choice([0.2, 0.4, 0.5, 0.7, 0.9])))


@pytest.mark.slow
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_random_masks(ndim: int) -> None:
    rng = np.random.default_rng(ndim)
    for case in range(80):
        shape = tuple(rng.integers(1, {1: 300, 2: 90, 3: 22}[ndim], ndim).tolist())
        pair = noise(rng, shape), noise(rng, shape)
        if case % 2:
            pair = np.asfortranarray(pair[0]), np.asfortranarray(pair[1])
        assert_one_by_one_and_in_scipy(*pair)


def rows(reference: Array, prediction: Array, **options: Any) -> list[str]:
    found = fastseg.evaluate(reference, prediction, backend="numba", metrics=GROUPS, **options)
    return list(map(repr, found.to_dict()))


@contextmanager
def threads_at_work(n: int) -> Iterator[None]:
    before = threads.get_num_threads()
    fastseg.set_num_threads(n)
    try:
        yield
    finally:
        fastseg.set_num_threads(before)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(60, 90), (12, 40, 70)])
def test_many_structures_do_not_depend_on_chunks_threads_or_the_way(
    shape: tuple[int, ...], order: Any
) -> None:
    pair = structures(shape, 40)
    reference, prediction = (np.asarray(labels, order=order) for labels in pair)
    options: dict[str, Any] = {"spacing": SPACINGS[len(shape)], "ignore_label": 7}
    expected = rows(reference, prediction, **options)
    assert len(expected) > 20
    for n, words in ((1, 1), (2, 100), (3, 1 << 20)):
        with threads_at_work(n), mock.patch.object(batches, "_CHUNK_WORDS", words):
            assert rows(reference, prediction, **options) == expected
    with one_by_one():
        assert rows(reference, prediction, **options) == expected
    with mock.patch.object(batches, "_MOST_WORDS", 20):  # some of them
        assert rows(reference, prediction, **options) == expected


def test_components_are_measured_in_the_loops_too() -> None:
    reference, prediction = (labels > 0 for labels in structures((14, 40, 60), 12))
    metrics = [metric.name for of in ("shape", "topology") for metric in list_metrics(of)]

    def found() -> list[str]:
        evaluation = fastseg.evaluate_instances(reference, prediction, metrics=metrics)
        return list(map(repr, evaluation.to_dict()))

    together = found()
    with one_by_one():
        assert found() == together


def spiral(turns: int) -> Array:
    """A line that winds inwards, with a row between its windings."""
    side = 4 * turns + 1
    mask = np.zeros((side, side), bool)
    for turn in range(0, 2 * turns, 2):
        stop = side - turn
        mask[turn, turn:stop] = mask[turn:stop, stop - 1] = mask[stop - 1, turn:stop] = True
        mask[turn + 2 : stop, turn] = True
        mask[turn + 2, turn : turn + 3] = True
    return mask


def test_what_takes_too_many_sweeps_is_measured_by_itself() -> None:
    """Noise in a large box, a long spiral, and what lies around it."""
    rng = np.random.default_rng(3)
    masks = [rng.random((90, 90)) < 0.5, spiral(20), ~np.pad(spiral(20), 1)[:, :83]]
    with mock.patch.object(structure_shapes, "_LEAST_PATIENCE", 1 << 10):
        for mask in masks:
            assert_one_by_one_and_in_scipy(mask, np.roll(mask, 1, axis=0))
    pair = Volume.of(masks[1]), Volume.of(masks[1])
    candidates = batches.Candidates(pair, [Region()])
    request = Request(frozenset(("topology",)), (1.0, 1.0))
    [found] = small_shapes.measure(candidates, request)
    assert found == {}
    both = request._replace(measurements=frozenset(("topology", "shape")))
    [found] = small_shapes.measure(candidates, both)
    assert found is not None
    assert list(found) == ["shape"]


def test_large_structures_are_left() -> None:
    mask = np.ones((90, 90, 90), bool)
    candidates = batches.Candidates((Volume.of(mask), Volume.of(mask)), [Region()])
    for loop, name in ((small_shapes, "shape"), (small_skeletons, "skeleton_overlap")):
        request = Request(frozenset((name,)), (1.0,) * 3)
        with mock.patch.object(batches, "_MOST_WORDS", 100):
            assert loop.measure(candidates, request) == [None]


@pytest.mark.slow
@pytest.mark.parametrize("order", ["C", "F"])
def test_skeletons_of_large_structures_are_found_either_way(order: Any) -> None:
    pair = [np.asarray(mask, order=order) for mask in hard_cases.blob_pair((70, 90, 130), 5)]
    request = Request(frozenset(("skeleton_overlap",)), (1.0,) * 3)
    found = numba_backend.measure(pair[0], pair[1], [Region()], request)
    with one_by_one():
        assert numba_backend.measure(pair[0], pair[1], [Region()], request) == found


def test_areas_of_very_different_spacings_are_rounded_once() -> None:
    reference, prediction = structures((12, 30, 40), 20)
    for spacing in ((0.01, 1.0, 20.0), (0.1, 0.7, 1 / 3)):
        found = rows(reference, prediction, spacing=spacing)
        with mock.patch.object(small_shapes, "_MANY", 1 << 20):
            assert rows(reference, prediction, spacing=spacing) == found
