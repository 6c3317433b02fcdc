"""Voxels off the disk, unzipped straight into the array, with memory bounded by the header."""

from __future__ import annotations

import gzip
import importlib
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Literal

import numpy as np

from fastseg.errors import InputError
from fastseg.io.image import native

Encoding = Literal["raw", "gzip", "zlib"]

# Block by block, with GzipFile.readinto into np.empty, zlib-ng unzips label maps, long runs, in half the time of
# ISA-L and a tenth to a third of zlib's; of noisy images, which hardly squeeze, ISA-L is 1.4× as fast. In one shot into
# bytes it takes twice as long, and memory has no bound: blocks stay in the cache, and NumPy's memory has huge pages.
# A block is below 128 KB, where glibc begins to map, fault in and unmap every bytes object.
BLOCK = 120 << 10

# A byte of deflate makes at most 1032 bytes: 258 for a match, which takes two bits at least.
DEFLATE_LIMIT = 1032


def inflaters() -> tuple[Any, Any]:
    """Return modules like gzip and zlib: zlib-ng's if installed, Python's otherwise."""
    try:
        gzip_ng = importlib.import_module("zlib_ng.gzip_ng")
        zlib_ng = importlib.import_module("zlib_ng.zlib_ng")
    except ImportError:
        return gzip, zlib
    return gzip_ng, zlib_ng


class _ZlibStream:
    """A zlib (or gzip) stream that, like GzipFile, is read in blocks and checks its checksum."""

    def __init__(self, file: BinaryIO, zlib_module: Any) -> None:
        self._file = file
        self._inflate = zlib_module.decompressobj(32 + zlib.MAX_WBITS)

    def readinto(self, buffer: memoryview, /) -> int:
        while not self._inflate.eof:
            # Small pieces, as what is left of one is copied at every call.
            zipped = self._inflate.unconsumed_tail or self._file.read(1 << 16)
            data = self._inflate.decompress(zipped, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
            if not zipped:
                raise EOFError
        return 0


class VoxelFile:
    """A stream (anything with `readinto`) that is read from front to back: header, then voxels.

    Errors name `path`. Of the `encoding`, the stream holds `stored` bytes; `position` counts the
    bytes read from it, unzipped.
    """

    def __init__(self, path: str, stream: Any, encoding: Encoding, stored: int) -> None:
        self._path = path
        self._stream = stream
        self._encoding = encoding
        self._stored = stored
        self.position = 0

    def read(self, count: int) -> bytes:
        """Read up to `count` bytes: fewer only at the end of the file."""
        buffer = bytearray(count)
        return bytes(buffer[: self._fill(memoryview(buffer))])

    def voxels(
        self, start: int, shape: tuple[int, ...], dtype: np.dtype[Any], trailer: int = BLOCK
    ) -> np.ndarray:
        """Read the voxels that begin at byte `start`: a Fortran-ordered, writable array.

        Nothing is allocated before it is known that the file can hold so many voxels. Data that end
        early are refused, and so are data that go on for more than `trailer` bytes, a block (a little
        padding is harmless; more of it means that the header does not describe the data).
        """
        size = math.prod(shape) * dtype.itemsize
        self._skip_to(start, size)
        try:
            data = np.empty(size, np.uint8)
        except MemoryError as error:
            raise MemoryError(f"{self._path}: {error}") from None
        self._fill_or_refuse(data, 0, size)
        self._check_end(trailer, shape, dtype)
        return native(data.view(dtype).reshape(shape, order="F"))

    def slices(
        self,
        start: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        thickness: int,
        trailer: int = BLOCK,
    ) -> Iterator[np.ndarray]:
        """Read the same voxels so many slices of the last axis at a time: arrays that are used up one by one."""
        size = math.prod(shape) * dtype.itemsize
        self._skip_to(start, size)
        data = np.empty(size // shape[-1] * min(thickness, shape[-1]), np.uint8)
        done = 0
        while done < size:
            part = data[: size - done]
            self._fill_or_refuse(part, done, size)
            done += part.size
            yield native(part.view(dtype).reshape((*shape[:-1], -1), order="F"))
        self._check_end(trailer, shape, dtype)

    def _skip_to(self, start: int, size: int) -> None:
        """Go to where the voxels begin, once it is known that the file can hold them."""
        self.check_promise(start + size)
        scratch = memoryview(bytearray(BLOCK))
        while self.position < start:
            if not self._fill(scratch[: min(BLOCK, start - self.position)]):
                break

    def _fill_or_refuse(self, data: np.ndarray, before: int, size: int) -> None:
        """Read the next voxels, of which there are `size` bytes in all and so many before them."""
        found = self._fill(data.data)
        if found < data.size:
            raise InputError(
                f"{self._path}: truncated: the header promises {size:,} bytes of voxels, "
                f"but the data end after {before + found:,}"
            )

    def _check_end(self, trailer: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Refuse data that go on behind the voxels for more than so many bytes."""
        scratch = memoryview(bytearray(BLOCK + 1))
        while trailer >= 0 and (more := self._fill(scratch)):
            trailer -= more
        if trailer < 0:
            size = math.prod(shape) * dtype.itemsize
            raise InputError(
                f"{self._path}: the data do not end where the header says, "
                f"after {size:,} bytes of voxels (shape {shape}, {dtype})"
            )

    def check_size(self, promised: int) -> None:
        """Refuse a header that promises more bytes than a file of raw voxels holds, or so many less."""
        self.check_promise(promised)
        if self._stored - promised > BLOCK:
            raise InputError(
                f"{self._path}: the data do not end where the header says, after {promised:,} bytes in all"
            )

    def check_promise(self, promised: int) -> None:
        """Refuse a header that promises more bytes than the file can hold."""
        limit = self._stored if self._encoding == "raw" else self._stored * DEFLATE_LIMIT
        if promised > limit:
            kind = "" if self._encoding == "raw" else f"zipped (at most {limit:,} unzipped) "
            raise InputError(
                f"{self._path}: truncated, or the header is wrong: it promises {promised:,} bytes, "
                f"but the file holds {self._stored:,} {kind}bytes"
            )

    def _fill(self, target: memoryview) -> int:
        """Fill the target as far as the data reach; return how far that is."""
        done = 0
        while done < len(target):
            count = self._stream.readinto(target[done : done + BLOCK])
            if not count:
                break
            done += count
        self.position += done
        return done


@contextmanager
def open_voxels(path: str, encoding: Encoding = "raw", offset: int = 0) -> Iterator[VoxelFile]:
    """Open a file from byte `offset` on; trouble with unzipping becomes a ValueError."""
    gzip_module, zlib_module = inflaters()
    stored = os.path.getsize(path) - offset
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            if encoding == "raw":
                yield VoxelFile(path, file, encoding, stored)
            elif encoding == "zlib":
                yield VoxelFile(path, _ZlibStream(file, zlib_module), encoding, stored)
            else:
                with gzip_module.GzipFile(fileobj=file, mode="rb") as stream:
                    yield VoxelFile(path, stream, encoding, stored)
    except EOFError as error:
        raise InputError(f"{path}: truncated: the zipped data stop before their end") from error
    except (gzip.BadGzipFile, zlib_module.error) as error:
        raise InputError(f"{path}: the zipped data are corrupt: {error}") from error
