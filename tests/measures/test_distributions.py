"""Reductions of the two distance sets: percentiles, means, shares; and what they are of nothing."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastseg.errors import FastsegError
from fastseg.measures.distributions import Distribution
from fastseg.measures.surface_distances import SurfaceDistances
from tests.oracle import figures, naive

Floats = NDArray[np.float64]

NONE = np.array([])
SOME = np.array([3.0, 0.0, 1.5])
INF = np.full(3, np.inf)

distance_lists = st.lists(st.floats(0, 1e6), min_size=1, max_size=30).map(np.array)


def with_measures(
    first: Floats, second: Floats, first_areas: Floats | None, second_areas: Floats | None
) -> SurfaceDistances:
    """Distances whose elements have these areas: a code for each area that occurs, in no special order."""
    if first_areas is None or second_areas is None:
        return SurfaceDistances(first, second)
    areas = first_areas, second_areas
    measures = np.unique(np.concatenate(areas))[::-1]
    codes = [np.searchsorted(-measures, -np.asarray(side)).astype(np.uint8) for side in areas]
    found = SurfaceDistances(first, second, codes[0], codes[1], measures)
    for side, area in zip((found.reference_areas, found.prediction_areas), areas, strict=True):
        assert side is not None
        assert side.tolist() == np.asarray(area).tolist()
    return found


def with_areas(distances: figures.Distances) -> SurfaceDistances:
    first, second = distances.reference_to_prediction, distances.prediction_to_reference
    return with_measures(
        first, second, np.full(len(first), distances.area), np.full(len(second), distances.area)
    )


def drawn_areas(data: st.DataObject, distances: Floats) -> Floats:
    n = len(distances)
    return np.array(data.draw(st.lists(st.floats(0.1, 10), min_size=n, max_size=n)))


@pytest.mark.parametrize("distances", figures.DISTANCES)
def test_the_conventions_for_the_95th_percentile(distances: figures.Distances) -> None:
    plain = SurfaceDistances(distances.reference_to_prediction, distances.prediction_to_reference)
    assert plain.hausdorff(95) == pytest.approx(distances.max_of_directions, rel=1e-15)
    assert plain.hausdorff(95, "pooled") == pytest.approx(distances.pooled, rel=1e-15)
    assert with_areas(distances).hausdorff(95) == distances.inverse_cdf


@given(first=distance_lists, second=distance_lists, data=st.data())
def test_every_reduction_is_the_oracles(first: Floats, second: Floats, data: st.DataObject) -> None:
    areas: tuple[Floats | None, Floats | None] = (None, None)
    if data.draw(st.booleans()):
        areas = drawn_areas(data, first), drawn_areas(data, second)
    distances = with_measures(first, second, areas[0], areas[1])
    percentile = data.draw(st.sampled_from([0, 5, 50, 95, 99.9, 100]) | st.floats(0, 100))
    for method in ("max_of_directions", "pooled"):
        expected = naive.hausdorff(first, second, percentile, method, *areas)
        found = distances.hausdorff(percentile, method)
        if areas[0] is None:
            assert found == pytest.approx(expected, rel=1e-14)
        else:  # at a step a rounding decides; the order of the sums is not the same
            nearby = [
                naive.hausdorff(first, second, min(max(percentile + shift, 0), 100), method, *areas)
                for shift in (-1e-10, 0, 1e-10)
            ]
            assert found in nearby
    assert distances.assd() == pytest.approx(naive.assd(first, second, *areas), rel=1e-12)
    assert distances.masd() == pytest.approx(naive.masd(first, second, *areas), rel=1e-12)
    asd = naive.asd(first, areas[0]), naive.asd(second, areas[1])
    assert distances.average("reference_to_prediction") == pytest.approx(asd[0], rel=1e-12)
    assert distances.average("prediction_to_reference") == pytest.approx(asd[1], rel=1e-12)
    tolerance = data.draw(st.sampled_from([*first, *second]) | st.floats(0, 1e6))
    expected = naive.nsd(first, second, *areas, tolerance)
    assert distances.nsd(tolerance) == pytest.approx(expected, rel=1e-12)


@given(values=distance_lists, data=st.data())
def test_elements_are_sorted_by_distance_and_then_by_area(
    values: Floats, data: st.DataObject
) -> None:
    values = np.concatenate([values, data.draw(distance_lists) * data.draw(st.floats(0, 1e-290))])
    areas = np.array(
        data.draw(st.lists(st.floats(0.1, 9), min_size=len(values), max_size=len(values)))
    )
    found = with_measures(values, values, areas, areas).distributions[0]
    expected = sorted(zip(values.tolist(), areas.tolist(), strict=True))
    distances, weights = found.elements
    assert weights is not None
    assert list(zip(distances.tolist(), weights.tolist(), strict=True)) == expected
    assert len(found.counts) == len(set(expected))


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    areas=st.lists(st.sampled_from([0.1, 0.3, 1 / 3, 1.0, 1e-300, 7e300]), min_size=8, max_size=8),
    n_distances=st.integers(1, 8),
    data=st.data(),
)
def test_a_percentile_by_area_has_the_bits_of_a_sum_by_element(
    counts: list[int], areas: list[float], n_distances: int, data: st.DataObject
) -> None:
    """Also where the share ends just at an entry, so that only rounding tells on which side of it."""
    weights = np.repeat(areas[: len(counts)], counts)
    places = np.minimum(np.arange(len(counts)), n_distances - 1)
    values = np.repeat(places.astype(float), counts)
    found = Distribution.of(values, weights)
    distances, weights_in_order = found.elements
    assert weights_in_order is not None
    shares = np.cumsum(weights_in_order) / np.sum(weights_in_order)
    share = data.draw(
        st.sampled_from([0.0, 0.25, 0.5, 0.95, *shares[np.isfinite(shares)].tolist()])
    )
    near = math.nextafter(100 * share, data.draw(st.sampled_from([0, 50, 200])))
    for percentile in (100 * share, near):
        if not 0 <= percentile < 100:
            continue
        index = np.searchsorted(shares, percentile / 100)
        expected = distances[min(int(index), len(distances) - 1)]
        assert found.percentile(percentile) == expected


@given(values=distance_lists, percentile=st.floats(0, 100) | st.sampled_from([0, 25, 50, 95, 99.9]))
def test_a_percentile_has_the_bits_of_numpys(values: Floats, percentile: float) -> None:
    found = SurfaceDistances(values, values)
    expected = float(np.percentile(values, percentile))
    assert (
        found.hausdorff(percentile) == found.hausdorff(percentile, "max_of_directions") == expected
    )


def test_the_tolerance_is_inclusive_and_a_millionth_wide() -> None:
    distances = SurfaceDistances(np.array([0.1 * 3]), np.array([0.3]))
    assert distances.nsd(0.3) == distances.nsd(0.1 * 3) == 1.0
    assert distances.nsd(math.nextafter(0.3, 0)) == 1.0
    assert distances.nsd(0.3 / (1 + 0.9e-6)) == 1.0
    assert distances.nsd(0.3 / (1 + 1.1e-6)) == 0.0


def test_no_tolerance_is_as_wide_as_a_missing_surface_is_far() -> None:
    """The largest float has no room for a rounding above it."""
    distances = SurfaceDistances(np.array([np.inf, np.inf]), np.array([]))
    assert distances.nsd(sys.float_info.max) == 0.0


@pytest.mark.parametrize(
    ("tolerance", "error"),
    [
        (math.nan, ValueError),
        (math.inf, ValueError),
        (-1, ValueError),
        (-1e-300, ValueError),
        (np.float32("nan"), ValueError),
        (10**400, ValueError),
        (None, TypeError),
        ("1", TypeError),
        (True, TypeError),
        (np.True_, TypeError),
        ([1.0], TypeError),
        (np.array([1.0, 2.0]), TypeError),
        (1j, TypeError),
    ],
)
@pytest.mark.parametrize("surfaces", ["both", "one", "none"])
def test_what_is_no_tolerance(tolerance: Any, error: type[Exception], surfaces: str) -> None:
    """Whatever the surfaces are, and by every way in."""
    some, none = np.array([0.5, 2.0]), np.array([])
    distances = SurfaceDistances(
        some if surfaces != "none" else none, some if surfaces == "both" else none
    )
    for call in (distances.nsd, distances.distributions[0].measure_within):
        with pytest.raises(error, match="^tolerance: expected a") as caught:
            call(tolerance)
        assert isinstance(caught.value, FastsegError)


@pytest.mark.parametrize(
    ("percentile", "error"),
    [
        (-0.1, ValueError),
        (100.1, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        (None, TypeError),
        ("95", TypeError),
        (True, TypeError),
        ([95], TypeError),
    ],
)
def test_what_is_no_percentile(percentile: Any, error: type[Exception]) -> None:
    distances = SurfaceDistances(np.array([0.5, 2.0]), np.array([1.0]))
    empty = SurfaceDistances(np.array([]), np.array([]))
    for call in (distances.hausdorff, empty.hausdorff, distances.distributions[0].percentile):
        with pytest.raises(error, match="^percentile: expected a number from 0 to 100, got"):
            call(percentile)


@pytest.mark.parametrize("number", [95, np.int8(95), np.float32(95), np.array(95), Fraction(95)])
def test_numbers_of_any_kind(number: Any) -> None:
    distances = SurfaceDistances(np.arange(100.0), np.array([1.0]))
    assert distances.hausdorff(number) == distances.hausdorff(95.0)
    assert distances.nsd(number) == distances.nsd(95.0)


def test_tolerances_with_areas() -> None:
    distances = with_measures(
        np.array([2.0, 0.0]), np.array([1.0]), np.array([3.0, 1.0]), np.array([4.0])
    )
    assert distances.nsd(0) == 1 / 8
    assert distances.nsd(1) == 5 / 8
    assert distances.nsd(2) == 1.0
    assert distances.assd() == (3 * 2 + 4) / 8
    assert distances.masd() == (6 / 4 + 1) / 2
    assert distances.average("reference_to_prediction") == 1.5
    assert distances.hausdorff(25) == 1.0  # a quarter of the area of one, all of the other
    assert distances.hausdorff(26) == 2.0


@pytest.mark.parametrize("areas", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "distance", "nsd"),
    [
        (NONE, NONE, math.nan, math.nan),
        (INF, NONE, math.inf, 0.0),
        (NONE, INF, math.inf, 0.0),
    ],
)
def test_missing_surfaces(
    first: Floats, second: Floats, distance: float, nsd: float, areas: bool
) -> None:
    sizes = [np.ones(len(d)) if areas else None for d in (first, second)]
    distances = with_measures(first, second, *sizes)
    for method in ("max_of_directions", "pooled"):
        for percentile in (0, 50, 95, 100):
            assert distances.hausdorff(percentile, method) == pytest.approx(distance, nan_ok=True)
    for found in (
        distances.assd(),
        distances.masd(),
        distances.average("reference_to_prediction"),
        distances.average("prediction_to_reference"),
    ):
        assert found == pytest.approx(distance, nan_ok=True)
    assert distances.nsd(1e9) == pytest.approx(nsd, nan_ok=True)


def test_one_element_each() -> None:
    distances = SurfaceDistances(np.array([2.0]), np.array([3.0]))
    assert distances.hausdorff() == 3.0
    assert distances.hausdorff(0) == 3.0  # the larger of the directions
    assert distances.hausdorff(0, "pooled") == 2.0
    assert distances.assd() == distances.masd() == 2.5


def test_results_are_python_floats() -> None:
    distances = SurfaceDistances(SOME, SOME)
    found = [
        distances.hausdorff(),
        distances.hausdorff(95),
        distances.hausdorff(95, "pooled"),
        distances.assd(),
        distances.masd(),
        distances.nsd(1),
        distances.average("reference_to_prediction"),
    ]
    assert {type(value) for value in found} == {float}


def test_nothing_is_sorted_in_place() -> None:
    first, second = SOME.copy(), SOME.copy()
    distances = SurfaceDistances(first, second)
    distances.hausdorff(95)
    distances.assd()
    assert first.tolist() == second.tolist() == SOME.tolist()
    assert distances.reference_to_prediction is first


@pytest.mark.parametrize("scale", [1, 1e-300, 1e300])
def test_sums_do_not_depend_on_the_order_of_the_elements(scale: float) -> None:
    rng = np.random.default_rng(0)
    values, areas = rng.random(1000) * 10, rng.choice(rng.random(200), 1000)
    values[::7] = values[0]  # ties, which the areas order
    values[::9] = 0
    values *= scale
    order = rng.permutation(1000)
    one = with_measures(values, values, areas, areas)
    other = with_measures(values[order], values[order], areas[order], areas[order])
    for reduce in (SurfaceDistances.assd, SurfaceDistances.masd):
        assert reduce(one) == reduce(other)
    assert one.nsd(5) == other.nsd(5)
    assert one.hausdorff(95) == other.hausdorff(95)


@pytest.mark.parametrize("percentile", [-1, 100.5, math.nan, math.inf])
@pytest.mark.parametrize("distances", [SurfaceDistances(SOME, SOME), SurfaceDistances(NONE, NONE)])
def test_percentiles_that_are_none(distances: SurfaceDistances, percentile: float) -> None:
    with pytest.raises(ValueError, match=f"from 0 to 100, got {percentile}"):
        distances.hausdorff(percentile)


def test_unknown_method_is_told() -> None:
    method: Any = "max_of_direction"
    for distances in (SurfaceDistances(SOME, SOME), SurfaceDistances(NONE, NONE)):
        with pytest.raises(
            ValueError, match="'max_of_direction'; did you mean 'max_of_directions'"
        ):
            distances.hausdorff(95, method)


def test_unknown_direction_is_told() -> None:
    direction: Any = "forward"
    with pytest.raises(ValueError, match="'forward'"):
        SurfaceDistances(SOME, SOME).average(direction)
