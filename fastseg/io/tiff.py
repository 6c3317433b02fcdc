"""TIFF files: pictures and stacks, of ImageJ and OME too, which tifffile reads."""

from __future__ import annotations

import importlib
import logging
import math
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np

from fastseg.errors import InputError, MissingPackageError, shortened
from fastseg.io.image import (
    Grid,
    Image,
    Opened,
    check_one_number_a_voxel,
    native,
    require,
    spatial_shape,
)
from fastseg.io.quiet import without_lines
from fastseg.io.tiff_spacing import voxel_size
from fastseg.io.voxels import DEFLATE_LIMIT

# How many bytes one stored byte can become, by the number of the compression: none, LZW, deflate (twice), PackBits.
# Fax and run-length codes, LZMA and Zstandard make more of long runs; none here makes more than this.
MOST_BYTES = {1: 1, 5: 2731, 8: DEFLATE_LIMIT, 32946: DEFLATE_LIMIT, 32773: 64}
MOST_BYTES_OF_OTHERS = 1 << 16

LOSSY = {6: "JPEG", 7: "JPEG", 34892: "JPEG", 33007: "JPEG", 50001: "WebP"}

# LZW and fax codes, for which tifffile needs a package that is large and may not be installed.
BY_PILLOW = (2, 3, 4, 5)
# The library below Pillow writes what it finds wrong to the terminal.
LIBTIFF = re.compile(r"tempfile\.tif|_?TIFF\w+:|LZW\w*:|Fax\w*:")

NEEDS_CODECS = (
    "its pixels are compressed in a way that needs a package more: pip install imagecodecs"
)

# A series may have one axis beside y and x: z, or one that nobody named (pages, a sequence).
STACKS = "ZQI"

# The kinds of series whose pages belong together although tifffile gives each of them alone.
LOOSE_PAGES = ("shaped", "generic", "uniform")

# What tifffile logs about fields that are not used here; all else means that pixels are lost or misunderstood.
HARMLESS = re.compile(r"TiffTag|GDAL_NODATA|_metadata>? raised|get_resolution|subfiletype|uic1tag")


class _Found(NamedTuple):
    """What a header says."""

    shape: tuple[int, ...]  # of the array as it is read, (z, y, x) or (y, x)
    dtype: np.dtype[Any]
    spacing: tuple[float, ...] | None  # of the axes of shape
    notes: tuple[str, ...]


def open_tiff(path: str) -> Opened:
    """Open a .tif file, which gives the voxel size at most, and no orientation.

    It is that of the file case.json beside case.tif ({"spacing": [z, y, x]}, in mm, as nnU-Net has it), else that of
    OME or ImageJ in their units. The resolution of other TIFF files is one of printers and is not used.
    """
    _check_pages(path)
    tifffile = require("tifffile", "reading TIFF images")
    with _opened(tifffile, path) as file:
        found = _interpret(file, path)
    shape = found.shape[::-1]
    grid = None if found.spacing is None else Grid(shape, found.spacing[::-1], None)

    def read() -> Image:
        with _opened(tifffile, path) as file:
            array = _read(file, path, found)
        return Image(native(array).T, grid, path, notes=found.notes)

    nbytes = math.prod(shape) * found.dtype.itemsize
    return Opened(
        path,
        shape,
        grid,
        read,
        notes=found.notes,
        nbytes=nbytes,
        dtype=found.dtype,
        scratch=nbytes,
    )


def _check_pages(path: str) -> None:
    """Follow the chain of pages, which in damaged files leads in circles or out of the file.

    tifffile then reads one page fewer, or goes on for hours.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(16)
        order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
        version = int.from_bytes(head[2:4], order)
        if head[:2] not in (b"II", b"MM") or version not in (42, 43):
            raise InputError(f"{path}: not a TIFF image")
        # widths of a count of fields, of a field, and of the place of the next page
        for_count, for_field, for_place = (2, 12, 4) if version == 42 else (8, 20, 8)
        place = int.from_bytes(head[for_place : 2 * for_place], order)
        seen: set[int] = set()
        while place:
            if place in seen or place + for_count > size:
                break
            seen.add(place)
            file.seek(place)
            fields = int.from_bytes(file.read(for_count), order)
            end = place + for_count + fields * for_field
            if not fields or end + for_place > size:
                break
            file.seek(end)
            place = int.from_bytes(file.read(for_place), order)
        else:
            if seen:
                return
    raise InputError(
        f"{path}: truncated or damaged: what is told of page {max(1, len(seen))} cannot be read, or leads nowhere"
    )


@contextmanager
def _opened(tifffile: Any, path: str) -> Iterator[Any]:
    """Open a file; what tifffile raises becomes one line, and so does what it only logs, such as lost pages."""
    thread = threading.get_ident()
    said: list[str] = []

    def of_others(record: logging.LogRecord) -> bool:
        if record.thread != thread:
            return True
        if record.levelno >= logging.WARNING and not HARMLESS.search(record.getMessage()):
            said.append(record.getMessage())
        return False

    logger = logging.getLogger("tifffile")
    logger.addFilter(of_others)
    try:
        with tifffile.TiffFile(path) as file:
            yield file
        if said:
            raise InputError(f"{path}: the file is damaged: {shortened(said[0])}")
    except (InputError, MissingPackageError, MemoryError, FileNotFoundError, PermissionError):
        raise
    except ImportError as error:
        raise InputError(f"{path}: {NEEDS_CODECS} ({shortened(error)})") from error
    # Damaged files make it raise its own errors and struct.error, KeyError, IndexError, ZeroDivisionError and more.
    except Exception as error:
        if "imagecodecs" in str(error):
            raise InputError(f"{path}: {NEEDS_CODECS} ({shortened(error)})") from error
        reason = shortened(error) or type(error).__name__
        raise InputError(f"{path}: not a readable TIFF image: {reason}") from error
    finally:
        logger.removeFilter(of_others)


def _interpret(file: Any, path: str) -> _Found:
    """Read off a header what it promises, once it is known to make sense."""
    every = _series(file, path)
    series = every[0]
    page = series.keyframe
    dtype = np.dtype(series.dtype)
    check_one_number_a_voxel(dtype, path)
    axes, stored = series.axes, tuple(int(size) for size in series.shape)
    if "S" in axes:
        raise InputError(
            f"{path}: expected one label a pixel, but it is a picture in colour ({stored[axes.index('S')]} samples a "
            "pixel): which label a colour stands for is not told; save the labels themselves"
        )
    if page.compression in LOSSY:
        raise InputError(
            f"{path}: its pixels are compressed with {LOSSY[page.compression]}, which does not keep labels: save them "
            "with none, or with deflate"
        )
    if len(every) > 1:
        axes, stored = f"I{axes}", (len(every), *stored)
    kept = [
        (axis, size) for axis, size in zip(axes, stored, strict=True) if size > 1 or axis in "YX"
    ]
    if len(stored) == 3 and axes[0] in STACKS:  # one slice is still a stack
        kept = list(zip(axes, stored, strict=True))
    names = "".join(axis for axis, _ in kept)
    if names[-2:] != "YX" or (len(names) == 3 and names[0] not in STACKS) or len(names) > 3:
        raise InputError(
            f"{path}: expected one image of two or three axes, but its axes are {axes} with {stored} entries (T is "
            "time, C are channels): save one volume, and slices as Z"
        )
    shape = spatial_shape([size for _, size in kept], path)
    promised = math.prod(shape) * max(1, dtype.itemsize) // (8 if dtype.kind == "b" else 1)
    limit = os.path.getsize(path) * MOST_BYTES.get(int(page.compression), MOST_BYTES_OF_OTHERS)
    if promised > limit:
        raise InputError(
            f"{path}: truncated, or the header is wrong: it promises {promised:,} bytes, but the file holds "
            f"{os.path.getsize(path):,} (at most {limit:,} of pixels)"
        )
    notes = []
    if int(page.photometric) == 0 and dtype.kind != "b":
        notes.append(
            f"{path}: its pixels are to be shown inverted (photometric 0, white is zero): labels are what is stored"
        )
    spacing = voxel_size(file, series, len(shape), notes, path)
    return _Found(shape, dtype, spacing, tuple(notes))


def _series(file: Any, path: str) -> list[Any]:
    """Return the series that the image consists of: one, or as many as pages that were written one by one."""
    every = list(file.series)
    if not every:
        raise InputError(f"{path}: it holds no image")
    first = every[0]
    alike = all(
        (one.shape, one.dtype, one.axes) == (first.shape, first.dtype, "YX")
        and one.kind in LOOSE_PAGES
        for one in every
    )
    if len(every) > 1 and not alike:
        shapes = ", ".join(str(one.shape) for one in every[:4])
        raise InputError(
            f"{path}: expected one image, but it holds {len(every)}, of shapes {shapes}: save the one with the labels"
        )
    return every


def _read(file: Any, path: str, found: _Found) -> np.ndarray:
    """Read the pixels, once it is known that all are there."""
    every = _series(file, path)
    size = os.path.getsize(path)
    count = 0
    for series in every:
        pages = list(series.pages)
        if None in pages:
            raise InputError(
                f"{path}: {pages.count(None)} of its {len(pages)} pages are missing, or in other files"
            )
        if series.is_multifile:
            raise InputError(f"{path}: its pages are spread over several files: save them as one")
        if series.dataoffset is not None:
            ends = [series.dataoffset + math.prod(series.shape) * np.dtype(series.dtype).itemsize]
        else:
            ends = [
                offset + length
                for page in pages
                for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True)
            ]
        if max(ends, default=0) > size:
            raise InputError(
                f"{path}: truncated: its pixels end at byte {max(ends):,}, but the file has {size:,}"
            )
        count += len(pages)
    try:
        arrays = [np.asarray(series.asarray()) for series in every]
        array: np.ndarray = arrays[0] if len(arrays) == 1 else np.stack(arrays)
    except ValueError as error:
        if every[0].keyframe.compression not in BY_PILLOW:
            raise
        array = _by_pillow(path, count, error)
    return array.reshape(found.shape).astype(found.dtype, copy=False)


def _by_pillow(path: str, count: int, trouble: ValueError) -> np.ndarray:
    """Read the pages with Pillow."""
    require("PIL", "reading compressed TIFF images")
    plugin = importlib.import_module("PIL.TiffImagePlugin")
    numpy_pages = []
    with without_lines(LIBTIFF), plugin.TiffImageFile(path) as picture:
        if (
            picture.mode not in ("1", "L", "P", "I;16", "I;16B", "I", "F")
            or picture.n_frames != count
        ):
            raise trouble
        for page in range(count):
            picture.seek(page)
            numpy_pages.append(np.array(picture))
    return np.stack(numpy_pages)
