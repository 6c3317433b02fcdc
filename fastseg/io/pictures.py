"""Pictures with one label a pixel: .png and .bmp files, which Pillow reads."""

from __future__ import annotations

import importlib
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastseg.errors import InputError, shortened
from fastseg.io.image import Image, Opened, native, require
from fastseg.io.voxels import BLOCK, DEFLATE_LIMIT

# Pillow's names of the kinds of pixels that hold one number: bits, bytes, indices into a palette, 16 and 32 bits.
MODES = ("1", "L", "P", "I;16", "I;16B", "I;16L", "I", "F")

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def open_png(path: str) -> Opened:
    """Open a .png file."""
    with open(path, "rb") as file:
        if file.read(8) != _SIGNATURE:
            raise InputError(f"{path}: not a PNG image")
    require("PIL", "reading PNG images")
    plugin = importlib.import_module("PIL.PngImagePlugin")
    return _open(path, plugin.PngImageFile, _check_chunks)


def open_bmp(path: str) -> Opened:
    """Open a .bmp file."""
    with open(path, "rb") as file:
        if file.read(2) != b"BM":
            raise InputError(f"{path}: not a BMP image")
    require("PIL", "reading BMP images")
    plugin = importlib.import_module("PIL.BmpImagePlugin")
    return _open(path, plugin.BmpImageFile, lambda path: None)


def _open(path: str, kind: Callable[[str], Any], check: Callable[[str], None]) -> Opened:
    """Open a picture with the axes (x, y) and without a grid: its resolution is that of a printer.

    Labels are the stored numbers: indices of a picture with a palette, False and True of one with one bit a pixel.
    The class of Pillow is called by itself, since `PIL.Image.open` refuses pictures of more than 179 million pixels,
    whatever the size of the file; here a file may promise no more than its bytes can hold.
    """
    with _trouble_as_one_line(path), kind(path) as picture:
        mode, (width, height) = picture.mode, picture.size
        frames = getattr(picture, "n_frames", 1)
        spread = [tile[3] for tile in picture.tile if tile[3] in ("L;2", "L;4")]
    if mode not in MODES:
        raise InputError(
            f"{path}: expected one label a pixel, but it is a picture in colour or with transparency ({mode}): which "
            "label a colour stands for is not told; save the labels themselves, as one grey channel or with a palette"
        )
    if frames != 1:
        raise InputError(f"{path}: expected one picture, but it holds {frames}")
    if min(width, height) < 1:
        raise InputError(f"{path}: its size is {width} x {height} pixels")
    stored = os.path.getsize(path)
    if width * height > 8 * stored * DEFLATE_LIMIT:
        raise InputError(
            f"{path}: truncated, or the header is wrong: it promises {width * height:,} pixels, but the file holds "
            f"{stored:,} bytes"
        )
    notes: tuple[str, ...] = ()
    if spread:
        bits = spread[0][-1]
        notes = (
            f"{path}: its pixels have {bits} bits: they are spread over 0 to 255, as all readers of grey pictures do",
        )

    def read() -> Image:
        check(path)
        with _trouble_as_one_line(path), kind(path) as picture:
            # one bit a pixel is given as bool, 32 bits as int32
            array = native(np.array(picture))
        return Image(array.T, None, path, notes=notes)

    return Opened(path, (width, height), None, read)


@contextmanager
def _trouble_as_one_line(path: str) -> Iterator[None]:
    try:
        yield
    except (MemoryError, FileNotFoundError, PermissionError):
        raise
    # Pillow raises OSError, SyntaxError, ValueError, EOFError, struct.error and more on damaged files.
    except Exception as error:
        raise InputError(f"{path}: not a readable image: {shortened(error)}") from error


def _check_chunks(path: str) -> None:
    """Refuse a PNG whose checksums are wrong or whose end is missing; Pillow reads pixels without looking at them."""
    with open(path, "rb") as file:
        file.seek(len(_SIGNATURE))
        while True:
            head = file.read(8)
            if len(head) < 8:
                raise InputError(f"{path}: truncated: the file stops before its end")
            length, name = struct.unpack(">I4s", head)
            checksum = zlib.crc32(name)
            while length:
                block = file.read(min(length, BLOCK))
                if not block:
                    raise InputError(f"{path}: truncated: the file stops before its end")
                checksum = zlib.crc32(block, checksum)
                length -= len(block)
            if file.read(4) != checksum.to_bytes(4, "big"):
                raise InputError(f"{path}: the data are corrupt: a checksum is wrong")
            if name == b"IEND":
                return
