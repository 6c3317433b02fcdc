"""Each flag on masks that it is about, and on masks that it is not about."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastseg
from fastseg.flags import list_flags


def box(*edges: tuple[int, int], shape: tuple[int, ...] = (40, 40, 40), label: int = 1) -> Any:
    mask = np.zeros(shape, np.uint8)
    mask[tuple(slice(*edge) for edge in edges)] = label
    return mask


CUBE = box((10, 30), (10, 30), (10, 30))


def flags(reference: Any, prediction: Any, place: int = 0, **options: Any) -> dict[str, float]:
    row = fastseg.evaluate(reference, prediction, **options).rows[place]
    return {flag.name: flag.measured for flag in row.flags}


def test_a_good_prediction_of_a_solid_structure_raises_none() -> None:
    prediction = CUBE.copy()
    prediction[10, 10:14, 10:20] = 0
    prediction[30, 10:14, 10:20] = 1
    assert flags(CUBE, prediction, tolerance=1) == {}


def test_sizes() -> None:
    small = box((5, 8), (5, 8), (5, 8))
    found = flags(small, np.roll(small, 1, 0))
    assert found["small_structure"] == pytest.approx(1 / 27, rel=1e-3)
    sheet = box((5, 35), (5, 35), (20, 22))
    assert flags(sheet, sheet)["thin_structure"] == 1
    assert "thin_structure" not in flags(sheet, sheet, boundary="surfel")
    assert "thin_structure" not in flags(sheet, sheet, metrics="dice")
    both = CUBE.copy()
    both[2:4, 2:4, 2:4] = 2
    found = flags(both, both, labels={"all": (1, 2)})
    assert found["dominated_region"] == pytest.approx(8000 / 8008, rel=1e-3)
    assert "dominated_region" not in flags(both, both, labels={"one": (1, 7)})


def test_grids() -> None:
    corner = box((0, 20), (0, 20), (10, 30))
    assert flags(corner, corner)["touches_edge"] == 2
    plane = box((5, 15), (5, 15), (0, 1), shape=(20, 20, 1))
    assert "touches_edge" not in flags(plane, plane)
    moved = np.roll(CUBE, 1, 0)
    assert flags(CUBE, moved, spacing=(5, 1, 1))["anisotropic_voxels"] == 5
    assert "anisotropic_voxels" not in flags(CUBE, moved, spacing=(5, 1, 1), boundary="surfel")
    assert "anisotropic_voxels" not in flags(CUBE, moved, spacing=(5, 1, 1), metrics="dice")
    assert flags(CUBE, moved, spacing=2, tolerance=1)["tolerance_below_voxel"] == 2
    assert "tolerance_below_voxel" not in flags(CUBE, moved, spacing=2, tolerance=0)
    assert "tolerance_below_voxel" not in flags(CUBE, moved, spacing=2, metrics="hd")


def test_empty_and_equal() -> None:
    nothing = np.zeros_like(CUBE)
    assert flags(CUBE, nothing)["empty_prediction"] == 8000
    assert flags(nothing, CUBE)["empty_reference"] == 8000
    assert flags(nothing, nothing, labels=[1]) == {}
    assert flags(CUBE, CUBE) == {"identical": 8000}


@pytest.mark.parametrize("ndim", [2, 3])
def test_one_layer(ndim: int) -> None:
    inner = box(*[(11, 29)] * ndim, shape=(40,) * ndim)
    outer = box(*[(10, 30)] * ndim, shape=(40,) * ndim)
    assert flags(inner, outer)["one_layer_too_large"] == 1
    assert flags(outer, inner)["one_layer_too_small"] == 1
    two = box(*[(9, 31)] * ndim, shape=(40,) * ndim)
    assert "one_layer_too_large" not in flags(inner, two)
    # a few voxels on one side are no layer
    dented = outer.copy()
    dented[(slice(10, 11),) + (slice(12, 18),) * (ndim - 1)] = 0
    assert "one_layer_too_small" not in flags(outer, dented)


def test_labels_and_axes() -> None:
    both = box((3, 10), (3, 12), (3, 14)) + box((20, 33), (20, 30), (20, 34), label=2)
    swapped = np.where(both == 1, 2, np.where(both == 2, 1, 0)).astype(np.uint8)
    assert flags(both, swapped)["other_label"] == 1
    assert flags(both, swapped, 1)["other_label"] == 1
    assert "other_label" not in flags(both, np.roll(both, 2, 0))
    moved = np.roll(both, (2, 1), (0, 2))
    assert flags(both, moved)["shifted"] == pytest.approx(5**0.5, rel=1e-3)
    assert "shifted" not in flags(both, both)
    turned = both[:, ::-1]
    assert flags(both, turned)["mirrored"] == 1
    assert flags(both, both[::-1, :, ::-1])["mirrored"] == 2
    assert "mirrored" not in flags(both, both)
    assert "mirrored" not in flags(both, moved)


def test_distances_and_places() -> None:
    far = CUBE.copy()
    far[0:4, 0:4, 33:39] = 1
    found = flags(CUBE, far)
    assert found["percentile_at_a_jump"] > 5
    assert "percentile_at_a_jump" not in flags(CUBE, np.roll(CUBE, 3, 0))
    shell = CUBE.copy()
    shell[11:29, 11:29, 11:29] = 0
    assert flags(CUBE, shell)["place_right_shape_wrong"] > 0.5
    assert "place_right_shape_wrong" not in flags(CUBE, np.roll(CUBE, 8, 0))
    away = np.roll(CUBE, (7, 7), (0, 1))
    assert flags(CUBE, away)["shape_right_place_wrong"] > 0.4
    assert "shape_right_place_wrong" not in flags(CUBE, np.roll(CUBE, 1, 0))
    hole = CUBE.copy()
    hole[15:17, 15:17, 15:17] = 0
    assert flags(CUBE, hole, metrics=["dice", "hole_count_difference"])["different_holes"] == 1
    assert "different_holes" not in flags(CUBE, hole)


def test_thousands_of_structures_have_the_flags_of_each_alone() -> None:
    rng = np.random.default_rng(4)
    reference = np.zeros((300, 300), np.int32)
    for number in range(400):
        y, x = divmod(number, 20)
        height, width = rng.integers(1, 12, 2)
        reference[15 * y + 1 :, 15 * x + 1 :][:height, :width] = number + 1
    prediction = np.roll(reference, (1, 0), (0, 1))
    prediction[reference % 7 == 3] = 0
    together = fastseg.evaluate(reference, prediction, tolerance=0.5)
    for label in range(1, 401, 13):
        alone = fastseg.evaluate(reference, prediction, labels=[label], tolerance=0.5)
        for row in alone:
            assert together.row(label).flags == row.flags
    scipy = fastseg.evaluate(reference, prediction, tolerance=0.5, backend="scipy")
    assert [row.flags for row in scipy] == [row.flags for row in together]


def test_what_is_only_known_within_the_tolerance_raises_no_flag_of_distances() -> None:
    far = CUBE.copy()
    far[0:4, 0:4, 33:39] = 1
    assert "percentile_at_a_jump" in flags(CUBE, far, metrics=["nsd", "hd"])
    assert "percentile_at_a_jump" not in flags(CUBE, far, metrics=["nsd"])
    inner = box((11, 29), (11, 29), (11, 29))
    assert "one_layer_too_large" not in flags(inner, CUBE, metrics=["nsd", "dice"])
    assert "anisotropic_voxels" in flags(inner, CUBE, metrics=["nsd"], spacing=(4, 1, 1))


def test_flags_say_what_they_mean() -> None:
    flags = list_flags()
    assert len(flags) >= 16
    for flag in flags:
        assert flag.measures
        assert flag.effect
        assert flag.instead
        assert np.isfinite(flag.threshold)
