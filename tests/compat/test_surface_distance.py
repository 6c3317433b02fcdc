"""The drop-in for surface-distance against the original, and against closed forms where that fails."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastseg import compat
from fastseg.compat import surface_distance as ours
from tests.compat.cases import (
    Pair,
    extreme_pairs,
    filled_pairs,
    has_empty,
    one_voxel,
    with_spacings,
)
from tests.compat.parity import observed, outcome, same, same_error

host: Any = None
if importlib.util.find_spec("surface_distance"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports names that SciPy has deprecated
        host = importlib.import_module("surface_distance")

needs_host = pytest.mark.skipif(host is None, reason="surface-distance is not installed")

PAIRS = filled_pairs() + [pair for pair in extreme_pairs() if not has_empty(pair)]
CASES = list(with_spacings(PAIRS))
IDS = [f"{pair.name}-{spacing}" for pair, spacing in CASES]


def measures(module: Any, surfaces: Any) -> dict[str, Any]:
    """All that surface-distance reduces the distances to."""
    return {
        "average": outcome(module.compute_average_surface_distance, surfaces),
        **{
            f"hd{p}": outcome(module.compute_robust_hausdorff, surfaces, p)
            for p in (0, 50, 95, 100)
        },
        **{
            f"{name}-{t}": outcome(getattr(module, f"compute_surface_{name}_at_tolerance"), surfaces, t)
            for name in ("overlap", "dice")
            for t in (0, 0.7, 1, 2.5)
        },
    }  # fmt: skip


@needs_host
@pytest.mark.parametrize(("pair", "spacing"), CASES, ids=IDS)
def test_distances_and_areas_are_those_of_the_host(pair: Pair, spacing: Any) -> None:
    steps = spacing or (1.0,) * pair.reference.ndim
    arguments = pair.reference, pair.prediction, steps
    theirs = outcome(host.compute_surface_distances, *arguments)
    found = ours.compute_surface_distances(*arguments)
    assert found.keys() == theirs.keys()
    for name in theirs:
        if name.startswith("distances"):
            # a distance is the host's to the bit, unless two nearest points tie
            same(found[name], theirs[name], ulp=0 if spacing is None else 1)
        else:
            # equal to the bit at unit spacing, as peers' tables are; their order follows the distances
            tolerance = 0 if spacing is None else 1e-14
            np.testing.assert_allclose(np.sort(found[name]), np.sort(theirs[name]), rtol=tolerance)
    for name, value in measures(host, theirs).items():
        np.testing.assert_allclose(measures(ours, found)[name], value, rtol=1e-13, err_msg=name)


@needs_host
def test_measures_of_one_set_of_distances_are_equal_to_the_bit() -> None:
    surfaces = ours.compute_surface_distances(
        PAIRS[0].reference, PAIRS[0].prediction, (0.7, 1.3, 2)
    )
    theirs = measures(host, surfaces)
    for name, value in measures(ours, surfaces).items():
        same(value, theirs[name])


@needs_host
@pytest.mark.parametrize("pair", filled_pairs(), ids=lambda pair: pair.name)
def test_dice(pair: Pair) -> None:
    arguments = pair.reference, pair.prediction
    same(ours.compute_dice_coefficient(*arguments), host.compute_dice_coefficient(*arguments))
    numbers = [mask.astype(np.int32) * 3 for mask in arguments]
    same(ours.compute_dice_coefficient(*numbers), host.compute_dice_coefficient(*numbers))


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("empty", ["gt", "pred", "both"])
def test_empty_masks_give_what_the_host_documents(ndim: int, empty: str) -> None:
    """Version 0.1 of the host fails here under NumPy 2."""
    shape = (6,) * ndim
    nothing, voxel = np.zeros(shape, bool), one_voxel(shape, 2)
    gt, pred = (nothing if empty in (name, "both") else voxel for name in ("gt", "pred"))
    found = ours.compute_surface_distances(gt, pred, (1.0,) * ndim)
    corners = 2**ndim
    for name, mask in (("gt", gt), ("pred", pred)):
        other = "pred" if name == "gt" else "gt"
        n = corners if mask.any() else 0
        assert found[f"distances_{name}_to_{other}"].tolist() == [math.inf] * n
        assert found[f"surfel_areas_{name}"].shape == (n,)
    assert ours.compute_robust_hausdorff(found, 95) == math.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        overlap = ours.compute_surface_overlap_at_tolerance(found, 1)
        average = ours.compute_average_surface_distance(found)
        dice = ours.compute_surface_dice_at_tolerance(found, 1)
    np.testing.assert_equal(overlap, [0.0 if mask.any() else math.nan for mask in (gt, pred)])
    np.testing.assert_equal(average, [math.inf if mask.any() else math.nan for mask in (gt, pred)])
    np.testing.assert_equal(dice, math.nan if empty == "both" else 0.0)
    np.testing.assert_equal(
        ours.compute_dice_coefficient(gt, pred), math.nan if empty == "both" else 0.0
    )


def test_a_single_voxel_has_the_area_of_its_corners() -> None:
    voxel = one_voxel((5, 5, 5), 2)
    found = ours.compute_surface_distances(voxel, voxel, (1, 1, 1))
    np.testing.assert_allclose(found["surfel_areas_gt"], [math.sqrt(3) / 8] * 8, rtol=1e-15)
    assert not found["distances_gt_to_pred"].any()


CUBE = np.ones((4, 5, 6), bool)


@needs_host
@pytest.mark.parametrize(
    "arguments",
    [
        (CUBE.astype(np.uint8), CUBE, (1, 1, 1)),
        (CUBE, CUBE.tolist(), (1, 1, 1)),
        (CUBE, CUBE, (1, 1)),
        (CUBE, CUBE, 1),
        (CUBE, CUBE[0], (1, 1, 1)),
        (CUBE[0, 0], CUBE[0, 0], (1,)),
        (CUBE, CUBE[:3], (1, 1, 1)),
        (CUBE[:, :0], CUBE[:, :0], (1, 1, 1)),
        (CUBE[None], CUBE[None], (1, 1, 1, 1)),
    ],
)  # fmt: skip
def test_wrong_input_is_the_same_kind_of_error(arguments: Any) -> None:
    expected = outcome(host.compute_surface_distances, *arguments)
    assert isinstance(expected, type)
    same(outcome(ours.compute_surface_distances, *arguments), expected)


@needs_host
@pytest.mark.parametrize(
    "arguments",
    [
        (CUBE.astype(np.uint8), CUBE, (1, 1, 1)),
        (CUBE, CUBE.tolist(), (1, 1, 1)),
        (CUBE, CUBE, (1, 1)),
        (CUBE, CUBE[0], (1, 1, 1)),
        (CUBE[0, 0], CUBE[0, 0], (1,)),
    ],
)  # fmt: skip
def test_the_words_are_the_hosts(arguments: Any) -> None:
    expected = observed(host.compute_surface_distances, *arguments)
    assert expected.error
    same_error(observed(ours.compute_surface_distances, *arguments), expected)


def test_masks_without_a_voxel_are_empty() -> None:
    found = ours.compute_surface_distances(CUBE[:0], CUBE[:0], (1, 1, 1))
    assert len(found) == 4
    assert all(values.shape == (0,) and values.dtype == float for values in found.values())


def test_a_tolerance_is_compared_as_it_is() -> None:
    """0.8 as a float32 header has it lies beyond 0.8, here as in the original."""
    spacing = float(np.float32(0.8))
    mask = np.zeros((9, 9, 9), bool)
    mask[2:6, 2:7, 2:7] = True
    found = ours.compute_surface_distances(mask, np.roll(mask, 1, 0), (spacing, 1, 1))
    assert ours.compute_surface_dice_at_tolerance(found, 0.8) < 0.7
    assert ours.compute_surface_overlap_at_tolerance(found, 0.8)[0] < 0.7
    assert ours.compute_surface_dice_at_tolerance(found, spacing) == 1
    if host is not None:
        theirs = outcome(host.compute_surface_distances, mask, np.roll(mask, 1, 0), (spacing, 1, 1))
        for tolerance in (0.8, np.nextafter(0.8, 1), spacing, np.nextafter(spacing, 0)):
            its = host.compute_surface_dice_at_tolerance(theirs, tolerance)
            assert ours.compute_surface_dice_at_tolerance(found, tolerance) == pytest.approx(
                its, rel=1e-12
            )


def test_shapes_that_numpy_would_broadcast_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"\(4, 5, 6\) and \(1, 5, 6\)"):
        ours.compute_surface_distances(CUBE, CUBE[:1], (1, 1, 1))
    with pytest.raises(ValueError, match="one shape"):
        ours.compute_dice_coefficient(CUBE, CUBE[:1])


@needs_host
@pytest.mark.parametrize("spacing", [(-1.0, 2.0, 3.0), (0.0, 1.0, 1.0), (math.nan, 1.0, 1.0)])
def test_odd_spacings_are_left_to_the_host(spacing: Any) -> None:
    pair = PAIRS[0]
    theirs = outcome(
        host.compute_surface_distances, pair.reference[:8], pair.prediction[:8], spacing
    )
    found = outcome(
        ours.compute_surface_distances, pair.reference[:8], pair.prediction[:8], spacing
    )
    for name in theirs:
        same(found[name], theirs[name])


@needs_host
@pytest.mark.parametrize("name", ours.__all__)
def test_signatures(name: str) -> None:
    expected = inspect.signature(getattr(host, name)).parameters
    assert list(inspect.signature(getattr(ours, name)).parameters) == list(expected)


@needs_host
def test_patching_reaches_both_modules() -> None:
    original = host.compute_surface_distances
    with compat.patched("surface_distance"):
        assert host.compute_surface_distances is ours.compute_surface_distances
        assert host.metrics.compute_robust_hausdorff is ours.compute_robust_hausdorff
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # the original warns of what SciPy has deprecated
            assert host.compute_surface_distances(CUBE, CUBE, (1, 1, 1))["surfel_areas_gt"].size
        # a call that is not covered gets to the original while it is patched
        assert isinstance(outcome(host.compute_surface_distances, CUBE, CUBE, (0, 1, 1)), dict)
    assert host.compute_surface_distances is original


INSTALL = """
import sys
from fastseg.compat import surface_distance as ours
{first}
ours.install()
ours.install()
import surface_distance, surface_distance.metrics
from surface_distance import metrics, compute_dice_coefficient
from surface_distance.metrics import *
assert compute_dice_coefficient is ours.compute_dice_coefficient
assert compute_surface_distances is metrics.compute_surface_distances
assert surface_distance.metrics is metrics and surface_distance.__name__ == "surface_distance"
print("fine", sorted(m for m in sys.modules if m.startswith("surface_distance")))
"""


def test_install_stands_in_for_both_module_paths(run_python: Callable[..., str]) -> None:
    out = run_python(INSTALL.format(first=""))
    assert out.strip() == "fine ['surface_distance', 'surface_distance.metrics']"


REST = """
from fastseg import compat
from fastseg.compat import surface_distance as ours
import importlib.util, math, sys
import numpy as np
ours.install()
import surface_distance
assert "surface_distance.lookup_tables" not in sys.modules
assert importlib.util.find_spec("surface_distance").submodule_search_locations
import surface_distance.lookup_tables as tables
from surface_distance.metrics import _sort_distances_surfels, compute_dice_coefficient
assert compute_dice_coefficient is ours.compute_dice_coefficient
assert surface_distance.lookup_tables is tables and len(tables.ENCODE_NEIGHBOURHOOD_3D_KERNEL)
assert _sort_distances_surfels is ours._sort_distances_surfels is surface_distance._sort_distances_surfels
mask = np.ones((3, 4), bool)
for patched in (False, True):
    if patched:
        compat.patch("surface_distance")
    odd = surface_distance.compute_surface_distances(mask, mask, (1, -1))
    assert isinstance(odd, dict), "left to the original, which the stand-in hides"
for missing in ("surface_distance.nope", "surface_distance.metrics.nope"):
    module, _, name = missing.rpartition(".")
    assert not hasattr(sys.modules[module], name)
print("fine")
"""


@pytest.mark.slow
@needs_host
def test_install_leaves_the_rest_of_the_package_reachable(run_python: Callable[..., str]) -> None:
    assert run_python(REST).strip() == "fine"


WITHOUT = """
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "surface_distance" else real(name, *rest)
from fastseg.compat import surface_distance as ours
import numpy as np
ours.install()
import surface_distance
mask = np.ones((3, 4), bool)
assert surface_distance.compute_dice_coefficient(mask, mask) == 1
for call in (
    lambda: __import__("surface_distance.lookup_tables"),
    lambda: surface_distance.compute_surface_distances(mask, mask, (1, -1)),
    lambda: surface_distance.nope,
):
    try:
        call()
    except (ImportError, AttributeError) as error:
        print(type(error).__name__, error)
"""


@pytest.mark.slow
def test_install_without_the_package(run_python: Callable[..., str]) -> None:
    lines = run_python(WITHOUT).splitlines()
    assert lines[0].startswith(
        "ModuleNotFoundError No module named 'surface_distance.lookup_tables'"
    )
    assert lines[1].startswith("MissingPackageError fastseg does not cover a spacing of (1, -1)")
    assert lines[1].endswith("install surface_distance")
    assert lines[2].startswith(
        "AttributeError fastseg has no drop-in for surface_distance.metrics.nope"
    )
    assert len(lines) == 3


@pytest.mark.slow
@needs_host
def test_install_comes_before_the_host(run_python: Callable[..., str]) -> None:
    late = (
        "import surface_distance\ntry: ours.install()\nexcept RuntimeError as e: sys.exit(print(e))"
    )
    assert "imported already" in run_python(INSTALL.format(first=late))
