"""The public primitives on both backends: every layout, SciPy's behaviour, figures, properties."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
from fastseg.measures.surface_distances import Boundary
from tests.oracle import figures, naive
from tests.oracle import hard_cases as volumes
from tests.oracle.compare import assert_distances

Array = NDArray[Any]
Mask = NDArray[np.bool_]

SHAPES = [(70,), (6, 67), (67, 6), (5, 6, 67)]
DTYPES = [bool, np.uint8, np.int16, np.float32, np.float64, np.uint64]
CASES = [(shape, dtype) for shape in SHAPES for dtype in DTYPES if len(shape) == 3 or dtype is bool]


def noise(shape: tuple[int, ...], dtype: Any = bool, seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [(rng.random(shape) < 0.3).astype(dtype) for _ in range(2)]


def reduced(distances: fastseg.SurfaceDistances) -> list[Array | None]:
    return [
        distances.reference_to_prediction,
        distances.prediction_to_reference,
        distances.reference_areas,
        distances.prediction_areas,
    ]


# ---------------------------------------------------------------------------- every layout


FUNCTIONS: dict[str, Callable[[Array, Array], list[Array | None]]] = {
    "confusion_matrix": lambda a, b: [fastseg.confusion_matrix(a, b)],
    "surface": lambda a, b: [fastseg.surface(a), fastseg.surface(b, connectivity=a.ndim)],
    "voxel distances": lambda a, b: reduced(
        fastseg.surface_distances(a, b, spacing=(0.7, 1.3, 2.5)[: a.ndim])
    ),
    "surfel distances": lambda a, b: reduced(
        fastseg.surface_distances(a, b, spacing=(0.7, 1.3, 2.5)[: a.ndim], boundary="surfel")
    ),
    "distance_transform_edt": lambda a, b: list(
        fastseg.distance_transform_edt(a, (0.7, 1.3, 2.5)[: a.ndim], return_indices=True)
    )[:1],
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("shape", "dtype"), CASES)
def test_layouts_dtypes_and_backends_change_nothing(
    backend: str, function: str, shape: tuple[int, ...], dtype: type
) -> None:
    """And no input is written to, and no result is a view of one."""
    call = FUNCTIONS[function]
    first, second = noise(shape)
    expected = call(first, second)
    pairs = zip(
        volumes.layouts(first.astype(dtype)), volumes.layouts(second.astype(dtype)), strict=True
    )
    for (name, a), (_, b) in pairs:
        before = a.tobytes(), b.tobytes()
        for found, right in zip(call(a, b), expected, strict=True):
            if found is None or right is None:
                assert found is right is None
                continue
            assert_array_equal(found, right, err_msg=name)
            assert found.dtype == right.dtype
            assert not np.shares_memory(found, a)
            assert not np.shares_memory(found, b)
            assert found.flags.writeable
        assert (a.tobytes(), b.tobytes()) == before, name


@pytest.mark.parametrize("function", FUNCTIONS)
def test_two_layouts_together(backend: str, function: str) -> None:
    first, second = noise((5, 6, 67), np.int16)
    expected = FUNCTIONS[function](first, second)
    for name, a in volumes.layouts(first):
        for other, b in (("C", second), ("Fortran", np.asfortranarray(second))):
            for found, right in zip(FUNCTIONS[function](a, b), expected, strict=True):
                assert_array_equal(found, right, err_msg=f"{name}, {other}")


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_backends_agree(function: str, shape: tuple[int, ...]) -> None:
    first, second = noise(shape, seed=1)
    results = []
    for name in ("numba", "scipy"):
        with fastseg.use_backend(name):
            results.append(FUNCTIONS[function](first, second))
    for one, other in zip(*results, strict=True):
        if one is None or other is None:
            assert one is other is None
        elif one.dtype == np.float64:
            assert_distances(one, other, unit=False)
        else:
            assert_array_equal(one, other)


def test_lists_will_do(backend: str) -> None:
    assert_array_equal(fastseg.surface([1, 1, 1]), [True, False, True])
    assert fastseg.surface_distances([1, 0], [0, 1]).hausdorff() == 1.0


# ---------------------------------------------------------------------------- confusion matrix


@pytest.mark.parametrize(("name", "reference", "prediction"), list(volumes.label_pairs()))
def test_confusion_matrix(backend: str, name: str, reference: Any, prediction: Any) -> None:
    expected = naive.confusion(reference, prediction)
    labels = sorted({label for pair in expected for label in pair})
    matrix = fastseg.confusion_matrix(reference, prediction)
    assert matrix.dtype == np.int64
    assert_array_equal(matrix, [[expected.get((r, p), 0) for p in labels] for r in labels])
    some = labels[::-2]
    matrix = fastseg.confusion_matrix(reference, prediction, labels=some)
    assert_array_equal(matrix, [[expected.get((r, p), 0) for p in some] for r in some])


def test_labels_that_occur_nowhere_have_empty_rows(backend: str) -> None:
    matrix = fastseg.confusion_matrix([1, 2], [1, 1], labels=[7, 1, -3, 2**63])
    assert matrix.tolist() == [[0] * 4, [0, 1, 0, 0], [0] * 4, [0] * 4]
    assert fastseg.confusion_matrix([1, 2], [1, 1], labels=[]).shape == (0, 0)
    array: Any = np.array([2, 1])
    matrix = fastseg.confusion_matrix([1, 2], [1, 1], labels=array)
    assert matrix.tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([1, 1], r"each label once, got \[1, 1\]"),
        (np.array([1, 1]), r"each label once"),
        ([1.5], "1.5"),
        (["liver"], "'liver'"),
        ([math.nan], "nan"),
        ("12", "'12'"),
        (3, "3"),
    ],
)
def test_labels_that_are_none(labels: Any, told: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^labels: .*{told}"):
        fastseg.confusion_matrix([1, 2], [1, 2], labels=labels)


# ---------------------------------------------------------------------------- surface


@pytest.mark.parametrize("edge", ["background", "ignore"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_surface_of_hard_masks(backend: str, ndim: int, edge: Any) -> None:
    for name, *masks in volumes.hard_pairs(ndim):
        for mask in masks:
            for connectivity in range(1, ndim + 1):
                structure = ndimage.generate_binary_structure(ndim, connectivity)
                eroded = ndimage.binary_erosion(mask, structure, border_value=edge == "ignore")
                found = fastseg.surface(mask, connectivity=connectivity, edge=edge)
                assert found.dtype == bool
                assert_array_equal(found, mask ^ eroded, err_msg=name)


@given(mask=volumes.masks(), data=st.data())
def test_surface_of_any_mask(backend: str, mask: Mask, data: st.DataObject) -> None:
    connectivity = data.draw(st.integers(1, mask.ndim))
    edge: Any = data.draw(st.sampled_from(["background", "ignore"]))
    found = fastseg.surface(mask, connectivity=connectivity, edge=edge)
    assert_array_equal(found, naive.surface(mask, connectivity, edge))


@pytest.mark.parametrize("connectivity", [0, 3, -1, True, "1", None, 1.5, (1,)])
def test_connectivity_is_1_to_ndim(connectivity: Any) -> None:
    with pytest.raises(ValueError, match=r"^connectivity: expected 1 to 2 for 2 axes, got "):
        fastseg.surface(np.ones((3, 3)), connectivity=connectivity)
    connectivity = np.int64(2)
    assert fastseg.surface(np.ones((3, 3)), connectivity=connectivity).sum() == 8


@pytest.mark.parametrize("edge", ["backgrund", None, "", 0])
def test_unknown_edge(edge: Any) -> None:
    with pytest.raises(ValueError, match=f"^edge: unknown {edge!r}; .*background"):
        fastseg.surface(np.ones((3, 3)), edge=edge)


# ---------------------------------------------------------------------------- surface distances


@pytest.mark.parametrize("boundary", ["voxel", "surfel"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_hard_pairs(ndim: int, boundary: Any) -> None:
    """The default backend, to the bit: the least of the sums that SciPy forms."""
    spacings = volumes.SPACINGS[ndim]
    for number, (name, reference, prediction) in enumerate(volumes.hard_pairs(ndim)):
        spacing = spacings[number % len(spacings)]
        if boundary == "surfel" and reference.size > 1500:
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
        for boundary in ("voxel", "surfel"):
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
    with pytest.raises(ValueError, match="1 to 3 axes, not 4"):
        four = np.ones((2, 2, 2, 2))
        fastseg.surface_distances(four, four, boundary="surfel")


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


# ---------------------------------------------------------------------------- properties

BOUNDARIES: st.SearchStrategy[Boundary] = st.sampled_from(["voxel", "surfel"])


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


# ---------------------------------------------------------------------------- distance transform


def test_transform_as_scipy_calls_it(backend: str) -> None:
    """Positional and by keyword, with every combination of what is returned and what is given."""
    mask = volumes.blob_pair((13, 12, 11), 3)[0]
    ours, theirs = fastseg.distance_transform_edt, ndimage.distance_transform_edt
    assert_array_equal(ours(mask), theirs(mask))
    assert_array_equal(ours(input=mask, sampling=2), theirs(input=mask, sampling=2))
    assert_array_equal(ours(mask, [3, 1, 2]), theirs(mask, [3, 1, 2]))
    both = ours(mask, None, True, True)
    assert isinstance(both, tuple)
    assert_array_equal(both[0], theirs(mask))
    assert both[1].dtype == np.int32
    assert both[1].shape == (3, *mask.shape)
    only = ours(mask, return_distances=False, return_indices=True)
    assert_array_equal(only, both[1])

    given_distances = np.full(mask.shape, -1.0)
    given_indices = np.full((3, *mask.shape), -1, np.int32)
    assert ours(mask, distances=given_distances) is None
    assert_array_equal(given_distances, theirs(mask))
    given_distances[:] = -1
    left = ours(mask, return_indices=True, distances=given_distances)
    assert_array_equal(left, both[1])
    assert_array_equal(given_distances, both[0])
    left = ours(mask, return_indices=True, indices=given_indices)
    assert_array_equal(left, both[0])
    assert_array_equal(given_indices, both[1])
    nothing = ours(mask, return_indices=True, distances=given_distances, indices=given_indices)
    assert nothing is None or nothing == ()


def test_transform_into_arrays_of_any_layout(backend: str) -> None:
    mask = volumes.blob_pair((9, 10, 11), 3)[0]
    expected, where = fastseg.distance_transform_edt(mask, (3, 1, 2), return_indices=True)
    for name, out in volumes.layouts(np.full(mask.shape, -1.0)):
        if out.flags.writeable and out.dtype.isnative and out.flags.aligned:
            assert fastseg.distance_transform_edt(mask, (3, 1, 2), distances=out) is None
            assert_array_equal(out, expected, err_msg=name)
    out = np.asfortranarray(np.zeros(where.shape, np.int32))
    fastseg.distance_transform_edt(
        mask, (3, 1, 2), return_distances=False, return_indices=True, indices=out
    )
    assert_array_equal(out, where)


@pytest.mark.parametrize("ndim", [1, 2, 3, 4])
def test_transform_of_hard_masks(backend: str, ndim: int) -> None:
    for number, (name, mask, _) in enumerate(volumes.hard_pairs(ndim)):
        spacing = volumes.SPACINGS[ndim][number % len(volumes.SPACINGS[ndim])]
        found, where = fastseg.distance_transform_edt(mask, spacing, return_indices=True)
        if mask.all():  # where SciPy measures to a voxel that does not exist
            assert np.isinf(found).all()
            assert (where == -1).all()
            continue
        expected = ndimage.distance_transform_edt(mask, spacing)
        assert_distances(found, expected, set(spacing) == {1.0}, name)
        assert not mask[tuple(where)].any()
        offsets = where - np.indices(mask.shape)
        steps = np.array(spacing).reshape(-1, *(1,) * ndim)
        assert_allclose(np.sqrt(((offsets * steps) ** 2).sum(0)), found, rtol=4e-16, err_msg=name)


@pytest.mark.parametrize("shape", [(90,), (30, 41), (21, 17, 33), (9, 8, 7, 10)])
@pytest.mark.parametrize("density", [0.3, 0.9, 0.995])
@pytest.mark.parametrize("order", ["C", "F"])
def test_of_equally_near_voxels_the_index_is_that_of_scipy(
    backend: str, shape: tuple[int, ...], density: float, order: Any
) -> None:
    """Where no sum is rounded; half of all voxels have several nearest."""
    rng = np.random.default_rng(5)
    mask = np.asarray(rng.random(shape) < density, order=order)
    mask.flat[-1] = False
    for spacing in [(1.0,) * len(shape), (2.0, 0.5, 1.0, 4.0)[: len(shape)]]:
        found = fastseg.distance_transform_edt(mask, spacing, return_indices=True)
        expected = ndimage.distance_transform_edt(mask, spacing, return_indices=True)
        for ours, theirs in zip(found, expected, strict=True):
            assert_array_equal(ours, theirs)


def test_transform_in_single_precision(backend: str) -> None:
    mask = volumes.blob_pair((13, 12, 11), 3)[0]
    exact = fastseg.distance_transform_edt(mask, 0.7)
    rounded = fastseg.distance_transform_edt(mask, 0.7, dtype=np.float32)
    assert rounded.dtype == np.float32
    assert_allclose(rounded, exact, rtol=3e-7, atol=0)
    # 0.75² and all sums of its multiples are numbers of float32: then rounding happens once
    exact = fastseg.distance_transform_edt(mask, 0.75).astype(np.float32)
    assert_array_equal(fastseg.distance_transform_edt(mask, 0.75, dtype=np.float32), exact)
    rounded = fastseg.distance_transform_edt(mask, 0.7, dtype=np.float32)
    out = np.zeros(mask.shape, np.float32)
    assert fastseg.distance_transform_edt(mask, 0.7, distances=out, dtype="float32") is None
    assert_array_equal(out, rounded)


def test_transform_of_what_is_not_bool(backend: str) -> None:
    """SciPy's truth: anything but 0 is foreground, NaN too."""
    values = np.array([[0.0, 0.5, np.nan], [-1.0, 2.0, np.inf], [1e-300, -0.0, 3.0]])
    assert_array_equal(
        fastseg.distance_transform_edt(values), ndimage.distance_transform_edt(values)
    )
    assert_array_equal(
        fastseg.distance_transform_edt([0, 1, 2, 0, 5]),
        ndimage.distance_transform_edt([0, 1, 2, 0, 5]),
    )


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"sampling": (1, 1, 1)}, ValueError, r"^sampling: .*2 array axes, got \(1, 1, 1\)"),
        ({"sampling": -1}, ValueError, "^sampling: .*got -1"),
        ({"dtype": int}, TypeError, "^dtype: expected float64 or float32, got int64"),
        ({"dtype": np.float16}, TypeError, "^dtype: expected float64 or float32, got float16"),
        ({"return_distances": False}, ValueError, "^nothing to return"),
        ({"distances": np.zeros((3, 3), np.float32)}, TypeError, "float64 array, got float32"),
        (
            {"distances": np.zeros((3, 3)), "dtype": "float32"},
            TypeError,
            "float32 array, got float64",
        ),
        (
            {"distances": np.zeros((2, 3))},
            ValueError,
            r"^distances: expected shape \(3, 3\), got \(2, 3\)",
        ),
        (
            {"distances": [[0.0] * 3] * 3},
            TypeError,
            "^distances: expected a float64 array, got .*list",
        ),
        ({"distances": np.broadcast_to(0.0, (3, 3))}, ValueError, "^distances: .*read-only"),
        ({"indices": np.zeros((2, 3, 3), np.int32)}, ValueError, "return_indices is False"),
        (
            {"return_indices": True, "return_distances": False, "distances": np.zeros((3, 3))},
            ValueError,
            "return_distances is False",
        ),
        (
            {"return_indices": True, "indices": np.zeros((3, 3), np.int32)},
            ValueError,
            r"^indices: expected shape \(2, 3, 3\), got \(3, 3\)",
        ),
        (
            {"return_indices": True, "indices": np.zeros((2, 3, 3))},
            TypeError,
            "^indices: expected a int32 array, got float64",
        ),
    ],
)
def test_transform_errors(options: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        fastseg.distance_transform_edt(np.eye(3), **options)


def test_a_failed_call_writes_nothing() -> None:
    distances, indices = np.full((3, 3), 7.0), np.full((3, 3), 7, np.int32)
    with pytest.raises(ValueError, match="^indices"):
        fastseg.distance_transform_edt(
            np.eye(3), return_indices=True, distances=distances, indices=indices
        )
    assert (distances == 7).all()
    assert (indices == 7).all()
