"""What the command line tells people on standard error: one line each."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def is_bad_input(error: Exception) -> bool:
    """Tell an error about what was given from a fault of fastseg's: the former, fastseg raised on purpose.

    A ValueError that comes up within NumPy, say, is a fault, and keeps its traceback.
    """
    from fastseg.dispatch import BackendNotAvailableError

    if isinstance(error, (OSError, BackendNotAvailableError)):
        return True
    frames = list(traceback.walk_tb(error.__traceback__))
    raised_in = str(frames[-1][0].f_globals.get("__name__", "")) if frames else ""
    return isinstance(error, (ValueError, ImportError)) and raised_in.startswith("fastseg.")


def one_line(error: Exception) -> str:
    """The message of an error as one line."""
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
