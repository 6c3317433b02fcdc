"""distance_transform_edt() beside SciPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

import fastseg
from tests.oracle import hard_cases as volumes
from tests.oracle.compare import assert_distances


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
