"""Pictures of planes: which way is up, what is drawn where, in which colour."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from numpy.typing import NDArray

from fastseg.reports import planes
from fastseg.reports.overlays import Overlay, Pair, overlay_of

images = pytest.importorskip("PIL.Image")

RAS = np.diag([1.0, 1.0, 1.0, 1.0])
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def pixels(uri: str) -> NDArray[np.uint8]:
    """The picture as red, green, blue and opacity."""
    kind, _, text = uri.partition(",")
    assert kind == "data:image/png;base64"
    with images.open(io.BytesIO(base64.b64decode(text))) as image:
        return np.asarray(image.convert("RGBA"))


def middle(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> tuple[float, float]:
    """The middle of what has a colour, as a share of the picture's height and width."""
    found = np.argwhere((picture[..., :3] == colour).all(-1) & (picture[..., 3] == 255))
    assert len(found)
    row, column = found.mean(0) / picture.shape[:2]
    return float(row), float(column)


def box(*slices: slice) -> NDArray[np.uint8]:
    found = np.zeros((20, 30, 40), np.uint8)
    found[slices] = 1
    return found


@pytest.mark.parametrize("affine", [RAS, LPS])
def test_planes_lie_as_radiologists_see_them(affine: NDArray[np.float64]) -> None:
    """Of two boxes, the prediction lies to the patient's left, to the front and above the reference."""
    first, second = slice(2, 6), slice(12, 18)
    near, far = ((first, second) if affine is RAS else (second, first))[::1]
    reference = box(far, near, first)  # right of the patient is large x in RAS
    prediction = box(near, far, second)
    found = overlay_of(Pair((reference, prediction), (1, 1, 1), "mm", affine), ([1], [1]))
    assert isinstance(found, Overlay)
    assert [name for name, _, _ in found.views] == ["axial", "coronal", "sagittal"]
    assert all(len(drawn) < 25_000 for _, drawn, _ in found.views)
    for name, _, mapped in found.views:
        assert mapped is not None
        picture = pixels(mapped)
        there = np.argwhere(picture[..., 3] == 255)
        assert len(there)
        # both boxes are too far or fall short by much: blue for the reference, orange for the prediction
        red = picture[..., 0].astype(int) - picture[..., 2]
        orange = np.argwhere((picture[..., 3] == 255) & (red > 0)).mean(0)
        blue = np.argwhere((picture[..., 3] == 255) & (red < 0)).mean(0)
        if name in ("axial", "coronal"):
            assert blue[1] < orange[1], name  # the patient's right is at the left
        if name in ("coronal", "sagittal"):
            assert orange[0] < blue[0], name  # the head is above
        if name == "axial":
            assert orange[0] < blue[0], name  # the front is above
        if name == "sagittal":
            assert orange[1] < blue[1], name  # the front is at the left


def test_equal_contours_are_both_seen() -> None:
    mask = box(slice(5, 15), slice(5, 15), slice(5, 15))
    found = overlay_of(Pair((mask, mask), (1, 1, 1), "mm", None), ([1], [1]))
    assert isinstance(found, Overlay)
    assert found.caption == "Both surfaces are the same."
    assert [name for name, _, _ in found.views] == [f"across axis {axis}" for axis in range(3)]
    for _, drawn, _ in found.views:
        picture = pixels(drawn)
        for colour in (planes.REFERENCE, planes.PREDICTION):
            row, column = middle(picture, colour)
            assert 0.4 < row < 0.6
            assert 0.4 < column < 0.6


def test_pixels_are_as_high_as_wide() -> None:
    mask = box(slice(5, 15), slice(5, 15), slice(5, 15))
    found = overlay_of(Pair((mask, mask), (3, 1, 1), "mm", None), ([1], [1]))
    assert isinstance(found, Overlay)
    high, wide = pixels(found.views[1][1]).shape[:2]  # across axis 1
    assert high == planes.SIZE
    assert wide == pytest.approx(planes.SIZE / 3, abs=1)


def test_the_ring_is_where_the_largest_distance_is() -> None:
    reference = box(slice(5, 15), slice(5, 15), slice(5, 15))
    prediction = reference.copy()
    prediction[9:11, 9:11, 15:30] = 1
    found = overlay_of(Pair((reference, prediction), (2, 1, 1), "mm", None), ([1], [1]))
    assert isinstance(found, Overlay)
    assert found.largest == 15
    assert "goes beyond the reference" in found.caption
    assert ", 29)" in found.caption
    _, column = middle(pixels(found.views[0][1]), (0, 0, 0))
    assert column == pytest.approx((29.5 - 5 + 4) / (25 + 8), abs=0.03)


def test_what_one_map_lacks_is_shown_without_distances() -> None:
    mask = box(slice(5, 15), slice(5, 15), slice(5, 15))
    found = overlay_of(Pair((mask, 0 * mask), (1, 1, 1), "mm", None), ([1], [1]))
    assert isinstance(found, Overlay)
    assert found.caption.startswith(
        "The prediction has no such structure; the ring is on that of the reference"
    )
    assert all(mapped is None for _, _, mapped in found.views)
    other = overlay_of(Pair((0 * mask, mask), (1, 1, 1), "mm", None), ([1], [1]))
    assert isinstance(other, Overlay)
    assert other.caption.startswith("The reference has no such structure")
    assert (
        overlay_of(Pair((mask, mask), (1, 1, 1), "mm", None), ([7], [8]))
        == "neither map has this structure"
    )


def test_planes_of_pictures_and_regions() -> None:
    image = np.zeros((30, 20), np.uint8)
    image[3:9, 3:9], image[9:12, 3:9] = 1, 2
    found = overlay_of(Pair((image, np.roll(image, 1, 0)), (1, 1), "mm", None), ([1, 2], [1, 2]))
    assert isinstance(found, Overlay)
    assert len(found.views) == 1
    assert found.largest == 1
    flat = image[None]
    found = overlay_of(Pair((flat, np.roll(flat, 1, 1)), (5, 1, 1), "mm", None), ([1], [1]))
    assert isinstance(found, Overlay)
    assert found.largest == 1
