"""The drop-in for medpy.metric.binary against MedPy."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastseg import compat
from fastseg.compat import medpy as ours
from tests.compat.cases import Pair, extreme_pairs, filled_pairs, has_empty, mask, with_spacings
from tests.compat.parity import outcome, same

host: Any = None
if importlib.util.find_spec("medpy"):
    host = importlib.import_module("medpy.metric.binary")

needs_host = pytest.mark.skipif(host is None, reason="medpy is not installed")

# From NumPy 2.3 on MedPy gives NumPy's floats, and nan where it documents 0 or 1.
NUMPY_23 = np.lib.NumpyVersion(np.__version__) >= "2.3.0"

COUNTS = [
    "dc", "jc", "precision", "recall", "sensitivity", "specificity", "true_negative_rate",
    "true_positive_rate", "positive_predictive_value", "ravd",
]  # fmt: skip
MAXIMA, MEANS = ["hd", "hd95"], ["asd", "assd"]

PAIRS = filled_pairs() + extreme_pairs()
MORE_AXES = [
    Pair("1-d", mask((40,), 0.3, 1), mask((40,), 0.3, 2)),
    Pair("4-d", mask((5, 4, 6, 3), 0.4, 3), mask((5, 4, 6, 3), 0.4, 4)),
]
CASES = list(with_spacings(PAIRS)) + [
    (pair, spacing) for pair in MORE_AXES for spacing in (None, 0.7)
]
IDS = [f"{pair.name}-{spacing}" for pair, spacing in CASES]


@needs_host
@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("pair", PAIRS + MORE_AXES, ids=lambda pair: pair.name)
def test_counts(pair: Pair, name: str) -> None:
    found = outcome(getattr(ours, name), pair.prediction, pair.reference)
    expected = outcome(getattr(host, name), pair.prediction, pair.reference)
    if NUMPY_23 and isinstance(expected, float):
        expected = float(expected)
        if math.isnan(expected):  # what MedPy documents, and gives with an older NumPy
            expected = 1.0 if name == "dc" else 0.0
    same(found, expected)


@needs_host
@pytest.mark.parametrize("name", MAXIMA + MEANS)
@pytest.mark.parametrize(("pair", "spacing"), CASES, ids=IDS)
def test_distances(pair: Pair, spacing: Any, name: str) -> None:
    arguments = pair.prediction, pair.reference, spacing
    expected = outcome(getattr(host, name), *arguments)
    # To the bit; but nearest voxels may tie, and means of arrays in Fortran order are summed otherwise.
    in_c_order = pair.reference.flags.c_contiguous
    ulp = 1 if spacing is not None else 0
    if name in MEANS:
        ulp = 2 if spacing is not None else 0 if in_c_order else 4
    same(outcome(getattr(ours, name), *arguments), expected, ulp=ulp)


@needs_host
@pytest.mark.parametrize("connectivity", [0, 2, 3, 9])
@pytest.mark.parametrize("name", MAXIMA + MEANS)
@pytest.mark.parametrize(
    "pair",
    [pair for pair in PAIRS + MORE_AXES if not has_empty(pair)],
    ids=lambda pair: pair.name,
)
def test_connectivity(pair: Pair, name: str, connectivity: int) -> None:
    arguments = pair.prediction, pair.reference, None, connectivity
    expected = getattr(host, name)(*arguments)
    in_c_order = pair.reference.flags.c_contiguous
    same(getattr(ours, name)(*arguments), expected, ulp=0 if in_c_order or name in MAXIMA else 4)


def test_connectivity_makes_thicker_borders() -> None:
    """The corner of an L has only a diagonal neighbour outside."""
    corner = np.ones((5, 5), bool)
    corner[0, 0] = False
    other = np.zeros((5, 5), bool)
    other[1, 1] = True
    assert ours.asd(other, corner) == 1.0
    assert ours.asd(other, corner, connectivity=2) == 0.0


@needs_host
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64, object])
def test_all_but_0_is_inside(dtype: Any) -> None:
    pair = PAIRS[0]
    result, reference = (array.astype(dtype) * 3 for array in (pair.prediction, pair.reference))
    for name in ("dc", "hd95", "assd"):
        found, expected = (getattr(module, name)(result, reference) for module in (ours, host))
        same(found, float(expected) if name == "dc" and NUMPY_23 else expected)


@needs_host
def test_nan_is_inside() -> None:
    result = np.where(PAIRS[0].prediction, np.nan, 0)
    same(ours.hd(result, PAIRS[0].reference), host.hd(result, PAIRS[0].reference))
    same(float(ours.dc(result, PAIRS[0].reference)), float(host.dc(result, PAIRS[0].reference)))


CUBE = np.zeros((4, 5, 6), bool)
CUBE[1:3, 1:4, 2:5] = True
NOTHING = np.zeros_like(CUBE)


@needs_host
@pytest.mark.parametrize("name", COUNTS + MAXIMA + MEANS)
@pytest.mark.parametrize(
    "arguments",
    [
        ([0, 1], [1, 1]),
        (CUBE, CUBE[:3]),
        (CUBE[:3], CUBE),
        (CUBE, CUBE[1]),
        (CUBE[1], CUBE),
        (NOTHING, CUBE[:3]),
        (np.zeros((0, 3), bool), np.zeros((0, 3), bool)),
        (np.float64(1), np.array(3)),
    ],
)  # fmt: skip
def test_wrong_input_is_the_same_kind_of_error(name: str, arguments: Any) -> None:
    expected = outcome(getattr(host, name), *arguments)
    found = outcome(getattr(ours, name), *arguments)
    if name in COUNTS and name != "ravd" and {np.ndim(array) for array in arguments} == {2, 3}:
        expected = ValueError  # NumPy, and so MedPy, broadcasts these
    if isinstance(expected, type) or isinstance(found, type):
        same(found, expected)
    elif not (NUMPY_23 and np.isnan(expected)):
        assert found == expected


@needs_host
@pytest.mark.parametrize("name", MAXIMA + MEANS)
@pytest.mark.parametrize(
    "spacing", [(1, 2), (1, 2, 3, 4), -2, (-1, 2, 3), "2", "x", 0, (0, 1, 1), math.nan, math.inf]
)
def test_odd_spacings(name: str, spacing: Any) -> None:
    for first, second in ((CUBE, ~CUBE), (NOTHING, CUBE)):
        expected = outcome(getattr(host, name), first, second, spacing)
        same(outcome(getattr(ours, name), first, second, spacing), expected, ulp=1)


def test_shapes_that_numpy_would_broadcast_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"\(1, 5, 6\) and \(4, 5, 6\)"):
        ours.dc(CUBE, CUBE[1:2])


def test_undefined_counts_are_what_medpy_documents() -> None:
    full = np.ones_like(CUBE)
    assert ours.dc(NOTHING, NOTHING) == ours.jc(NOTHING, NOTHING) == 1.0
    assert ours.precision(NOTHING, NOTHING) == ours.recall(CUBE, NOTHING) == 0.0
    assert ours.specificity(NOTHING, full) == 0.0


RNG = np.random.default_rng(5)
SERIES = [RNG.random((4, 5, 6)) < share for share in (0.1, 0.5, 0.3, 0.7)]
OTHER = [RNG.random((4, 5, 6)) < share for share in (0.2, 0.4, 0.5, 0.8)]


@needs_host
@pytest.mark.parametrize("name", ["volume_correlation", "volume_change_correlation"])
@pytest.mark.parametrize(
    "arguments",
    [
        (SERIES, OTHER),
        (np.array(SERIES) * 2.5, np.array(OTHER) * 3),
        ([[1, 0, 0], [1, 1, 0], [0, 0, 0]], [[1, 0, 0], [1, 1, 1], [0, 1, 0]]),
        (SERIES, OTHER[:3]),
        (SERIES[:1], OTHER[:1]),
        ([], []),
    ],
)  # fmt: skip
def test_correlations(name: str, arguments: Any) -> None:
    expected = outcome(getattr(host, name), *arguments)
    found = outcome(getattr(ours, name), *arguments)
    if isinstance(expected, type):
        same(found, expected)
    else:
        np.testing.assert_allclose(tuple(found), tuple(expected), rtol=1e-12)


@needs_host
@pytest.mark.parametrize("name", ["obj_asd", "obj_assd", "obj_fpr", "obj_tpr"])
def test_matching_objects_is_left_to_medpy(name: str) -> None:
    assert getattr(ours, name) is getattr(host, name)
    with compat.patched("medpy"):
        arguments = PAIRS[0].prediction, PAIRS[0].reference
        assert np.isfinite(getattr(host, name)(*arguments))


@needs_host
@pytest.mark.parametrize("name", ours.__all__)
def test_signatures(name: str) -> None:
    expected = inspect.signature(getattr(host, name)).parameters.values()
    found = inspect.signature(getattr(ours, name)).parameters.values()
    assert [(p.name, p.default) for p in found] == [(p.name, p.default) for p in expected]


@needs_host
def test_the_helper_that_nnunet_imports() -> None:
    name = "__surface_distances"
    arguments = SERIES[1], OTHER[1], (1, 2, 3)
    expected = getattr(host, name)(*arguments)
    same(getattr(ours, name)(*arguments), expected, ulp=1)
    with compat.patched("medpy"):
        assert getattr(host, name) is getattr(ours, name)


@needs_host
def test_patching_and_falling_back() -> None:
    import medpy.metric

    original, expected = host.hd, host.hd(CUBE, ~CUBE, 0)
    with compat.patched("medpy"):
        assert host.hd is medpy.metric.hd is ours.hd
        assert medpy.metric.dc is ours.dc
        same(host.hd(CUBE, ~CUBE, 0), expected)
    assert host.hd is medpy.metric.hd is original


WITHOUT = """
import sys
sys.modules["medpy"] = None  # importing it fails
import numpy as np
from fastseg.compat.medpy import dc, hd95
print(dc(np.array([1, 1, 0]), np.array([1, 0, 0])), hd95(np.array([1, 0, 0]), np.array([0, 0, 1])))
try: hd95(np.array([1]), np.array([1]), 0)
except ImportError as error: print("install medpy" in str(error))
"""


@pytest.mark.slow
def test_medpy_is_not_needed(run_python: Callable[..., str]) -> None:
    first, second = run_python(WITHOUT).splitlines()
    assert [float(value) for value in first.split()] == [2 / 3, 2.0]
    assert second == "True"
