"""NRRD: .nrrd files, .nhdr headers whose voxels are in files of their own, and 3D Slicer's segmentations.

SimpleITK interprets the header: axes, spacing, origin, direction. The voxels are read here, which takes a third of
the time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from fastseg.errors import InputError, shortened
from fastseg.io.image import (
    Grid,
    Image,
    Opened,
    check_spacing,
    make_grid,
    require,
)
from fastseg.io.itk import dtype_of, geometry_of, quietly
from fastseg.io.segments import LAYING, Segment, merged, with_names_of_their_own
from fastseg.io.text_headers import (
    LONGEST_HEADER,
    Storage,
    data_files,
    integers,
    lines_of,
    numbered,
)
from fastseg.io.units import millimetres
from fastseg.io.voxels import Encoding

ENCODINGS: dict[str, Encoding] = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}

# What an axis may be that runs through space; along any other a voxel holds several numbers.
DOMAINS = {"domain", "space", "time", "none", "???"}
# Axes of these kinds can be the layers of a segmentation: 3D Slicer's, and what ITK makes of it.
LAYERS = {"list", "vector"}


class _Header(NamedTuple):
    """The fields of a header by their names in lower case without blanks, the writer's own pairs, and what follows."""

    fields: dict[str, str]
    pairs: dict[str, str]
    names: list[str]
    end: int


def open_nrrd(path: str) -> Opened:
    """Open a NRRD file (https://teem.sourceforge.net/nrrd/format.html).

    Lengths are in the header's space units, or in mm if it has none. A header without space directions gives no
    orientation, and one without spacings no voxel size either. Segments of 3D Slicer are named; those that overlap
    are kept in layers, which become one map.
    """
    sitk = require("SimpleITK", "reading NRRD files")
    with open(path, "rb") as file:
        header = _header(path, file.read(LONGEST_HEADER))
    ndim = integers(path, "dimension", header.fields.get("dimension", ""), 1)[0]
    sizes = integers(path, "sizes", header.fields.get("sizes", ""), ndim)
    storage = _storage(path, header, sizes)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NrrdImageIO")
    reader.SetFileName(path)
    with quietly(sitk, path):
        reader.ReadImageInformation()
    notes: list[str] = []
    segments = _segments(path, header.pairs, notes)
    across = _axis_of_layers(path, header, sizes, bool(segments))
    components = 1 if across is not None else reader.GetNumberOfComponents()
    dtype = dtype_of(sitk, reader, components, path)
    shape, affine = geometry_of(reader, path)
    grid = _grid(path, header.fields, shape, affine, across, notes)
    storage.check(math.prod(sizes), dtype)

    def read() -> Image:
        if across is None:
            return _named(Image(storage.read(shape, dtype), grid, path), segments, notes)
        layers = np.moveaxis(storage.read(sizes, dtype), across, 0)
        one = merged((layer.reshape(shape, order="F") for layer in layers), segments, path)
        return Image(one.array, grid, path, one.segments, one.own_labels, tuple(notes))

    if across is not None and max((s.layer for s in segments), default=0) >= sizes[across]:
        raise InputError(
            f"{path}: its header puts a segment into layer {max(s.layer for s in segments)}, but it has {sizes[across]}"
        )
    # Its place means nothing then, and does not fit the other map's; messages say what it is.
    is_empty = math.prod(shape) == 1 and bool(segments or path.lower().endswith(".seg.nrrd"))
    name = (
        f"{path} (a single voxel: 3D Slicer's segmentation without segments)" if is_empty else path
    )
    opened = Opened(name, shape, grid, read, notes=tuple(notes))
    if across is not None:
        # All layers are read at once, and each is laid over those before it.
        size = math.prod(sizes) * dtype.itemsize
        return replace(opened, nbytes=size, scratch=size + LAYING * math.prod(shape))
    return storage.with_ways(opened, dtype, path, _names(segments))


# The fields that say where voxels lie, as they are written and without blanks.
_PLACE = (
    *("space", "space dimension", "space directions", "space origin", "space units"),
    *("spacings", "units", "centers", "centerings"),
)


def place_of_nrrd(path: str) -> list[str] | None:
    """Give the lines of a header that say where voxels lie; None where it has axes that do not run through space."""
    with open(path, "rb") as file:
        fields = _header(path, file.read(LONGEST_HEADER)).fields
    if any(kind not in DOMAINS for kind in fields.get("kinds", "").lower().split()):
        return None
    known = {name: fields.get(name.replace(" ", "")) for name in _PLACE}
    return [f"{name}: {value}" for name, value in known.items() if value is not None]


def _names(segments: list[Segment]) -> Mapping[str, tuple[int, ...]]:
    return {segment.name: (segment.value,) for segment in segments}


def _named(image: Image, segments: list[Segment], notes: list[str]) -> Image:
    return Image(
        image.array, image.grid, image.source, _names(segments), own_labels=True, notes=tuple(notes)
    )


def _header(path: str, head: bytes) -> _Header:
    """Read the lines of a header."""
    if not head.startswith(b"NRRD"):
        raise InputError(f"{path}: not a NRRD image")
    blank_line = re.search(rb"\n\r?\n", head)
    end = blank_line.end() if blank_line else len(head)
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    names: list[str] = []
    for line in lines_of(head[:end])[1:]:
        if fields.get("datafile", "").split()[:1] == ["LIST"]:
            names += [line] if line.strip() else []
            continue
        # "field: value"; a comment begins with #, and "key:=value" is the writer's own business.
        key, colon, value = line.partition(":")
        if not colon or line.startswith("#"):
            continue
        if value.startswith("="):
            pairs[key] = value[1:].replace("\\n", " ").strip()
            continue
        name = key.lower().replace(" ", "")
        if name in fields:
            raise InputError(f"{path}: its header has the field {shortened(key)!r} twice")
        fields[name] = value.strip()
    for name in ("type", "dimension", "sizes", "encoding"):
        if name not in fields:
            raise InputError(f"{path}: not a readable NRRD image: its header has no field {name!r}")
    return _Header(fields, pairs, names, end)


def _storage(path: str, header: _Header, sizes: tuple[int, ...]) -> Storage:
    """Find where the voxels are."""
    fields = header.fields
    name = fields["encoding"].lower()
    (skip,) = integers(path, "byte skip", fields.get("byteskip", "0"), 1)
    if (
        name not in ENCODINGS
        or fields.get("lineskip", "0") != "0"
        or (skip < 0 and name != "raw")
        or skip < -1
    ):
        raise InputError(
            f"{path}: only the encodings raw and gzip, without line skip, can be read, "
            f"but the header says {shortened(name)!r}: save the image again in one of them"
        )
    paths, offset = _files(path, header, sizes)
    return Storage(paths, ENCODINGS[name], offset, skip, fields.get("endian", "").lower() == "big")


def _files(path: str, header: _Header, sizes: tuple[int, ...]) -> tuple[tuple[str, ...], int]:
    """Return the files with the voxels and the byte where they begin."""
    value = header.fields.get("datafile")
    if value is None:
        return (path,), header.end
    words = value.split()
    if words[:1] == ["LIST"]:
        return data_files(path, header.names, _pieces(path, words[1:], header.names, sizes)), 0
    if "%" in value and len(words) in (4, 5):
        first, last, step = integers(path, "data file", " ".join(words[1:4]))
        if step == 0:
            raise InputError(f"{path}: the files of its voxels are numbered in steps of 0")
        names = numbered(path, words[0], range(first, last + (1 if step > 0 else -1), step))
        return data_files(path, names, _pieces(path, words[4:], names, sizes)), 0
    if not value:
        raise InputError(f"{path}: its header's data file names no file")
    return data_files(path, [value], 1), 0


def _pieces(path: str, words: list[str], names: list[str], sizes: tuple[int, ...]) -> int:
    """Return in how many files voxels lie when each holds an image of so many axes, one fewer unless told."""
    ndim = integers(path, "data file", words[0], 1)[0] if words else len(sizes) - 1
    if ndim == len(sizes):  # slabs of the last axis, as many as there are
        return len(names)
    if not 0 < ndim < len(sizes):
        raise InputError(
            f"{path}: its files cannot hold {ndim} axes of an image that has {len(sizes)}"
        )
    return math.prod(sizes[ndim:])


def _axis_of_layers(
    path: str, header: _Header, sizes: tuple[int, ...], has_segments: bool
) -> int | None:
    """Find the axis along which layers of segments lie, if there are several."""
    kinds = header.fields.get("kinds", "").lower().split()
    across = [i for i, kind in enumerate(kinds) if kind not in DOMAINS]
    if len(across) != 1 or len(kinds) != len(sizes) or sizes[across[0]] == 1:
        return None
    axis = across[0]
    if kinds[axis] in LAYERS and has_segments:
        return axis
    if kinds[axis] == "list":
        raise InputError(
            f"{path}: it holds a list of {sizes[axis]} images, and no segments (Segment0_Name, …) that say what they "
            "are: save them as one label map, or one by one"
        )
    return None


def _segments(path: str, pairs: Mapping[str, str], notes: list[str]) -> list[Segment]:
    """Read the segments that 3D Slicer describes in pairs such as Segment0_Name:=liver."""
    found = sorted(
        {int(match[1]) for key in pairs if (match := re.match(r"Segment(\d{1,9})_", key))}
    )
    segments: list[Segment] = []
    for order, number in enumerate(found):
        given = {
            what: pairs.get(f"Segment{number}_{what}", "")
            for what in ("Name", "ID", "LabelValue", "Layer")
        }
        # Before 3D Slicer 4.11 each segment had a layer, in which it was 1.
        value, layer = (
            integers(path, f"Segment{number}_{what}", given[what] or str(default), 1)[0]
            for what, default in (("LabelValue", 1), ("Layer", order))
        )
        if layer < 0:
            raise InputError(f"{path}: its header puts segment {number} into layer {layer}")
        name = given["Name"] or given["ID"] or f"Segment_{number}"
        if value == 0:
            notes.append(f"{path}: its segment {shortened(name)!r} is the background, 0: left out")
            continue
        segments.append(Segment(name, layer, value))
    unique, doubled = with_names_of_their_own(segments)
    if doubled:
        notes.append(
            f"{path}: several of its segments are called {shortened(doubled[0])!r}: the later ones are numbered, "
            f"{shortened(doubled[0])!r} (2) and so on"
        )
    return unique


def _grid(
    path: str,
    fields: Mapping[str, str],
    shape: tuple[int, ...],
    affine: np.ndarray,
    across: int | None,
    notes: list[str],
) -> Grid | None:
    """Find where the voxels lie: by the space directions, else by nothing but their sizes."""
    if "spacedirections" in fields:
        in_mm = affine.copy()
        for row, unit in zip(
            range(3), _units(path, fields.get("spaceunits", ""), notes), strict=False
        ):
            in_mm[row] *= unit
        return make_grid(shape, in_mm, path)
    kinds = fields.get("kinds", "").lower().split()
    spatial = [i for i, kind in enumerate(kinds) if kind in DOMAINS] or list(range(len(shape)))
    words = fields.get("spacings", "").split()
    given = [words[i] for i in spatial[: len(shape)] if i < len(words)]
    try:
        spacing = [float(word) for word in given]
    except ValueError:
        raise InputError(
            f"{path}: expected numbers in the header's spacings, not {shortened(' '.join(words))!r}"
        ) from None
    if len(spacing) < len(shape) or any(map(math.isnan, spacing)):
        return None
    units = _units(path, fields.get("units", ""), notes)
    for i, axis in enumerate(spatial[: len(shape)]):
        spacing[i] *= units[axis] if axis < len(units) else 1.0
    check_spacing(spacing, path, "the voxel sizes")
    return Grid(shape, tuple(spacing), None)


def _units(path: str, text: str, notes: list[str]) -> list[float]:
    """Read units of length, each in quotes, in mm; nobody said where one is empty."""
    units = []
    for name in re.findall(r'"((?:[^"\\]|\\.)*)"', text):
        known = millimetres(name) if name.strip() not in ("", "none", "???") else 1.0
        if known is None:
            notes.append(
                f"{path}: its unit of length, {shortened(name)!r}, is not known: taken as mm"
            )
        units.append(1.0 if known is None else known)
    return units
