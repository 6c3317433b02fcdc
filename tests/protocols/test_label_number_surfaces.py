"""Surfaces of lesion numbers beside what surface-distance does: a correlation in bytes, and whole transforms."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from scipy import ndimage

from fastseg import dispatch
from fastseg.inputs.structures import Structure
from fastseg.measures.distributions import Distribution
from fastseg.measures.surface_areas import surfel_measures
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.rules.label_number_surfaces import label_number_surfaces
from fastseg.protocols.rules.lesions import Lesions, Window

Array = np.ndarray[Any, Any]


def _codes(numbers: Array) -> Array:
    """Weigh the eight voxels before each corner, the first of which counts 128, and keep a byte."""
    weights = (128 >> np.arange(8)).reshape(2, 2, 2)
    padded = np.pad(numbers.astype(np.int64), 1)
    codes = np.zeros(np.array(numbers.shape) + 1, np.int64)
    for i, j, k in np.ndindex(2, 2, 2):
        nx, ny, nz = codes.shape
        codes += weights[i, j, k] * padded[i : i + nx, j : j + ny, k : k + nz]
    return codes % 256


def _naive(reference: Array, prediction: Array, spacing: tuple[float, ...]) -> list[Distribution]:
    areas = surfel_measures(spacing)
    mirrored = [int(f"{code:08b}"[::-1], 2) for code in range(256)]
    codes = [_codes(side) for side in (reference, prediction)]
    found = []
    for own, other in (codes, codes[::-1]):
        at = (own > 0) & (own < 255)
        targets = (other > 0) & (other < 255)
        away = np.full(own.shape, np.inf)
        if targets.any():
            away = ndimage.distance_transform_edt(~targets, sampling=spacing)
        found.append(Distribution.of(away[at], np.array([areas[mirrored[c]] for c in own[at]])))
    return found


@pytest.mark.parametrize("backend", ["numba", "scipy"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("numbers", [3, 600])
def test_as_a_correlation_in_bytes(backend: str, order: Literal["C", "F"], numbers: int) -> None:
    rng = np.random.default_rng(numbers)
    for shape, spacing in (
        ((7, 6, 9), (1.0, 1.0, 1.0)),
        ((1, 1, 1), (1.0, 1.0, 1.0)),
        ((5, 3, 70), (0.7, 1.3, 2.0)),
        ((3, 40, 12), (1.0, 0.3, 1.0)),
        ((60, 60, 60), (1.0, 1.1, 1.0)),
    ):
        masks = [(rng.random(shape) < density).astype(np.uint8) for density in (0.004, 0.02)]
        masks[0].flat[0] = masks[1].flat[-1] = 1
        masks = [np.asarray(mask, order=order) for mask in masks]
        _check(masks[0], masks[1], spacing, backend, rng, numbers)
        _check(masks[0], np.zeros_like(masks[0]), spacing, backend, rng, numbers)


def _check(
    reference: Array,
    prediction: Array,
    spacing: tuple[float, ...],
    backend: str,
    rng: np.random.Generator,
    numbers: int,
) -> None:
    pair = LabelPair(
        "",
        reference,
        prediction,
        spacing,
        (Structure("lesion", 1, (1,), (1,)),),
        dispatch.choose(("surface_distributions",), 3, backend),
    )
    window = Window.around(pair, ((1,), (1,)), 2)
    assert window is not None
    sides, maps = [], []
    for labels in (reference, prediction):
        found = Lesions.components(window, labels, (1,))
        number_of = rng.integers(1, numbers + 1, found.count + 1)
        number_of[0] = 0
        sides.append(found.renumbered(number_of))
        maps.append(np.asarray(window.along_xyz(sides[-1].labels)))
    surfaces = label_number_surfaces(sides[0], sides[1], spacing)
    for own, twin in zip(surfaces.distributions, _naive(maps[0], maps[1], spacing), strict=True):
        assert own.areas is not None
        assert twin.areas is not None
        np.testing.assert_array_equal(own.distances, twin.distances)
        np.testing.assert_array_equal(own.counts, twin.counts)
        np.testing.assert_array_equal(own.areas, twin.areas)
