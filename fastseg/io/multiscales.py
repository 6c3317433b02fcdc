"""The metadata of OME-Zarr's multiscale images, of versions 0.1 to 0.5: axes, scale and translation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastseg.errors import InputError, shortened
from fastseg.io.image import Grid, check_spacing, spatial_shape
from fastseg.io.units import millimetres

# Axes of these names have no length in space, and may only have one entry.
_NOT_SPATIAL = {"t": "time", "time": "time", "c": "channel", "channel": "channel"}

# what all five axes of versions 0.1 and 0.2 are
_ALL_AXES = "tczyx"


def ome_in(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give OME's part of a group's attributes, which has a place of its own since version 0.5."""
    ome = attributes.get("ome", attributes)
    return ome if isinstance(ome, Mapping) else {}


def multiscales_in(attributes: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """List the multiscale images that a group's attributes describe."""
    found = ome_in(attributes).get("multiscales", [])
    if not isinstance(found, Sequence) or not all(isinstance(one, Mapping) for one in found):
        raise _nonsense(name, "multiscales", found)
    return list(found)


def datasets_of(multiscale: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """List the resolutions of a multiscale image, the finest first."""
    found = multiscale.get("datasets")
    if (
        not isinstance(found, Sequence)
        or not found
        or not all(isinstance(one, Mapping) and isinstance(one.get("path"), str) for one in found)
    ):
        raise _nonsense(name, "datasets", found)
    return list(found)


def grid_of(
    shape: Sequence[int],
    multiscale: Mapping[str, Any],
    transformations: Sequence[Mapping[str, Any]],
    name: str,
    notes: list[str],
) -> tuple[tuple[int, ...], Grid]:
    """Find which axes of a resolution are axes of the label map, and where its voxels lie.

    Parameters
    ----------
    shape : sequence of int
        Of the stored array.
    multiscale : mapping
        The image's metadata.
    transformations : sequence of mappings
        The resolution's own coordinate transformations, which come before those of the image.
    name : str
        For messages.
    notes : list of str
        What is assumed is appended to it.

    Returns
    -------
    axes : tuple of int
        All but those of time and channels, which may only have one entry.
    grid : Grid
        Spacing and origin in mm.
    """
    ndim = len(shape)
    scale, translation = np.ones(ndim), np.zeros(ndim)
    for step in (*transformations, *multiscale.get("coordinateTransformations", ())):
        if not isinstance(step, Mapping):
            raise _nonsense(name, "coordinateTransformations", step)
        kind = step.get("type")
        if kind == "identity":
            continue
        if kind not in ("scale", "translation") or not _are_numbers(step.get(kind), ndim):
            raise _nonsense(name, "coordinateTransformations", dict(step))
        values = np.asarray(step[kind], dtype=np.float64)
        if kind == "scale":
            scale, translation = scale * values, translation * values
        else:
            translation = translation + values
    named = multiscale.get("axes", _ALL_AXES[-ndim:])
    if not isinstance(named, Sequence) or len(named) != ndim:
        raise _nonsense(name, "axes", named)
    kinds = [_axis(one, name) for one in named]
    kept = tuple(i for i in range(ndim) if kinds[i]["type"] == "space" or shape[i] > 1)
    if wrong := [kinds[i]["name"] for i in kept if kinds[i]["type"] != "space"]:
        counts = ", ".join(f"{shape[i]} along {kinds[i]['name']}" for i in kept)
        raise InputError(
            f"{name}: expected one volume, but its axis {wrong[0]!r} has several entries ({counts}): save one of them"
        )
    units = [
        unit_of(kinds[i].get("unit"), f"{name}: axis {kinds[i]['name']!r}", notes) for i in kept
    ]
    spacing = tuple(float(scale[axis]) * unit for axis, unit in zip(kept, units, strict=True))
    check_spacing(spacing, name, "the voxel sizes")
    if not any(kinds[i].get("unit") for i in kept) and set(spacing) != {1.0}:
        notes.append(f"{name}: its scale {spacing} has no unit: taken as mm")
    origin = tuple(float(translation[axis]) * unit for axis, unit in zip(kept, units, strict=True))
    kept_shape = spatial_shape([shape[axis] for axis in kept], name)
    axes = kept[: len(kept_shape)]
    names = tuple(kinds[axis]["name"] for axis in axes)
    n = len(axes)
    return axes, Grid(kept_shape, spacing[:n], None, names, origin=origin[:n])


def kept_axes(
    shape: Sequence[int], names: Sequence[str] | None, source: str, notes: list[str]
) -> tuple[int, ...]:
    """Leave out the axes of one entry that an array has beyond three, those of time and channels first."""
    kept = [
        axis
        for axis, size in enumerate(shape)
        if size != 1 or names is None or names[axis].lower() not in _NOT_SPATIAL
    ]
    for axis in list(kept):
        if len(kept) > 3 and shape[axis] == 1:
            kept.remove(axis)
    if len(kept) < len(shape) and len(kept) <= 3:
        left = tuple(int(shape[axis]) for axis in kept)
        notes.append(
            f"{source}: its axes of one entry are left out: {left} of {tuple(map(int, shape))}"
        )
    return tuple(kept)


def unit_of(unit: object, what: str, notes: list[str]) -> float:
    """Return how many mm a unit is; of one that is not known say so, and take it as mm."""
    if not unit:
        return 1.0
    size = millimetres(str(unit))
    if size is None:
        notes.append(f"{what}: the unit {str(unit)!r:.40} is not known, and taken as mm")
        return 1.0
    return size


def _axis(axis: object, name: str) -> Mapping[str, Any]:
    """Read an axis of the metadata: a name alone in version 0.3, a name with its type and unit since."""
    if isinstance(axis, Mapping) and isinstance(axis.get("name"), str):
        own = axis["name"]
        return {"type": _NOT_SPATIAL.get(own.lower(), "space"), **axis}
    if isinstance(axis, str):
        return {"name": axis, "type": _NOT_SPATIAL.get(axis.lower(), "space")}
    raise _nonsense(name, "axes", axis)


def _are_numbers(values: object, count: int) -> bool:
    return (
        isinstance(values, Sequence)
        and len(values) == count
        and all(
            isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
            for value in values
        )
    )


def _nonsense(name: str, what: str, value: object) -> InputError:
    return InputError(f"{name}: its metadata make no sense: {what} is {shortened(repr(value))}")
