"""A file that is written beside its target and then moved there, and what killed processes left of such files."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, TextIO, overload

if sys.platform != "win32":  # where nothing is cleared away
    import fcntl

# Between these stands the name of the target, and after it what tempfile makes up.
_START, _END = ".", ".fastseg-part"
_MADE_UP = "[a-z0-9_]{8}"

# A file's name has at most 255 bytes; of a longer one a digest stands in.
_LONGEST_NAME = 200


@overload
def replacing(target: Path) -> AbstractContextManager[TextIO]: ...
@overload
def replacing(target: Path, *, binary: Literal[True]) -> AbstractContextManager[BinaryIO]: ...
@contextmanager
def replacing(target: Path, *, binary: bool = False) -> Iterator[Any]:
    """Open a file that takes the place of the target where the block ends well, and vanishes where it does not.

    What processes that were killed left beside the target is removed first. A file that is being written is locked, so
    that only those without a writer are; the names are of a pattern that only this module uses.
    """
    stem = target.name
    if len(os.fsencode(stem)) > _LONGEST_NAME:
        import hashlib

        stem = hashlib.sha256(os.fsencode(stem)).hexdigest()
    _remove_leftovers(target.parent, stem)
    try:
        file, temporary = _locked_file(target.parent, stem, binary)
    except OSError as error:
        _name(error, target)
        raise
    try:
        with file:
            yield file
            file.flush()
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)
            if sys.platform == "win32":
                file.close()
            os.replace(temporary, target)  # still locked
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno:  # a full disk, say; the system names no file
            _name(error, target)
        raise


def _name(error: OSError, target: Path) -> None:
    """Let an error name the target alone; a second name that is None would be shown as one."""
    error.filename = str(target)
    del error.filename2


def _locked_file(folder: Path, stem: str, binary: bool) -> tuple[IO[Any], str]:
    """Make a temporary file that is locked; one that another process took for a leftover meanwhile is given up."""
    while True:
        handle, name = tempfile.mkstemp(_END, f"{_START}{stem}.", folder)
        try:
            file: IO[Any]
            if binary:
                file = os.fdopen(handle, "wb")
            else:  # a name that is not UTF-8 may not cost the table
                odd = "backslashreplace"
                file = os.fdopen(handle, "w", encoding="utf-8", errors=odd, newline="")
        except BaseException:
            os.close(handle)
            os.unlink(name)
            raise
        if _lock(handle) is not False and _is_at(handle, name):
            return file, name
        file.close()


def _lock(handle: int) -> bool | None:
    """Lock a file; False if somebody else has, None where there are no locks."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_at(handle: int, name: str) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(name))
    except FileNotFoundError:
        return False


def _remove_leftovers(folder: Path, stem: str) -> None:
    pattern = re.compile(re.escape(f"{_START}{stem}.") + _MADE_UP + re.escape(_END))
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        names = [entry.name for entry in entries if pattern.fullmatch(entry.name)]
        for name in names:
            with contextlib.suppress(OSError):
                _remove_if_nobody_writes(os.path.join(folder, name))


def _remove_if_nobody_writes(path: str) -> None:
    handle = os.open(
        path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    )
    try:
        if _lock(handle) and _is_at(handle, path):
            os.unlink(path)
    finally:
        os.close(handle)
