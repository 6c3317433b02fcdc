"""DICOM segmentations (SEG), which highdicom reads."""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastseg.errors import InputError, shortened
from fastseg.io.image import LPS_TO_RAS, Grid, Image, Opened, make_grid, require
from fastseg.io.segments import LAYING, Segment, merged, with_names_of_their_own

SEGMENTATION = (
    "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
    "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation
)
STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
DEFLATED = "1.2.840.10008.1.2.1.99"

# pydicom unzips a deflated file in one go.
MOST_INFLATED = 1 << 30

# Frames without any voxel of a segment are left out, so that few frames may span many places; a position that is wrong
# must not ask for more memory than this many slices, or this many times the frames.
MOST_SLICES = 4096
MOST_TIMES_FRAMES = 64

# Elements longer than this, the frames, are read from the file when they are asked for.
LATER = 1 << 16


def open_dicom(path: str) -> Opened:
    """Open a DICOM segmentation.

    Labels are the segment numbers, unless segments overlap. Slices run along the normal of rows and columns, as ITK's
    do, from the first to the last that holds a segment.
    """
    _check_preamble(path)
    pydicom = require("pydicom", "reading DICOM segmentations", "dicom")
    with _trouble_as_one_line(path):
        later = None if _is_deflated(pydicom, path) else LATER
        head = pydicom.dcmread(path, defer_size=later)
        _check_kind(pydicom, head, path)
        if "PixelData" not in head:
            raise InputError(f"{path}: truncated: the file stops before its voxels")
        highdicom = require("highdicom", "reading DICOM segmentations", "dicom")
        segments, frames = _segments(head), int(head.NumberOfFrames)
        # Checks of segments, of which there may be a hundred, are left to the reading of voxels.
        geometry = highdicom.Image.from_dataset(head, copy=False).get_volume_geometry(
            allow_missing_positions=True, allow_duplicate_positions=True
        )
    if geometry is None:
        raise InputError(
            f"{path}: its frames do not lie one behind the other at equal distances, so that they are no volume"
        )
    shape = tuple(int(size) for size in geometry.spatial_shape)
    if shape[0] > max(MOST_SLICES, MOST_TIMES_FRAMES * frames):
        raise InputError(
            f"{path}: its {frames:,} frames are spread over {shape[0]:,} slices: their positions cannot be right"
        )
    grid, upwards = _grid(geometry, path)
    segments, doubled = with_names_of_their_own(segments)
    notes = tuple(
        f"{path}: several of its segments are called {shortened(name)!r}: the later ones are numbered"
        for name in doubled[:1]
    )

    def read() -> Image:
        with _trouble_as_one_line(path):
            # parsed again, since highdicom's tables of frames serve only the thread that made them
            dataset = pydicom.dcmread(path, defer_size=later)
            segmentation = highdicom.seg.Segmentation.from_dataset(dataset, copy=False)
            array, named, own = _voxels(segmentation, segments, shape, path)
        # slices, rows, columns become columns, rows, slices
        array = np.asfortranarray(array[:: 1 if upwards else -1].transpose())
        return Image(array, grid, path, named, own, notes)

    return Opened(path, shape[::-1], grid, read, scratch=LAYING * math.prod(shape))


def _voxels(
    segmentation: Any, segments: list[Segment], shape: tuple[int, ...], path: str
) -> tuple[np.ndarray, dict[str, tuple[int, ...]], bool]:
    """Read one label map, or segment by segment where they overlap."""
    try:
        volume = segmentation.get_volume(combine_segments=True)
        named: dict[str, tuple[int, ...]] = {s.name: (s.value,) for s in segments}
        return volume.array.reshape(shape), named, True
    except RuntimeError as error:
        if "overlap" not in str(error):
            raise
    layers = (
        segmentation.get_volume(segment_numbers=[segment.value], combine_segments=True).array
        for segment in segments
    )
    one = merged(layers, segments, path)
    return one.array.reshape(shape), one.segments, one.own_labels


def _grid(geometry: Any, path: str) -> tuple[Grid, bool]:
    """Give the grid, and whether slices run along the normal as they are stored in the volume."""
    shape = tuple(int(size) for size in geometry.spatial_shape)
    affine = np.array(geometry.affine, dtype=np.float64)
    upwards = bool(np.linalg.det(affine[:3, [2, 1, 0]]) > 0)
    if not upwards:
        affine[:3, 3] += affine[:3, 0] * (shape[0] - 1)
        affine[:3, 0] *= -1
    affine = LPS_TO_RAS @ affine[:, [2, 1, 0, 3]]
    return make_grid(shape[::-1], affine, path), upwards


def _check_preamble(path: str) -> None:
    with open(path, "rb") as file:
        if file.read(132)[128:] != b"DICM":
            raise InputError(f"{path}: not a DICOM file: the letters DICM are not at byte 128")


def _is_deflated(pydicom: Any, path: str) -> bool:
    """Tell whether a file is zipped, and refuse one that becomes very large; pydicom would unzip all of it."""
    meta = pydicom.filereader.read_file_meta_info(path)
    if str(meta.get("TransferSyntaxUID", "")) != DEFLATED:
        return False
    inflate, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    start = 132 + 12 + int(meta.FileMetaInformationGroupLength)
    with open(path, "rb") as file:
        file.seek(start)
        while not inflate.eof and (zipped := inflate.unconsumed_tail or file.read(1 << 16)):
            total += len(inflate.decompress(zipped, 1 << 20))
            if total > MOST_INFLATED:
                raise InputError(
                    f"{path}: it unzips to more than {MOST_INFLATED:,} bytes: save it without deflate"
                )
    return True


def _check_kind(pydicom: Any, head: Any, path: str) -> None:
    """Refuse what is no segmentation of voxels, and say what can be done with it."""
    kind = str(head.get("SOPClassUID", ""))
    if kind == STRUCTURE_SET:
        raise InputError(
            f"{path}: a structure set (RTSTRUCT) holds contours, not voxels, and how they become voxels is a choice of "
            "definition: make a label map of it first, with 3D Slicer, plastimatch convert or rt-utils"
        )
    if kind not in SEGMENTATION:
        name = pydicom.uid.UID(kind).name if kind else "an object of no kind"
        raise InputError(
            f"{path}: not a segmentation (SEG), but {shortened(name)}: expected a DICOM file that holds segments"
        )
    if str(head.get("SegmentationType", "")).startswith("FRACTIONAL"):
        raise InputError(
            f"{path}: a fractional segmentation holds probabilities or shares, not labels: choose a threshold and save "
            "what is above it as a BINARY segmentation or a label map"
        )
    rows, columns = int(head.get("Rows", 0) or 0), int(head.get("Columns", 0) or 0)
    frames = int(head.get("NumberOfFrames", 0) or 0)
    if min(rows, columns, frames) < 1:
        raise InputError(f"{path}: its header gives {frames} frames of {rows} x {columns} voxels")
    size, bits = os.path.getsize(path), int(head.get("BitsAllocated", 1) or 1)
    syntax = str(head.file_meta.get("TransferSyntaxUID", ""))
    promised = math.ceil(rows * columns * frames * bits / 8)
    if syntax in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"):
        if promised > size:
            raise InputError(
                f"{path}: truncated, or the header is wrong: it promises {promised:,} bytes of voxels, but the file "
                f"holds {size:,}"
            )
    elif promised > max(MOST_INFLATED, 64 * size):
        raise InputError(
            f"{path}: the header promises {promised:,} bytes of voxels, but the file holds {size:,}"
        )


def _segments(head: Any) -> list[Segment]:
    """Give the segments; number 0 is the background of a label map."""
    items = [item for item in head.SegmentSequence if int(item.SegmentNumber) != 0]
    return [
        Segment(
            str(item.get("SegmentLabel", "")) or f"Segment {item.SegmentNumber}",
            order,
            int(item.SegmentNumber),
        )
        for order, item in enumerate(items)
    ]


@contextmanager
def _trouble_as_one_line(path: str) -> Iterator[None]:
    try:
        yield
    except (InputError, ImportError, MemoryError, FileNotFoundError, PermissionError):
        raise
    # pydicom and highdicom raise AttributeError, KeyError, struct.error and many more on damaged files.
    except Exception as error:
        raise InputError(
            f"{path}: not a readable DICOM segmentation: {shortened(error) or type(error).__name__}"
        ) from error
