"""A distance that is the tolerance but for a rounding: within it, and not nearer, on every backend and by every way."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastseg
from fastseg.measures.tolerances import widest_within, width_of_band
from tests.oracle import naive

STEPS = (0.3, 0.6, 0.7, 0.8, 0.9, 1.1, 1.3, 0.97, 0.488281, 1 / 3)


@given(st.floats(1e-99, 1e99))
def test_what_is_the_tolerance_but_for_a_rounding(tolerance: float) -> None:
    for share in (1, 1 - 9e-7, 1 + 9e-7, 1 + 2**-24, 1 - 2**-24):
        assert tolerance * share <= widest_within(tolerance)
        assert not tolerance * share < width_of_band(tolerance)
    assert tolerance * (1 + 1.1e-6) > widest_within(tolerance)
    assert tolerance * (1 - 1.1e-6) < width_of_band(tolerance)


def test_nothing_is_within_nothing_but_nothing() -> None:
    assert widest_within(0) == width_of_band(0) == 0


def blocks(shift: tuple[int, ...]) -> tuple[Any, Any]:
    reference = np.zeros((14, 13, 12), bool)
    reference[3:8, 3:8, 3:7] = True
    return reference, np.roll(reference, shift, (0, 1, 2))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("shift", [1, 2, 3, (1, 1, 0), (2, 0, 1), (1, 1, 1), (3, 2, 1)])
@pytest.mark.parametrize("boundary", ["voxel", "surfel"])
def test_a_shift_of_the_tolerance_is_within_it(
    backend: str, step: float, shift: Any, boundary: Any
) -> None:
    """The voxel size as float32, the tolerance as the decimal that it is meant to be."""
    offset = (shift, 0, 0) if isinstance(shift, int) else shift
    reference, prediction = blocks(offset)
    tolerance = math.sqrt(sum(n**2 for n in offset)) * step
    for size in (step, float(np.float32(step)), float(f"{step:.6g}")):
        for exact in {
            tolerance,
            round(tolerance, 12),
            sum([step] * offset[0]) if offset[1:] == (0, 0) else tolerance,
        }:
            options: dict[str, Any] = {"spacing": size, "boundary": boundary}
            row = fastseg.evaluate(
                reference, prediction, metrics=["nsd", "hd"], tolerance=exact, **options
            )[1]
            assert row["hd"] == pytest.approx(exact, rel=2e-6)
            assert row["nsd"] == 1.0
            distances = fastseg.surface_distances(reference, prediction, **options)
            assert distances.nsd(exact) == 1.0
            assert distances.nsd(exact * (1 - 3e-6)) < 1.0


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("step", STEPS)
def test_a_band_leaves_out_what_lies_the_tolerance_away(
    backend: str, step: float, steps: int
) -> None:
    """Width of so many voxels: the voxels of so many layers, however the sizes are rounded."""
    reference, prediction = np.zeros((2, 16, 15, 17), np.uint8)
    reference[1:14, 1:14, 1:14] = prediction[2:15, 1:14, 3:16] = 1
    rims = []
    for mask in (reference, prediction):
        inner = mask.astype(bool)
        for _ in range(steps):
            inner = inner & ~naive.surface(inner)
        rims.append(mask.astype(bool) & ~inner)
    # the layers by faces are those by distance along an axis
    expected = (rims[0] & rims[1]).sum() / (rims[0] | rims[1]).sum()
    for size in (step, float(np.float32(step)), step * (1 - 5e-7), step * (1 + 5e-7)):
        row = fastseg.evaluate(
            reference, prediction, metrics="boundary_iou", spacing=size, tolerance=steps * step
        )[1]
        assert row["boundary_iou"] == expected


def test_the_voxel_size_of_a_nifti_header(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    reference, prediction = (mask.astype(np.uint8) for mask in blocks((0, 2, 0)))
    for size in (0.6, 0.7, 0.8, 1.1):
        paths = []
        for name, array in (("reference", reference), ("prediction", prediction)):
            image = nibabel.Nifti1Image(array, np.diag([-size, size, size, 1]))
            paths.append(tmp_path / f"{name}.nii.gz")
            nibabel.save(image, paths[-1])
        evaluation = fastseg.evaluate(*paths, metrics=["nsd"], tolerance={1: 2 * size})
        assert evaluation[1]["nsd"] == 1.0, size


def test_drop_ins_compare_as_their_hosts_do() -> None:
    """To the last bit: 0.1 three times over is not within 0.3 there, and is here."""
    from fastseg.compat import surface_distance

    masks = blocks((3, 0, 0))
    measured = surface_distance.compute_surface_distances(*masks, (0.1, 1.0, 1.0))
    shares = [
        surface_distance.compute_surface_dice_at_tolerance(measured, tolerance)
        for tolerance in (0.3, 0.1 * 3)
    ]
    assert shares[0] < shares[1] == 1.0
    ours = fastseg.surface_distances(*masks, spacing=(0.1, 1, 1), boundary="surfel")
    assert ours.nsd(0.3) == 1.0


def test_rounded_headers_agree_with_brute_force(backend: str) -> None:
    """The oracle has the rule of its own; sizes and tolerances as near the edge as they come."""
    rng = np.random.default_rng(11)
    for _ in range(20):
        reference, prediction = rng.random((2, 7, 6, 5)) < 0.4
        spacing = tuple(float(np.float32(rng.choice(STEPS))) for _ in range(3))
        offsets = rng.integers(0, 3, 3)
        tolerance = math.sqrt(sum((n * s) ** 2 for n, s in zip(offsets, spacing, strict=True)))
        tolerance *= 1 + rng.choice([-2e-6, -5e-7, 0, 5e-7, 2e-6])
        row = fastseg.evaluate(
            reference,
            prediction,
            spacing=spacing,
            tolerance=tolerance,
            metrics=["nsd", "boundary_iou"],
        )[1]
        found = naive.surface_distances(reference, prediction, spacing)
        assert row["nsd"] == pytest.approx(naive.nsd(*found, tolerance), rel=1e-12)
        band = naive.boundary_iou(reference, prediction, spacing, tolerance)
        assert row["boundary_iou"] == pytest.approx(band, rel=1e-12, nan_ok=True)
