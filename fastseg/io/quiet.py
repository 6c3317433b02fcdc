"""What C libraries write to the terminal by themselves, kept off it."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

_LOCK = threading.Lock()


@contextmanager
def without_lines(pattern: re.Pattern[str]) -> Iterator[None]:
    """Drop the lines of a library from the standard error; what others write meanwhile is passed on afterwards.

    The file descriptor belongs to the whole process, so that the time within should be short.
    """
    with _LOCK:
        try:
            kept = os.dup(2)
        except OSError:  # closed: nothing is shown anyway
            kept = -1
        if kept < 0:
            yield
            return
        try:
            with _somewhere() as caught:
                os.dup2(caught.fileno(), 2)
                try:
                    yield
                finally:
                    os.dup2(kept, 2)
                    caught.seek(0)
                    for line in caught.read().splitlines(keepends=True):
                        if not pattern.match(line.decode(errors="replace")):
                            os.write(2, line)
        finally:
            os.close(kept)


def _somewhere() -> IO[bytes]:
    """Open a file in memory, or on disk where a system has no such files."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    return tempfile.TemporaryFile()
