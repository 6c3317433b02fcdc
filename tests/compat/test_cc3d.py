"""Drop-in for cc3d: its numbers, dtypes, memory order and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastseg import compat
from fastseg.compat import cc3d as ours
from tests.compat.parity import observed, outcome, same

cc3d = pytest.importorskip("cc3d")
NAMES = ("connected_components", "statistics", "dust", "largest_k")
theirs: dict[str, Callable[..., Any]] = {name: getattr(cc3d, name) for name in NAMES}

DTYPES = ("u1", "i4", "i8", "u2", "bool", "f4", "u8", "i1", "f8", "f2")
# what cc3d ends in where it estimates too few labels, or takes a row for contiguous
FAULTS = (RuntimeError, IndexError, OverflowError)


def alike(mine: Any, its: Any) -> None:
    """Equal to the last type, and in one memory order; tuples and dicts part by part."""
    if isinstance(its, dict):
        assert list(mine) == list(its)
        for name in its:
            alike(mine[name], its[name])
    elif isinstance(its, (tuple, list)) and any(isinstance(one, np.ndarray) for one in its):
        for one, other in zip(mine, its, strict=True):
            alike(one, other)
    elif isinstance(its, list):  # of slices
        assert mine == its
    else:
        same(mine, its)
        if isinstance(its, np.ndarray):
            assert mine.flags.c_contiguous == its.flags.c_contiguous
            assert mine.flags.f_contiguous == its.flags.f_contiguous


def image(rng: np.random.Generator, axes: tuple[int, ...] = (1, 2, 3)) -> np.ndarray:
    shape = tuple(rng.integers(1, 13, rng.choice(axes)))
    labels = rng.integers(0, rng.choice([1, 2, 4]) + 1, shape)
    labels *= rng.random(shape) < rng.choice([0.1, 0.3, 0.6, 0.9])
    labels = labels.astype(DTYPES[rng.integers(len(DTYPES))])
    if labels.dtype.kind in "if" and rng.random() < 0.3:
        labels = -labels
    if rng.random() < 0.3:
        labels = np.asfortranarray(labels)
    return labels[::-1] if rng.random() < 0.2 else labels


def expected_of(labels: np.ndarray, **options: Any) -> Any:
    """What cc3d gives, None where it is at fault."""
    found = outcome(theirs["connected_components"], labels, **options)
    if isinstance(found, type):
        return None if issubclass(found, FAULTS) else found
    numbers = found[0] if isinstance(found, tuple) else found
    # voxels of the background that it numbers in some planes, and voxels that it leaves out in some columns
    right = labels.dtype == np.float16 or ((numbers > 0) == (labels != 0)).all()
    return found if right else None


@pytest.mark.parametrize("seed", range(6))
def test_components_by_chance(seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(seed)
    compared = 0
    for _ in range(120):
        labels = image(rng)
        for connectivity in (4, 6, 8, 18, 26):
            options: dict[str, Any] = {"connectivity": connectivity, "return_N": True}
            if rng.random() < 0.3:
                options["out_dtype"] = (np.uint16, np.uint32, np.uint64)[rng.integers(3)]
            if rng.random() < 0.3 and set(np.unique(labels)) <= {0, 1} and labels.dtype.kind != "f":
                options["binary_image"] = True
            expected = expected_of(labels, **options)
            if expected is not None:
                alike(outcome(ours.connected_components, labels, **options), expected)
                compared += 1
    assert compared > 500


@pytest.mark.parametrize("seed", range(4))
def test_statistics_by_chance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(120):
        labels = rng.integers(0, 9, tuple(rng.integers(1, 13, rng.integers(1, 4))))
        labels = labels.astype(("u1", "i4", "u8", "bool", "i8")[rng.integers(5)])
        if rng.random() < 0.3:
            labels = np.asfortranarray(labels)
        for as_array in (False, True):
            alike(
                outcome(ours.statistics, labels, as_array),
                outcome(theirs["statistics"], labels, as_array),
            )


@pytest.mark.parametrize("seed", range(4))
def test_dust_and_the_largest_by_chance(seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(80):
        labels = image(rng, (2, 3))
        connectivity = (4, 6, 18, 26)[rng.integers(4)]
        if expected_of(labels, connectivity=connectivity) is None:
            continue
        options = {"connectivity": connectivity, "return_N": bool(rng.integers(2))}
        if rng.random() < 0.2 and labels.dtype.kind != "f":
            labels = theirs["connected_components"](labels)
            options["precomputed_ccl"] = True
        threshold = ([1, 2, 3, 2.5, (2, 4), [1, 3], 0])[rng.integers(7)]
        changing = {"invert": bool(rng.integers(2)), "in_place": bool(rng.integers(2))}
        mine, its = labels.copy("K"), labels.copy("K")
        expected = outcome(theirs["dust"], its, threshold, **options, **changing)
        if isinstance(expected, type) and issubclass(expected, FAULTS):
            continue
        alike(outcome(ours.dust, mine, threshold, **options, **changing), expected)
        np.testing.assert_array_equal(mine, its)
        for k in (0, 1, 2):
            expected = outcome(theirs["largest_k"], labels, k, **options)
            alike(outcome(ours.largest_k, labels, k, **options), expected)


@pytest.mark.parametrize("dtype", ["bool", "u1", "i4"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("shape", "connectivities"),
    [((300, 301, 3), (6, 18, 26)), ((700, 700), (4, 8, 26)), ((90, 90, 90), (6, 26))],
)
def test_the_dtype_of_the_numbers(
    shape: tuple[int, ...], connectivities: tuple[int, ...], dtype: str, order: Any
) -> None:
    rng = np.random.default_rng(1)
    for share in (0.01, 0.1, 0.6):
        labels = np.asarray(rng.random(shape) < share)
        labels = (labels * rng.integers(1, 5 if dtype == "i4" else 2, shape)).astype(dtype, order)
        for connectivity in connectivities:
            for wanted in (None, np.uint16):
                options = {"connectivity": connectivity, "out_dtype": wanted, "return_N": True}
                expected = expected_of(labels, **options)
                if expected is not None:
                    alike(outcome(ours.connected_components, labels, **options), expected)


def test_background_that_cc3d_numbers() -> None:
    """A plane with an odd side, in which cc3d numbers voxels of the background."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(300):
        mask = np.asarray(rng.random(rng.integers(1, 14, 2)) < 0.4)
        found, n = ours.connected_components(mask, connectivity=8, return_N=True)
        np.testing.assert_array_equal(found > 0, mask)
        assert n == ours.connected_components(mask.astype("u1"), connectivity=8, return_N=True)[1]
        its = observed(theirs["connected_components"], mask, connectivity=8).value
        wrong += its is not None and bool(((its > 0) != mask).any())
    if not wrong:
        pytest.fail("cc3d is right by now: its docstring here has a sentence too many")


MASK = np.ones((3, 3, 3), bool)


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [
        ("connected_components", (MASK,), {"connectivity": 8}),
        ("connected_components", (MASK[0],), {"connectivity": 5}),
        ("connected_components", (MASK,), {"out_dtype": np.uint8}),
        ("connected_components", (MASK[None],), {}),
        ("connected_components", (np.zeros((0, 3)),), {}),
        ("connected_components", (MASK.astype(">i4"),), {}),
        ("connected_components", (MASK.astype("i4"),), {"delta": 3}),
        ("connected_components", (MASK,), {"max_labels": 10}),
        ("connected_components", (np.array([[1.5, np.nan]]),), {}),
        ("statistics", (np.array([[-1]]),), {}),
        ("statistics", (np.array([[99]]),), {}),
        ("statistics", (np.zeros((0, 3), int),), {}),
        ("statistics", (np.ones((2, 2)),), {}),
        ("dust", ([[1]], 3), {}),
        ("largest_k", (MASK, -1), {}),
    ],
)
def test_what_is_left_or_refused(name: str, args: Any, options: Any) -> None:
    expected = outcome(theirs[name], *args, **options)
    alike(outcome(getattr(ours, name), *args, **options), expected)


def test_their_own_code_runs_on_it_while_patched() -> None:
    labels = np.array([[1, 0, 2, 2], [1, 0, 0, 2], [0, 3, 0, 2]])
    expected = theirs["largest_k"](labels, 2)
    with compat.patched("cc3d"):
        assert cc3d.connected_components is ours.connected_components
        np.testing.assert_array_equal(cc3d.largest_k(labels, 2), expected)
    assert ours.contacts is cc3d.contacts
