"""The oracles themselves, against hand-worked cases, figures, SciPy and other libraries."""

from __future__ import annotations

import ast
import inspect
import itertools
import math
import sys
import warnings
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy import ndimage

from fastseg.metrics import list_metrics
from tests.oracle import figures, naive
from tests.oracle import hard_cases as volumes

pytestmark = pytest.mark.slow

Mask = NDArray[np.bool_]

# Of several voxels equally near, SciPy takes one, which need not be that with the least rounded
# distance: they may differ by the last bit or two.
ROUNDING = 5e-16


def peer(name: str) -> ModuleType:
    """An optional library to compare with; its own warnings are not ours to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library: ModuleType = pytest.importorskip(name)
    return library


def test_only_numpy_and_the_standard_library() -> None:
    tree = ast.parse(Path(naive.__file__).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or "relative"]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"numpy"}


@pytest.mark.parametrize("ndim", [1, 2, 3, 4])
def test_hard_pairs_are_named_and_repeatable(ndim: int) -> None:
    first, again = list(volumes.hard_pairs(ndim)), list(volumes.hard_pairs(ndim))
    assert len({name for name, _, _ in first}) == len(first) > 50
    for (name, *masks), (same_name, *same_masks) in zip(first, again, strict=True):
        assert name == same_name
        assert [mask.dtype for mask in masks] == [bool, bool]
        assert masks[0].shape == masks[1].shape
        assert masks[0].ndim == ndim
        assert_array_equal(masks, same_masks)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.float64])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (2, 1, 3, 4)])
def test_layouts_hold_the_same_values(shape: tuple[int, ...], dtype: type) -> None:
    array: NDArray[Any] = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    views = dict(volumes.layouts(array))
    for name, view in views.items():
        assert_array_equal(view, array, err_msg=name)
    assert not views["read-only"].flags.writeable
    assert not views["every second element"].flags.contiguous
    assert all(stride < 0 for stride in views["negative strides"].strides)
    assert views["Fortran"].flags.f_contiguous
    if array.itemsize > 1:
        assert not views["byte-swapped"].dtype.isnative
        assert not views["unaligned"].flags.aligned


def test_blobs_are_alike_but_not_equal() -> None:
    reference, prediction = volumes.blob_pair((40, 50, 45), 1)
    assert reference.shape == prediction.shape == (40, 50, 45)
    assert 0.9 < naive.dice(*naive.counts(reference, prediction)) < 1
    again = volumes.blob_pair((40, 50, 45), 1)
    assert_array_equal(again, [reference, prediction])


# ---------------------------------------------------------------------------- labels


def test_confusion_and_boxes_by_hand() -> None:
    reference = np.array([[0, 1, 1], [2, 2, 0]])
    prediction = np.array([[0, 1, 2], [2, 1, -7]])
    assert naive.confusion(reference, prediction) == {
        (0, 0): 1,
        (1, 1): 1,
        (1, 2): 1,
        (2, 2): 1,
        (2, 1): 1,
        (0, -7): 1,
    }
    assert naive.boxes(prediction) == {
        0: ((0, 1), (0, 1)),
        1: ((0, 2), (1, 2)),
        2: ((0, 2), (0, 3)),
        -7: ((1, 2), (2, 3)),
    }
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3, 2\)"):
        naive.confusion(reference, prediction.T)


@pytest.mark.parametrize(("name", "reference", "prediction"), list(volumes.label_pairs()))
def test_confusion_and_boxes_of_labels(name: str, reference: Any, prediction: Any) -> None:
    counts = naive.confusion(reference, prediction)
    for labels, axis in ((reference, 0), (prediction, 1)):
        marginal: Counter[int] = Counter()
        for pair, count in counts.items():
            marginal[pair[axis]] += count
        values, sizes = np.unique(labels, return_counts=True)
        assert marginal == {int(v): int(n) for v, n in zip(values, sizes, strict=True)}
        boxes = naive.boxes(labels)
        assert set(boxes) == set(marginal)
        for label, box in boxes.items():
            assert ndimage.find_objects((labels == label).astype(int)) == [
                tuple(slice(*ends) for ends in box)
            ]
    pairs = zip(reference.flat, prediction.flat, strict=True)
    agree = sum(n for (a, b), n in counts.items() if a == b)
    assert agree == sum(int(a) == int(b) for a, b in pairs)


# ---------------------------------------------------------------------------- distances


def test_distance_transform_by_hand() -> None:
    mask = np.array([[1, 1, 1], [0, 1, 1]])
    far = math.sqrt(2.0**2 + (2 * 0.5) ** 2)
    expected = [[2.0, math.sqrt(4.25), far], [0.0, 0.5, 1.0]]
    assert_array_equal(naive.distance_transform_edt(mask, (2.0, 0.5)), expected)
    assert_array_equal(naive.distance_transform_edt(np.ones(3), (1.0,)), [np.inf] * 3)
    assert_array_equal(naive.distance_transform_edt(np.zeros((2, 2)), (1.0, 1.0)), np.zeros((2, 2)))


@pytest.mark.parametrize("ndim", [1, 2, 3, 4])
def test_distance_transform_is_scipys(ndim: int) -> None:
    rng = np.random.default_rng(ndim)
    for spacing, density in itertools.product(volumes.SPACINGS[ndim], (0.5, 0.98)):
        mask = rng.random(volumes.SHAPES[ndim]) < density
        mask.flat[rng.integers(mask.size)] = False
        found = naive.distance_transform_edt(mask, spacing)
        expected = ndimage.distance_transform_edt(mask, sampling=spacing)
        assert_allclose(found, expected, rtol=ROUNDING, atol=0)
        assert (found <= expected).all()
        if spacing == (1.0,) * ndim:
            assert_array_equal(found, expected)


# ---------------------------------------------------------------------------- surfaces


def test_surface_by_hand() -> None:
    square = np.pad(np.ones((3, 3), bool), ((0, 1), (1, 1)))  # its first row is on the image's edge
    corner_cut = square.copy()
    corner_cut[2, 1] = False
    ring = square.copy()
    ring[1, 2] = False
    assert_array_equal(naive.surface(square), ring)
    inner = ring.copy()
    inner[0, 2] = False
    assert_array_equal(naive.surface(square, edge="ignore"), inner)
    # The centre touches the missing corner by its diagonal only.
    assert_array_equal(naive.surface(corner_cut), ring & corner_cut)
    assert_array_equal(naive.surface(corner_cut, connectivity=2), corner_cut)


@pytest.mark.parametrize("ndim", [1, 2, 3, 4])
def test_surface_is_scipys_erosion(ndim: int) -> None:
    for name, mask, _ in volumes.hard_pairs(ndim):
        # Up to 80 neighbours a voxel are slow: of large masks not the highest connectivities.
        for connectivity in range(1, ndim + 1) if mask.size < 600 else {1, min(2, ndim)}:
            neighbours = ndimage.generate_binary_structure(ndim, connectivity)
            for edge, outside in (("background", 0), ("ignore", 1)):
                eroded = ndimage.binary_erosion(mask, neighbours, border_value=outside)
                found = naive.surface(mask, connectivity, edge)
                assert_array_equal(found, mask ^ eroded, err_msg=f"{name} {connectivity} {edge}")


def cell(code: int, bits: int = 8) -> tuple[bool, ...]:
    """The voxels of a neighbourhood code, the highest bit being the first voxel in C order."""
    return tuple(bool(code >> bit & 1) for bit in reversed(range(bits)))


# Of every shape that up to four of a cube's eight corners can have, but for rotations and
# reflections: an example's code, how many codes have it, its area at unit spacing and at spacing
# (3, 2, 1), the latter as surface-distance 0.1 gives it.
CELLS = [
    (1, 8, 0.2165, 0.875),
    (3, 12, 0.7071, 1.8027756377319946),
    (6, 16, 0.4330, 1.75),
    (7, 24, 1.1495, 3.625),
    (25, 24, 0.9236, 4.229101966249685),
    (22, 8, 0.6495, 2.625),
    (15, 6, 1.0, 2.0),
    (23, 8, 1.2990, 5.25),
    (27, 24, 1.5731, 6.758189813209032),
    (30, 24, 1.3660, 4.5),
    (60, 6, 1.4142, 3.605551275463989),
    (105, 2, 0.8660, 3.5),
]


def test_areas_of_cells() -> None:
    unit = Counter(
        (sum(cell(code)), round(naive.triangle_area(cell(code), (1.0, 1.0, 1.0)), 4))
        for code in range(256)
    )
    expected = Counter({(0, 0.0): 1, (8, 0.0): 1})
    for code, many, area, _ in CELLS:
        expected[sum(cell(code)), area] += many
        if sum(cell(code)) < 4:
            expected[8 - sum(cell(code)), area] += many
    assert unit == expected


@pytest.mark.parametrize(("code", "many", "area", "stretched"), CELLS)
def test_area_of_a_stretched_cell(code: int, many: int, area: float, stretched: float) -> None:
    voxels = cell(code)
    found = naive.triangle_area(voxels, (3.0, 2.0, 1.0))
    assert found == pytest.approx(stretched, rel=1e-15)
    complement = tuple(not voxel for voxel in voxels)
    assert naive.triangle_area(complement, (3.0, 2.0, 1.0)) == pytest.approx(found, rel=1e-15)
    # Turning the cell with its spacing changes nothing, nor does mirroring.
    cube = np.array(voxels).reshape(2, 2, 2)
    for axes in itertools.permutations(range(3)):
        turned = tuple(map(bool, cube.transpose(axes)[::-1].flat))
        steps = tuple((3.0, 2.0, 1.0)[axis] for axis in axes)
        assert naive.triangle_area(turned, steps) == pytest.approx(found, rel=1e-15)


def test_lengths_of_cells() -> None:
    lengths = [naive.contour_length(cell(code, 4), (3.0, 4.0)) for code in range(16)]
    assert lengths == [0, 2.5, 2.5, 4, 2.5, 3, 5, 2.5, 2.5, 5, 3, 2.5, 4, 2.5, 2.5, 0]


def test_surfels_by_hand() -> None:
    points, ones = naive.surfels(np.array([0, 1, 1, 1]), (0.7,))
    assert_array_equal(points, [[1], [4]])
    assert_array_equal(ones, [1, 1])
    points, lengths = naive.surfels(np.ones((1, 2), bool), (3.0, 4.0))
    assert_array_equal(points, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]])
    assert_array_equal(lengths, [2.5, 4, 2.5, 2.5, 4, 2.5])
    points, areas = naive.surfels(np.ones((1, 1, 1), bool), (1.0, 1.0, 1.0))
    assert_array_equal(points, list(itertools.product((0, 1), repeat=3)))
    assert_allclose(areas, math.sqrt(3) / 8, rtol=1e-15)
    for ndim in (1, 2, 3):
        points, measures = naive.surfels(np.zeros((3,) * ndim, bool), (1.0,) * ndim)
        assert points.shape == (0, ndim)
        assert measures.shape == (0,)


def test_vertices_by_hand() -> None:
    points, ones = naive.vertices(np.array([0, 1, 1, 1]), (0.7,))
    assert_array_equal(points, [[1], [4]])
    assert_array_equal(ones, [1, 1])
    points, lengths = naive.vertices(np.ones((1, 2), bool), (3.0, 4.0))
    assert_array_equal(points, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]])
    assert_array_equal(lengths, [3.5, 4, 3.5, 3.5, 4, 3.5])
    points, lengths = naive.vertices(np.eye(2, dtype=bool), (3.0, 4.0))
    assert_array_equal(lengths, [3.5, 3.5, 3.5, 7, 3.5, 3.5, 3.5])
    points, areas = naive.vertices(np.ones((1, 1, 1), bool), (1.0, 2.0, 4.0))
    assert_array_equal(points, list(itertools.product((0, 1), repeat=3)))
    assert_array_equal(areas, [(8 + 4 + 2) / 4] * 8)
    for ndim in (1, 2, 3):
        points, measures = naive.vertices(np.zeros((3,) * ndim, bool), (1.0,) * ndim)
        assert points.shape == (0, ndim)
        assert measures.shape == (0,)


def test_surfels_of_a_cuboid() -> None:
    """Flat faces add up: a box of 4 × 5 × 6 voxels, edges and corners bevelled."""
    mask = np.pad(np.ones((4, 5, 6), bool), 1)
    points, areas = naive.surfels(mask, (1.0, 1.0, 1.0))
    inner = 3, 4, 5  # lattice corners strictly inside a face, along each axis
    faces = 2 * (inner[0] * inner[1] + inner[1] * inner[2] + inner[0] * inner[2])
    edges = 4 * sum(inner)
    expected = faces + edges * math.sqrt(0.5) + 8 * math.sqrt(3) / 8
    assert len(points) == faces + edges + 8
    assert areas.sum() == pytest.approx(expected, rel=1e-14)


# ---------------------------------------------------------------------------- figures


def value(figure: figures.Figure, expected: figures.Expected) -> float:
    """What the oracles make of one metric of a figure."""
    metric = expected.metric
    reference, prediction, spacing = figure.reference, figure.prediction, figure.spacing
    if metric == "boundary_iou":
        return naive.boundary_iou(reference, prediction, spacing, expected.tolerance)
    if metric not in {"assd", "masd", "nsd"} and not metric.startswith("hd"):
        found: float = getattr(naive, metric)(*naive.counts(reference, prediction))
        return found
    d1, d2, a1, a2 = naive.surface_distances(reference, prediction, spacing, expected.boundary)
    if metric == "assd":
        return naive.assd(d1, d2, a1, a2)
    if metric == "masd":
        return naive.masd(d1, d2, a1, a2)
    if metric == "nsd":
        return naive.nsd(d1, d2, a1, a2, expected.tolerance)
    if expected.boundary == "vertex":  # each counts the same in percentiles
        a1 = a2 = None
    return naive.hausdorff(d1, d2, float(metric[2:] or 100), expected.percentile_method, a1, a2)


@pytest.mark.parametrize("figure", figures.FIGURES, ids=lambda figure: figure.name)
def test_figure(figure: figures.Figure) -> None:
    found = [(expected, value(figure, expected)) for expected in figure.expected]
    wrong = [(expected, was) for expected, was in found if not expected.agrees(was)]
    assert wrong == []
    if figure.counts:
        counts = naive.counts(figure.reference, figure.prediction)
        assert dict(zip(("tp", "fp", "fn", "tn"), counts, strict=True)) == figure.counts


@pytest.mark.parametrize("lists", figures.DISTANCES)
def test_percentile_conventions(lists: figures.Distances) -> None:
    d1, d2 = lists.reference_to_prediction, lists.prediction_to_reference
    a1, a2 = np.full(len(d1), lists.area), np.full(len(d2), lists.area)
    assert naive.hausdorff(d1, d2, 95) == pytest.approx(lists.max_of_directions, rel=1e-15)
    assert naive.hausdorff(d1, d2, 95, "pooled") == pytest.approx(lists.pooled, rel=1e-15)
    assert naive.hausdorff(d1, d2, 95, "max_of_directions", a1, a2) == lists.inverse_cdf
    assert naive.hausdorff(d1, d2) == naive.hausdorff(d1, d2, 100, "pooled") == d2.max()


def test_a_value_that_rounds_otherwise_does_not_agree() -> None:
    printed = figures.Expected("hd", 1.41, 2)
    assert printed.agrees(1.4142)
    assert printed.agrees(1.405)
    assert not printed.agrees(1.4151)
    assert not figures.Expected("hd", 1.0, 12).agrees(1.0 + 2e-12)


# ---------------------------------------------------------------------------- reductions


def test_reductions_by_hand() -> None:
    d1, d2 = np.array([0.0, 1.0, 2.0]), np.array([4.0])
    a1, a2 = np.array([1.0, 1.0, 2.0]), np.array([3.0])
    assert naive.asd(d1) == 1
    assert naive.assd(d1, d2) == 7 / 4
    assert naive.masd(d1, d2) == 5 / 2
    assert naive.nsd(d1, d2, None, None, 1.0) == 2 / 4
    assert naive.asd(d1, a1) == 5 / 4
    assert naive.assd(d1, d2, a1, a2) == 17 / 7
    assert naive.masd(d1, d2, a1, a2) == (5 / 4 + 4) / 2
    assert naive.nsd(d1, d2, a1, a2, 1.0) == 2 / 7
    assert naive.hausdorff(d1, d2, 50) == 4
    assert naive.hausdorff(d1, d2, 50, "pooled") == 1.5
    assert naive.hausdorff(d1, np.zeros(1), 50, "max_of_directions", a1, np.ones(1)) == 1
    assert naive.hausdorff(d1, np.zeros(1), 51, "max_of_directions", a1, np.ones(1)) == 2
    with pytest.raises(ValueError, match="pooled"):
        naive.hausdorff(d1, d2, 50, "nearest")


@pytest.mark.parametrize("boundary", ["voxel", "surfel", "vertex"])
def test_empty_masks(boundary: str) -> None:
    empty, some = np.zeros((3, 4), bool), np.eye(3, 4, dtype=bool)
    spacing = (1.0, 2.0)
    d1, d2, a1, a2 = naive.surface_distances(empty, empty, spacing, boundary)
    both = [naive.hausdorff(d1, d2, 95), naive.assd(d1, d2), naive.masd(d1, d2)]
    assert_array_equal([*both, naive.nsd(d1, d2, a1, a2, 1.0)], [np.nan] * 4)
    assert math.isnan(naive.boundary_iou(empty, empty, spacing, 1.0))
    for reference, prediction in ((empty, some), (some, empty)):
        d1, d2, a1, a2 = naive.surface_distances(reference, prediction, spacing, boundary)
        assert len(d1) + len(d2) > 0
        assert np.isinf([*d1, *d2]).all()
        one = [naive.hausdorff(d1, d2, 95, method) for method in ("pooled", "max_of_directions")]
        assert_array_equal([*one, naive.assd(d1, d2), naive.masd(d1, d2)], [np.inf] * 4)
        assert naive.nsd(d1, d2, a1, a2, 1e9) == 0
        assert naive.boundary_iou(reference, prediction, spacing, 1.0) == 0


def count_metrics() -> set[str]:
    """The metrics of the oracle that are functions of counts."""
    return {
        name
        for name, function in vars(naive).items()
        if inspect.isfunction(function)
        and list(inspect.signature(function).parameters)[:4] == ["tp", "fp", "fn", "tn"]
    }


def test_count_metrics_of_the_oracle_are_in_the_registry() -> None:
    assert count_metrics() <= {metric.name for metric in list_metrics()}


def test_counts_by_hand() -> None:
    counts = naive.COUNTS
    expected = naive.BY_HAND
    assert expected.keys() == count_metrics()
    for name, number in expected.items():
        assert getattr(naive, name)(*counts) == pytest.approx(number, rel=1e-15), name
    assert naive.f_beta(*counts, beta=2) == pytest.approx(5 * 4 / (5 * 4 + 4 * 1 + 2), rel=1e-15)
    assert naive.volume_difference(*counts, voxel_volume=0.5) == 0.5
    assert naive.mcc(0, 3, 2, 0) == -1


def test_counts_without_a_denominator() -> None:
    nowhere = 0, 0, 0, 9
    for name in count_metrics():
        expected = naive.OF_NOWHERE.get(name, math.nan)
        np.testing.assert_equal(getattr(naive, name)(*nowhere), expected, name)
    assert naive.relative_volume_difference(0, 3, 0, 6) == math.inf
    assert math.isnan(naive.specificity(5, 0, 0, 0))


# ---------------------------------------------------------------------------- other libraries


@settings(max_examples=60, deadline=None)
@given(pair=volumes.mask_pairs(), data=st.data())
def test_surface_distances_are_scipys(pair: tuple[Mask, Mask], data: st.DataObject) -> None:
    spacing = data.draw(volumes.spacings(pair[0].ndim))
    surfaces = [mask ^ ndimage.binary_erosion(mask) for mask in pair]
    d1, d2, a1, a2 = naive.surface_distances(*pair, spacing)
    assert a1 is a2 is None
    for found, own, other in ((d1, *surfaces), (d2, *reversed(surfaces))):
        if other.any():
            expected = ndimage.distance_transform_edt(~other, sampling=spacing)[own]
        else:
            expected = np.full(own.sum(), np.inf)
        assert_allclose(found, expected, rtol=ROUNDING, atol=0)


def random_pairs(ndim: int) -> list[tuple[Mask, Mask, tuple[float, ...]]]:
    rng = np.random.default_rng(30 + ndim)
    shape = {2: (12, 13), 3: (9, 8, 7)}[ndim]
    return [
        (rng.random(shape) < density, rng.random(shape) < 0.3, spacing)
        for density in (0.05, 0.5, 0.9)
        for spacing in volumes.SPACINGS[ndim]
    ]


def test_surfel_table_is_surface_distances() -> None:
    tables = peer("surface_distance.lookup_tables")
    for spacing in volumes.SPACINGS[3]:
        table = tables.create_table_neighbour_code_to_surface_area(spacing)
        areas = [naive.triangle_area(cell(code), spacing) for code in range(256)]
        if spacing == (1.0, 1.0, 1.0):
            assert_array_equal(areas, table)
        assert_allclose(areas, table, rtol=3e-16, atol=0)
    for spacing in volumes.SPACINGS[2]:
        table = tables.create_table_neighbour_code_to_contour_length(spacing)
        lengths = [naive.contour_length(cell(code, 4), spacing) for code in range(16)]
        assert_array_equal(lengths, table)


@pytest.mark.filterwarnings("ignore:Setting the shape on a NumPy array:DeprecationWarning:skimage")
def test_surfel_table_is_scikit_images() -> None:
    measure = peer("skimage.measure")
    for code in range(1, 255):
        voxels = cell(code) if sum(cell(code)) <= 4 else cell(255 - code)
        volume = np.array(voxels, float).reshape(2, 2, 2)
        vertices, faces, _, _ = measure.marching_cubes(volume, 0.5, method="lorensen")
        for spacing in volumes.SPACINGS[3]:
            corners = (vertices.astype(float) * spacing)[faces]
            normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            area = float(np.linalg.norm(normals, axis=1).sum() / 2)
            assert naive.triangle_area(cell(code), spacing) == pytest.approx(area, rel=1e-14)


@pytest.mark.parametrize("ndim", [2, 3])
def test_surfel_metrics_are_surface_distances(ndim: int) -> None:
    library = peer("surface_distance")
    for reference, prediction, spacing in random_pairs(ndim):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = library.compute_surface_distances(reference, prediction, spacing)
        d1, d2, a1, a2 = naive.surface_distances(reference, prediction, spacing, "surfel")
        assert a1 is not None
        assert a2 is not None
        for found, areas, direction, owner in (
            (d1, a1, "gt_to_pred", "gt"),
            (d2, a2, "pred_to_gt", "pred"),
        ):
            order = np.lexsort((areas, found))
            their_areas = theirs[f"surfel_areas_{owner}"]
            assert_allclose(found[order], theirs[f"distances_{direction}"], rtol=ROUNDING)
            # Areas that differ by a rounding may be sorted differently.
            assert_allclose(np.sort(areas), np.sort(their_areas), rtol=1e-15)
        averages = library.compute_average_surface_distance(theirs)
        assert_allclose([naive.asd(d1, a1), naive.asd(d2, a2)], averages, rtol=1e-13)
        for percent in (50, 95, 100):
            expected = library.compute_robust_hausdorff(theirs, percent)
            robust = naive.hausdorff(d1, d2, percent, "max_of_directions", a1, a2)
            assert robust == pytest.approx(expected, rel=ROUNDING)
        tolerance = min(spacing)
        expected = library.compute_surface_dice_at_tolerance(theirs, tolerance)
        assert naive.nsd(d1, d2, a1, a2, tolerance) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("ndim", [2, 3])
def test_voxel_metrics_are_medpys(ndim: int) -> None:
    binary = peer("medpy.metric.binary")
    for reference, prediction, spacing in random_pairs(ndim):
        d1, d2, _, _ = naive.surface_distances(reference, prediction, spacing)
        masks = prediction, reference
        assert_allclose(naive.hausdorff(d1, d2), binary.hd(*masks, spacing), rtol=ROUNDING)
        pooled = naive.hausdorff(d1, d2, 95, "pooled")
        assert_allclose(pooled, binary.hd95(*masks, spacing), rtol=1e-15)
        assert_allclose(naive.assd(d1, d2), binary.assd(*masks, spacing), rtol=1e-13)
        assert_allclose(naive.asd(d2), binary.asd(*masks, spacing), rtol=1e-13)
        counts = naive.counts(reference, prediction)
        assert_allclose(naive.dice(*counts), binary.dc(*masks), rtol=1e-15)
        assert_allclose(naive.iou(*counts), binary.jc(*masks), rtol=1e-15)
        assert_allclose(naive.recall(*counts), binary.recall(*masks), rtol=1e-15)
        assert_allclose(naive.specificity(*counts), binary.specificity(*masks), rtol=1e-15)
        relative = naive.relative_volume_difference(*counts)
        assert_allclose(relative, binary.ravd(*masks), rtol=1e-15)
