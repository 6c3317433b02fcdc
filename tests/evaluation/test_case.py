"""evaluate(): against the oracles, the figures, every kind of input, every option."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import fastseg
from fastseg.evaluation.settings import SINGLE_SLICE
from fastseg.measures.distributions import PercentileMethod
from fastseg.measures.surface_distances import Boundary
from fastseg.results.rows import Row
from tests.conftest import BACKENDS
from tests.oracle import figures, naive
from tests.oracle import hard_cases as volumes

Array = NDArray[Any]
Mask = NDArray[np.bool_]

COUNT_METRICS = [metric for metric in fastseg.list_metrics() if metric.measurement == "counts"]


def expected_row(
    reference: Mask,
    prediction: Mask,
    spacing: Sequence[float],
    boundary: str,
    method: str,
    tolerance: float,
) -> dict[str, float]:
    """Every metric of a pair of masks that are not empty, by brute force."""
    counts = naive.counts(reference, prediction)
    voxel_volume = math.prod(spacing)
    row: dict[str, float] = {}
    for metric in COUNT_METRICS:
        options = (voxel_volume,) if "voxel_volume" in metric.uses else ()
        row[metric.name] = getattr(naive, metric.name)(*counts, *options)
    measured = naive.measured_row(reference, prediction, spacing, boundary, method, tolerance)
    return row | measured


def assert_rows_equal(row: Row, expected: Mapping[str, float], **tolerance: float) -> None:
    assert set(row) == set(expected)
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, nan_ok=True, **tolerance), name


@pytest.mark.parametrize("boundary", ["voxel", "surfel", "vertex"])
@pytest.mark.parametrize("method", ["max_of_directions", "pooled"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_every_metric_against_brute_force(boundary: Any, method: Any, ndim: int) -> None:
    for name, reference, prediction in volumes.hard_pairs(ndim):
        if not reference.any() or not prediction.any():
            continue
        spacing = volumes.SPACINGS[ndim][len(name) % len(volumes.SPACINGS[ndim])]
        tolerance = 1.5 * min(spacing)
        expected = expected_row(reference, prediction, spacing, boundary, method, tolerance)
        for backend in BACKENDS:  # brute force takes longer than all of them
            row = fastseg.evaluate(
                reference,
                prediction,
                spacing=spacing,
                tolerance=tolerance,
                boundary=boundary,
                percentile_method=method,
                backend=backend,
                single_slice="volume",
            )[1]
            assert_rows_equal(row, expected, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("boundary", ["voxel", "surfel", "vertex"])
@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_slice_is_measured_in_its_plane(
    backend: str, boundary: Any, axes: tuple[int, ...], order: Any
) -> None:
    """By the definition for three axes all of it would be surface, and every distance flatter."""
    shape, steps = (17, 15, 13), (0.7, 1.3, 2.9)
    volume = np.random.default_rng(sum(axes)).integers(0, 3, (2, *shape)).astype(np.uint8)
    flat = volume[(slice(None), *(0 if axis in axes else slice(None) for axis in range(3)))]
    thin = np.expand_dims(flat, tuple(axis + 1 for axis in axes))
    kept = tuple(step for axis, step in enumerate(steps) if axis not in axes)
    options: dict[str, Any] = {"boundary": boundary, "backend": backend, "empty": "diagonal"}
    pair = [np.asarray(one, order=order) for one in thin]
    found = fastseg.evaluate(*pair, spacing=steps, **options)
    expected = fastseg.evaluate(*flat, spacing=kept, **options)
    thickness = np.prod([steps[axis] for axis in axes])
    for row, plain in zip(found, expected, strict=True):
        for name, value in plain.items():
            factor = thickness if name == "volume_difference" else 1
            assert row[name] == pytest.approx(value * factor, rel=1e-14, nan_ok=True), name
        assert row.voxel_volume == pytest.approx(np.prod(steps))
    assert found.settings["shape"] == list(thin.shape[1:])
    assert found.settings["spacing"] == list(steps)
    assert found.settings["single_slice"] == "plane"


def test_a_slice_taken_as_a_volume_flatters() -> None:
    disc = (np.add(*np.ogrid[-15.0:16, -15.0:16]) ** 2 < 200).reshape(31, 31, 1)
    pair = disc, np.roll(disc, 2, axis=0)
    found = {way: fastseg.evaluate(*pair, single_slice=way)[1] for way in SINGLE_SLICE}
    assert found["volume"]["assd"] < found["plane"]["assd"] / 2
    assert found["volume"]["dice"] == found["plane"]["dice"]


def test_a_single_voxel_stays_a_map() -> None:
    one = np.ones((1, 1, 1), np.uint8)
    assert fastseg.evaluate(one, one, spacing=(2, 3, 4))[1]["hd"] == 0
    with pytest.raises(ValueError, match="did you mean 'plane'"):
        fastseg.evaluate(one, one, single_slice="plain")  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("figure", figures.FIGURES, ids=lambda figure: figure.name)
def test_published_figures(backend: str, figure: figures.Figure) -> None:
    for expected in figure.expected:
        row = fastseg.evaluate(
            figure.reference,
            figure.prediction,
            spacing=figure.spacing,
            metrics=[expected.metric],
            boundary=expected.boundary,
            percentile_method=expected.percentile_method,
            tolerance=expected.tolerance,
            backend=backend,
        )[1]
        assert expected.agrees(row[expected.metric]), (expected, row[expected.metric])
        for name, count in figure.counts.items():
            assert getattr(row.counts, name) == count


def test_figure_5c_tells_the_hd95_definitions_apart() -> None:
    figure = figures.figure_5c()
    conventions: list[tuple[Boundary, PercentileMethod]] = [
        ("voxel", "pooled"),
        ("voxel", "max_of_directions"),
        ("surfel", "max_of_directions"),
    ]
    answers = {
        (boundary, method): fastseg.evaluate(
            figure.reference,
            figure.prediction,
            metrics="hd95",
            boundary=boundary,
            percentile_method=method,
        )[1]["hd95"]
        for boundary, method in conventions
    }
    assert [round(value, 4) for value in answers.values()] == [2.2627, 6.7882, 11.3137]


@pytest.mark.parametrize("boundary", ["voxel", "surfel", "vertex"])
def test_backends_agree_to_the_bit_on_medium_volumes(boundary: Any) -> None:
    for seed, spacing in enumerate([(1, 1, 1), (2.5, 0.9766, 0.9766), (0.7, 1.3, 3.1)]):
        reference, prediction = volumes.blob_pair(72, seed)
        rows = [
            fastseg.evaluate(
                reference, prediction, spacing=spacing, boundary=boundary, backend=backend
            )[1]
            for backend in BACKENDS
        ]
        assert rows[0].counts == rows[1].counts
        for name in rows[0]:
            # where two offsets tie, SciPy may take the one whose sum rounds up
            assert rows[0][name] == pytest.approx(rows[1][name], rel=2e-16, abs=0), name


@pytest.mark.parametrize(
    ("reference", "prediction"),
    [pair[1:] for pair in volumes.label_pairs()],
    ids=[pair[0] for pair in volumes.label_pairs()],
)
@pytest.mark.filterwarnings("ignore:.*no label in common:fastseg.errors.InputWarning")
def test_labels_as_they_come(reference: Array, prediction: Array) -> None:
    """Sparse, large, signed, unsigned and float ids change no result."""
    results = {
        backend: fastseg.evaluate(reference, prediction, backend=backend) for backend in BACKENDS
    }
    found = set(np.unique(reference).tolist()) | set(np.unique(prediction).tolist())
    assert [row.label for row in results["numba"]] == sorted(int(label) for label in found if label)
    for row, other in zip(results["numba"], results["scipy"], strict=True):
        counts = naive.counts(reference == row.label, prediction == row.label)
        assert (row.counts.tp, row.counts.fp, row.counts.fn, row.counts.tn) == counts
        assert row.counts == other.counts
        assert_rows_equal(row, dict(other), rel=2e-16, abs=0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_layout_gives_the_same_rows(backend: str) -> None:
    rng = np.random.default_rng(3)
    reference = rng.integers(0, 4, (6, 9, 70)).astype(np.int16)
    prediction = np.roll(reference, 1, axis=2)
    expected = fastseg.evaluate(reference, prediction, spacing=(3, 2, 0.7), backend=backend)
    for name, view in volumes.layouts(reference):
        for other_name, other in [("C", prediction), ("F", np.asfortranarray(prediction))]:
            rows = fastseg.evaluate(view, other, spacing=(3, 2, 0.7), backend=backend).rows
            assert [dict(row) for row in rows] == [dict(row) for row in expected], (
                name,
                other_name,
            )


def test_regions_may_overlap_and_take_several_labels() -> None:
    rng = np.random.default_rng(0)
    reference, prediction = rng.integers(0, 4, (2, 9, 9, 9))
    evaluation = fastseg.evaluate(
        reference,
        prediction,
        labels={"whole": (1, 2, 3), "core": [1, 3], "one": 1, "all": (0, 1, 2, 3)},
    )
    for name, values in {
        "whole": (1, 2, 3),
        "core": (1, 3),
        "one": (1,),
        "all": (0, 1, 2, 3),
    }.items():
        masks = np.isin(reference, values), np.isin(prediction, values)
        expected = expected_row(*masks, (1, 1, 1), "voxel", "max_of_directions", 1.0)
        assert_rows_equal(evaluation[name], expected, rel=1e-14, abs=0)
    assert evaluation[(1, 2, 3)] is evaluation["whole"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_ignored_voxels_are_in_neither_mask(backend: str) -> None:
    rng = np.random.default_rng(1)
    reference, prediction = rng.integers(0, 3, (2, 8, 8, 8))
    reference[:, 2:5, 3:6] = 9
    ignored = reference == 9
    evaluation = fastseg.evaluate(reference, prediction, ignore_label=9, backend=backend)
    assert [row.label for row in evaluation] == [1, 2]
    for label in (1, 2):
        masks = reference == label, (prediction == label) & ~ignored
        expected = expected_row(*masks, (1, 1, 1), "voxel", "max_of_directions", 1.0)
        tp, fp, fn, tn = naive.counts(*(mask[~ignored] for mask in masks))
        assert evaluation[label].counts == fastseg.metrics.Counts(tp, fp, fn, tn)
        for name in ("hd", "hd95", "assd", "masd", "nsd", "boundary_iou", "dice", "precision"):
            assert evaluation[label][name] == pytest.approx(expected[name], rel=1e-14), name


def test_names_may_be_given_by_id() -> None:
    reference, prediction = np.random.default_rng(0).integers(0, 3, (2, 9, 9, 9))
    by_id = fastseg.evaluate(reference, prediction, labels={1: "liver", 2: "spleen"})
    by_name = fastseg.evaluate(reference, prediction, labels={"liver": 1, "spleen": 2})
    assert by_id.to_dict() == by_name.to_dict()
    with pytest.raises(ValueError, match="once"):
        fastseg.evaluate(reference, prediction, labels={1: "liver", 2: "liver"})


def test_ignore_label_that_does_not_occur_changes_nothing() -> None:
    reference, prediction = np.random.default_rng(1).integers(0, 3, (2, 8, 8, 8))
    plain = fastseg.evaluate(reference, prediction)
    ignoring = fastseg.evaluate(reference, prediction, ignore_label=255)
    assert [dict(row) for row in plain] == [dict(row) for row in ignoring]


def test_tolerance_by_name_id_and_default() -> None:
    reference, prediction = np.random.default_rng(2).integers(0, 4, (2, 9, 9, 9))
    labels = {"a": 1, "b": 2, "c": 3}
    mixed = fastseg.evaluate(
        reference,
        prediction,
        labels=labels,
        metrics="nsd",
        tolerance={"a": 0, 2: 1.5, "default": 9},
    )
    for name, tolerance in {"a": 0, "b": 1.5, "c": 9}.items():
        alone = fastseg.evaluate(
            reference, prediction, labels=labels, metrics="nsd", tolerance=tolerance
        )
        assert mixed[name]["nsd"] == alone[name]["nsd"]
    assert mixed["a"]["nsd"] < mixed["b"]["nsd"] < mixed["c"]["nsd"] == 1


@pytest.mark.parametrize("boundary", ["voxel", "surfel"])
@pytest.mark.parametrize("slices", [1, 2, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_masks_packed_a_few_slices_at_a_time(
    slices: int, boundary: Any, order: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Surfaces and bands do not show where one chunk ends and the next begins."""
    monkeypatch.setattr("fastseg.backends.numba.surfaces._CHUNK", 1)
    monkeypatch.setattr("fastseg.backends.numba.surfaces._CHUNK_SLICES", slices)
    rng = np.random.default_rng(22)
    blocks = rng.integers(0, 3, (2, 4, 5, 6))
    reference, prediction = (np.kron(block, np.ones((4, 3, 12), int)) for block in blocks)
    maps = [np.asarray(labels.astype(np.uint8), order=order) for labels in (reference, prediction)]
    for ignored in (None, 2):
        options: dict[str, Any] = {"spacing": (2, 1, 1), "tolerance": 3.5, "ignore_label": ignored}
        found, expected = (
            fastseg.evaluate(*maps, boundary=boundary, backend=name, **options)
            for name in ("numba", "scipy")
        )
        assert found.to_dict() == expected.to_dict()


@pytest.mark.parametrize("large", [0, 300, 1 << 40])
@pytest.mark.parametrize("n", [1, 3])
def test_structures_one_by_one_and_several_at_once(
    n: int, large: int, many_slabs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On all threads, on some, or a thread each: the same rows, in the same order."""
    rng = np.random.default_rng(21)
    reference = np.repeat(rng.integers(0, 9, (9, 8, 3)), 4, axis=2).astype(np.uint8)
    prediction = np.roll(reference, 1, axis=0)
    prediction[:, :, 6:] = 0
    expected = fastseg.evaluate(reference, prediction, spacing=(2, 1, 1))
    fastseg.set_num_threads(n)
    monkeypatch.setattr("fastseg.backends.numba._LARGE_BOX", large)
    found = fastseg.evaluate(reference, prediction, spacing=(2, 1, 1))
    assert [row.label for row in found.rows] == list(range(1, 9))
    assert found.to_dict() == expected.to_dict()


def test_a_subset_of_metrics_computes_only_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastseg.backends import numba
    from fastseg.backends.numba import regions

    mask = np.ones((80, 80, 90), bool)  # not one of the small ones, which are measured in one go

    def refuse(*args: Any) -> None:
        raise AssertionError("not needed")

    with monkeypatch.context() as context:
        context.setattr(numba, "measure", refuse)
        assert (
            fastseg.evaluate(mask, mask, metrics=["dice", "mcc"], backend="numba")[1]["dice"] == 1
        )
    monkeypatch.setattr(regions, "surfaces_of", refuse)
    band = fastseg.evaluate(mask, mask, metrics=["dice", "boundary_iou"], backend="numba")
    assert band[1]["boundary_iou"] == 1
    with pytest.raises(AssertionError, match="not needed"):
        fastseg.evaluate(mask, mask, metrics=["hd"], backend="numba")
    monkeypatch.setattr(regions, "band_overlap", refuse)
    with pytest.raises(AssertionError, match="not needed"):
        fastseg.evaluate(mask, mask, metrics=["boundary_iou"], backend="numba")


def test_evaluate_takes_files_images_and_their_spacing(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    rng = np.random.default_rng(4)
    reference, prediction = rng.integers(0, 3, (2, 9, 8, 7)).astype(np.uint8)
    affine = np.diag([-0.9, 0.9, 2.5, 1])
    images = [nibabel.Nifti1Image(array, affine) for array in (reference, prediction)]
    for image, name in zip(images, ("reference", "case_1"), strict=True):
        nibabel.save(image, tmp_path / f"{name}.nii.gz")
    from_files = fastseg.evaluate(tmp_path / "reference.nii.gz", str(tmp_path / "case_1.nii.gz"))
    from_images = fastseg.evaluate(*images)
    # a file keeps float32, so 0.9 comes back a little off
    for evaluation in (from_files, from_images):
        spacing = evaluation.settings["spacing"]
        assert spacing == pytest.approx([0.9, 0.9, 2.5], rel=1e-6)
        for arrays in [(reference, prediction), [image.get_fdata() for image in images]]:
            expected = fastseg.evaluate(*arrays, spacing=spacing)
            assert [dict(row) for row in evaluation] == [dict(row) for row in expected]
    assert from_files.cases == ("case_1",)
    assert (
        fastseg.evaluate(*images, spacing=2)[1]["hd"]
        == fastseg.evaluate(reference, prediction, spacing=2)[1]["hd"]
    )


def test_images_on_different_grids_are_refused() -> None:
    nibabel = pytest.importorskip("nibabel")
    array = np.ones((4, 4, 4), np.uint8)
    images = [nibabel.Nifti1Image(array, np.diag([1, 1, step, 1])) for step in (1, 1.1)]
    with pytest.raises(fastseg.GridMismatchError, match="spacing"):
        fastseg.evaluate(*images)


BLOCK = np.zeros((6, 6, 6), np.uint8)
BLOCK[2:4, 2:4, 2:4] = 1
BAD_CALLS: list[tuple[dict[str, Any], tuple[Any, Any], type[Exception], str]] = [
    ({}, (BLOCK, BLOCK[:5]), ValueError, "one shape"),
    ({}, (BLOCK, BLOCK[None]), ValueError, "1 to 3 axes"),
    ({}, (BLOCK.astype(float) / 2, BLOCK), ValueError, "whole numbers"),
    ({}, (np.full((2, 2), np.nan), np.ones((2, 2))), ValueError, "NaN"),
    ({}, (BLOCK, np.empty((0, 3))), ValueError, "empty"),
    ({}, (BLOCK, "no_such_file.nii.gz"), FileNotFoundError, "no_such_file"),
    ({}, (BLOCK, None), TypeError, "expected an array"),
    ({"spacing": (1, 1)}, (BLOCK, BLOCK), ValueError, "3 array axes"),
    ({"spacing": (1, 1, 0)}, (BLOCK, BLOCK), ValueError, "positive"),
    ({"spacing": (1, 1, -1)}, (BLOCK, BLOCK), ValueError, "positive"),
    ({"spacing": (1, 1, math.nan)}, (BLOCK, BLOCK), ValueError, "finite"),
    ({"spacing": "wide"}, (BLOCK, BLOCK), TypeError, "one for each array axis"),
    ({"metrics": ["dcie"]}, (BLOCK, BLOCK), ValueError, "did you mean 'dice'"),
    ({"metrics": ["hd101"]}, (BLOCK, BLOCK), ValueError, "unknown 'hd101'"),
    ({"metrics": []}, (BLOCK, BLOCK), ValueError, "at least one"),
    ({"metrics": ["dice", "dice"]}, (BLOCK, BLOCK), ValueError, "once"),
    ({"metrics": [1]}, (BLOCK, BLOCK), TypeError, "names"),
    ({"labels": []}, (BLOCK, BLOCK), ValueError, "at least one"),
    ({"labels": [1, 1]}, (BLOCK, BLOCK), ValueError, "once"),
    ({"labels": [1.5]}, (BLOCK, BLOCK), TypeError, "whole numbers"),
    ({"labels": "1"}, (BLOCK, BLOCK), TypeError, "expected label ids"),
    ({"labels": {"none": ()}}, (BLOCK, BLOCK), ValueError, "at least one label"),
    ({"labels": {"a": "b"}}, (BLOCK, BLOCK), TypeError, "whole numbers"),
    ({"labels": {"a": 1, "b": "c"}}, (BLOCK, BLOCK), TypeError, "whole numbers"),
    ({"labels": [1], "ignore_label": 1}, (BLOCK, BLOCK), ValueError, "ignore_label"),
    ({"tolerance": -1}, (BLOCK, BLOCK), ValueError, "not negative"),
    ({"tolerance": math.nan}, (BLOCK, BLOCK), ValueError, "finite"),
    ({"tolerance": "1"}, (BLOCK, BLOCK), TypeError, "number"),
    ({"tolerance": {7: 1}, "labels": [1]}, (BLOCK, BLOCK), ValueError, "7"),
    ({"tolerance": {7: 1}}, (BLOCK, BLOCK), ValueError, "default"),
    ({"tolerance": {"seven": 1}}, (BLOCK, BLOCK), ValueError, "seven"),
    ({"tolerance": {}}, (BLOCK, BLOCK), ValueError, "default"),
    ({"boundary": "voxels"}, (BLOCK, BLOCK), ValueError, "did you mean 'voxel'"),
    ({"percentile_method": "pool"}, (BLOCK, BLOCK), ValueError, "did you mean 'pooled'"),
    ({"empty": "wurst"}, (BLOCK, BLOCK), ValueError, "did you mean 'worst'"),
    ({"empty": 3}, (BLOCK, BLOCK), TypeError, "policy"),
    ({"backend": "nubma"}, (BLOCK, BLOCK), ValueError, "did you mean 'numba'"),
]


@pytest.mark.parametrize(("options", "arrays", "error", "words"), BAD_CALLS)
def test_bad_input_is_refused_in_words(
    options: dict[str, Any], arrays: tuple[Any, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        fastseg.evaluate(*arrays, **options)


def test_inputs_are_left_alone() -> None:
    reference, prediction = np.random.default_rng(5).integers(0, 3, (2, 7, 7, 7))
    copies = reference.copy(), prediction.copy()
    fastseg.evaluate(reference, prediction)
    assert (reference == copies[0]).all()
    assert (prediction == copies[1]).all()


@settings(max_examples=60, deadline=None)
@given(pair=volumes.mask_pairs(), scale=st.sampled_from([0.25, 2.0, 8.0]))
def test_swapping_and_scaling(pair: tuple[Mask, Mask], scale: float) -> None:
    """Symmetric metrics do not see which map is the reference; distances scale with the spacing."""
    reference, prediction = pair
    spacing = (0.7, 1.0, 2.3)[: reference.ndim]
    row = fastseg.evaluate(reference, prediction, spacing=spacing)[1]
    swapped = fastseg.evaluate(prediction, reference, spacing=spacing)[1]
    scaled = fastseg.evaluate(
        reference, prediction, spacing=[s * scale for s in spacing], tolerance=scale
    )[1]
    for name in (
        "dice",
        "iou",
        "hd",
        "hd95",
        "assd",
        "masd",
        "nsd",
        "boundary_iou",
        "volume_similarity",
    ):
        assert row[name] == pytest.approx(swapped[name], rel=1e-15, nan_ok=True), name
    for name in ("hd", "hd95", "assd", "masd"):
        assert scaled[name] == pytest.approx(row[name] * scale, rel=1e-15, nan_ok=True)
    assert scaled["nsd"] == pytest.approx(row["nsd"], nan_ok=True)
    assert row["precision"] == pytest.approx(swapped["recall"], nan_ok=True)


DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="no real label maps beside the project")
def test_real_pair_equals_the_reference_backend() -> None:
    folder = DATA / "pairs" / "totalseg_normal_vs_fast"
    paths = folder / "ref_normal.nii.gz", folder / "pred_fast.nii.gz"
    results = [fastseg.evaluate(*paths, backend=backend) for backend in BACKENDS]
    assert len(results[0]) == 41
    for row, other in zip(*results, strict=True):
        assert row.counts == other.counts
        assert_rows_equal(row, dict(other), rel=2e-16, abs=0)
