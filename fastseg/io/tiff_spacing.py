"""The voxel size of a TIFF file: of OME, of ImageJ, or of the file that nnU-Net writes beside it."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastseg.errors import InputError, shortened
from fastseg.io.image import check_spacing, numbers
from fastseg.io.units import millimetres

LONGEST_JSON = 1 << 20


def voxel_size(
    file: Any, series: Any, ndim: int, notes: list[str], path: str
) -> tuple[float, ...] | None:
    """Find the voxel size in mm along the axes as they are stored."""
    beside = _spacing_beside(path, ndim)
    own = None
    if series.kind == "ome":
        own = _spacing_of_ome(file.ome_metadata, ndim, notes, path)
    elif series.kind == "imagej":
        own = _spacing_of_imagej(file.imagej_metadata or {}, series.keyframe, ndim, notes, path)
    if own is not None:
        check_spacing(own, path, "the voxel sizes")
    if beside is not None and own is not None and not np.allclose(beside, own, rtol=1e-3, atol=0):
        notes.append(
            f"{path}: its voxel size is {numbers(own[::-1])} mm, and {numbers(beside[::-1])} mm by the .json file "
            "beside it, which is used"
        )
    return beside or own


def _spacing_beside(path: str, ndim: int) -> tuple[float, ...] | None:
    """Read the file that nnU-Net writes beside a TIFF file; other .json files say nothing about it."""
    beside = re.sub(r"(\.ome)?\.tiff?$", ".json", path, flags=re.IGNORECASE)
    if not os.path.isfile(beside) or os.path.getsize(beside) > LONGEST_JSON:
        return None
    try:
        with open(beside, encoding="utf-8") as file:
            content = json.load(file)
    except (ValueError, RecursionError):
        return None
    spacing = content.get("spacing") if isinstance(content, dict) else None
    if spacing is None:
        return None
    try:
        sizes = tuple(float(size) for size in spacing)
    except (TypeError, ValueError):
        sizes = ()
    if len(sizes) == 3 and ndim == 2:  # nnU-Net's two axes have a first that does not count
        sizes = sizes[1:]
    if len(sizes) != ndim:
        raise InputError(
            f'{beside}: expected "spacing" to be {ndim} numbers, one for each axis of {path}, but it is '
            f"{shortened(spacing)}"
        )
    check_spacing(sizes, beside, "the voxel sizes")
    return sizes


def _spacing_of_ome(
    text: str | None, ndim: int, notes: list[str], path: str
) -> tuple[float, ...] | None:
    """Read PhysicalSizeZ, Y and X, in µm unless told otherwise."""
    root = ElementTree.fromstring(text or "<OME/>")
    pixels = next((node for node in root.iter() if node.tag.rsplit("}", 1)[-1] == "Pixels"), None)
    attributes: Mapping[str, str] = {} if pixels is None else pixels.attrib
    sizes: list[float] = []
    for axis in "ZYX"[3 - ndim :]:
        size = attributes.get(f"PhysicalSize{axis}")
        unit = attributes.get(f"PhysicalSize{axis}Unit", "µm")
        mm = millimetres(unit)
        if size is None:
            if sizes or any(f"PhysicalSize{other}" in attributes for other in "YX"):
                notes.append(
                    f"{path}: it gives no PhysicalSize{axis}, so that no voxel size is known"
                )
            return None
        if mm is None:
            notes.append(
                f"{path}: its unit of length, {shortened(unit)!r}, is not known, so that no voxel size is"
            )
            return None
        sizes.append(_number(size, f"PhysicalSize{axis}", path) * mm)
    return tuple(sizes)


def _spacing_of_imagej(
    metadata: Mapping[str, Any], page: Any, ndim: int, notes: list[str], path: str
) -> tuple[float, ...] | None:
    """Read spacing, the distance of slices, and the pixels in a unit, which the resolution counts."""
    unit = str(metadata.get("unit", "")).strip()
    if unit.lower() in ("", "pixel", "pixels", "none", "null"):
        return None
    sizes: list[float] = []
    for axis in "ZYX"[3 - ndim :]:
        named = str(metadata.get(f"{axis.lower()}unit", unit))
        mm = millimetres(named)
        if mm is None:
            notes.append(
                f"{path}: its unit of length, {shortened(named)!r}, is not known, so that no voxel size is"
            )
            return None
        if axis == "Z":
            size = _number(metadata.get("spacing", 1.0), "spacing", path)  # 1 is left out
        else:
            tag = page.tags.get(f"{axis}Resolution")
            parts = (1, 1) if tag is None else tag.value
            if len(parts) != 2 or 0 in parts:
                raise InputError(f"{path}: its {axis}Resolution is {shortened(parts)}")
            size = parts[1] / parts[0]
        sizes.append(abs(size) * mm)  # slices that run upwards have a negative spacing in ImageJ
    return tuple(sizes)


def _number(value: object, what: str, path: str) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise InputError(f"{path}: expected a number as {what}, not {shortened(value)!r}") from None
