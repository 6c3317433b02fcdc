"""ITK's contours and distance map beside SimpleITK, to the bit, in a part of an image too; and beside SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from fastseg.protocols.rules import itk
from tests.oracle.lesion_cases import lesion_cases

STEPS = (0.3125, 0.488281, 0.7, 0.29999999, 1 / 3, 1.0, 2.5, 3.3)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("padding", [0, 1])
def test_equals_simpleitk_to_the_bit(full: bool, padding: int) -> None:
    sitk = pytest.importorskip("SimpleITK")
    rng = np.random.default_rng(padding)
    for labels, other, _ in lesion_cases(330, 11, n_labels=1 + 2 * full):
        spacing = tuple(float(step) for step in rng.choice(STEPS, 3))
        image = sitk.GetImageFromArray(np.pad(labels, padding))
        image.SetSpacing(spacing[::-1])
        outline = sitk.LabelContour(image, fullyConnected=full)
        inner = tuple(slice(padding, padding + size) for size in labels.shape)
        found = itk.contour(labels, full=full, border=bool(padding))
        expected = sitk.GetArrayFromImage(outline)[inner] != 0
        np.testing.assert_array_equal(found, expected)
        at = other != 0
        if not (found.any() and at.any()):
            continue
        away = sitk.Abs(
            sitk.SignedMaurerDistanceMap(outline, squaredDistance=False, useImageSpacing=True)
        )
        to = itk.boundary(found, border=bool(padding))
        distances = itk.distances(to, at, spacing, origin=(padding,) * 3)
        np.testing.assert_array_equal(distances, sitk.GetArrayFromImage(away)[inner][at])


def test_a_part_of_an_image_has_its_distances() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        mask, at = np.zeros((2, 9, 14, 12), bool)
        part = (slice(2, 8), slice(5, 12), slice(3, 11))
        mask[part] = rng.random((6, 7, 8)) < 0.1
        at[part] = rng.random((6, 7, 8)) < 0.3
        mask[4, 7, 5] = at[4, 9, 6] = True
        spacing = tuple(float(step) for step in rng.choice(STEPS, 3))
        whole = itk.distances(mask, at, spacing)
        cut = itk.distances(mask[part], at[part], spacing, origin=(2, 5, 3))
        np.testing.assert_array_equal(whole, cut)


def test_equals_scipy_but_for_rounding() -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        mask, at = rng.random((2, 6, 9, 8)) < 0.1
        mask[0, 0, 0] = at[5, 5, 5] = True
        spacing = tuple(float(step) for step in rng.choice(STEPS, 3))
        expected = ndimage.distance_transform_edt(~mask, spacing)[at]
        np.testing.assert_allclose(itk.distances(mask, at, spacing), expected, 1e-5, 1e-6)


def test_a_mask_that_fills_the_image_has_no_boundary() -> None:
    full = np.ones((3, 3, 3), bool)
    assert not itk.boundary(full).any()
    assert (itk.distances(~full, full, (1.0, 1.0, 1.0)) > 1e19).all()
    bounded = itk.boundary(full, border=True)
    assert itk.distances(bounded, full, (1.0, 1.0, 1.0)).max() == 1
