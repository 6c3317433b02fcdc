"""The transform of long thin arrays, against all pairs, SciPy and the passes over axes that it stands in for."""

from __future__ import annotations

import itertools
import tracemalloc
from typing import Any, Literal

import numpy as np
import pytest
import scipy.ndimage
from numba.core import config
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fastseg import threads
from fastseg.backends import numba as numba_backend
from fastseg.backends.numba import thin as driver
from fastseg.backends.numba import transform as _transform
from fastseg.backends.shared.plan import plan_for
from fastseg_kernels.cpu.edt import thin
from tests.oracle import naive

Array = NDArray[Any]

BLOCK = thin.BLOCK
EXACT, ROUNDED = (1.0, 0.75, 3.0, 2.0), (0.7, 1.3, 0.9, 1.1)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare lines wherever there are few, however short they are."""
    for limit in ("_LEAST_LENGTH", "_LEAST_LENGTH_OF_FEW"):
        monkeypatch.setattr(driver, limit, 2)
    monkeypatch.setattr(driver, "_FEW_LINES", driver._MOST_LINES)


def by_passes(monkeypatch: pytest.MonkeyPatch, mask: Array, spacing: Any) -> tuple[Array, Array]:
    """The same by the passes over axes."""
    with monkeypatch.context() as patch:
        patch.setattr(driver, "_MOST_LINES", 0)
        distances, where = numba_backend.distance_transform_edt(mask, spacing, True, np.float64)
    assert where is not None
    return distances, where


def masks(shape: tuple[int, ...], seed: int = 0) -> dict[str, Array]:
    """Foregrounds that are dense, sparse, alternating, empty, and with one background voxel at either end."""
    rng = np.random.default_rng(seed)
    drawn = {f"{density}": rng.random(shape) < density for density in (0.05, 0.5, 0.97, 0.999)}
    ends = {}
    for end in (0, -1):
        ends[f"end {end}"] = np.ones(shape, bool)
        ends[f"end {end}"].flat[end] = False
    chequered = np.indices(shape).sum(axis=0) % 2 == 0
    return {**drawn, **ends, "chequered": chequered, "none": np.ones(shape, bool)}


LENGTHS = [2, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3]
AROUND = [(2,), (3, 2), (2, 1, 3), (1, 5)]


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("around", AROUND)
def test_long_axis_anywhere(
    around: tuple[int, ...], length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Distances to the bit for any spacing; indices where no sum is rounded, ties included."""
    for place in range(len(around) + 1):
        shape = (*around[:place], length, *around[place:])
        if config.DISABLE_JIT and (length not in (7, BLOCK + 1) or len(shape) != 3 or place == 2):
            continue  # as plain Python all of them take minutes
        for (name, mask), order in itertools.product(masks(shape).items(), "CF"):
            foreground = np.asarray(mask, order=order)  # type: ignore[call-overload]
            for steps in (EXACT, ROUNDED):
                spacing, what = steps[: len(shape)], f"{shape} {name} {order} {steps}"
                distances, where = numba_backend.distance_transform_edt(
                    foreground, spacing, True, np.float64
                )
                alone, _ = numba_backend.distance_transform_edt(
                    foreground, spacing, False, np.float64
                )
                assert_array_equal(alone, distances, err_msg=what)
                assert where is not None
                if config.DISABLE_JIT:
                    expected = naive.distance_transform_edt(foreground, spacing)
                    assert_array_equal(distances, expected, err_msg=what)
                    continue
                expected, its_indices = by_passes(monkeypatch, foreground, spacing)
                assert_array_equal(distances, expected, err_msg=what)
                if steps is EXACT:
                    assert_array_equal(where, its_indices, err_msg=what)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("shape", [(40, 2), (2, 40), (2, 40, 3), (3, 2, 40), (2, 2, 2, 30)])
@pytest.mark.parametrize("steps", [EXACT, ROUNDED])
def test_all_pairs(shape: tuple[int, ...], steps: tuple[float, ...]) -> None:
    spacing = steps[: len(shape)]
    for name, mask in masks(shape, 1).items():
        expected = naive.distance_transform_edt(mask, spacing)
        found, where = numba_backend.distance_transform_edt(mask, spacing, True, np.float64)
        assert_array_equal(found, expected, err_msg=name)
        assert where is not None
        if mask.all():
            assert (where == -1).all()
            continue
        assert not mask[tuple(where)].any(), name
        squares = np.zeros(shape)
        for axis, grid in enumerate(np.indices(shape)):
            squares += ((where[axis] - grid) * spacing[axis]) ** 2
        assert_array_equal(np.sqrt(squares), expected, err_msg=name)


@pytest.mark.parametrize(
    ("shape", "sampling"),
    [
        ((driver._LEAST_LENGTH - 1, 2), None),
        ((driver._LEAST_LENGTH, 2), (0.7, 1.3)),
        ((2, driver._LEAST_LENGTH), (0.7, 1.3)),
        ((driver._LEAST_LENGTH_OF_FEW - 1, 2, 2), None),
        ((driver._LEAST_LENGTH_OF_FEW, 2, 2), None),
        ((2, driver._LEAST_LENGTH_OF_FEW, 3), (0.7, 1.3, 0.9)),
        ((driver._MOST_COMPARED, driver._LEAST_LENGTH), (0.7, 1.3)),
        ((driver._MOST_COMPARED + 1, driver._LEAST_LENGTH), (0.7, 1.3)),
        ((driver._MOST_LINES, driver._LEAST_LENGTH), (0.7, 1.3)),
        ((driver._MOST_LINES + 1, driver._LEAST_LENGTH), (0.7, 1.3)),
        ((5, 8, driver._LEAST_LENGTH), (0.7, 1.3, 0.9)),
    ],
)
@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="too long as plain Python")
def test_scipy_around_the_limits(shape: tuple[int, ...], sampling: Any) -> None:
    spacing = sampling or (1.0,) * len(shape)
    for name, mask in masks(shape, 2).items():
        if name == "none":
            continue
        expected, nearest = scipy.ndimage.distance_transform_edt(mask, spacing, return_indices=True)
        found, where = numba_backend.distance_transform_edt(mask, spacing, True, np.float64)
        alone, _ = numba_backend.distance_transform_edt(mask, spacing, False, np.float64)
        single, _ = numba_backend.distance_transform_edt(mask, spacing, False, np.float32)
        assert_array_equal(found, expected, err_msg=name)
        assert_array_equal(alone, expected, err_msg=name)
        if sampling is None:
            assert_array_equal(where, nearest, err_msg=name)
            assert_array_equal(single, expected.astype(np.float32), err_msg=name)
        else:
            np.testing.assert_allclose(single, expected, rtol=3e-7, err_msg=name)


def test_which_arrays_are_thin() -> None:
    long = driver._LEAST_LENGTH
    assert driver.is_thin((2, long))
    assert driver.is_thin((long, 5, 8))
    assert not driver.is_thin((2, long - 1))
    assert not driver.is_thin((long, driver._MOST_LINES + 1))
    assert not driver.is_thin((thin.LONGEST, 2))
    assert driver.compare_lines((2, long), 0)
    assert not driver.compare_lines((2, long), 1)
    assert driver.compare_lines((driver._MOST_COMPARED, long), 0)
    assert not driver.compare_lines((driver._MOST_COMPARED + 1, long), 0)
    assert driver.compare_lines((2, driver._LEAST_LENGTH_OF_FEW), 1)


def test_the_longest_axis_comes_first_where_it_may() -> None:
    def axes(shape: tuple[int, ...], spacing: tuple[float, ...], indices: bool) -> Any:
        order = tuple(range(len(shape)))
        return plan_for(shape, spacing, order, np.dtype(np.float64), indices=indices, thin=True)[1]

    assert axes((9000, 5), (1.0, 1.0), False) == (0, 1)
    assert axes((5, 9000), (0.7, 0.9), False) == (1, 0)  # a sum of two has no order
    assert axes((5, 9000, 4), (0.7, 0.9, 1.1), False) == (1, 0, 2)
    assert axes((5, 4, 9000), (0.7, 0.9, 1.1), False) == (0, 1, 2)  # a sum of three has
    assert axes((5, 4, 9000), (1.0, 1.0, 1.0), False) == (2, 1, 0)
    assert axes((5, 4, 9000), (1.0, 1.0, 1.0), True) == (0, 1, 2)


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="too long as plain Python")
@pytest.mark.parametrize("shape", [(600_000, 2), (2, 3, 200_000)])
def test_threads_and_the_edges_of_blocks(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = masks(shape, 3)["0.999"]
    results = []
    for n in (1, 3):
        monkeypatch.setattr(threads, "_num_threads", n)
        monkeypatch.setattr(threads, "_pool", None)
        results.append(
            numba_backend.distance_transform_edt(mask, ROUNDED[: len(shape)], True, float)
        )
    assert_array_equal(results[0][0], results[1][0])
    assert_array_equal(results[0][1], results[1][1])


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="too long as plain Python")
@pytest.mark.parametrize("shape", [(300_000, 2), (2, 300_000), (3, 3, 70_000), (20_000, 30)])
def test_memory(shape: tuple[int, ...]) -> None:
    """No table or tile is many times as long as the volume."""
    mask = masks(shape, 4)["0.5"]
    for spacing in ((1.0,) * len(shape), ROUNDED[: len(shape)]):
        for indices in (False, True):
            numba_backend.distance_transform_edt(mask[:8], spacing, indices, np.float64)
            tracemalloc.start()
            found = numba_backend.distance_transform_edt(mask, spacing, indices, np.float64)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            del found
            results = (8 + 4 * len(shape) * indices) * mask.size
            assert peak - results <= 8 * mask.size + (1 << 20)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("order", ["C", "F"])
def test_targets_and_squares(order: Literal["C", "F"]) -> None:
    """Packed targets and squares, which searches for surfaces ask for."""
    from tests.kernels import packed

    mask = np.ascontiguousarray(masks((2, 3, 70), 5)["0.97"])
    words = packed.pack(~mask)
    targets = _transform.Targets(words, mask.shape)
    axes = (0, 1, 2) if order == "C" else (2, 1, 0)
    found, _ = _transform.transform(targets, ROUNDED[:3], axes, squared=True)
    expected, _ = _transform.transform(mask.view(np.uint8), ROUNDED[:3], axes)
    assert_array_equal(np.sqrt(found), expected)
