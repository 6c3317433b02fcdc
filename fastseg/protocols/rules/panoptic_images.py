"""Panoptic images as COCO has them: a map of segments, and a table that gives each segment a category."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastseg.errors import InputError, InputTypeError, MissingPackageError
from fastseg.inputs.arrays import Array, as_label_map, check_same_shape
from fastseg.inputs.device import check_in_cpu_memory
from fastseg.inputs.scalars import shown

Ids = NDArray[np.int32]

#: the segment of what belongs to none
VOID = 0


@dataclass(frozen=True)
class Category:
    """A class of segments.

    Attributes
    ----------
    number, place : int
        Its id, and its place in the list of all.
    name : str
    is_thing : bool
        Whether its segments can be counted; else it is stuff.
    """

    number: int
    place: int
    name: str
    is_thing: bool


@dataclass(frozen=True)
class Segment:
    """A line of a table of segments.

    Attributes
    ----------
    number, category : int
    is_crowd : bool
    area : int or None
        In pixels, as the table has it.
    """

    number: int
    category: int
    is_crowd: bool
    area: int | None


@dataclass(frozen=True)
class PanopticImage:
    """One side of an image.

    Attributes
    ----------
    ids : int32 ndarray (height, width)
        The segment of each pixel.
    segments : mapping
        From ids to segments, in the order of the table.
    """

    ids: Ids
    segments: Mapping[int, Segment]


@dataclass(frozen=True)
class PanopticPairs:
    """Pairs of images.

    Attributes
    ----------
    categories : mapping
        By id, in the order of the reference's list.
    pairs : iterable of (case, reference, prediction)
        Read as they are asked for.
    """

    categories: Mapping[int, Category]
    pairs: Iterator[tuple[str, PanopticImage, PanopticImage]]


def opened(reference: Any, prediction: Any, case: str) -> PanopticPairs:
    """Read two JSON files with their folders of PNG files, or one image of each side as a mapping.

    Raises
    ------
    InputError, InputTypeError
        For anything else, and for what a file or a mapping lacks.
    """
    if isinstance(reference, (str, os.PathLike)):
        return _of_files(Path(reference), prediction)
    check_in_cpu_memory(reference, "reference", "panoptic images")
    if not isinstance(reference, Mapping):
        raise InputTypeError(
            "reference: expected the path of a COCO panoptic JSON file, or a mapping with map, segments_info and "
            f"categories, got {shown(reference)}"
        )
    first = _of_mapping(reference, "reference")
    if prediction is None:
        second = PanopticImage(np.zeros_like(first.ids), {})
    else:
        second = _of_mapping(prediction, "prediction")
    check_same_shape(first.ids, second.ids)
    listed = reference.get("categories")
    if listed is None:
        numbers = {s.category for side in (first, second) for s in side.segments.values()}
        listed = [{"id": number} for number in sorted(numbers)]
    return PanopticPairs(_categories(listed), iter([(case, first, second)]))


def _of_files(reference: Path, prediction: Any) -> PanopticPairs:
    if not isinstance(prediction, (str, os.PathLike)):
        raise InputTypeError(
            f"prediction: expected the path of a JSON file, as the reference is, got {shown(prediction)}"
        )
    paths = reference, Path(prediction)
    tables = [_read_json(path) for path in paths]
    folders = [path.with_suffix("") for path in paths]
    predicted = {one["image_id"]: one for one in _field(tables[1], "annotations", paths[1])}
    annotations = _field(tables[0], "annotations", paths[0])
    for annotation in annotations:
        if annotation["image_id"] not in predicted:
            raise InputError(f"{paths[1]}: no prediction for the image {annotation['image_id']}")

    def pairs() -> Iterator[tuple[str, PanopticImage, PanopticImage]]:
        for annotation in annotations:
            image = annotation["image_id"]
            sides = []
            for entry, folder in zip((annotation, predicted[image]), folders, strict=True):
                # newer tables hold whole paths
                name = Path(entry["file_name"])
                path = name if name.parent != Path() else folder / name
                sides.append(PanopticImage(_read_png(path), _segments(entry, str(path))))
            check_same_shape(sides[0].ids, sides[1].ids)
            yield str(image), sides[0], sides[1]

    return PanopticPairs(_categories(_field(tables[0], "categories", paths[0])), pairs())


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: is no JSON ({error})") from error
    if not isinstance(table, Mapping):
        raise InputError(f"{path}: expected an object with annotations and categories")
    return table


def _field(table: Mapping[str, Any], name: str, where: object) -> Any:
    if not isinstance(table, Mapping) or name not in table:
        raise InputError(f"{where}: has no {name!r}")
    return table[name]


def _read_png(path: Path) -> Ids:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackageError(
            "reading panoptic PNG files needs Pillow; pip install Pillow", name="PIL"
        ) from error
    try:
        with Image.open(path) as image:
            return as_ids(np.asarray(image), str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read as an image ({error})") from error


def as_ids(array: Array, name: str) -> Ids:
    """Read segments from colours, R + 256 G + 65536 B, or take them as they are."""
    if array.ndim == 3 and array.shape[2] in (3, 4):
        parts = array[..., :3].astype(np.int32)
        ids: Ids = parts[..., 0] + 256 * parts[..., 1] + 65536 * parts[..., 2]
        return ids
    labels = as_label_map(array, name)
    if labels.ndim != 2:
        raise InputError(
            f"{name}: expected an image of two axes, or of three with the colours last, got shape {labels.shape}"
        )
    if labels.min() < 0 or labels.max() > np.iinfo(np.int32).max:
        raise InputError(f"{name}: segments are numbered from 0 to 2^31 - 1")
    return labels.astype(np.int32, copy=False)


def _of_mapping(given: Any, side: str) -> PanopticImage:
    if not isinstance(given, Mapping):
        raise InputTypeError(
            f"{side}: expected a mapping with map and segments_info, got {shown(given)}"
        )
    image = _field(given, "map", side)
    check_in_cpu_memory(image, f"{side}['map']", "panoptic images")
    is_path = isinstance(image, (str, os.PathLike))
    ids = _read_png(Path(image)) if is_path else as_ids(np.asarray(image), side)
    return PanopticImage(ids, _segments(given, side))


def _segments(entry: Mapping[str, Any], where: str) -> dict[int, Segment]:
    found: dict[int, Segment] = {}
    for line in _field(entry, "segments_info", where):
        for name in ("id", "category_id"):
            _field(line, name, f"{where}: a segment")
        number, area = int(line["id"]), line.get("area")
        found[number] = Segment(
            number,
            int(line["category_id"]),
            line.get("iscrowd", 0) == 1,
            None if area is None else int(area),
        )
    return found


def _categories(listed: Sequence[Mapping[str, Any]]) -> dict[int, Category]:
    found: dict[int, Category] = {}
    for place, line in enumerate(listed):
        number = int(_field(line, "id", "categories"))
        name = str(line.get("name", number))
        found[number] = Category(number, place, name, line.get("isthing", 1) == 1)
    return found
