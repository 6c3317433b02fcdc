"""What is warned of while a case is evaluated, kept for its outcome, in any number of threads at once."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_here = threading.local()
_lock = threading.Lock()
_within = 0
_outermost = ExitStack()


@contextmanager
def caught_warnings() -> Iterator[list[str]]:
    """Collect the texts of all warnings of this thread in a list, instead of showing them.

    What Python has for it changes how warnings are shown in all threads, and back when the block ends, so that of two
    threads one would show what the other should collect. Here that is changed when the first thread enters and until
    the last one leaves; warnings of threads that collect nothing are shown as ever.
    """
    told: list[str] = []
    outer = getattr(_here, "told", None)
    _enter()
    _here.told = told
    try:
        yield told
    finally:
        _here.told = outer
        _leave()


def _enter() -> None:
    global _within
    with _lock:
        _within += 1
        if _within > 1:
            return
        _outermost.enter_context(warnings.catch_warnings())
        warnings.simplefilter("always")
        shown = warnings.showwarning

        def show(message: Any, *where: Any, **further: Any) -> None:
            told = getattr(_here, "told", None)
            if told is None:
                shown(message, *where, **further)
            else:
                told.append(str(message))

        warnings.showwarning = show


def _leave() -> None:
    global _within
    with _lock:
        _within -= 1
        if not _within:
            _outermost.close()
