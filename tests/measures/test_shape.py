"""The shape of masks: moments by loops, areas by closed forms and scikit-image, both backends alike."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastseg
from fastseg.evaluation import blockwise
from fastseg.evaluation.case import evaluate_case
from fastseg.evaluation.settings import Settings
from fastseg.inputs.arrays import as_label_map
from fastseg.measures.regions import Region, Request
from fastseg.measures.shape import Shape, ShapePair, crofton_measures
from tests.conftest import BACKENDS
from tests.evaluation.test_pieces import Chunked
from tests.measures.test_topology import OPERATIONS, noise
from tests.oracle import hard_cases

Mask = NDArray[np.bool_]
GROUPS = ["topology", "shape", "euler_error_faces"]


def shapes(backend: str, reference: Any, prediction: Any, spacing: tuple[float, ...]) -> ShapePair:
    request = Request(frozenset(("shape",)), spacing)
    [found] = OPERATIONS[backend].measure(reference, prediction, [Region()], request)
    pair: ShapePair = found["shape"]
    return pair


def plain(shape: Shape) -> tuple[Any, ...]:
    return shape.size, shape.sums, shape.products, shape.codes.tolist()


def moments(mask: Mask) -> tuple[int, list[int], list[list[int]]]:
    """Size, sums and sums of products, a voxel at a time."""
    sums = [0] * mask.ndim
    products = [[0] * mask.ndim for _ in sums]
    size = 0
    for place in itertools.product(*map(range, mask.shape)):
        if mask[place]:
            size += 1
            for i, p in enumerate(place):
                sums[i] += p
                for j, q in enumerate(place):
                    products[i][j] += p * q
    return size, sums, products


def mahalanobis_of(masks: list[Mask]) -> float:
    """By pseudo-inverse, nan where that is no answer."""
    points = [np.argwhere(mask).astype(float) for mask in masks]
    sizes = [len(of_mask) for of_mask in points]
    pooled = sum(
        np.atleast_2d(np.cov(of_mask.T, bias=True)) * len(of_mask) for of_mask in points
    ) / sum(sizes)
    step = points[1].mean(axis=0) - points[0].mean(axis=0)
    if np.linalg.matrix_rank(pooled) < len(step):
        return math.nan
    return math.sqrt(step @ np.linalg.solve(pooled, step))


def test_moments_by_loops() -> None:
    rng = np.random.default_rng(4)
    for _ in range(60):
        ndim = int(rng.integers(1, 4))
        masks = noise(rng, ndim)
        spacing = tuple(rng.choice([0.5, 1.0, 2.5], ndim).tolist())
        pairs = {backend: shapes(backend, masks[0], masks[1], spacing) for backend in BACKENDS}
        for pair in pairs.values():
            for mask, found in zip(masks, pair[:2], strict=True):
                size, sums, products = moments(mask)
                assert (found.size, list(found.sums)) == (size, sums)
                assert list(map(list, found.products)) == products
            if all(mask.any() for mask in masks):
                centres = [np.argwhere(mask).mean(axis=0) * spacing for mask in masks]
                expected = np.linalg.norm(centres[1] - centres[0])
                assert pair.center_distance == pytest.approx(expected, abs=1e-12)
                mahalanobis = mahalanobis_of(masks)
                if not math.isnan(mahalanobis):
                    assert pair.mahalanobis == pytest.approx(mahalanobis, rel=1e-9, abs=1e-9)
            else:
                assert math.isnan(pair.center_distance)
                assert math.isnan(pair.mahalanobis)
        first, *rest = pairs.values()
        for pair in rest:
            assert list(map(plain, pair[:2])) == list(map(plain, first[:2]))


def test_flat_masks_have_a_mahalanobis_distance_within_their_plane() -> None:
    mask = np.zeros((4, 9, 9), bool)
    mask[1, 2:5, 2:5] = True
    within, beside = np.roll(mask, 2, axis=2), np.roll(mask, 1, axis=0)
    variance = Fraction(2, 3)
    found = [shapes("numba", mask, other, (1, 1, 1)).mahalanobis for other in (within, beside)]
    assert found == [math.sqrt(4 / variance), math.inf]
    assert shapes("numba", mask, mask, (1, 1, 1)).mahalanobis == 0


def test_distances_do_not_depend_on_where_positions_start() -> None:
    rng = np.random.default_rng(5)
    masks = rng.random((2, 6, 7, 8)) < 0.3
    wide = [np.pad(mask, ((1000, 3), (0, 0), (77, 1))) for mask in masks]
    for name in ("center_distance", "mahalanobis"):
        found = [
            getattr(shapes("numba", pair[0], pair[1], (0.3, 1, 7)), name) for pair in (masks, wide)
        ]
        assert found[0] == found[1]


def test_areas_of_a_ball_and_a_disc() -> None:
    grid = [axis - 30.2 for axis in np.ogrid[:61, :61, :61]]
    for spacing in ((1.0, 1.0, 1.0), (2.0, 1.0, 1.0)):
        radius = 25.0
        far = sum((axis * step) ** 2 for axis, step in zip(grid, spacing, strict=True))
        pair = shapes("numba", far < radius**2, far < (radius / 2) ** 2, spacing)
        sphere = 4 * math.pi * radius**2
        assert pair.crofton_areas == pytest.approx((sphere, sphere / 4), rel=0.02)
        assert pair.areas == pytest.approx((1.08 * sphere, 1.08 * sphere / 4), rel=0.05)
    far = grid[1][0] ** 2 + grid[2][0] ** 2
    pair = shapes("numba", far < 25**2, far < 12**2, (1.0, 1.0))
    assert pair.crofton_areas == pytest.approx((50 * math.pi, 24 * math.pi), rel=0.01)


def test_a_box_by_marching_cubes() -> None:
    box = np.zeros((5, 6, 7), bool)
    box[1, 1, 1] = True
    pair = shapes("numba", box, box, (1, 1, 1))
    assert pair.areas[0] == pytest.approx(math.sqrt(3))  # an octahedron
    assert shapes("numba", box[1], box[1], (1, 1)).areas[0] == pytest.approx(2 * math.sqrt(2))


def test_crofton_weights_are_the_published_ones() -> None:
    """One voxel is crossed by two of every line: the shares of Legland, Kiêu & Devaux show in its area."""
    shares = 6 * 0.04577789120476, 12 * 0.03698062787608, 8 * 0.03519563978232
    expected = sum(share * 2 * 2 / math.sqrt(n) for n, share in enumerate(shares, start=1))
    one = np.pad(np.ones((1, 1, 1), bool), 1)
    assert shapes("scipy", one, one, (1, 1, 1)).crofton_areas[0] == pytest.approx(expected)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_crofton_at_any_spacing(ndim: int) -> None:
    for spacing in hard_cases.SPACINGS[ndim]:
        table = crofton_measures(spacing)
        assert table[0] == table[-1] == 0
        assert (table[1:-1] > 0).all() or ndim == 1
        assert np.allclose(table, table[::-1], rtol=1e-12)


def test_crofton_is_scikit_images_in_a_plane() -> None:
    measure = pytest.importorskip("skimage.measure")
    rng = np.random.default_rng(6)
    for _ in range(100):
        mask = rng.random(rng.integers(1, 20, 2)) < rng.random()
        expected = measure.perimeter_crofton(mask, 4)
        found = shapes("numba", mask, mask, (1.0, 1.0)).crofton_areas[0]
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_crofton_is_itks_where_voxels_are_cubes() -> None:
    """At unequal spacing ITK weighs directions otherwise: a sphere's area differs by less than 0.1 %."""
    sitk = pytest.importorskip("SimpleITK")

    def by_itk(mask: Mask, spacing: tuple[float, ...]) -> float:
        image = sitk.GetImageFromArray(mask.astype(np.uint8))
        image.SetSpacing(spacing[::-1])
        measure = sitk.LabelShapeStatisticsImageFilter()
        measure.ComputePerimeterOn()
        measure.Execute(image)
        return float(measure.GetPerimeter(1))

    rng = np.random.default_rng(10)
    for _ in range(40):
        ndim = int(rng.integers(2, 4))
        mask = np.pad(rng.random(rng.integers(1, 12, ndim)) < rng.uniform(0.1, 1), 1)
        mask[(1,) * ndim] = True
        spacing = (float(rng.choice([0.5, 1, 2])),) * ndim
        found = shapes("numba", mask, mask, spacing).crofton_areas[0]
        assert found == pytest.approx(by_itk(mask, spacing), rel=1e-12)
    z, y, x = np.ogrid[-32:32:2, -32:32, -32:32]
    sphere = np.asarray(z * z + y * y + x * x < 25**2)
    found = shapes("numba", sphere, sphere, (2.0, 1.0, 1.0)).crofton_areas[0]
    assert found == pytest.approx(by_itk(sphere, (2.0, 1.0, 1.0)), rel=1e-3)


# ---------------------------------------------------------------------------- through evaluate


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no label in common:fastseg.errors.InputWarning")
def test_backends_agree_on_every_label() -> None:
    for name, reference, prediction in itertools.islice(hard_cases.label_pairs(), 40):
        options: dict[str, Any] = {"metrics": [*GROUPS, "hd", "dice"], "tolerance": 2}
        rows = [
            fastseg.evaluate(reference, prediction, backend=backend, **options).to_dict()
            for backend in BACKENDS
        ]
        assert repr(rows[0]) == repr(rows[1]), name


def test_small_and_large_structures_of_one_map() -> None:
    rng = np.random.default_rng(7)
    reference = np.kron(rng.integers(0, 5, (4, 5, 6)), np.ones((5, 5, 5), int)).astype(np.uint8)
    reference[8:12] = 9
    prediction = np.where(rng.random(reference.shape) < 0.1, 0, reference)
    together = fastseg.evaluate(reference, prediction, metrics=["all", *GROUPS])
    alone = fastseg.evaluate(reference, prediction, metrics=GROUPS, backend="scipy")
    usual = fastseg.evaluate(reference, prediction)
    for row, shape, plain_row in zip(together, alone, usual, strict=True):
        assert dict(row) == {**plain_row, **shape}


@pytest.mark.parametrize("backend", BACKENDS)
def test_pieces_give_the_rows_of_whole_arrays(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(8)
    maps = [as_label_map((rng.random((11, 13, 70)) < 0.8).astype(np.uint8), "it") for _ in range(2)]
    settings = Settings.checked(metrics=["all", *GROUPS], backend=backend, spacing=(2, 1, 0.5))
    whole = fastseg.evaluate(*maps, metrics=["all", *GROUPS], backend=backend, spacing=(2, 1, 0.5))
    sources = Chunked(maps[0], []), Chunked(maps[1], [])
    assert evaluate_case(*sources, settings).to_dict() == whole.to_dict()
    few = 1 << 17  # so that it is measured block by block
    monkeypatch.setattr(blockwise, "_BYTES_OF_SHAPES", 0.0)
    monkeypatch.setattr(blockwise, "_BYTES_OF_SKELETONS", 0.0)
    assert evaluate_case(*sources, settings, budget=few).to_dict() == whole.to_dict()
    monkeypatch.setattr(blockwise, "_BYTES_OF_SKELETONS", 1e3)
    with pytest.raises(fastseg.FastsegError, match="and topology of a structure whose box"):
        evaluate_case(*sources, settings, budget=few)


def test_units_of_surfaces() -> None:
    from fastseg.results.units import units_of

    def unit(*shape: int, **options: Any) -> str:
        mask = np.ones(shape, np.uint8)
        found = fastseg.evaluate(mask, mask, metrics="shape", **options)
        return units_of(["surface_area_difference"], found.settings)["surface_area_difference"]

    assert unit(3, 4, 5, spacing=2) == "mm²"
    assert unit(4, 5, spacing=2) == "mm"
    assert unit(4, 5, 1, spacing=2) == "mm"
    assert unit(4, 5, 1, spacing=2, single_slice="volume") == "mm²"
    assert unit(4, spacing=2) == ""
    assert unit(4, 5, 6) == "voxels"
