"""Drop-in for scipy.ndimage.distance_transform_edt: SciPy's numbers, types and errors."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies
from numpy.typing import NDArray
from scipy import ndimage

from fastseg import compat
from fastseg.compat import scipy_ndimage
from fastseg.compat.scipy_ndimage import distance_transform_edt as ours
from tests.compat import cases
from tests.compat.parity import observed, outcome, same, same_words

Array = NDArray[Any]
Spacing = tuple[float, ...] | None

theirs = ndimage.distance_transform_edt  # before anything is patched


def id_of(value: object) -> str:
    return value.name if isinstance(value, cases.Pair) else str(value)


def squares(input: Any, where: Array, steps: Sequence[float]) -> Array:
    """Squared distances to the voxels of a feature transform."""
    places = np.indices(input.shape)
    step = np.reshape(steps, (-1, *(1,) * input.ndim))
    return np.asarray((((where - places) * step) ** 2).sum(axis=0))


@pytest.mark.parametrize(("pair", "spacing"), cases.with_spacings(cases.filled_pairs()), ids=id_of)
def test_distances_are_scipys_to_the_bit(pair: cases.Pair, spacing: Spacing) -> None:
    for mask in (pair.reference, ~pair.prediction):
        same(ours(mask, spacing), theirs(mask, spacing), ulp=tie_ulp(spacing))


def tie_ulp(spacing: Spacing) -> int:
    """Nearest voxels that tie at permuted offsets may round apart by one unit; whole numbers never round."""
    return 0 if spacing is None or all(step == int(step) for step in spacing) else 1


@pytest.mark.parametrize(
    ("pair", "spacing"), cases.with_spacings(cases.filled_pairs()[:6]), ids=id_of
)
def test_indices_are_of_a_nearest_background_voxel(pair: cases.Pair, spacing: Spacing) -> None:
    mask = pair.reference
    steps = spacing or (1.0,) * mask.ndim
    distances, where = ours(mask, spacing, return_indices=True)
    expected, _ = theirs(mask, spacing, return_indices=True)
    same(distances, expected, ulp=tie_ulp(spacing))
    alone = ours(mask, spacing, return_distances=False, return_indices=True)
    for found in (where, alone):
        assert found.dtype == np.int32
        assert not mask[tuple(found)].any()
        np.testing.assert_allclose(np.sqrt(squares(mask, found, steps)), expected, rtol=1e-15)


@given(
    numpy_strategies.arrays(
        np.bool_, numpy_strategies.array_shapes(min_dims=1, max_dims=4, max_side=7)
    ),
    st.sampled_from([None, 2, 0.5, 3.0]),
)
def test_any_small_mask(mask: cases.Mask, sampling: Any) -> None:
    if mask.all():
        mask.flat[0] = False
    same(ours(mask, sampling), theirs(mask, sampling))


def test_results_are_in_c_order_as_scipys() -> None:
    mask = np.asfortranarray(cases.blob((9, 10, 11)))
    for result in ours(mask, return_indices=True):
        assert result.flags.c_contiguous


@pytest.mark.parametrize(
    "input",
    [
        [[0, 1, 1], [1, 1, 1]],
        ((1, 0), (1, 1)),
        5,
        0,
        True,
        np.float32(0),
        np.array(0),
        np.array([0.0, 0.5, np.nan, -1.0, -0.0]),
        np.array([0, 300, 256], np.int16),
        np.array([0, 1, 2], ">i4"),
        np.array([0, 1 + 2j, 0, 3j]),
        np.array(["", "a", "b"]),
        np.array([None, 1, "x"], object),
        np.ma.masked_array([0, 1, 1], [True, False, False]),
        np.zeros((3, 0)),
        np.zeros((2, 3), bool),
    ],
    ids=repr,
)
def test_all_that_scipy_takes_is_taken(input: Any) -> None:
    if np.ndim(input) == 0 and input:
        assert ours(input) == np.inf  # no background: see below
    else:
        same(outcome(ours, input), outcome(theirs, input))


@pytest.mark.parametrize(
    "sampling",
    [2, 0.3, [2, 3], (2, 3), np.array([2.0, 3]), np.float32(0.3), -2, 0, [1, -3], [1, 0]],
)
def test_samplings(sampling: Any) -> None:
    mask = cases.blob((9, 12))
    same(ours(mask, sampling), theirs(mask, sampling), ulp=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sampling": (1, 2, 3)},
        {"sampling": []},
        {"sampling": "ab"},
        {"sampling": "a"},
        {"sampling": Ellipsis},
        {"return_distances": False},
        {"distances": np.zeros((3, 4)), "return_distances": False, "return_indices": True},
        {"indices": np.zeros((2, 3, 4), np.int32)},
        {"distances": np.zeros((4, 3))},
        {"distances": np.zeros((3, 4), np.float32)},
        {"distances": np.zeros((3, 4), np.int64)},
        {"return_distances": False, "distances": np.zeros((3, 4))},
        {
            "return_distances": False,
            "distances": np.zeros((3, 4)),
            "indices": np.zeros((2, 3, 4), np.int32),
        },
        {"distances": np.zeros(3), "indices": np.zeros(3), "return_indices": True},
        {"indices": np.zeros((3, 4), np.int32), "return_indices": True},
        {"indices": np.zeros((2, 3, 4), np.int64), "return_indices": True},
    ],
    ids=str,
)
def test_wrong_input_raises_what_scipy_raises(wrong: dict[str, Any]) -> None:
    mask = cases.blob((3, 4))
    same_words(observed(ours, mask, **wrong), observed(theirs, mask, **wrong))


def test_arrays_to_write_to() -> None:
    mask = cases.blob((9, 12))
    distances, indices = np.full(mask.shape, -1.0), np.full((2, *mask.shape), -1, np.int32)
    assert ours(mask, 2.0, True, True, distances, indices) is None
    same(distances, theirs(mask, 2.0))
    np.testing.assert_array_equal(np.sqrt(squares(mask, indices, (2, 2))), distances)
    returned = ours(mask, return_indices=True, distances=distances)
    assert returned.dtype == np.int32
    same(ours(mask, return_indices=True, indices=indices), theirs(mask))
    wrong: Any = "no array"
    same(ours(mask, distances=wrong), theirs(mask, distances="no array"))


@pytest.mark.parametrize("shape", [(4,), (3, 5), (2, 3, 4)])
def test_without_background_distances_are_infinite(shape: tuple[int, ...]) -> None:
    """SciPy measures to a voxel (-1, 0, 0), which does not exist."""
    distances, where = ours(np.ones(shape), return_indices=True)
    assert np.isposinf(distances).all()
    assert (where == -1).all()
    assert np.isfinite(theirs(np.ones(shape))).all()


def test_signature_and_other_names_are_scipys() -> None:
    strip = [(p.name, p.kind, p.default) for p in inspect.signature(theirs).parameters.values()]
    assert strip == [
        (p.name, p.kind, p.default) for p in inspect.signature(ours).parameters.values()
    ]
    assert scipy_ndimage.binary_erosion is ndimage.binary_erosion
    with pytest.raises(AttributeError, match="no_such"):
        _ = scipy_ndimage.no_such


def test_patched_it_is_found_everywhere_and_the_reference_backend_still_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The reference backend calls SciPy: it must not go round in a circle."""
    mask = cases.blob((9, 12))
    expected = theirs(mask)
    with compat.patched("scipy_ndimage"):
        assert ndimage.distance_transform_edt is ours
        assert ndimage._morphology.distance_transform_edt is ours
        same(ndimage.distance_transform_edt(mask), expected)
        monkeypatch.setenv("FASTSEG_BACKEND", "scipy")
        same(ndimage.distance_transform_edt(mask), expected)
        same(ndimage.distance_transform_edt(mask + 1j), theirs(mask + 1j))
    assert ndimage.distance_transform_edt is theirs


def test_patched_it_is_in_the_table_by_which_scipys_own_tests_look_functions_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table: dict[Any, Any] = {theirs: {"cpu_only": True}, ndimage.label: {}}
    array_api: Any = ModuleType("scipy._lib._array_api")
    array_api.xp_capabilities_table = table
    monkeypatch.setitem(sys.modules, array_api.__name__, array_api)
    with compat.patched("scipy_ndimage"):
        assert table[ndimage.distance_transform_edt] is table[theirs]
        assert len(table) == 3
    assert table.keys() == {theirs, ndimage.label}
    del table[theirs], array_api.xp_capabilities_table  # an older SciPy
    with compat.patched("scipy_ndimage"):
        assert ndimage.distance_transform_edt is ours
    assert table.keys() == {ndimage.label}
