"""What the command line tells people on standard error: one line each."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastseg.errors import FastsegError


def is_bad_input(error: BaseException) -> bool:
    """Tell an error about what was given, which fastseg or a file raises on purpose, from a fault of fastseg's.

    A plain ValueError that comes up within NumPy, say, is a fault, and keeps its traceback.
    """
    return isinstance(error, (FastsegError, OSError))


def one_line(error: Exception) -> str:
    """Write the message of an error as one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split())


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
