"""Drop-ins for skeletons, Euler numbers and perimeters: scikit-image's values, types, layouts and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from fastseg import compat
from fastseg.compat import skimage as ours
from tests.compat.parity import observed, outcome, same, same_words

measure = pytest.importorskip("skimage.measure")
morphology = pytest.importorskip("skimage.morphology")

DTYPES = ["?", "u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">i4", ">f8"]
LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "backwards": lambda image: np.ascontiguousarray(image[::-1])[::-1],
    "strided": lambda image: np.repeat(image, 2, axis=-1)[..., ::2],
}


def images(n: int, seed: int) -> Any:
    """Masks of every type and layout: noise, blobs, empty, full, one voxel wide."""
    rng = np.random.default_rng(seed)
    layouts = list(LAYOUTS.values())
    for i in range(n):
        values = rng.random(tuple(rng.integers(1, 26, 2 + i % 2)))
        if i % 3:
            values = ndimage.gaussian_filter(values, 1)
        mask = values > np.quantile(values, rng.choice([0, 0.2, 0.5, 0.8, 0.97]))
        if i % 25 < 2:
            mask[...] = bool(i % 25)
        dtype = np.dtype(DTYPES[i % len(DTYPES)])
        inside = rng.choice([1, 3, -1 if dtype.kind in "if" else 2])
        yield layouts[i % 4]((mask * inside).astype(dtype))


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(i, marks=pytest.mark.slow) for i in range(1, 6))]
)
def test_by_chance(seed: int) -> None:
    for image in images(100, seed):
        before = image.copy()
        found = ours.skeletonize(image, method="lee")
        same(found, morphology.skeletonize(image, method="lee"))
        assert found.flags.c_contiguous
        assert not np.shares_memory(found, image)
        same(ours.skeletonize(image), morphology.skeletonize(image))
        for connectivity in (None, 1, 3, 4, *([2] * (image.ndim == 2))):
            expected = measure.euler_number(image, connectivity)
            same(ours.euler_number(image, connectivity), expected)
        for directions in (2, 4, 3) if image.ndim == 2 else ():
            expected = measure.perimeter_crofton(image, directions)
            same(ours.perimeter_crofton(image, directions), expected)
        np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    "image",
    [
        np.ones(4),
        np.ones((2, 2, 2, 2)),
        np.zeros((0, 3)),
        np.zeros((0, 3, 3)),
        [[0, 1]],
        np.array([[1j, 0]]),
        np.array([["a", ""]]),
        np.array([[np.nan, 0, np.inf]]),
        np.array([[2, -3, 0.5]]),
        None,
    ],
)
@pytest.mark.parametrize("name", ["skeletonize", "euler_number", "perimeter_crofton"])
def test_other_images_are_left_or_taken(name: str, image: Any) -> None:
    theirs = morphology.skeletonize if name == "skeletonize" else getattr(measure, name)
    same(outcome(getattr(ours, name), image), outcome(theirs, image))


def test_the_words_are_theirs() -> None:
    volume, plane = np.ones((3, 3, 3)), np.ones((3, 3))
    calls: list[tuple[str, Any, Any, dict[str, Any]]] = [
        ("skeletonize", morphology, volume, {"method": "zhang"}),
        ("skeletonize", morphology, plane, {"method": "unknown"}),
        ("skeletonize", morphology, plane[0], {}),
        ("euler_number", measure, volume, {"connectivity": 2}),
        ("perimeter_crofton", measure, volume, {}),
    ]
    for name, home, image, options in calls:
        found = observed(getattr(ours, name), image, **options)
        same_words(found, observed(getattr(home, name), image, **options))
        assert (found.error is None) == (options == {} and image is plane)


def test_zhangs_skeletons_are_the_hosts() -> None:
    """Of a plane Lee's and Zhang's differ, and Zhang's are the default."""
    disc = np.hypot(*np.mgrid[-6:7, -6:7]) < 6.3
    disc[6:9, 2:] = True
    same(ours.skeletonize(disc), morphology.skeletonize(disc, method="zhang"))
    assert (ours.skeletonize(disc) != ours.skeletonize(disc, method="lee")).any()


def test_patched() -> None:
    import skimage.morphology._skeletonize as home

    kept = morphology.skeletonize
    with compat.patched("skimage"):
        assert morphology.skeletonize is home.skeletonize is ours.skeletonize
        volume = np.ones((5, 6, 9))
        same(morphology.skeletonize(volume), kept(volume))
        same(morphology.skeletonize(volume[0]), kept(volume[0]))
    assert morphology.skeletonize is home.skeletonize is kept
