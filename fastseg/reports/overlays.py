"""Where the worst of a structure is: its two masks around the largest distance between their surfaces."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import FastsegError, one_line
from fastseg.evaluation.case import geometry_of, open_pair
from fastseg.evaluation.distance_map import distance_map
from fastseg.evaluation.settings import Settings, SingleSlice
from fastseg.inputs.source import whole_map
from fastseg.reports import planes
from fastseg.results.distance_map import LargestDistance

#: voxels of margin around a structure
_MARGIN = 4


@dataclass(frozen=True)
class Overlay:
    """Pictures of one structure.

    Attributes
    ----------
    views : tuple of (str, str, str or None)
        The name of each plane, its contours, and the distances seen across it, as data URIs.
    caption : str
        Where the largest distance is, and what it is.
    largest : float
        In the units of the spacing; nan where one of the masks is empty.
    unit : str
    """

    views: tuple[tuple[str, str, str | None], ...]
    caption: str
    largest: float
    unit: str


@dataclass(frozen=True)
class Pair:
    """Two label maps on one grid.

    Attributes
    ----------
    maps : tuple of two ndarrays
    spacing : tuple of float
    unit : str
    affine : ndarray (4, 4) or None
    single_slice : {"plane", "volume"}
        As it was evaluated.
    """

    maps: tuple[NDArray[Any], NDArray[Any]]
    spacing: tuple[float, ...]
    unit: str
    affine: NDArray[np.float64] | None
    single_slice: SingleSlice = "plane"


def read_pair(files: tuple[str, str | None], settings: Mapping[str, Any]) -> Pair | str:
    """Read the images of a case as they were evaluated, or say why that cannot be."""
    reference, prediction = files
    for side, path in (("reference", reference), ("prediction", prediction)):
        if not path:
            return f"no file of the {side} is known"
        if not os.path.exists(path):
            return f"the {side} is not there any more: {path}"
    try:
        chosen = Settings.checked(
            metrics="hd",
            spacing=settings.get("spacing"),
            single_slice=settings.get("single_slice", "plane"),
            grid_tolerance=settings.get("grid_tolerance", 0.03),
            ignore_grid=settings.get("ignore_grid", False),
            reorient=settings.get("reorient", False),
        )
        first, second = open_pair(reference, prediction, chosen)
        spacing, _, about = geometry_of(first, second, chosen)
        maps = whole_map(first, "pictures of a report"), whole_map(second, "pictures of a report")
    except (FastsegError, OSError, MemoryError, ImportError) as error:
        return f"the images could not be read: {one_line(error)}"
    if maps[0].shape != maps[1].shape or maps[0].ndim not in (2, 3):
        return "the images have no planes to be shown in"
    grid = first.grid if first.grid is not None else second.grid
    affine = None if grid is None else grid.affine
    return Pair(maps, tuple(spacing), about["unit"], affine, chosen.single_slice)


def overlay_of(pair: Pair, labels: tuple[Sequence[int], Sequence[int]]) -> Overlay | str:
    """Draw a structure, of which the labels in either map are known."""
    whole = [_mask(image, numbers) for image, numbers in zip(pair.maps, labels, strict=True)]
    box = _box(whole[0] | whole[1])
    if box is None:
        return "neither map has this structure"
    around = tuple(
        slice(max(0, along.start - _MARGIN), min(size, along.stop + _MARGIN))
        for along, size in zip(box, whole[0].shape, strict=True)
    )
    masks = [np.ascontiguousarray(mask[around]) for mask in whole]
    context = (pair.maps[0][around] != 0) & ~masks[0] & ~masks[1]
    found = distance_map(
        *masks, spacing=pair.spacing, background=np.nan, single_slice=pair.single_slice
    )
    far = found[1]
    assert far is not None  # one of the masks is not empty
    missing = np.isinf(far.distance)
    signed, largest = (None, np.nan) if missing else (found.both, far.distance)
    place = far.index
    views = []
    for plane in planes.planes_of(context.ndim, pair.affine):
        view = planes.View.of(plane, context.shape, pair.spacing)
        drawn = planes.contours(plane, view, masks, context, place)
        mapped = None if signed is None else planes.distances(plane, view, signed, largest)
        views.append((plane.name, drawn, mapped))
    index = tuple(at + along.start for at, along in zip(place, around, strict=True))
    return Overlay(tuple(views), _caption(pair, far, index), largest, pair.unit)


def _mask(image: NDArray[Any], labels: Sequence[int]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = image == labels[0] if len(labels) == 1 else np.isin(image, labels)
    return found


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...] | None:
    """Find the smallest box around a mask."""
    found = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        there = np.flatnonzero(mask.any(others))
        if not len(there):
            return None
        found.append(slice(int(there[0]), int(there[-1]) + 1))
    return tuple(found)


def _caption(pair: Pair, far: LargestDistance, index: tuple[int, ...]) -> str:
    """Say where the ring is."""
    at = f"at voxel ({', '.join(map(str, index))})"
    if pair.affine is not None and len(index) == 3:
        x, y, z = (float(part) for part in (pair.affine @ [*index, 1])[:3])
        at += f", {x:.1f}, {y:.1f}, {z:.1f} mm in RAS+"
    if np.isinf(far.distance):
        missing, other = ("reference", "prediction")[:: 1 if far.too_far else -1]
        return f"The {missing} has no such structure; the ring is on that of the {other}, {at}."
    if far.distance == 0:
        return "Both surfaces are the same."
    side = "goes beyond the reference" if far.too_far else "falls short of the reference"
    return f"Largest distance {far.distance:.4g} {pair.unit}, where the prediction {side}, {at} (ring)."
