"""What the command line tells people on standard error: one line each."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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
