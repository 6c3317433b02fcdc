"""What is pruned is a property of the data: threads, slabs, direction and place do not decide how much is left."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastseg
from fastseg.backends.numba import batches as _batches
from fastseg.backends.numba import nearest as _nearest
from tests.oracle import hard_cases

Mask = NDArray[np.bool_]
Masks = tuple[Mask, Mask]

SHAPE = (60, 52, 130)


def near() -> Masks:
    """Two blobs close together, and a false positive in a corner."""
    reference, prediction = hard_cases.blob_pair(SHAPE, 1)
    prediction[2:4, 2:4, 2:4] = True
    return reference, prediction


def shifted() -> Masks:
    reference, _ = hard_cases.blob_pair(SHAPE, 1)
    return reference, np.roll(reference, (7, 9, 11), (0, 1, 2))


def far() -> Masks:
    reference, prediction = np.zeros((2, *SHAPE), bool)
    reference[3:20, 5:22, 4:30] = True
    prediction[40:55, 30:48, 90:120] = True
    return reference, prediction


def sparse() -> Masks:
    reference, prediction = np.random.default_rng(8).random((2, *SHAPE)) < 0.001
    return reference, prediction


def noise() -> Masks:
    reference, prediction = np.random.default_rng(9).random((2, *SHAPE)) < 0.02
    return reference, prediction


FAMILIES = [near, shifted, far, sparse, noise]


@pytest.fixture
def searched(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[list[int], list[int], list[Any]]]:
    """Evaluate, and tell how many queries the shells have left, how many of these the rows, and the scores."""
    found: list[list[int]] = [[], []]
    search_further = _nearest._search_further

    def spy(searches: Any) -> None:
        search_further(searches)
        found[0] += [search.n_missed for search in searches]
        found[1] += [sum(stop - start for start, stop in search.unanswered) for search in searches]

    monkeypatch.setattr(_nearest, "_search_further", spy)
    monkeypatch.setattr(_batches, "_MOST_WORDS", 0)  # none goes another way

    def search(masks: Any, **options: Any) -> tuple[list[int], list[int], list[Any]]:
        found[:] = [], []
        metrics = options.pop("metrics", ("hd", "hd95", "assd", "nsd"))
        row = fastseg.evaluate(*masks, **{"metrics": metrics, "tolerance": 2, **options})[1]
        return found[0], found[1], [row[name] for name in metrics]

    return search


@pytest.mark.parametrize("spacing", [None, (2.5, 0.9766, 0.9766)])
@pytest.mark.parametrize("boundary", ["voxel", "surfel"])
@pytest.mark.parametrize("family", FAMILIES)
def test_threads_leave_as_much_to_the_next_step(
    family: Callable[[], Masks], boundary: str, spacing: Any, searched: Any, many_slabs: None
) -> None:
    masks, results = family(), []
    for n in (1, 2, 3, 7):
        fastseg.set_num_threads(n)
        results.append(searched(masks, spacing=spacing, boundary=boundary))
    assert results[0][0]  # something is left at all
    assert results.count(results[0]) == len(results)


@pytest.mark.parametrize("family", FAMILIES)
def test_any_direction_and_place_leaves_as_much(family: Callable[[], Masks], searched: Any) -> None:
    """Not about as much, but exactly: the queries that no offset leads to a target from."""
    masks = family()
    padded = [np.pad(mask, 3) for mask in masks]
    expected = searched(padded)[0]
    for order in itertools.permutations(range(3)):
        for flip in itertools.product((slice(None), slice(None, None, -1)), repeat=3):
            turned = [np.ascontiguousarray(mask.transpose(order)[flip]) for mask in padded]
            assert searched(turned)[0] == expected
    for roll in ((1, 2, -3), (-3, -2, 1), (2, -3, 3)):
        assert searched([np.roll(mask, roll, (0, 1, 2)) for mask in padded])[0] == expected
    assert searched([np.asfortranarray(mask) for mask in padded])[0] == expected


@pytest.mark.parametrize("spacing", [None, (2.5, 0.9766, 0.9766), (1e-3, 1.0, 1e3)])
@pytest.mark.parametrize("boundary", ["voxel", "surfel"])
@pytest.mark.parametrize("family", FAMILIES)
def test_nsd_alone_is_nsd_beside_others(
    family: Callable[[], Masks], boundary: str, spacing: Any, searched: Any
) -> None:
    """To the bit, wherever the tolerance lies: at a distance, beside one, at the last offset's, and beyond."""
    masks = family()
    offsets = _nearest.nearest_offsets(spacing or (1.0, 1.0, 1.0), 3, False)
    distances = np.unique(offsets.distances)
    some = [0, 1, 2, len(distances) // 2, -2, -1]
    at_the_last = [distances[-1] / (1 + 1e-6), np.nextafter(distances[-1] / (1 + 1e-6), 0)]
    beside_some = [1.3 * distances[1], 1.3 * distances[-1], 2 * distances[-1]]
    for tolerance in [*distances[some], *at_the_last, *beside_some]:
        options = {"spacing": spacing, "boundary": boundary, "tolerance": float(tolerance)}
        alone = searched(masks, metrics=["nsd"], **options)
        beside = searched(masks, metrics=["hd", "nsd"], **options)
        assert alone[2] == beside[2][1:]
        if boundary == "voxel" and tolerance * (1 + 2e-6) < distances[-1]:
            assert alone[0] == []  # no search beyond the offsets
        elif tolerance > distances[-1]:
            assert alone[0] == beside[0]


def test_nsd_alone_of_several_tolerances(searched: Any) -> None:
    """The largest decides how far is searched; and what has no other surface is not within any."""
    reference, prediction = far()
    labels = reference.astype(np.uint8), prediction.astype(np.uint8)
    for one in labels:
        one[3:7, 40:44, 3:60] = 2
    labels[1][6] = 0
    labels[0][50:53, :5, :70] = 3
    tolerances: dict[str | int, float] = {1: 30.0, 2: 0.5, 3: 5.0}
    alone = fastseg.evaluate(*labels, metrics="nsd", tolerance=tolerances)
    beside = fastseg.evaluate(*labels, metrics=["hd", "nsd"], tolerance=tolerances)
    for label in (1, 2, 3):
        assert alone[label]["nsd"] == beside[label]["nsd"]
    assert 0 < alone[2]["nsd"] < 1
    assert fastseg.evaluate(*labels, metrics="nsd", tolerance=66)[1]["nsd"] > 0
    assert alone[3]["nsd"] == 0
