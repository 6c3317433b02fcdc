"""Distances between meshes: the kernels beside the reference backend and MeshMetrics, in every layout and call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
from fastseg.backends.numba import meshes as numba_meshes
from fastseg.evaluation.case import evaluate_case
from fastseg.evaluation.settings import Settings
from fastseg.measures.surface_distances import SurfaceDistances, operations_for
from tests.evaluation.test_pieces import Chunked
from tests.oracle import hard_cases

Mask = NDArray[np.bool_]


def measured(backend: str, *masks: Mask, spacing: tuple[float, ...]) -> SurfaceDistances:
    with fastseg.use_backend(backend):
        return fastseg.surface_distances(*masks, spacing=spacing, boundary="mesh")


def assert_twins(*masks: Mask, spacing: tuple[float, ...], what: str = "") -> None:
    """Every number of both backends, bit by bit."""
    ours, theirs = (measured(backend, *masks, spacing=spacing) for backend in ("numba", "scipy"))
    for one, other in (
        (ours.reference_to_prediction, theirs.reference_to_prediction),
        (ours.prediction_to_reference, theirs.prediction_to_reference),
        (ours.reference_codes, theirs.reference_codes),
        (ours.prediction_codes, theirs.prediction_codes),
        (ours.code_areas, theirs.code_areas),
    ):
        assert_array_equal(one, other, err_msg=what)


@pytest.mark.slow
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_hard_pairs(ndim: int) -> None:
    spacings = hard_cases.SPACINGS[ndim]
    for number, (name, reference, prediction) in enumerate(hard_cases.hard_pairs(ndim)):
        spacing = spacings[number % len(spacings)]
        assert_twins(reference, prediction, spacing=spacing, what=f"{name} {spacing}")


def random_pair(rng: np.random.Generator, number: int, ndim: int) -> tuple[Mask, Mask]:
    """Noise, blobs a little apart, single voxels, thin noise."""
    shape = [int(size) for size in rng.integers(1, 12, ndim)]
    shape[int(rng.integers(ndim))] = int(rng.integers(1, 80))
    kind = number % 4
    if kind == 1:
        field = ndimage.gaussian_filter(rng.standard_normal(shape), 1.5)
        near = ndimage.gaussian_filter(field + 0.05 * rng.standard_normal(shape), 0.7)
        level = np.quantile(field, 0.6)
        return field >= level, near >= level
    if kind == 2:
        masks = np.zeros((2, *shape), bool)
        for mask in masks:
            mask[tuple(int(rng.integers(size)) for size in shape)] = True
        return masks[0], masks[1]
    share = rng.random() if kind == 0 else 0.03
    return rng.random(shape) < share, rng.random(shape) < share


def test_random_pairs_in_any_layout() -> None:
    rng = np.random.default_rng(8)
    for number in range(36):
        ndim = (3, 3, 2, 3, 1)[number % 5]
        reference, prediction = random_pair(rng, number, ndim)
        spacing = tuple(rng.choice([0.7, 1.0, 1.0, 2.5], ndim).tolist())
        assert_twins(reference, prediction, spacing=spacing, what=f"{number}")
        rows = [
            fastseg.evaluate(*pair, spacing=spacing, boundary="mesh", metrics="surface", labels=[1])
            for pair in (
                (reference, prediction),
                (np.asfortranarray(reference), np.asfortranarray(prediction)),
                (np.repeat(reference, 2, 0)[::2], np.flip(np.flip(prediction))),
            )
        ]
        assert repr(rows[0].to_dict()) == repr(rows[1].to_dict()) == repr(rows[2].to_dict())


def test_rows_without_padding_do_not_run_into_each_other() -> None:
    """Steps so long that no offset of the shells leads along them: the last bit of a row, and a volume of one slice."""
    for shape, spacing in (((3, 4, 63), (1.0, 1.0, 40.0)), ((1, 2, 127), (40.0, 1.0, 40.0))):
        masks = np.zeros((2, *shape), bool)
        masks[0, ..., -1] = masks[1, ..., 0] = True
        masks[0, 0, 0] = True
        assert_twins(masks[0], masks[1], spacing=spacing)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.9766, 0.9766)])
def test_far_surfaces(spacing: tuple[float, ...]) -> None:
    """Blocks of rows, and one target far away."""
    grid = np.indices((30, 34, 70)) - np.array([15, 17, 35]).reshape(3, 1, 1, 1)
    ball = (grid**2).sum(0) < 60
    small, corner = (grid**2).sum(0) < 4, np.zeros_like(ball)
    corner[0, 0, 0] = True
    assert_twins(ball, small, spacing=spacing)
    assert_twins(small, corner, spacing=spacing)
    assert_twins(np.roll(ball, 25, 2), np.roll(small, -27, 2), spacing=spacing)


def test_threads_change_nothing() -> None:
    reference, prediction = hard_cases.blob_pair((70, 66, 64), 2)
    found = []
    for n in (1, 2, 3):
        fastseg.set_num_threads(n)
        try:
            found.append(measured("numba", reference, prediction, spacing=(1.0, 1.0, 1.0)))
        finally:
            fastseg.set_num_threads(None)
    for other in found[1:]:
        assert_array_equal(found[0].reference_to_prediction, other.reference_to_prediction)
        assert_array_equal(found[0].prediction_to_reference, other.prediction_to_reference)


def test_empty_masks() -> None:
    voxel = np.zeros((4, 5, 6), bool)
    voxel[1, 2, 3] = True
    for backend in ("numba", "scipy"):
        found = measured(backend, voxel, np.zeros_like(voxel), spacing=(1.0, 1.0, 1.0))
        assert_array_equal(found.reference_to_prediction, np.full(8, np.inf))
        assert len(found.prediction_to_reference) == 0
        assert found.hausdorff() == np.inf
        row = fastseg.evaluate(voxel, ~voxel & voxel, boundary="mesh", backend=backend)[1]
        assert row["hd95"] == np.inf
        assert row["nsd"] == 0


def test_more_than_three_axes_are_refused() -> None:
    four = np.ones((2, 2, 2, 2), bool)
    with pytest.raises(ValueError, match="boundary='mesh' is defined for 1 to 3 axes, not 4"):
        fastseg.surface_distances(four, four, boundary="mesh")


def test_what_a_backend_has_to_offer() -> None:
    assert operations_for(["surface_distributions"], "mesh")[-1] == "mesh_distances"
    assert operations_for(["band_overlap"], "mesh") == ("band_overlap",)
    assert operations_for(["surface_distances"], "surfel") == ("surface_distances",)


@pytest.mark.parametrize("backend", ["numba", "scipy"])
def test_in_pieces(backend: str) -> None:
    reference, prediction = hard_cases.blob_pair((48, 20, 22), 1)
    options: dict[str, Any] = {
        "boundary": "mesh",
        "spacing": (2.0, 0.7, 1.1),
        "backend": backend,
        "metrics": ["dice", "hd95", "assd", "nsd", "boundary_iou"],
    }
    whole = fastseg.evaluate(reference, prediction, **options)
    for budget in (
        None,
        1 << 20,
    ):  # the latter block by block, of which meshes are measured at once
        sources = Chunked(reference, []), Chunked(prediction, [])
        found = evaluate_case(*sources, Settings.checked(**options), budget=budget)
        assert repr(found.to_dict()) == repr(whole.to_dict())


def test_too_large_for_the_memory() -> None:
    reference, prediction = hard_cases.blob_pair((64, 64, 64), 1)
    sources = Chunked(reference, []), Chunked(prediction, [])
    settings = Settings.checked(boundary="mesh", metrics=["hd95"])
    with pytest.raises(
        ValueError, match=r"distances between meshes \(boundary='mesh'\) .* of memory, .*max_memory"
    ):
        evaluate_case(*sources, settings, budget=1 << 16)


def test_instances_and_many_structures() -> None:
    labels = np.zeros((24, 24, 24), np.uint8)
    labels[2:6, 2:6, 2:6], labels[12:18, 11:16, 4:9], labels[20:22, 20:22, 20:22] = 1, 2, 3
    moved = np.roll(labels, 1, axis=1)
    found = fastseg.evaluate(labels, moved, boundary="mesh", metrics="surface")
    for label in (1, 2, 3):
        alone = fastseg.evaluate(
            labels == label, moved == label, boundary="mesh", metrics="surface"
        )
        assert repr(dict(found[label])) == repr(dict(alone[1]))
    result = fastseg.evaluate_instances(labels > 0, moved > 0, boundary="mesh", metrics=["hd95"])
    assert "hd95" in repr(result.to_dict())


def test_tables_are_kept_by_spacing_and_order() -> None:
    first = numba_meshes._tables((1.0, 2.0, 3.0), False)
    assert numba_meshes._tables((1.0, 2.0, 3.0), False) is first
    behind = numba_meshes._tables((2.0, 3.0), True)
    assert behind.steps.tolist() == [2.0, 3.0, 1.0]
    assert numba_meshes._tables((2.0, 3.0), False).steps.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.slow
def test_meshmetrics() -> None:
    """Every distance and every metric within 1e-5; VTK's points and normals are float32 in part."""
    host = pytest.importorskip("meshmetrics")
    rng = np.random.default_rng(2)
    compared = 0
    for number in range(600):
        ndim = 2 if number % 3 == 0 else 3
        reference, prediction = random_pair(rng, number, ndim)
        if not reference.any() or not prediction.any():
            continue
        steps = rng.uniform(0.3, 3, ndim) if number % 2 else np.ones(ndim)
        spacing = tuple(steps.tolist())
        theirs = host.DistanceMetrics(verbose=False)
        theirs.set_input(reference, prediction, spacing=spacing)
        ours = measured("numba", reference, prediction, spacing=spacing)
        compared += 1
        found = theirs.distances
        assert_allclose(
            np.sort(ours.reference_to_prediction), np.sort(np.abs(found[0])), rtol=0, atol=1e-5
        )
        assert_allclose(
            np.sort(ours.prediction_to_reference), np.sort(np.abs(found[2])), rtol=0, atol=1e-5
        )
        assert_allclose(
            [ours.hausdorff(), ours.masd(), ours.assd(), ours.nsd(0.6234)],
            [theirs.hd(), theirs.masd(), theirs.assd(), theirs.nsd(0.6234)],
            rtol=0,
            atol=1e-5,
        )
    assert compared >= 500
