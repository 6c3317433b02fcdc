"""The public primitives on both backends: every layout, every type, the same answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import fastseg
from tests.oracle import hard_cases as volumes
from tests.oracle.compare import assert_distances
from tests.primitives.common import noise, reduced

Array = NDArray[Any]

SHAPES = [(70,), (6, 67), (67, 6), (5, 6, 67)]
DTYPES = [bool, np.uint8, np.int16, np.float32, np.float64, np.uint64]
CASES = [(shape, dtype) for shape in SHAPES for dtype in DTYPES if len(shape) == 3 or dtype is bool]

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
    "connected_components": lambda a, b: [
        fastseg.connected_components(a)[0],
        fastseg.connected_components(b, 1)[0],
    ],
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
