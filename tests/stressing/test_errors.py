"""Each error is what it says, in voxels and millimetres, and grows with its severity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import fastseg
from fastseg.errors import InputError, InputTypeError
from fastseg.stressing.registry import SEVERITIES, as_errors, find
from fastseg.stressing.structure import NotPossibleError, StressedStructure
from tests.stressing.structures import Bools, ball, damaged, stressed

SPACING = (2.5, 1.0, 1.0)
SHAPE = (30, 80, 80)


@pytest.fixture(scope="module")
def round_one() -> tuple[Bools, StressedStructure]:
    mask = ball(18, SHAPE, SPACING)
    return mask, stressed(mask, SPACING)[0]


def components(mask: NDArray[Any]) -> int:
    return int(ndimage.label(mask, np.ones((3,) * mask.ndim))[1])


def lollipop() -> Bools:
    """A ball with a stem."""
    mask = ball(8, (31, 31, 80))
    mask[14:17, 14:17, 40:75] = True
    return mask


def two(distance: int) -> Bools:
    """A large and a small box."""
    mask = np.zeros((20, 20, 60), bool)
    mask[5:15, 5:15, 2:20] = True
    mask[8:12, 8:12, 20 + distance : 26 + distance] = True
    return mask


EVERYTHING = np.zeros((30, 60, 90), np.uint8)
EVERYTHING[4:26, 10:40, 10:40] = 1
EVERYTHING[14:16, 20:30, 44:50] = 1
EVERYTHING[14:16, 20:30, 54:60] = 1
EVERYTHING[14:17, 14:17, 40:88] = 1
EVERYTHING[4:26, 45:58, 10:40] = 2


@pytest.mark.parametrize("error", fastseg.list_stress_errors(), ids=lambda one: one.name)
def test_damage_grows_with_the_severity(error: Any) -> None:
    image = EVERYTHING
    if error.name == "coarse_resampling":  # which may find the edges of boxes again
        image = ball(20, (44, 47, 45)).astype(np.uint8)
    one = stressed(image)[0]
    changed = []
    for amount in error.amounts:
        whole = damaged(error.name, amount, one)
        changed.append(np.count_nonzero(whole != (image == 1)))
    assert changed == sorted(changed)
    assert changed[-1] > changed[0] or len(changed) == 1 or error.name == "missed_component"
    assert len(changed) in (1, SEVERITIES)


@pytest.mark.parametrize("error", fastseg.list_stress_errors(), ids=lambda one: one.name)
def test_an_error_leaves_the_structure_as_it_is_and_is_the_same_again(error: Any) -> None:
    one, again = stressed(EVERYTHING)[0], stressed(EVERYTHING)[0]
    before = one.mask.copy()
    first = damaged(error.name, error.amounts[-1], one)
    np.testing.assert_array_equal(one.mask, before)
    np.testing.assert_array_equal(first, damaged(error.name, error.amounts[-1], again))


# ---------------------------------------------------------------------------- borders


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("amount", [1.0, 3.0, 8.0])
def test_a_shift_is_along_one_of_the_finest_axes(amount: float, seed: int) -> None:
    mask = ball(15, SHAPE, SPACING)
    whole = damaged("shift", amount, stressed(mask, SPACING, seed)[0])
    options = [np.roll(mask, sign * int(amount), axis) for axis in (1, 2) for sign in (-1, 1)]
    assert sum(np.array_equal(whole, option) for option in options) == 1


def test_shifts_of_other_seeds_go_elsewhere() -> None:
    mask = ball(15, SHAPE, SPACING)
    found = {damaged("shift", 3, stressed(mask, SPACING, seed)[0]).tobytes() for seed in range(20)}
    assert len(found) == 4


def test_what_a_shift_moves_out_of_the_image_is_lost() -> None:
    mask = np.zeros((1, 12), bool)
    mask[0, :5] = True
    results = set()
    for seed in range(20):
        one = stressed(mask, (5.0, 1.0), seed)[0]
        try:
            results.add(damaged("shift", 3, one).sum())
        except NotPossibleError:  # pragma: no cover
            results.add(-1)
    assert results == {2, 5}
    with pytest.raises(NotPossibleError, match="stay in the image"):
        for seed in range(20):
            damaged("shift", 12, stressed(mask, (5.0, 1.0), seed)[0])


@pytest.mark.parametrize("amount", [1.0, 2.0, 3.0, 5.0, 8.0])
def test_an_erosion_leaves_what_is_farther_from_the_background(
    amount: float, round_one: tuple[Bools, StressedStructure]
) -> None:
    mask, one = round_one
    expected = ndimage.distance_transform_edt(mask, SPACING) > amount
    np.testing.assert_array_equal(damaged("erosion", amount, one), expected)


@pytest.mark.parametrize("amount", [1.0, 2.0, 3.0, 5.0, 8.0])
def test_a_dilation_adds_what_is_near(
    amount: float, round_one: tuple[Bools, StressedStructure]
) -> None:
    mask, one = round_one
    expected = ndimage.distance_transform_edt(~mask, SPACING) <= amount
    np.testing.assert_array_equal(damaged("dilation", amount, one), expected)


def test_the_edge_of_the_image_is_no_background() -> None:
    mask = np.zeros((10, 10), bool)
    mask[:, :6] = True
    expected = np.zeros_like(mask)
    expected[:, :4] = True
    np.testing.assert_array_equal(damaged("erosion", 2, stressed(mask)[0]), expected)
    with pytest.raises(NotPossibleError, match="fills the image"):
        damaged("erosion", 2, stressed(np.ones((5, 5), bool))[0])


def test_an_erosion_that_leaves_nothing_says_how_deep_the_structure_is() -> None:
    with pytest.raises(NotPossibleError, match="deeper than 4"):
        damaged("erosion", 5, stressed(np.pad(np.ones((7, 7, 7), bool), 2))[0])


# ---------------------------------------------------------------------------- parts


def test_the_smallest_components_are_missed_first() -> None:
    mask = np.zeros((5, 60), bool)
    for place in range(10):
        mask[1, 6 * place : 6 * place + 1 + place % 5] = True
    one = stressed(mask)[0]
    sizes = np.bincount(ndimage.label(mask)[0].ravel())[1:]
    for percent, many in ((10, 1), (20, 2), (40, 4), (60, 6), (80, 8)):
        whole = damaged("missed_component", percent, one)
        assert components(whole) == 10 - many
        assert mask.sum() - whole.sum() == np.sort(sizes)[:many].sum()
    with pytest.raises(NotPossibleError, match="one component"):
        damaged("missed_component", 20, stressed(ball(3, (9, 9)))[0])
    assert components(damaged("missed_component", 100, one)) == 1


@pytest.mark.parametrize("percent", [0.5, 2.0, 8.0])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0)])
def test_a_far_false_positive_has_the_share_and_lies_far(
    percent: float, spacing: tuple[float, ...]
) -> None:
    mask = np.zeros((40, 60, 140), bool)
    mask[10:30, 20:40, 10:30] = True
    whole = damaged("far_false_positive", percent, stressed(mask, spacing)[0])
    added = whole & ~mask
    assert np.all(whole[mask])
    assert added.sum() == round(mask.sum() * percent / 100)
    assert components(added) == 1
    assert components(whole) == 2
    distances = ndimage.distance_transform_edt(~mask, spacing)[added]
    assert 35 < distances.min() < 50 < distances.max() < 60


def test_without_room_there_is_no_far_false_positive() -> None:
    with pytest.raises(NotPossibleError, match="no room"):
        damaged("far_false_positive", 8, stressed(np.pad(np.ones((20, 20, 20), bool), 2))[0])


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("percent", [0.5, 1.0, 2.0, 4.0, 8.0])
def test_a_hole_is_closed_and_has_the_share(ndim: int, percent: float) -> None:
    mask = ball(14, (40,) * ndim)
    whole = damaged("hole", percent, stressed(mask)[0])
    removed = mask & ~whole
    assert removed.sum() == round(mask.sum() * percent / 100)
    np.testing.assert_array_equal(ndimage.binary_fill_holes(whole), mask)
    assert components(whole) == 1
    assert ndimage.label(removed)[1] == 1


def test_what_is_thin_has_no_hole() -> None:
    plate = np.zeros((20, 20, 20), bool)
    plate[9:11, 2:18, 2:18] = True
    with pytest.raises(NotPossibleError, match="too thin"):
        damaged("hole", 0.5, stressed(plate)[0])
    plate[9:12, 2:18, 2:18] = True
    damaged("hole", 8, stressed(plate)[0])
    with pytest.raises(NotPossibleError, match="would be open"):
        damaged("hole", 40, stressed(plate)[0])


def test_empty_is_empty(round_one: tuple[Bools, StressedStructure]) -> None:
    assert not damaged("empty", 100, round_one[1]).any()


# ---------------------------------------------------------------------------- connections


@pytest.mark.parametrize("amount", [1.0, 2.0, 3.0, 5.0, 8.0])
def test_a_split_is_a_gap_of_this_width_across_the_longest_axis(amount: float) -> None:
    mask = np.zeros((20, 20, 60), bool)
    mask[2:18, 3:17, 5:55] = True
    whole = damaged("split", amount, stressed(mask, (1.0, 1.0, 0.5))[0])
    assert components(whole) == 2
    empty = np.flatnonzero(mask.any(axis=(0, 1)) & ~whole.any(axis=(0, 1)))
    assert len(empty) * 0.5 == amount
    np.testing.assert_array_equal(empty, np.arange(empty[0], empty[-1] + 1))
    np.testing.assert_array_equal(whole[..., : empty[0]], mask[..., : empty[0]])
    sides = whole[..., : empty[0]].sum(), whole[..., empty[-1] :].sum()
    assert abs(int(sides[0]) - int(sides[1])) <= 16 * 14


def test_what_is_short_or_apart_already_is_not_split() -> None:
    with pytest.raises(NotPossibleError, match="one side"):
        damaged("split", 8, stressed(ball(3, (9, 9, 9)))[0])
    mask = np.zeros((9, 40), bool)
    mask[2:7, 2:12] = mask[2:7, 28:38] = True
    mask[4, 20] = True  # and the gap takes all of it
    with pytest.raises(NotPossibleError, match="both sides"):
        damaged("split", 1, stressed(mask)[0])


@pytest.mark.parametrize("amount", [1.0, 2.0, 3.0, 5.0, 8.0])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 1.0, 2.0)])
def test_a_bridge_joins_the_nearest_components(amount: float, spacing: tuple[float, ...]) -> None:
    mask = two(8)
    whole = damaged("merge", amount, stressed(mask, spacing)[0])
    assert np.all(whole[mask])
    assert (components(mask), components(whole)) == (2, 1)
    bridge = whole & ~mask
    across = bridge[:, :, 24]  # inside the gap
    widths = [np.ptp(np.flatnonzero(across.any(axis=axis))) + 1 for axis in (0, 1)]
    assert max(widths) == max(1, 2 * int(amount / 2) + 1)


def test_of_three_the_nearest_is_merged() -> None:
    mask = np.zeros((9, 60), bool)
    mask[2:7, 2:20] = mask[4, 26:28] = mask[4, 40:43] = True
    whole = damaged("merge", 1, stressed(mask)[0])
    np.testing.assert_array_equal(np.flatnonzero((whole & ~mask).any(axis=0)), np.arange(20, 26))
    assert components(whole) == 2
    with pytest.raises(NotPossibleError, match="one component"):
        damaged("merge", 1, stressed(ball(3, (9, 9)))[0])


@pytest.mark.parametrize("amount", [1.0, 2.0, 3.0, 5.0, 8.0])
def test_a_branch_is_broken_and_the_rest_is_left_alone(amount: float) -> None:
    mask = lollipop()
    whole = damaged("broken_branch", amount, stressed(mask)[0])
    assert components(whole) == 2
    removed = mask & ~whole
    assert not (removed & ball(8, mask.shape)).any()
    along = np.flatnonzero(removed.any(axis=(0, 1)))
    assert amount - 2 <= len(along) <= amount + 2
    assert 48 < along.mean() < 70


def test_a_branch_in_a_plane_is_broken() -> None:
    mask = np.zeros((21, 60), bool)
    mask[5:16, 2:14] = True
    mask[9:12, 14:58] = True
    assert components(damaged("broken_branch", 3, stressed(mask)[0])) == 2


def test_what_has_no_branch_says_so() -> None:
    with pytest.raises(NotPossibleError, match="branch"):
        damaged("broken_branch", 1, stressed(ball(6, (15, 15, 15)))[0])
    with pytest.raises(NotPossibleError, match="no branches"):
        damaged("broken_branch", 1, stressed(np.array([0, 1, 1, 1, 0], bool))[0])


# ---------------------------------------------------------------------------- grids and neighbours


@pytest.mark.parametrize("amount", [1.0, 2.0, 3.0, 5.0, 8.0])
def test_exactly_so_many_slices_are_missing(
    amount: float, round_one: tuple[Bools, StressedStructure]
) -> None:
    mask, one = round_one
    whole = damaged("missing_slice", amount, one)
    occupied = np.flatnonzero(mask.any(axis=(1, 2)))
    missing = [place for place in occupied if not whole[place].any()]
    assert len(missing) == amount
    assert occupied[0] not in missing
    assert occupied[-1] not in missing
    left = np.setdiff1d(np.arange(SHAPE[0]), missing)
    np.testing.assert_array_equal(whole[left], mask[left])


def test_slices_that_are_not_there_are_not_missed() -> None:
    with pytest.raises(NotPossibleError, match="no slices"):
        damaged("missing_slice", 1, stressed(ball(3, (9, 9)))[0])
    with pytest.raises(NotPossibleError, match="1 slice between"):
        damaged("missing_slice", 2, stressed(np.pad(np.ones((3, 5, 5), bool), 2))[0])


def test_coarse_voxels_of_whole_blocks_are_their_middle() -> None:
    rng = np.random.default_rng(3)
    mask = ndimage.gaussian_filter(rng.normal(size=(24, 24, 24)), 2) > 0
    whole = damaged("coarse_resampling", 3, stressed(mask)[0])
    expected = mask[1::3, 1::3, 1::3].repeat(3, 0).repeat(3, 1).repeat(3, 2)
    np.testing.assert_array_equal(whole, expected)


def test_coarse_voxels_are_of_the_image_not_of_the_box() -> None:
    rng = np.random.default_rng(4)
    image = np.zeros((31, 33, 35), bool)
    image[5:27, 7:26, 3:30] = ndimage.gaussian_filter(rng.normal(size=(22, 19, 27)), 2) > 0
    spacing = (2.5, 0.7, 0.7)
    for size in (2.0, 3.0, 4.0, 6.0, 8.0):
        places = []
        for n, step in zip(image.shape, spacing, strict=True):
            ratio = max(1, size / step)
            middle = (np.floor((np.arange(n) + 0.5) / ratio) + 0.5) * ratio
            places.append(np.minimum(np.floor(middle).astype(int), n - 1))
        whole = damaged("coarse_resampling", size, stressed(image, spacing)[0])
        np.testing.assert_array_equal(whole, image[np.ix_(*places)])


def test_labels_are_swapped_with_the_structure_of_the_nearest_size() -> None:
    image = np.zeros((12, 40), np.uint8)
    image[2:6, 2:12] = 1
    image[2:6, 15:24] = 2
    image[8:10, 2:20] = 3
    one, other, third = stressed(image)
    np.testing.assert_array_equal(damaged("swapped_labels", 100, one), image == 2)
    np.testing.assert_array_equal(damaged("swapped_labels", 100, other), image == 3)
    np.testing.assert_array_equal(damaged("swapped_labels", 100, third), image == 2)
    half = damaged("swapped_labels", 50, one)
    assert ((half & (image == 1)).sum(), (half & (image == 2)).sum()) == (20, 18)
    assert not (half & (image == 3)).any()
    with pytest.raises(NotPossibleError, match="no other structure"):
        damaged("swapped_labels", 20, stressed(image == 1)[0])


def test_all_structures_together_do_not_see_swapped_labels() -> None:
    image = np.zeros((12, 40), np.uint8)
    image[2:6, 2:12] = 1
    image[2:6, 15:24] = 2
    one, other = stressed(image)
    for percent in (20, 60, 100):
        union = damaged("swapped_labels", percent, one) | damaged("swapped_labels", percent, other)
        np.testing.assert_array_equal(union, image > 0)


# ---------------------------------------------------------------------------- the registry


def test_errors_say_what_they_are() -> None:
    found = fastseg.list_stress_errors()
    assert len(found) == 13
    for one in found:
        assert one.what
        assert one.of
        assert list(one.amounts) == sorted(set(one.amounts))
        assert find(one.name) is one


def test_severities_are_so_many_or_those() -> None:
    def numbers(severities: Any, name: str = "shift") -> list[int]:
        [(_, levels)] = as_errors(name, severities)
        return [level.severity for level in levels]

    assert numbers(5) == [1, 2, 3, 4, 5]
    assert numbers(3) == [1, 3, 5]
    assert numbers(1) == [5]
    assert numbers((4, 2)) == [2, 4]
    assert numbers(2, "empty") == [5]
    assert numbers((1,), "empty") == [5]
    [(_, levels)] = as_errors({"shift": (0.5, 20)}, 5)
    assert [tuple(level) for level in levels] == [(1, 0.5), (2, 20.0)]
    names = [error.name for error, _ in as_errors({"hole": 3, "shift": None}, 2)]
    assert names == ["shift", "hole"]


@pytest.mark.parametrize(
    ("errors", "severities", "message"),
    [
        ("dilate", 5, "errors: unknown 'dilate'; did you mean 'dilation'"),
        ((), 5, "errors: give at least one"),
        (None, 0, "severities: expected how many, 1 to 5, or which of them, got 0"),
        (None, (1, 6), "severities"),
        (None, (), "severities"),
        ({"shift": (2, 1)}, 5, "rising amounts in mm"),
        ({"shift": ()}, 5, "rising amounts"),
        ({"shift": (0,)}, 5, "rising amounts"),
        ({"shift": (float("inf"),)}, 5, "rising amounts"),
        ({"hole": (50, 101)}, 5, "rising amounts in %"),
        ({"missing_slice": (1.5,)}, 5, "whole numbers of slices"),
    ],
)
def test_what_cannot_be_meant_is_refused(errors: Any, severities: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_errors(errors, severities)


@pytest.mark.parametrize(("errors", "severities"), [(3, 5), (None, "many"), ({"shift": "far"}, 5)])
def test_what_is_of_another_type_is_refused(errors: Any, severities: Any) -> None:
    with pytest.raises(InputTypeError):
        as_errors(errors, severities)
