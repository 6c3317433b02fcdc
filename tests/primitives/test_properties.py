"""What must hold of the distances of any two masks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

import fastseg
from fastseg.measures.surface_distances import Boundary
from tests.oracle import hard_cases as volumes
from tests.oracle import naive
from tests.primitives.common import reduced

Mask = NDArray[np.bool_]

BOUNDARIES: st.SearchStrategy[Boundary] = st.sampled_from(["voxel", "surfel", "vertex"])


def lists(distances: fastseg.SurfaceDistances) -> tuple[list[float], list[float]]:
    return (
        sorted(distances.reference_to_prediction.tolist()),
        sorted(distances.prediction_to_reference.tolist()),
    )


@given(pair=volumes.mask_pairs(), data=st.data())
def test_any_pair_is_the_oracles(pair: tuple[Mask, Mask], data: st.DataObject) -> None:
    spacing = data.draw(volumes.spacings(pair[0].ndim))
    boundary = data.draw(BOUNDARIES)
    found = fastseg.surface_distances(*pair, spacing=spacing, boundary=boundary)
    expected = naive.surface_distances(*pair, spacing, boundary)
    assert_array_equal(found.reference_to_prediction, expected[0])
    assert_array_equal(found.prediction_to_reference, expected[1])
    for areas, right in zip(reduced(found)[2:], expected[2:], strict=True):
        assert (areas is None) == (right is None) == (boundary == "voxel")
        if areas is not None and right is not None:
            assert_allclose(areas, right, rtol=1e-15)


@given(pair=volumes.mask_pairs(), data=st.data())
def test_swapping_swaps_the_directions(
    backend: str, pair: tuple[Mask, Mask], data: st.DataObject
) -> None:
    spacing = data.draw(volumes.spacings(pair[0].ndim))
    boundary = data.draw(BOUNDARIES)
    one = fastseg.surface_distances(*pair, spacing=spacing, boundary=boundary)
    other = fastseg.surface_distances(*pair[::-1], spacing=spacing, boundary=boundary)
    for a, b in zip(reduced(one), (reduced(other)[i] for i in (1, 0, 3, 2)), strict=True):
        assert_array_equal(a, b)
    for method in ("max_of_directions", "pooled"):
        for percentile in (50, 95, 100):
            assert_array_equal(
                one.hausdorff(percentile, method),
                other.hausdorff(percentile, method),
            )
    assert_array_equal(one.assd(), other.assd())
    assert_array_equal(one.masd(), other.masd())
    assert_array_equal(one.nsd(1.0), other.nsd(1.0))


@given(pair=volumes.mask_pairs(), data=st.data())
def test_moving_both_changes_nothing(
    backend: str, pair: tuple[Mask, Mask], data: st.DataObject
) -> None:
    """Empty space around the image changes nothing either: its outside is background."""
    ndim = pair[0].ndim
    spacing = data.draw(volumes.spacings(ndim))
    boundary = data.draw(BOUNDARIES)
    margins = [data.draw(st.tuples(st.integers(0, 70), st.integers(0, 3))) for _ in range(ndim)]
    moved = [np.pad(mask, margins) for mask in pair]
    one = fastseg.surface_distances(*pair, spacing=spacing, boundary=boundary)
    other = fastseg.surface_distances(*moved, spacing=spacing, boundary=boundary)
    for a, b in zip(reduced(one), reduced(other), strict=True):
        if backend == "numba" or a is None or b is None:
            assert_array_equal(a, b)
        else:  # SciPy may take another of several that tie but for rounding
            assert_allclose(a, b, rtol=4e-16)


@given(pair=volumes.mask_pairs(), data=st.data())
def test_axes_may_change_places(backend: str, pair: tuple[Mask, Mask], data: st.DataObject) -> None:
    ndim = pair[0].ndim
    axes = data.draw(st.permutations(range(ndim)))
    spacing = data.draw(volumes.spacings(ndim))
    boundary = data.draw(BOUNDARIES)
    turned = [mask.transpose(axes) for mask in pair]
    one = fastseg.surface_distances(*pair, spacing=spacing, boundary=boundary)
    other = fastseg.surface_distances(
        *turned, spacing=[spacing[axis] for axis in axes], boundary=boundary
    )
    for a, b in zip(lists(one), lists(other), strict=True):
        assert_allclose(a, b, rtol=6e-16)  # the squares are summed in another order
    for areas in zip(reduced(one)[2:], reduced(other)[2:], strict=True):
        if areas[0] is not None and areas[1] is not None:
            assert_allclose(np.sort(areas[0]), np.sort(areas[1]), rtol=1e-15)


@given(pair=volumes.mask_pairs(), data=st.data(), power=st.integers(-20, 20))
def test_scaling_by_a_power_of_two_is_exact(
    backend: str, pair: tuple[Mask, Mask], data: st.DataObject, power: int
) -> None:
    ndim, factor = pair[0].ndim, 2.0**power
    spacing = data.draw(volumes.spacings(ndim))
    boundary = data.draw(BOUNDARIES)
    scaled = [step * factor for step in spacing]
    one = fastseg.surface_distances(*pair, spacing=spacing, boundary=boundary)
    other = fastseg.surface_distances(*pair, spacing=scaled, boundary=boundary)
    for a, b in zip(reduced(one)[:2], reduced(other)[:2], strict=True):
        assert a is not None
        assert b is not None
        assert_array_equal(a * factor, b)
    for a, b in zip(reduced(one)[2:], reduced(other)[2:], strict=True):
        if a is not None and b is not None:
            assert_array_equal(a * factor ** (ndim - 1), b)


@given(pair=volumes.mask_pairs(), data=st.data())
def test_bounds(pair: tuple[Mask, Mask], data: st.DataObject) -> None:
    spacing = data.draw(volumes.spacings(pair[0].ndim))
    distances = fastseg.surface_distances(*pair, spacing=spacing, boundary=data.draw(BOUNDARIES))
    if not (pair[0].any() and pair[1].any()):
        missing = math.nan if not (pair[0].any() or pair[1].any()) else math.inf
        assert distances.hausdorff() == pytest.approx(missing, nan_ok=True)
        assert distances.nsd(1.0) == pytest.approx(
            0.0 if missing == math.inf else missing, nan_ok=True
        )
        return
    for method in ("max_of_directions", "pooled"):
        hd = [distances.hausdorff(p, method) for p in (100, 99, 95, 50, 0)]
        assert hd == sorted(hd, reverse=True)
    for mean in (distances.assd(), distances.masd()):
        assert 0 <= mean <= distances.hausdorff() * (1 + 1e-12)
    tolerances = sorted(data.draw(st.lists(st.floats(0, 300), min_size=2, max_size=6)))
    shares = [distances.nsd(tolerance) for tolerance in tolerances]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1
    assert distances.nsd(distances.hausdorff()) == 1.0
    assert distances.nsd(0.0) == 0.0 or distances.hausdorff(0, "pooled") == 0.0


@given(pair=volumes.mask_pairs(), same=st.booleans())
def test_distance_0_is_the_same_surface(backend: str, pair: tuple[Mask, Mask], same: bool) -> None:
    reference, prediction = pair[0], pair[0].copy() if same else pair[1]
    assume(reference.any() and prediction.any())
    surfaces = fastseg.surface(reference), fastseg.surface(prediction)
    distances = fastseg.surface_distances(reference, prediction)
    assert (distances.hausdorff() == 0) == np.array_equal(*surfaces)
    assert_array_equal(distances.reference_to_prediction == 0, surfaces[1][surfaces[0]])
    assert_array_equal(distances.prediction_to_reference == 0, surfaces[0][surfaces[1]])


@given(pair=volumes.mask_pairs(), data=st.data())
def test_the_triangle_inequality(pair: tuple[Mask, Mask], data: st.DataObject) -> None:
    mask, other = pair
    third = data.draw(volumes.masks(shape=mask.shape))
    assume(mask.any() and other.any() and third.any())
    hd = [
        fastseg.surface_distances(a, b).hausdorff()
        for a, b in ((mask, third), (mask, other), (other, third))
    ]
    assert hd[0] <= (hd[1] + hd[2]) * (1 + 1e-12)
