"""Planes through a structure as small pictures: contours of both maps, and distances on their surfaces."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastseg.io.image import require

#: pixels of the longer side
SIZE = 260

#: colours that any kind of colour vision tells apart, and that are seen on white and on black (Okabe and Ito)
REFERENCE, PREDICTION = (0, 114, 178), (213, 94, 0)
_NEUTRAL = (128, 128, 128)
_PALETTE = (
    (0, 0, 0, 0),
    (*_NEUTRAL, 50),  # other structures
    (*REFERENCE, 70),  # the reference alone
    (*PREDICTION, 70),  # the prediction alone
    (*_NEUTRAL, 90),  # both
    (*REFERENCE, 255),
    (*PREDICTION, 255),
    (255, 255, 255, 255),
    (0, 0, 0, 255),
)
_STEPS = 31


class Plane(NamedTuple):
    """Which axis a plane lies across, and how it is shown.

    Attributes
    ----------
    name : str
    across, rows, columns : int
        Axes of the map.
    flipped : tuple of bool
        Whether rows and columns run against the map's axes.
    """

    name: str
    across: int | None
    rows: int
    columns: int
    flipped: tuple[bool, bool] = (False, False)


def planes_of(ndim: int, affine: NDArray[np.float64] | None) -> list[Plane]:
    """Choose the planes: axial, coronal and sagittal as radiologists see them, or by the numbers of the axes."""
    if ndim == 2:
        return [Plane("the plane", None, 0, 1)]
    if affine is None:
        return [
            Plane(f"across axis {across}", across, *rest)
            for across, rest in enumerate(((1, 2), (0, 2), (0, 1)))
        ]
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    axis_of = np.argmax(np.abs(directions), axis=1)  # the map's axis along x, y and z
    if len({*axis_of.tolist()}) < 3:
        return planes_of(ndim, None)
    x, y, z = (int(axis) for axis in axis_of)
    up = [bool(directions[world, axis_of[world]] > 0) for world in range(3)]
    return [
        Plane("axial", z, y, x, (up[1], up[0])),
        Plane("coronal", y, z, x, (up[2], up[0])),
        Plane("sagittal", x, z, y, (up[2], up[1])),
    ]


class View(NamedTuple):
    """How voxels of a plane become pixels: the index of a voxel for each row and column."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    @classmethod
    def of(cls, plane: Plane, shape: Sequence[int], spacing: Sequence[float]) -> View:
        """Fit the plane of a cut-out into the size of a picture; a pixel is as high as wide."""
        lengths = [shape[axis] * spacing[axis] for axis in (plane.rows, plane.columns)]
        step = max(lengths) / SIZE
        places = []
        for axis, length, flipped in zip(
            (plane.rows, plane.columns), lengths, plane.flipped, strict=True
        ):
            many = max(1, round(length / step))
            at = ((np.arange(many) + 0.5) * shape[axis] / many).astype(np.intp)
            places.append(at[::-1] if flipped else at)
        return cls(*places)

    def shown(self, plane: Plane, image: NDArray[Any]) -> NDArray[Any]:
        """Show an image of the plane, whose axes are in the map's order."""
        turned = image if plane.rows < plane.columns else image.T
        return turned[np.ix_(self.rows, self.columns)]

    def pixel(self, plane: Plane, place: Sequence[int]) -> tuple[int, int]:
        """Find the pixel in the middle of a voxel."""
        found = []
        for places, axis in ((self.rows, plane.rows), (self.columns, plane.columns)):
            own = np.flatnonzero(places == place[axis])
            found.append(
                int(own[len(own) // 2])
                if len(own)
                else int(np.argmin(np.abs(places - place[axis])))
            )
        return found[0], found[1]


def contours(
    plane: Plane,
    view: View,
    masks: Sequence[NDArray[np.bool_]],
    context: NDArray[np.bool_],
    place: Sequence[int],
) -> str:
    """Draw both contours in the plane through a voxel, which is marked."""
    cut = tuple(
        slice(None) if axis != plane.across else place[axis] for axis in range(context.ndim)
    )
    reference, prediction, others = (view.shown(plane, each[cut]) for each in (*masks, context))
    picture = others.astype(np.uint8)
    picture[reference & ~prediction] = 2
    picture[prediction & ~reference] = 3
    picture[reference & prediction] = 4
    # outside of the one and inside of the other, so that equal contours lie side by side
    picture[_grown(reference, 2) & ~reference] = 5
    picture[prediction & ~_shrunk(prediction, 2)] = 6
    _mark(picture, view.pixel(plane, place))
    return _data_uri(picture, _PALETTE)


def distances(plane: Plane, view: View, signed: NDArray[np.float64], largest: float) -> str:
    """Draw signed distances on surfaces, nan elsewhere: along each ray the one that is farthest from 0."""
    size = np.where(np.isnan(signed), -1.0, np.abs(signed))
    if plane.across is not None:
        chosen = np.expand_dims(np.argmax(size, plane.across), plane.across)
        signed = np.take_along_axis(signed, chosen, plane.across).squeeze(plane.across)
    shown = view.shown(plane, signed)
    scale = largest or 1.0
    half = _STEPS // 2
    with np.errstate(invalid="ignore"):
        bins = np.rint(shown / scale * half) + half + 1
    picture = np.where(np.isnan(shown), 0, bins).astype(np.uint8)
    return _data_uri(picture, ((0, 0, 0, 0), *map(_colour, np.linspace(-1, 1, _STEPS))))


def _colour(share: float) -> tuple[int, int, int, int]:
    """Blue where the prediction falls short, orange where it goes beyond, grey where the surfaces meet."""
    end = np.array(PREDICTION if share > 0 else REFERENCE, float)
    middle = np.array((170, 170, 170), float)
    red, green, blue = np.rint(middle + (end - middle) * abs(share)).astype(int).tolist()
    return red, green, blue, 255


def _grown(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    found = mask.copy()
    for _ in range(steps):
        before = found.copy()
        found[1:] |= before[:-1]
        found[:-1] |= before[1:]
        found[:, 1:] |= before[:, :-1]
        found[:, :-1] |= before[:, 1:]
    return found


def _shrunk(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    return ~_grown(~mask, steps)


def _mark(picture: NDArray[np.uint8], at: tuple[int, int]) -> None:
    """Draw a ring around a pixel, black within white."""
    rows, columns = np.ogrid[: picture.shape[0], : picture.shape[1]]
    away = np.hypot(rows - at[0], columns - at[1])
    picture[(away > 7.5) & (away < 12.5)] = 7
    picture[(away > 9) & (away < 11)] = 8


def _data_uri(picture: NDArray[np.uint8], palette: Sequence[tuple[int, int, int, int]]) -> str:
    """Write a picture of few colours as PNG."""
    images = require("PIL.Image", "a report with images", "report")
    made = images.fromarray(np.ascontiguousarray(picture)).convert("L")
    made.putpalette([part for colour in palette for part in colour[:3]])
    file = io.BytesIO()
    made.save(file, "PNG", optimize=True, transparency=bytes(colour[3] for colour in palette))
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
