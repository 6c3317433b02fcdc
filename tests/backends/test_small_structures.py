"""Small structures in one compiled loop: the numbers of the general way to the bit, and those of brute force."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import fastseg
from fastseg import threads
from fastseg.backends import numba as numba_backend
from fastseg.backends import scipy as scipy_backend
from fastseg.backends.numba import batches, small_structures
from fastseg.backends.shared.volume import Volume
from fastseg.measures.many_distributions import OneOfMany
from fastseg.measures.regions import ManyRegions, Region, Request
from tests.oracle import hard_cases, naive

Array = NDArray[Any]
SPACINGS = {1: (1.7,), 2: (0.9, 2.5), 3: (2.5, 0.9766, 0.31)}
DISTANCES = frozenset(("surface_distributions",))
ALL = DISTANCES | {"band_overlap"}
LISTS = frozenset(("surface_distances",))


@contextmanager
def one_by_one() -> Iterator[None]:
    """No structure is small."""
    with mock.patch.object(batches, "_MOST_WORDS", 0):
        yield


def rows(reference: Array, prediction: Array, **options: Any) -> list[dict[str, Any]]:
    return fastseg.evaluate(reference, prediction, backend="numba", **options).to_dict()


def assert_as_one_by_one(reference: Array, prediction: Array, **options: Any) -> None:
    """Every value has the same bits, as text has them."""
    together = rows(reference, prediction, **options)
    with one_by_one():
        alone = rows(reference, prediction, **options)
    assert list(map(repr, together)) == list(map(repr, alone))


def structures(
    shape: tuple[int, ...], n: int, dtype: Any = np.uint16, apart: int = 2, seed: int = 0
) -> tuple[Array, Array]:
    """So many boxes with holes, each moved by up to `apart` voxels in the prediction; later ones cover earlier ones."""
    rng = np.random.default_rng(seed)
    reference, prediction = np.zeros(shape, dtype), np.zeros(shape, dtype)
    for label in range(1, n + 1):
        size = np.minimum(rng.integers(1, 11, len(shape)), shape)
        start = rng.integers(0, np.array(shape) - size + 1)
        moved = np.clip(
            start + rng.integers(-apart, apart + 1, len(shape)), 0, np.array(shape) - size
        )
        for labels, corner in ((reference, start), (prediction, moved)):
            labels[tuple(map(slice, corner, corner + size))] = label
    reference[rng.random(shape) < 0.1] = 0
    return reference, prediction


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_hard_pairs_have_the_bits_of_the_general_way(ndim: int) -> None:
    for name, reference, prediction in hard_cases.hard_pairs(ndim):
        for spacing in (None, SPACINGS[ndim]):
            try:
                assert_as_one_by_one(reference, prediction, spacing=spacing, tolerance=1.9)
            except AssertionError as error:
                raise AssertionError(name) from error


@pytest.mark.filterwarnings("ignore::fastseg.InputWarning")  # some have no label in common
def test_label_maps_of_every_type_and_memory_order() -> None:
    for name, reference, prediction in hard_cases.label_pairs():
        for method in ("max_of_directions", "pooled"):
            try:
                assert_as_one_by_one(
                    reference, prediction, spacing=SPACINGS[3], percentile_method=method
                )
            except AssertionError as error:
                raise AssertionError(name) from error
    reference, prediction = structures((12, 20, 70), 12, np.int32)
    expected = rows(reference, prediction, spacing=SPACINGS[3])
    for name, first in hard_cases.layouts(reference):
        second = dict(hard_cases.layouts(prediction))[name]
        assert rows(first, second, spacing=SPACINGS[3]) == expected, name
        assert_as_one_by_one(first, second, spacing=SPACINGS[3])


@given(hard_cases.mask_pairs(), st.data())
def test_any_pair_has_the_numbers_of_brute_force(
    pair: tuple[Array, Array], data: st.DataObject
) -> None:
    reference, prediction = pair
    if not (reference.any() and prediction.any()):
        return
    spacing = data.draw(hard_cases.spacings(reference.ndim))
    found = fastseg.evaluate(
        reference, prediction, spacing=spacing, single_slice="volume", tolerance=1.5
    )
    expected = naive.measured_row(reference, prediction, spacing, "voxel", "max_of_directions", 1.5)
    for name, value in expected.items():
        assert found[1][name] == pytest.approx(value, rel=1e-12, abs=1e-12), name


@pytest.mark.parametrize("shape", [(90,), (90, 80), (30, 40, 90)])
@pytest.mark.parametrize("apart", [0, 2, 25])
def test_many_structures_near_and_far(shape: tuple[int, ...], apart: int) -> None:
    """Among them those that touch the edges, that hide each other, and that no offset leads to."""
    for seed, spacing in enumerate((None, SPACINGS[len(shape)], (1e-3, *SPACINGS[len(shape)][1:]))):
        pair = structures(shape, 60, apart=apart, seed=seed)
        assert_as_one_by_one(*pair, spacing=spacing)


def test_regions_two_sides_tolerances_and_an_ignored_label() -> None:
    pair = structures((30, 40, 50), 40, apart=4)
    regions = {
        "a": (1, 2, 3),
        "b": 4,
        "c": {"reference": (5, 6), "prediction": (7, 8, 9)},
        "none": 99,
    }
    assert_as_one_by_one(*pair, labels=regions)
    assert_as_one_by_one(*pair, labels=range(1, 41), ignore_label=41)
    assert_as_one_by_one(*pair, ignore_label=3)
    tolerances = {"default": 1.0, **{str(label): 0.25 * label for label in range(1, 41)}}
    assert_as_one_by_one(*pair, tolerance=tolerances)
    assert_as_one_by_one(*pair, tolerance=0)
    for empty in ("nan", "diagonal", "perfect", {"hd95": 7}):
        assert_as_one_by_one(*pair, labels=range(1, 60), empty=empty)


def test_what_is_not_wanted_is_not_measured() -> None:
    reference, prediction = structures((20, 20, 20), 12)
    regions = [Region((label,), (label,), (slice(0, 20),) * 3, 1.0) for label in range(1, 13)]
    for wanted in (
        *(DISTANCES, frozenset(("band_overlap",)), ALL),
        *(LISTS, LISTS | {"band_overlap"}, LISTS | ALL),
    ):
        for found in numba_backend.measure(
            reference, prediction, regions, Request(wanted, (1.0,) * 3)
        ):
            assert set(found) == wanted


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("order", ["C", "F"])
def test_lists_of_distances_are_in_the_order_of_the_volume(ndim: int, order: Any) -> None:
    """As one by one, to the bit, also those that the loop leaves. SciPy goes through all in C order."""
    reference, prediction = structures((90, 80, 20)[:ndim], 30, apart=12)
    pair = np.asarray(reference, order=order), np.asarray(prediction, order=order)
    whole = tuple(slice(0, size) for size in reference.shape)
    regions = [
        Region((label,), (label,), whole)
        for label in range(1, 31)
        if (reference == label).any() and (prediction == label).any()
    ]
    for spacing in ((1.0,) * ndim, SPACINGS[ndim]):
        for changed in ({}, {"_MOST_PAIRS": 400}, {"_MOST_WORDS": 0}):
            with limits(**changed):
                found = numba_backend.measure(*pair, regions, Request(LISTS, spacing))
            for region, one in zip(regions, found, strict=True):
                listed = one["surface_distances"]
                expected = numba_backend.surface_distances(*pair, region, spacing, "voxel")
                np.testing.assert_array_equal(
                    listed.reference_to_prediction, expected.reference_to_prediction
                )
                np.testing.assert_array_equal(
                    listed.prediction_to_reference, expected.prediction_to_reference
                )
            alone = scipy_backend.measure(*pair, regions[:2], Request(LISTS, spacing))
            for one, other in zip(alone if order == "C" else [], found, strict=False):
                np.testing.assert_array_equal(
                    one["surface_distances"].reference_to_prediction,
                    other["surface_distances"].reference_to_prediction,
                )
            one_way = numba_backend.measure(*pair, regions, Request(LISTS, spacing, one_way=True))
            for one, both in zip(one_way, found, strict=True):
                np.testing.assert_array_equal(
                    one["surface_distances"].prediction_to_reference,
                    both["surface_distances"].prediction_to_reference,
                )


@contextmanager
def limits(**changed: int) -> Iterator[None]:
    """Other limits of the loop."""
    with ExitStack() as stack:
        for name, value in changed.items():
            module = batches if hasattr(batches, name) else small_structures
            stack.enter_context(mock.patch.object(module, name, value))
        yield


def small_and_others(pair: tuple[Array, Array], regions: Any, **changed: int) -> list[bool]:
    """Which of some regions the loop has measured."""
    with limits(**changed):
        candidates = batches.Candidates((Volume.of(pair[0]), Volume.of(pair[1])), regions)
        found = small_structures.measure(candidates, Request(ALL, (1.0,) * 3))
    return [measured is not None for measured in found]


def test_large_structures_and_those_with_too_many_pairs_are_left() -> None:
    reference, prediction = np.zeros((2, 40, 90, 150), np.uint8)
    reference[2:38, 5:80, 60:140] = 1
    reference[:5, :5, :5], prediction[:5, :5, 3:9] = 2, 2  # near
    reference[10:15, 1:6, :5], prediction[10:15, 1:6, 40:45] = 3, 3  # far
    prediction[reference == 1] = 1
    pair = reference, prediction
    boxes = [
        (slice(0, 40), slice(0, 90), slice(0, 150)),
        *[(slice(0, 20), slice(0, 8), slice(0, 50))] * 2,
    ]
    regions = [Region((label,), (label,), box, 1.0) for label, box in enumerate(boxes, start=1)]
    assert small_and_others(pair, regions) == [False, True, True]
    assert small_and_others(pair, regions, _MOST_PAIRS=100) == [False, True, False]
    assert small_and_others(pair, regions, _MOST_PLACES=10) == [False, True, False]
    assert small_and_others(pair, regions, _MOST_WORDS=0) == [False, False, False]
    expected = rows(*pair)
    for changed in (
        {"_MOST_PAIRS": 100},
        {"_MOST_PLACES": 10},
        {"_MANY": 1},
        {"_MOST_WORDS": 1 << 30},
    ):
        with limits(**changed):
            assert rows(*pair) == expected
    assert_as_one_by_one(*pair, tolerance=40)  # whose ball has too many offsets


def test_nothing_depends_on_how_structures_are_cut_into_chunks() -> None:
    pair = structures((40, 60, 80), 120, apart=6)
    expected = rows(*pair, spacing=SPACINGS[3])
    assert len(expected) > 100
    before = threads.get_num_threads()
    try:
        for n in (1, 2, 3, 7):
            fastseg.set_num_threads(n)
            for words in (1, 100, 1 << 20):
                with (
                    mock.patch.object(batches, "_CHUNK_WORDS", words),
                    mock.patch.object(small_structures, "COST_OF_A_WORD", 1 << 20),
                ):
                    assert rows(*pair, spacing=SPACINGS[3]) == expected
    finally:
        fastseg.set_num_threads(before)


def test_room_for_what_is_found_is_made_where_it_does_not_suffice() -> None:
    """Structures of which all distances differ fill the room for ten of them again and again."""
    pair = structures((40, 60, 80), 100, apart=8)
    expected = rows(*pair, spacing=(1.0, 1.234, 1.432))
    with mock.patch.object(small_structures, "_MOST_PLACES", 600):
        assert rows(*pair, spacing=(1.0, 1.234, 1.432)) == expected
    assert_as_one_by_one(*pair, spacing=(1.0, 1.234, 1.432))


def test_many_regions_are_a_sequence_of_regions() -> None:
    starts, stops = np.array([[0, 1], [2, 3], [4, 5]]), np.array([[2, 3], [4, 5], [6, 7]])
    many = ManyRegions([(1,), (2,), (3,)], [(1,), (2,), (4, 5)], starts, stops, [0.0, 1.0, 2.0])
    expected = [
        Region((1,), (1,), (slice(0, 2), slice(1, 3)), 0.0),
        Region((2,), (2,), (slice(2, 4), slice(3, 5)), 1.0),
        Region((3,), (4, 5), (slice(4, 6), slice(5, 7)), 2.0),
    ]
    assert list(many) == expected
    assert many[1:] == expected[1:]
    assert len(many) == 3


def test_metrics_of_many_are_asked_for_by_structure() -> None:
    reference, prediction = structures((30, 30, 30), 20)
    regions = [Region((label,), (label,), (slice(0, 30),) * 3, 1.0) for label in range(1, 21)]
    found = numba_backend.measure(reference, prediction, regions, Request(DISTANCES, (1.0,) * 3))
    several = [one["surface_distributions"] for one in found]
    assert all(isinstance(one, OneOfMany) for one in several)
