"""Damaged files by the hundred: what happens to files on their way, and what somebody does to them on purpose."""

from __future__ import annotations

import gzip
import os
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.io.files import FILE_SUFFIXES, Array, write


class Damaged(NamedTuple):
    """A file, and whether nothing but a refusal is right."""

    path: Path
    what: str
    must_be_refused: bool = False


Damage = Callable[[np.random.Generator, bytes], bytes]

#: enough for the headers of all formats
HEADER = 600


def _truncated(random: np.random.Generator, data: bytes) -> bytes:
    return data[: int(random.integers(0, max(1, len(data) - 1)))]


def _bits_flipped(random: np.random.Generator, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(int(random.integers(1, 9))):
        changed[int(random.integers(len(changed)))] ^= 1 << int(random.integers(8))
    return bytes(changed)


def _header_bits_flipped(random: np.random.Generator, data: bytes) -> bytes:
    size = min(HEADER, len(data))
    return _bits_flipped(random, data[:size]) + data[size:]


def _header_numbers_replaced(random: np.random.Generator, data: bytes) -> bytes:
    changed = bytearray(data)
    formats = ("<h", ">h", "<i", ">I", "<q", "<f", ">d")
    for _ in range(int(random.integers(1, 4))):
        form = formats[int(random.integers(len(formats)))]
        lies = (0, 1, 255, 32767) if form[1] in "h" else (0, 1, 2**31 - 1, 65536)
        value = random.choice((*lies, np.nan, np.inf, -1.0) if form[1] in "fd" else lies)
        packed = struct.pack(form, float(value) if form[1] in "fd" else int(value))
        at = int(random.integers(max(1, min(HEADER, len(data)) - len(packed))))
        changed[at : at + len(packed)] = packed
    return bytes(changed)


def _header_digits_replaced(random: np.random.Generator, data: bytes) -> bytes:
    """Change numbers written as text, as those of NRRD, MetaImage and NumPy are."""
    changed = bytearray(data)
    digits = [i for i, byte in enumerate(changed[:HEADER]) if chr(byte).isdigit()]
    for at in random.choice(digits, size=min(len(digits), 3), replace=False) if digits else ():
        changed[at : at + 1] = random.choice([b"9", b"0", b"-", b"1e9", b"x", b"(", b'"', b"\n"])
    return bytes(changed)


def _lines_lost(random: np.random.Generator, data: bytes) -> bytes:
    lines = data.split(b"\n")
    kept = [line for line in lines if random.random() > 0.15 or line is lines[-1]]
    return b"\n".join(kept)


def _lines_doubled(random: np.random.Generator, data: bytes) -> bytes:
    lines = data.split(b"\n")
    at = int(random.integers(max(1, min(len(lines), 12))))
    return b"\n".join([*lines[:at], lines[at] * 2, *lines[at:]])


def _overwritten(random: np.random.Generator, data: bytes) -> bytes:
    size = int(random.integers(1, 200))
    at = int(random.integers(max(1, len(data) - size)))
    return data[:at] + random.bytes(size) + data[at + size :]


def _longer(random: np.random.Generator, data: bytes) -> bytes:
    return data + random.bytes(int(random.integers(1, 300_000)))


def _noise(random: np.random.Generator, data: bytes) -> bytes:
    return random.bytes(len(data))


DAMAGES: tuple[Damage, ...] = (
    _truncated,
    _bits_flipped,
    _header_bits_flipped,
    _header_numbers_replaced,
    _header_digits_replaced,
    _lines_lost,
    _lines_doubled,
    _overwritten,
    _longer,
    _noise,
)


#: endings of files that hold one slice
PICTURES = (".png", ".bmp")


def shaped_for(suffix: str, array: Array) -> Array:
    """Take the slice of an array that a picture can hold, and all of it for other files."""
    return array[:, :, array.shape[2] // 2] if suffix in PICTURES else array


def mutants(folder: Path, array: Array, count: int, seed: int) -> Iterator[Damaged]:
    """Write files of all formats in turn, damaged in one way after another.

    Of a pair of files the one that is named is damaged.
    """
    random = np.random.default_rng(seed)
    good = folder / "good"
    good.mkdir()
    for i in range(count):
        suffix = FILE_SUFFIXES[i % len(FILE_SUFFIXES)]
        damage = DAMAGES[(i // len(FILE_SUFFIXES)) % len(DAMAGES)]
        place = folder / f"{i}"
        place.mkdir()
        path = write(place / f"a{suffix}", shaped_for(suffix, array))
        data = path.read_bytes()
        if suffix.endswith(".gz") and random.random() < 0.5:  # within what is zipped
            data = gzip.compress(damage(random, gzip.decompress(data)), 1)
        else:
            data = damage(random, data)
        path.write_bytes(data)
        name = damage.__name__.strip("_")
        must = not data or (damage is _noise and suffix != ".img")  # which is nothing but voxels
        yield Damaged(path, f"{suffix} {name}", must)


def bombs(folder: Path, array: Array) -> Iterator[Damaged]:
    """Write small files that unzip to a hundred times the memory that is given."""
    zeros = bytes(1 << 24)
    path = write(folder / "bomb.nii.gz", array)
    data = bytearray(gzip.decompress(path.read_bytes()))
    for name, shape in (("larger", (1024, 1024, 1024)), ("same", array.shape)):
        data[42:48] = struct.pack("<3h", *shape)
        squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
        parts = [squeeze.compress(bytes(data))]
        parts += [squeeze.compress(zeros) for _ in range(64)]
        path = folder / f"{name}.nii.gz"
        path.write_bytes(b"".join([*parts, squeeze.flush()]))
        yield Damaged(path, f"bomb of {name} shape", True)


def misnamed(folder: Path, array: Array) -> Iterator[Damaged]:
    """Give files of each format the ending of another one."""
    for i, suffix in enumerate(FILE_SUFFIXES):
        other = FILE_SUFFIXES[(i + 3) % len(FILE_SUFFIXES)]
        place = folder / f"misnamed{i}"
        place.mkdir()
        path = write(place / f"a{suffix}", shaped_for(suffix, array))
        target = place / f"b{other}"
        target.write_bytes(path.read_bytes())
        yield Damaged(target, f"{suffix} named {other}")


def no_files(folder: Path) -> Iterator[Damaged]:
    """Make what has the name of an image and is no file that can be read."""
    for name, make in (
        ("folder", lambda path: path.mkdir()),
        ("fifo", lambda path: os.mkfifo(path)),
        ("dangling", lambda path: path.symlink_to("nowhere.nii.gz")),
        ("circle", lambda path: path.symlink_to(path.name)),
        ("endless", lambda path: path.symlink_to("/dev/zero")),
        ("nothing", lambda path: path.symlink_to("/dev/null")),
        ("empty", lambda path: path.write_bytes(b"")),
        ("secret", lambda path: (path.write_bytes(b"x" * 400), path.chmod(0))),
    ):
        for suffix in (".nii.gz", ".npy", ".mha"):
            path = folder / f"{name}{suffix}"
            make(path)
            yield Damaged(path, f"{name} {suffix}", True)
    path = folder / "socket.nii"
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(folder)  # the name of a socket may not be long
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)
    yield Damaged(path, "socket", True)
