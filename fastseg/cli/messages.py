"""What the command line tells people on standard error: one line each."""

from __future__ import annotations

import errno
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastseg.errors import FastsegError, escaped

#: of a whole message; what is not fastseg's in it was cut before
MOST_CHARACTERS = 1000


def is_bad_input(error: BaseException) -> bool:
    """Tell an error about what was given or where it runs from a fault of fastseg's.

    The first fastseg or a file raises on purpose, or the memory does not suffice. A plain ValueError that comes up
    within NumPy, say, is a fault, and keeps its traceback.
    """
    return isinstance(error, (FastsegError, OSError, MemoryError))


def one_line(error: Exception) -> str:
    """Write the message of an error as one line, cut where it is far too long."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return _cut(_out_of_memory(error))
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = str(error)
    return _cut(text)


def _cut(text: str) -> str:
    """Make one line of a text, and leave out its middle where it is far too long: the reason stands at an end."""
    line = escaped(" ".join(text.split()))
    if len(line) <= MOST_CHARACTERS:
        return line
    return f"{line[: MOST_CHARACTERS * 2 // 3]} […] {line[-MOST_CHARACTERS // 3 :]}"


def _out_of_memory(error: Exception) -> str:
    """Say what did not fit, as far as the error tells."""
    text = " ".join(str(error).split())
    named = re.match(r"(.*?)Unable to allocate (.+?) for an array with shape (.+)", text)
    if named:  # NumPy's
        before, size, rest = named.groups()
        return f"{before}not enough memory: needs {size} for an array of shape {rest}"
    return f"not enough memory: {text}" if text else "not enough memory"


def say(text: str, kind: str = "error") -> None:
    """Say one line on standard error."""
    print(f"fastseg: {kind}: {text}", file=sys.stderr)


@contextmanager
def one_line_warnings() -> Iterator[None]:
    """Show warnings without the line of code that they come from."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        say(str(message).removeprefix("fastseg: "), "warning")

    shown = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = shown
