"""surface_distances() against brute force and published figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastseg
from fastseg.measures.surface_distances import Boundary
from tests.oracle import figures, naive
from tests.oracle import hard_cases as volumes
from tests.oracle.compare import assert_distances
from tests.primitives.common import noise, reduced


@pytest.mark.parametrize("boundary", ["voxel", "surfel", "vertex"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_hard_pairs(ndim: int, boundary: Any) -> None:
    """The default backend, to the bit: the least of the sums that SciPy forms."""
    spacings = volumes.SPACINGS[ndim]
    for number, (name, reference, prediction) in enumerate(volumes.hard_pairs(ndim)):
        spacing = spacings[number % len(spacings)]
        if boundary != "voxel" and reference.size > 1500:
            continue  # the oracle looks at every corner in Python; rows of 129 are smaller
        found = reduced(
            fastseg.surface_distances(reference, prediction, spacing=spacing, boundary=boundary)
        )
        expected = naive.surface_distances(reference, prediction, spacing, boundary)
        what = f"{name} {spacing}"
        for distances, right in zip(found[:2], expected[:2], strict=True):
            assert_array_equal(distances, right, err_msg=what)
        for areas, right_areas in zip(found[2:], expected[2:], strict=True):
            assert (areas is None) == (right_areas is None)
            if areas is not None and right_areas is not None:
                assert_allclose(areas, right_areas, rtol=1e-15, err_msg=what)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_hard_pairs_on_the_reference_backend(ndim: int) -> None:
    spacings = volumes.SPACINGS[ndim]
    for number, (name, *masks) in enumerate(volumes.hard_pairs(ndim)):
        spacing = spacings[number % len(spacings)]
        boundaries: tuple[Boundary, ...] = ("voxel", "surfel", "vertex")
        for boundary in boundaries:
            results = []
            for backend in ("scipy", "numba"):
                with fastseg.use_backend(backend):
                    results.append(
                        reduced(
                            fastseg.surface_distances(*masks, spacing=spacing, boundary=boundary)
                        )
                    )
            what = f"{name} {spacing} {boundary}"
            for one, other in zip(results[1][:2], results[0][:2], strict=True):
                assert one is not None
                assert other is not None
                finite = np.isfinite(other)
                assert_array_equal(one[~finite], other[~finite], err_msg=what)
                assert_distances(one[finite], other[finite], set(spacing) == {1.0}, what)
            for one, other in zip(results[1][2:], results[0][2:], strict=True):
                assert_array_equal(one, other, err_msg=what)


@pytest.mark.filterwarnings("ignore::fastseg.BackendFallbackWarning")
def test_four_axes() -> None:
    for number, (name, reference, prediction) in enumerate(volumes.hard_pairs(4)):
        if number % 4:
            continue
        spacing = volumes.SPACINGS[4][number % len(volumes.SPACINGS[4])]
        found = fastseg.surface_distances(reference, prediction, spacing=spacing)
        expected = naive.surface_distances(reference, prediction, spacing)
        assert_allclose(found.reference_to_prediction, expected[0], rtol=4e-16, err_msg=name)
        assert_allclose(found.prediction_to_reference, expected[1], rtol=4e-16, err_msg=name)
        assert_array_equal(fastseg.surface(reference, connectivity=2), naive.surface(reference, 2))


@pytest.mark.parametrize("scale", [1e-99, 1e99])
def test_spacings_of_any_size(backend: str, scale: float) -> None:
    reference, prediction = noise((6, 7, 66), seed=2)
    spacing = (scale, 0.7 * scale, 3 * scale)
    found = fastseg.surface_distances(reference, prediction, spacing=spacing)
    expected = naive.surface_distances(reference, prediction, spacing)
    assert_allclose(found.reference_to_prediction, expected[0], rtol=4e-16)
    assert found.hausdorff() > 0


def test_unknown_boundaries() -> None:
    mask = np.ones((3, 3))
    boundary: Any
    for boundary in ("surfle", None, "", ["voxel"]):
        with pytest.raises(ValueError, match="^boundary: unknown"):
            fastseg.surface_distances(mask, mask, boundary=boundary)
    for boundary in ("surfel", "vertex"):
        with pytest.raises(ValueError, match=f"boundary='{boundary}' .* 1 to 3 axes, not 4"):
            four = np.ones((2, 2, 2, 2))
            fastseg.surface_distances(four, four, boundary=boundary)


@pytest.mark.parametrize("order", ["C", "F"])
def test_all_vertices_have_the_area_of_the_voxels_faces(backend: str, order: Any) -> None:
    for ndim in (1, 2, 3):
        spacing = (0.7, 2.5, 1.25)[:ndim]
        masks = [np.asarray(mask, order=order) for mask in noise((9, 8, 66)[-ndim:], seed=3)]
        found = fastseg.surface_distances(*masks, spacing=spacing, boundary="vertex")
        for mask, areas in zip(masks, (found.reference_areas, found.prediction_areas), strict=True):
            assert areas is not None
            faces = [
                np.count_nonzero(np.diff(np.pad(mask, 1).astype(int), axis=axis))
                * np.prod(spacing[:axis] + spacing[axis + 1 :])
                for axis in range(ndim)
            ]
            assert_allclose(areas.sum(), sum(faces), rtol=1e-14)


def test_percentiles_count_vertices_and_weigh_surfels(backend: str) -> None:
    """Of two pixels and one, four vertices of six agree; of the contour's length, more than half lies beyond 0."""
    masks = np.array([[1, 0]], bool), np.array([[1, 1]], bool)
    vertex = fastseg.surface_distances(*masks, spacing=(9, 1), boundary="vertex")
    surfel = fastseg.surface_distances(*masks, spacing=(9, 1), boundary="surfel")
    assert vertex.prediction_to_reference.tolist() == [0, 0, 1, 0, 0, 1]
    assert vertex.hausdorff(60) == 0
    assert surfel.hausdorff(60) == 1
    assert vertex.hausdorff(70) == pytest.approx(np.percentile([0, 0, 0, 0, 1, 1], 70), rel=1e-15)
    assert vertex.hausdorff(80, "pooled") == pytest.approx(np.percentile([0] * 8 + [1] * 2, 80))
    assert vertex.prediction_areas is not None
    assert vertex.prediction_areas.tolist() == [5, 1, 5, 5, 1, 5]
    assert vertex.average("prediction_to_reference") == 10 / 22


def test_a_wrong_spacing_is_told() -> None:
    mask = np.ones((3, 3))
    with pytest.raises(ValueError, match=r"^spacing: .* 2 array axes, got \(1, 1, 1\)"):
        fastseg.surface_distances(mask, mask, spacing=(1, 1, 1))


# ---------------------------------------------------------------------------- figures

DISTANCE_METRICS = {"hd", "hd95", "hd50", "assd", "masd", "nsd"}
FIGURES = [
    (figure, [e for e in figure.expected if e.metric in DISTANCE_METRICS])
    for figure in figures.FIGURES
]


@pytest.mark.parametrize(
    ("figure", "expected"),
    [(f, e) for f, e in FIGURES if e],
    ids=lambda x: getattr(x, "name", None),
)
def test_figures(backend: str, figure: figures.Figure, expected: list[figures.Expected]) -> None:
    for row in expected:
        distances = fastseg.surface_distances(
            figure.reference,
            figure.prediction,
            spacing=figure.spacing,
            boundary=row.boundary,
        )
        if row.metric == "nsd":
            value = distances.nsd(row.tolerance)
        elif row.metric.startswith("hd"):
            value = distances.hausdorff(float(row.metric[2:] or 100), row.percentile_method)
        else:
            value = getattr(distances, row.metric)()
        assert row.agrees(value), (row, value)


def test_there_are_figures() -> None:
    assert sum(len(expected) for _, expected in FIGURES) > 80
    assert {e.metric for _, expected in FIGURES for e in expected} == DISTANCE_METRICS
