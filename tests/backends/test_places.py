"""Where distances begin, as both backends tell it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.backends import numba, scipy
from fastseg.measures.regions import Region, Request

Array = np.ndarray[Any, Any]


def placed(backend: Any, maps: tuple[Array, Array], region: Region, spacing: Any) -> Any:
    request = Request(frozenset(("surface_places",)), spacing)
    [found] = backend.measure(*maps, [region], request)
    return found["surface_places"]


@pytest.mark.parametrize("shape", [(300,), (90, 150), (20, 30, 140), (3, 200, 70)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_both_backends_name_the_same_places(
    shape: tuple[int, ...], order: Any, boxed: bool, threads: int
) -> None:
    rng = np.random.default_rng(len(shape))
    ends = [(int(size * 0.6), size - 1) for size in shape]
    box = tuple(slice(*along) for along in ends)
    first, second = np.zeros((2, *shape), np.uint8)
    for one in (first, second):
        one[box] = rng.random(one[box].shape) < 0.8
    maps = np.asarray(first, order=order), np.asarray(second, order=order)
    spacing = (0.5, 2.0, 1.1)[: len(shape)]
    region = Region(box=box if boxed else None)
    before = fastseg.get_num_threads()
    fastseg.set_num_threads(threads)
    try:
        ours = placed(numba, maps, region, spacing)
    finally:
        fastseg.set_num_threads(before)
    twin = placed(scipy, maps, region, spacing)
    for side, name in ((0, "reference_to_prediction"), (1, "prediction_to_reference")):
        both = []
        for one in (ours, twin):
            places = one.places(side)
            distances = getattr(one.distances, name)
            within = one.within(1 - side, places)
            assert one.within(side, places).all()
            for chosen in (np.arange(5, 9), np.array([0]), np.array([3, len(places) - 1])):
                assert np.array_equal(one.places(side, chosen), places[chosen])
            rows = [*places.T, distances, within]
            both.append(np.array(rows)[:, np.lexsort(places.T[::-1])])
        assert np.array_equal(both[0], both[1])
    every = np.argwhere(np.ones([part.stop - part.start for part in box] if boxed else shape, bool))
    assert np.array_equal(ours.within(0, every), twin.within(0, every))
