"""Protocols that score whole organs beside twins: masks one by one, SciPy's surfaces, sums as the scripts have them."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import fastseg
from fastseg import Evaluation
from fastseg.protocols import flare22, kits23, toothfairy3, touchstone

KINDS = ("random", "shifted", "blobs", "one slice", "one voxel", "no reference", "no prediction")
SPACINGS = ((1.0, 1.0, 1.0), (0.7, 1.3, 2.5), (0.3, 0.3, 0.3), (1.5, 0.8203125, 0.8203125))

Array = Any


def _case(kind: str, seed: int, labels: list[int]) -> tuple[Array, Array]:
    """Make two small label maps of a kind."""
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    shape = tuple(rng.integers(3, 9, 3))
    values = np.array([0, *rng.choice(labels, min(3, len(labels)), replace=False)])
    if kind == "blobs":
        noise = ndimage.gaussian_filter(rng.random((2, *shape)), (0, 1, 1, 1))
        edges = np.quantile(noise, np.linspace(0, 1, len(values) + 1)[1:-1])
        maps = values[np.digitize(noise, edges)]
    else:
        maps = rng.choice(values, (2, *shape))
    if kind == "shifted":
        maps[1] = np.roll(maps[0], 1, axis=rng.integers(3))
    if kind == "one slice":
        maps[0, ..., 1:] = 0
    if kind == "one voxel":
        maps[:] = 0
        for side in maps:
            side[tuple(rng.integers(0, shape))] = values[1]
    if kind == "no reference":
        maps[0][maps[0] == values[1]] = 0
    if kind == "no prediction":
        maps[1][maps[1] == values[1]] = 0
    return maps[0].astype(np.int16), maps[1].astype(np.int16)


def _surface_dice(one: Array, other: Array, spacing: Any, tolerance: float) -> float:
    """Surface Dice by areas, from every surface element that SciPy's transform finds."""
    with fastseg.use_backend("scipy"):
        found = fastseg.surface_distances(one, other, spacing=spacing, boundary="surfel")
    within, total = [], []
    for side in found.distributions:
        distances, areas = side.elements
        assert areas is not None
        within.append(np.sum(areas[distances <= tolerance]))
        total.append(np.sum(areas))
    return float((within[0] + within[1]) / (total[0] + total[1]))


def _dice(one: Array, other: Array) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def _equal(found: float, expected: float, what: str) -> None:
    np.testing.assert_array_equal(found, expected, what)


@pytest.mark.parametrize("kind", KINDS)
def test_kits23_equals_its_twin(kind: str) -> None:
    for seed in range(18):
        spacing = SPACINGS[seed % 4]
        reference, prediction = _case(kind, seed, [1, 2, 3])
        found = fastseg.evaluate_protocol("kits23", reference, prediction, spacing=spacing)
        for name, labels in (("kidney_and_mass", [1, 2, 3]), ("mass", [2, 3]), ("tumor", [2])):
            one, other = np.isin(reference, labels), np.isin(prediction, labels)
            if not one.any() or not other.any():
                dice = surface = float(not one.any() and not other.any())
            else:
                dice = _dice(one, other)
                surface = _surface_dice(one, other, spacing, kits23.TOLERANCES[name])
            _equal(found[name]["Dice"], dice, f"{kind} {seed} {name}")
            _equal(found[name]["SD"], surface, f"{kind} {seed} {name}")


@pytest.mark.parametrize("kind", KINDS)
def test_totalsegmentator_equals_its_twin(kind: str) -> None:
    for seed in range(18):
        reference, prediction = _case(kind, seed, [1, 2, 3])
        found = fastseg.evaluate_protocol(
            "totalsegmentator", reference, prediction, labels=[1, 2, 3], spacing=SPACINGS[seed % 4]
        )
        for label in (1, 2, 3):
            one, other = reference == label, prediction == label
            dice = surface = math.nan
            if one.any():
                dice = float(2 * (one & other).sum() / (one.sum() + other.sum() + 1e-6))
                surface = 0.0
                if other.any():
                    surface = _surface_dice(one, other, (1.5, 1.5, 1.5), 3.0)
            _equal(found[label]["dice"], dice, f"{kind} {seed}")
            _equal(found[label]["surface_dice_3"], surface, f"{kind} {seed}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "bound"), [("flare22", 0.0), ("flare23", 0.1), ("flare24", 0.2)])
def test_flare_equals_its_twin(name: str, bound: float, kind: str) -> None:
    for seed in range(18):
        spacing = SPACINGS[seed % 4]
        reference, prediction = _case(kind, seed, [1, 5, 6, 10, 13])
        found = fastseg.evaluate_protocol(name, reference, prediction, spacing=spacing)
        for organ, label in flare22.ORGANS.items():
            one, other = reference == label, prediction == label
            dice = surface = float(not one.any() and not other.any())
            if one.any() and other.any():
                if label in (5, 6, 10):
                    where = np.flatnonzero(one.any(axis=(0, 1)))
                    one, other = (side[..., where[0] : where[-1]] for side in (one, other))
                if not one.size:
                    dice = surface = math.nan
                else:
                    dice = _dice(one, other)
                    surface = 0.0
                    if dice >= bound and other.any():
                        tolerance = flare22.TOLERANCES[organ]
                        surface = _surface_dice(one, other, spacing, tolerance)
            _equal(found[organ]["DSC"], np.round(dice, 4), f"{kind} {seed} {organ}")
            _equal(found[organ]["NSD"], np.round(surface, 4), f"{kind} {seed} {organ}")


def _pooled_hd95(one: Array, other: Array, spacing: Any) -> float:
    """MedPy's: the percentile of both directions' distances together, between voxels on the surface."""
    surfaces = [mask & ~ndimage.binary_erosion(mask) for mask in (one, other)]
    away = [ndimage.distance_transform_edt(~surface, spacing) for surface in surfaces]
    return float(np.percentile(np.r_[away[1][surfaces[0]], away[0][surfaces[1]]], 95))


@pytest.mark.parametrize("kind", KINDS)
def test_toothfairy3_equals_its_twin(kind: str) -> None:
    for seed in range(18):
        reference, prediction = _case(kind, seed, [1, 11, 48, 105, 111, 148, 150])
        found = fastseg.evaluate_protocol(
            "toothfairy3", reference, prediction, spacing=SPACINGS[seed % 4]
        )
        dices, distances = [], []
        for name, label in toothfairy3.LABELS.items():
            labels = [label] if isinstance(label, int) else label
            one, other = np.isin(reference, labels), np.isin(prediction, labels)
            if one.any() and other.any():
                dice, distance = _dice(one, other), _pooled_hd95(one, other, None)
            elif one.any() or other.any():
                dice, distance = 0.0, float(np.linalg.norm(reference.shape))
            else:
                dice, distance = 1.0, 0.0
            dices.append(dice)
            distances.append(distance)
            _equal(found[name]["Dice"], dice, f"{kind} {seed} {name}")
            _equal(found[name]["HD95"], distance, f"{kind} {seed} {name}")
        assert len(dices) == 46
        average = found["average"]
        assert average["Dice Average"] == pytest.approx(sum(dices) / 46, rel=1e-14)
        assert average["HD95 Average"] == pytest.approx(sum(distances) / 46, rel=1e-14)


@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_touchstone_equals_its_twin(kind: str, crop: bool) -> None:
    for seed in range(18):
        spacing = SPACINGS[seed % 4]
        reference, prediction = _case(kind, seed, [1, 2, 9])
        if seed % 3 == 0:
            reference[:4, :4, 1:] = prediction[:4, :4, 2:] = 1
        found = fastseg.evaluate_protocol(
            "touchstone", reference, prediction, spacing=spacing, crop_aorta=crop
        )
        for organ, label in touchstone.ORGANS.items():
            one, other = reference == label, prediction == label
            if crop and organ == "aorta":
                one, other = _without_what_is_not_cylindrical(one, other)
            both = int((one & other).sum())
            total = int(one.sum()) + int(other.sum()) + 1
            _equal(found[organ]["dice"], float(np.float32(2 * both) / np.float32(total)), organ)
            surface = math.nan
            if one.any() or other.any():
                surface = 0.0
                if one.any() and other.any():
                    surface = _share_within(one, other, spacing, 1.5)
            _equal(found[organ]["nsd"], surface, f"{kind} {seed} {organ}")


def _without_what_is_not_cylindrical(one: Array, other: Array) -> tuple[Array, Array]:
    pieces = [
        ndimage.label(ndimage.binary_erosion(one[..., z], np.ones((3, 3))))[1]
        for z in range(one.shape[-1])
    ]
    runs, start = [], None
    for z, number in enumerate([*pieces, 0]):
        if number == 1 and start is None:
            start = z
        elif number != 1 and start is not None:
            runs.append((start - z, start, z - 1))
            start = None
    if not runs:
        return one, other
    _, first, last = min(runs)
    one, other = one.copy(), other.copy()
    for side in (one, other):
        side[..., :first] = side[..., last:] = False
    return one, other


def _share_within(one: Array, other: Array, spacing: Any, tolerance: float) -> float:
    surfaces = [mask & ~ndimage.binary_erosion(mask) for mask in (one, other)]
    away = [ndimage.distance_transform_edt(~surface, spacing) for surface in surfaces]
    distances = np.r_[away[1][surfaces[0]], away[0][surfaces[1]]].astype(np.float32)
    return float(np.float32((distances <= tolerance).sum()) / np.float32(len(distances)))


def test_cohorts_average_as_the_organisers_do() -> None:
    nothing = np.zeros((6, 6, 6), np.uint8)
    mask = nothing.copy()
    mask[1:5, 1:5, 1:5] = 2
    half = mask.copy()
    half[3:] = 0

    def scores(name: str, **options: Any) -> dict[str, float]:
        parts = [
            fastseg.evaluate_protocol(name, *pair, case=str(i), **options)
            for i, pair in enumerate([(mask, half), (nothing, nothing)])
        ]
        return fastseg.protocol_scores(Evaluation.joined(parts))

    assert scores("kits23")["Dice_tumor"] == (2 / 3 + 1) / 2
    assert scores("totalsegmentator", labels=[2])["dice-2"] == 2 * 32 / (96 + 1e-6)
    flare = scores("flare22")
    assert flare["RK_DSC"] == round((0.6667 + 1) / 2, 4)
    assert flare["Organ_DSC"] == round((12 + flare["RK_DSC"]) / 13, 4)
    assert scores("touchstone")["dice/gall_bladder"] == round((64 / 97 + 0) / 2, 3)
    teeth = scores("toothfairy3")
    assert teeth["Dice Average"] == pytest.approx(((45 + 2 / 3) / 46 + 1) / 2)


# --------------------------------------------------------------------------- quirks


def test_quirk_absent_region_is_perfect() -> None:
    nothing = np.zeros((6, 6, 6), np.uint8)
    found = fastseg.evaluate_protocol("kits23", nothing, nothing)
    assert found["tumor"]["Dice"] == found["tumor"]["SD"] == 1
    without = fastseg.evaluate_protocol("kits23", nothing, nothing, quirks=False)
    assert math.isnan(without["tumor"]["Dice"])


def test_quirk_voxels_of_1_5_mm() -> None:
    cube = np.zeros((20, 20, 20), np.uint8)
    cube[5:15, 5:15, 5:15] = 1
    moved = np.roll(cube, 1, axis=2)
    found = fastseg.evaluate_protocol("totalsegmentator", cube, moved, spacing=(1, 1, 5))
    assert found[1]["surface_dice_3"] == 1
    without = fastseg.evaluate_protocol(
        "totalsegmentator", cube, moved, spacing=(1, 1, 5), quirks={"voxels-of-1-5-mm": False}
    )
    assert without[1]["surface_dice_3"] < 1


def test_quirk_false_positives_unseen() -> None:
    nothing = np.zeros((12, 12, 12), np.uint8)
    organ = nothing.copy()
    organ[:10, :10, :10] = 1
    assert math.isnan(fastseg.evaluate_protocol("totalsegmentator", nothing, organ)[1]["dice"])
    without = fastseg.evaluate_protocol("totalsegmentator", nothing, organ, quirks=False)
    assert without[1]["dice"] == 0


def test_quirk_last_slice_left_out() -> None:
    aorta = np.zeros((8, 8, 10), np.uint8)
    aorta[2:6, 2:6, 3:7] = 5
    short = aorta.copy()
    short[..., 6] = 0
    assert fastseg.evaluate_protocol("flare22", aorta, short)["Aorta"]["DSC"] == 1
    without = fastseg.evaluate_protocol("flare22", aorta, short, quirks=False)
    assert without["Aorta"]["DSC"] == 6 / 7
    lonely = np.where(np.arange(10) == 4, aorta, 0).astype(np.uint8)
    assert math.isnan(fastseg.evaluate_protocol("flare22", lonely, lonely)["Aorta"]["DSC"])
    thick = np.where(aorta, 1, 0).astype(np.uint8)
    thin = np.where(short, 1, 0).astype(np.uint8)
    crop: Any = {"crop_aorta": True}
    assert fastseg.evaluate_protocol("touchstone", thick, thin, **crop)["aorta"]["dice"] > 0.98
    seen = fastseg.evaluate_protocol("touchstone", thick, thin, quirks=False, **crop)
    assert seen["aorta"]["dice"] == np.float32(96) / np.float32(112)


def test_quirk_rounded() -> None:
    mask = np.zeros((6, 6, 6), np.uint8)
    mask[:4, :4, :4] = 1
    half = mask.copy()
    half[2:] = 0
    assert fastseg.evaluate_protocol("flare22", mask, half)["Liver"]["DSC"] == 0.6667
    without = fastseg.evaluate_protocol("flare22", mask, half, quirks={"rounded": False})
    assert without["Liver"]["DSC"] == 2 / 3


def test_quirk_poor_dice_has_no_surface() -> None:
    mask = np.zeros((20, 20, 20), np.uint8)
    mask[2:8, 2:8, 2:8] = 1
    moved = np.roll(mask, (5, 2), axis=(0, 1))
    found = fastseg.evaluate_protocol("flare24", mask, moved)["Liver"]
    assert 0 < found["DSC"] < 0.2
    assert found["NSD"] == 0
    assert fastseg.evaluate_protocol("flare24", mask, moved, quirks=False)["Liver"]["NSD"] > 0.9


def test_quirk_distances_in_voxels() -> None:
    tooth = np.zeros((9, 9, 9), np.uint8)
    tooth[2:6, 2:6, 2:6] = 11
    pair = tooth, np.roll(tooth, 1, axis=0)
    name = "Upper Right Central Incisor"
    assert fastseg.evaluate_protocol("toothfairy3", *pair, spacing=0.3)[name]["HD95"] == 1
    without = fastseg.evaluate_protocol("toothfairy3", *pair, spacing=0.3, quirks=False)
    assert without[name]["HD95"] == 0.3


def test_quirk_absent_class_is_perfect() -> None:
    teeth = np.zeros((9, 9, 9), np.uint8)
    teeth[:2, :2, :2], teeth[4:6, 4:6, 4:6] = 11, 12
    half = teeth.copy()
    half[1], half[5] = 0, 0
    half[2, :2, 0], half[6, 4:6, 4] = 11, 12
    half[2, :2, 1], half[6, 4:6, 5] = 11, 12
    found = fastseg.evaluate_protocol("toothfairy3", teeth, half)["average"]["Dice Average"]
    assert round(found, 4) == 0.9783
    without = fastseg.evaluate_protocol("toothfairy3", teeth, half, quirks=False)
    assert without["average"]["Dice Average"] == 0.5


def test_quirk_one_voxel_more() -> None:
    organ = np.zeros((4, 4, 4), np.uint8)
    organ[:2, :2, 0] = 1
    assert (
        round(fastseg.evaluate_protocol("touchstone", organ, organ)["aorta"]["dice"], 4) == 0.8889
    )
    without = fastseg.evaluate_protocol("touchstone", organ, organ, quirks=False)
    assert without["aorta"]["dice"] == 1
