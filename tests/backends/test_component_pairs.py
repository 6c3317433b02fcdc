"""Components of two maps beside each other: from runs, and from volumes that SciPy has numbered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastseg import threads
from fastseg.backends import numba, scipy
from fastseg.backends.numba.component_pairs import RunPair
from fastseg.measures.component_pairs import PaintedPair
from fastseg.measures.regions import Region, Request


def maps(seed: int) -> tuple[Any, Any, int, Region | None]:
    """Noise of 1 to 3 axes in either memory order: masks, label maps, nothing, and regions of labels."""
    rng = np.random.default_rng(seed)
    ndim = int(rng.integers(1, 4))
    shape = tuple(rng.integers(1, (0, 300, 70, 30)[ndim], ndim).tolist())
    if ndim == 3 and seed % 5 == 0:
        shape = (*shape[:2], int(rng.integers(60, 200)))
    labels = int(rng.choice([1, 1, 3]))
    share = rng.choice([0.02, 0.1, 0.3, 0.6])
    first, second = (
        ((rng.random(shape) < share) * rng.integers(1, labels + 1, shape)).astype(np.uint8)
        for _ in range(2)
    )
    if seed % 3 == 0:
        second = np.where(rng.random(shape) < 0.8, first, second)
    if seed % 11 == 0:
        first[...] = 0
    if seed % 4 == 0:
        first, second = np.asfortranarray(first), np.asfortranarray(second)
    region = None
    if labels == 1 and seed % 2:
        first, second = first.astype(bool), second.astype(bool)
    elif seed % 2:
        region = Region((1, 3), (2, 3))
    return first, second, int(rng.integers(1, ndim + 1)), region


@pytest.mark.parametrize("n_threads", [1, 3])
def test_both_backends_tell_the_same(n_threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if n_threads > 1:
        monkeypatch.setattr(
            threads, "slabs", lambda n, *_: [(0, n // 3), (n // 3, n)][not n // 3 :]
        )
    kinds = set()
    for seed in range(80):
        first, second, connectivity, region = maps(seed)
        arguments = first, second, connectivity, region
        found, expected = (one.component_pair(*arguments) for one in (numba, scipy))
        kinds.add(type(found))
        assert found.counts == expected.counts
        for one, other in zip(found.painted(), expected.painted(), strict=True):
            assert_array_equal(one, other)
        for field in ("reference_labels", "prediction_labels", "counts", "starts", "stops"):
            one, other = (getattr(pair.histogram, field) for pair in (found, expected))
            assert_array_equal(one, other, err_msg=f"{field} of {seed}")
    assert kinds == {RunPair, PaintedPair}


@pytest.mark.parametrize("small", [True, False])
def test_what_is_measured_is_that_of_painted_volumes(
    small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small ones go through one loop; of others masks are taken out."""
    if not small:
        monkeypatch.setattr("fastseg.backends.numba.batches._MOST_WORDS", 0)
    rng = np.random.default_rng(1)
    compared = 0
    for seed in range(60):
        first, second, connectivity, region = maps(seed)
        pair = numba.component_pair(first, second, connectivity, region)
        if not all(pair.counts):
            continue
        regions = []
        for _ in range(6):
            own, others = (
                tuple((rng.permutation(n)[: rng.integers(1, 4)] + 1).tolist()) for n in pair.counts
            )
            regions.append(Region(own, others, pair.histogram.box(own, others), 1.0))
        spacing = tuple(rng.choice([0.5, 1.0, 2.0], first.ndim).tolist())
        request = Request(frozenset(("surface_distances", "band_overlap")), spacing)
        found, expected = (
            pair.measure(regions, request),
            numba.measure(*pair.painted(), regions, request),
        )
        for one, other in zip(found, expected, strict=True):
            assert one["band_overlap"] == other["band_overlap"]
            for direction in ("reference_to_prediction", "prediction_to_reference"):
                values = (getattr(two["surface_distances"], direction) for two in (one, other))
                assert_array_equal(*values)
            compared += 1
    assert compared > 200


def test_as_much_room_as_pairs_need() -> None:
    """More pairs than the kernel starts with."""
    rng = np.random.default_rng(2)
    masks = [np.zeros((40, 40, 130), bool) for _ in range(2)]
    for mask in masks:
        mask[::2, ::2, ::2] = rng.random((20, 20, 65)) < 0.5
    found, expected = (one.component_pair(*masks, 3) for one in (numba, scipy))
    assert min(found.counts) > 1 << 13
    assert_array_equal(found.histogram.counts, expected.histogram.counts)


def test_labels_are_told_where_there_is_one() -> None:
    mask, two = np.zeros((2, 5, 6, 64), np.uint8)
    mask[1, 2, 3:9], two[1, 2, 3], two[3, 2, 60] = 7, 1, 2
    assert numba.component_pair(mask, 2 * mask, 3).labels == (7, 14)
    assert numba.component_pair(mask, 0 * mask, 3).labels == (7, None)
    assert numba.component_pair(mask, two, 3).labels == (None, None)
    assert scipy.component_pair(mask, mask, 3).labels == (None, None)
