"""What a file was when it was read, so that a later run knows whether it has changed."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Any, NamedTuple

from fastseg.cohort.folders import StrPath
from fastseg.io import file_of
from fastseg.results.files import encodable

_BLOCK = 1 << 20


class Fingerprint(NamedTuple):
    """A file, or a store that is a folder, as it was.

    Attributes
    ----------
    path : str
        As it was given; bytes that are not UTF-8 as escapes.
    size : int
        In bytes; of a folder, of all files in it.
    modified : int
        When it was last changed, in nanoseconds since 1970; of a folder, the latest of all in it.
    sha256 : str
        "" where it was not asked for.
    """

    path: str
    size: int
    modified: int
    sha256: str = ""

    @classmethod
    def of(cls, path: StrPath, hashed: bool = False) -> Fingerprint:
        """Look at a file.

        Raises
        ------
        OSError
            If it is not there, or cannot be read.
        """
        place, state = _looked_at(os.fspath(path))
        is_folder = stat.S_ISDIR(state.st_mode)
        files = _files_below(place) if is_folder else [place]
        states = [os.stat(file) for file in files] if is_folder else [state]
        size = sum(state.st_size for state in states)
        modified = max((state.st_mtime_ns for state in states), default=0)
        digest = _digest(files) if hashed else ""
        return cls(encodable(os.fspath(path)), size, modified, digest)

    def is_same(self, other: Fingerprint) -> bool:
        """Tell whether it still is the file that the other one was, wherever it lies now.

        By what it holds where both are hashed, else by size and time.
        """
        if self.sha256 and other.sha256:
            return self.sha256 == other.sha256
        return (self.size, self.modified) == (other.size, other.modified)

    def to_dict(self) -> dict[str, Any]:
        """Give it as a record of JSON."""
        return {name: value for name, value in self._asdict().items() if value != ""}


def _looked_at(path: str) -> tuple[str, os.stat_result]:
    """Find a file, or the store that a path leads into, as ``scan.h5:/labels`` does."""
    try:
        return path, os.stat(path)
    except OSError:
        place = file_of(path)
        if place == path:
            raise
        return place, os.stat(place)


def _files_below(place: str) -> list[str]:
    """List all files below a folder in the order of their names."""
    found = []
    for folder, below, names in os.walk(place):
        below.sort()
        found += [os.path.join(folder, name) for name in sorted(names)]
    return found


def _digest(files: list[str]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with open(file, "rb") as opened:
            while block := opened.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
