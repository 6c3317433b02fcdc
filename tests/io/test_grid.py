"""Grids: what measures nothing is refused, what differs is told apart and named."""

from __future__ import annotations

import numpy as np
import pytest

from fastseg.io import GridMismatchError, Image, check_same_grid
from fastseg.io.image import make_grid
from tests.io.files import DIRECTIONS, SPACING, Array, affine_of, rotation


@pytest.mark.parametrize("third", [(1, 0, 0), (1, 1, 0), (1, 1, 1e-9)])
def test_singular_affines_are_refused(third: tuple[float, float, float]) -> None:
    affine = np.eye(4)
    affine[:3, 2] = third
    with pytest.raises(ValueError, match="tells voxels apart"):
        make_grid((2, 2, 2), affine, "a")


def image_on(affine: Array, shape: tuple[int, ...] = (100, 80, 60), source: str = "x") -> Image:
    grid = make_grid(shape, affine, source)
    return Image(np.broadcast_to(np.uint8(0), shape), grid, source)


def moved(what: str, voxels: float) -> Array:
    """Make an affine whose farthest corner is so many voxels off, all of it by one property."""
    affine = affine_of(DIRECTIONS["oblique"])
    if what == "spacing":
        affine[:3, 1] *= 1 + voxels / 79
    elif what == "origin":
        affine[:3, 3] += voxels * affine[:3, 2]
    else:
        # Turned about the third axis, the end of the second moves along the finer first.
        angle = np.degrees(voxels * SPACING[0] / (79 * SPACING[1]))
        turned = DIRECTIONS["oblique"] @ rotation(0, 0, angle)
        affine = affine_of(turned)
    return affine


@pytest.mark.parametrize("what", ["spacing", "origin", "direction"])
def test_grids_that_differ_are_told_apart_and_named(what: str) -> None:
    reference = image_on(affine_of(DIRECTIONS["oblique"]), source="ref.nii")
    check_same_grid(reference, image_on(moved(what, 0.029)))
    for voxels in (0.031, 0.3):
        with pytest.raises(GridMismatchError) as caught:
            check_same_grid(reference, image_on(moved(what, voxels), source="pred.nii"))
        message = str(caught.value)
        assert "reference ref.nii and prediction pred.nii" in message
        named = [word for word in ("shape", "spacing", "origin", "direction") if word in message]
        assert named == [what]
        shown, other = message.split(f"{what} ")[1].split(";")[0].split(" against ")
        assert shown != other


def test_values_of_both_grids_are_readable() -> None:
    with pytest.raises(GridMismatchError) as caught:
        check_same_grid(
            image_on(affine_of(spacing=(1, 1, 2.5))), image_on(affine_of(spacing=(1, 1, 3)))
        )
    assert "spacing (1, 1, 2.5) mm against (1, 1, 3) mm" in str(caught.value)
    with pytest.raises(GridMismatchError) as caught:
        check_same_grid(image_on(affine_of()), image_on(affine_of(DIRECTIONS["flipped"])))
    expected = "direction x: (1, 0, 0), y: (0, 1, 0), z: (0, 0, 1) against x: (-1, 0, 0), y: (0, -1"
    assert expected in str(caught.value)


def test_small_differences_that_add_up_are_named() -> None:
    affine = moved("spacing", 0.024)
    affine[:3, 3] += 0.021 * affine_of(DIRECTIONS["oblique"])[:3, 1]
    with pytest.raises(GridMismatchError, match="spacing"):
        check_same_grid(image_on(affine_of(DIRECTIONS["oblique"])), image_on(affine))


def test_shapes_are_compared_first_and_always() -> None:
    reference = image_on(np.eye(4), (4, 5, 6), "a.nii")
    plain = Image(np.zeros((4, 5, 6)), None, "b.npy")
    check_same_grid(reference, plain)
    check_same_grid(plain, plain)
    with pytest.raises(GridMismatchError, match=r"shape: \(4, 5, 6\) against \(6, 5, 4\)"):
        check_same_grid(reference, Image(np.zeros((6, 5, 4)), None, "b.npy"))
    with pytest.raises(GridMismatchError, match="shape"):
        check_same_grid(reference, image_on(np.eye(4), (4, 5, 7)))
